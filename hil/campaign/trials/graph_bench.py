"""The graph bench: one bit of one activation is flipped between two layers, in one run of a model.

No memory holds an activation long enough to be hit from outside, so the graph is cut: a head computes
every activation, a tail goes on from the flipped one. What the board then does with the answer (clips,
checksums, a vote of two runs) is done as the board does it. No scrub can see this fault.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from flight_sw.inference.describe import read_proto
from flight_sw.inference.guard import guard_model
from flight_sw.inference.job import Protection
from flight_sw.inference.manifest import RESIDUAL_OUTPUT
from flight_sw.inference.runtime import RUNTIME_ERRORS, session_options
from flight_sw.inference.tensors import Tensor, pack, unpack
from hil.campaign.record import Outcome
from hil.campaign.trials.draw import draw
from hil.campaign.trials.kit import StackKit
from hil.campaign.trials.trial import Trial
from hil.faults.classes import FaultClass

FLOAT_BITS = 32


def run_graph_trials(
    kit: StackKit, fault: FaultClass, seed: int, indices: range
) -> Iterator[Trial]:
    """Each trial is one run with one flip, and the runs that the board would add."""
    graph = CutGraph(kit)
    for index in indices:
        drawn = draw(seed, fault, index)
        job = index % len(kit.inputs)
        place = graph.place(job, drawn.place[0])
        clean = graph.answer(job, place.name, None)
        bit = int(drawn.second[0] * FLOAT_BITS)
        hit = graph.answer(job, place.name, (place.offset, bit))
        outcome, why, wrong, changed = _judged(kit, clean, hit)
        region = f"activation:{kit.twin.description.outputs[0].name}"
        yield Trial(index, drawn.name, outcome.value, why, region, place.name, bit, wrong, changed)


@dataclass(frozen=True, slots=True)
class Place:
    """An activation and one of its numbers."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Given:
    """What a run answers; None where the board sees at once that it is no answer."""

    answer: bytes | None
    why: str = ""


class CutGraph:
    """The model in the form that a class computes with, cut at every activation."""

    def __init__(self, kit: StackKit) -> None:
        self._kit = kit
        self._proto = _form_of(kit)
        self._tails: dict[str, ort.InferenceSession] = {}
        self._seen: dict[int, dict[str, Tensor]] = {}

    def place(self, job: int, share: float) -> Place:
        """A number of all activations, drawn evenly."""
        held = self._activations(job)
        index = int(share * sum(tensor.size for tensor in held.values()))
        for name, tensor in held.items():
            if index < tensor.size:
                return Place(name, index)
            index -= tensor.size
        raise ValueError("a place outside every activation")

    def answer(self, job: int, name: str, flip: tuple[int, int] | None) -> Given:
        """The answer of the tail behind one activation, flipped or not."""
        tensor = np.ascontiguousarray(self._activations(job)[name]).copy()
        if flip is not None:
            tensor.reshape(-1).view(np.uint32)[flip[0]] ^= np.uint32(1 << flip[1])
        tail = self._tail(name)
        feed = self._feed(job) | {name: tensor}
        wanted = {one.name for one in tail.get_inputs()}
        try:
            outputs = tail.run(None, {key: feed[key] for key in feed if key in wanted})
        except RUNTIME_ERRORS:
            return Given(None, "the runtime refused")
        return self._checked(outputs)

    def _checked(self, outputs: list[Tensor]) -> Given:
        answer = []
        for spec, tensor in zip(self._proto.graph.output, outputs, strict=True):
            if spec.name != RESIDUAL_OUTPUT:
                answer.append(tensor)
            elif not float(np.max(tensor)) <= 1:
                return Given(None, "checksum alarm")
        if not all(np.isfinite(tensor).all() for tensor in answer):
            return Given(None, "no number")
        return Given(pack(answer))

    def _feed(self, job: int) -> dict[str, Tensor]:
        specs = self._kit.twin.description.inputs
        tensors = unpack(specs, self._kit.inputs[job])
        return {spec.name: tensor for spec, tensor in zip(specs, tensors, strict=True)}

    def _activations(self, job: int) -> dict[str, Tensor]:
        if job not in self._seen:
            names = [one.name for one in self._head.get_outputs()]
            found = dict(zip(names, self._head.run(None, self._feed(job)), strict=True))
            self._seen[job] = {n: t for n, t in found.items() if t.dtype == np.float32}
        return self._seen[job]

    @cached_property
    def _head(self) -> ort.InferenceSession:
        """Every activation as an output, the answer itself not among them."""
        proto, last = onnx.shape_inference.infer_shapes(self._proto), set()
        last = {one.name for one in proto.graph.output}
        kept = [one for one in proto.graph.value_info if one.name not in last]
        made = {name for node in proto.graph.node for name in node.output}
        del proto.graph.output[:]
        proto.graph.output.extend(one for one in kept if one.name in made)
        return _session(proto)

    def _tail(self, name: str) -> ort.InferenceSession:
        if name not in self._tails:
            proto = onnx.shape_inference.infer_shapes(self._proto)
            inputs = [one.name for one in proto.graph.input]
            fixed = {one.name for one in proto.graph.initializer}
            wanted = [one for one in inputs if one not in fixed]
            outputs = [one.name for one in proto.graph.output]
            extracted = onnx.utils.Extractor(proto).extract_model([*wanted, name], outputs)
            self._tails[name] = _session(extracted)
        return self._tails[name]


def _form_of(kit: StackKit) -> Any:
    if kit.protection not in (Protection.STANDARD, Protection.HIGH):
        return read_proto(kit.source)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / kit.source.name
        high = kit.protection is Protection.HIGH
        guard_model(kit.source, target, kit.calibration, with_checksums=high)
        return read_proto(target)


def _judged(kit: StackKit, clean: Given, hit: Given) -> tuple[Outcome, str, int, int]:
    """What the board makes of a run that was hit: its answer, another run, or a vote."""
    if clean.answer is None:
        return Outcome.VOID, f"the unharmed run gives no answer: {clean.why}", 0, 0
    if hit.answer == clean.answer:
        return Outcome.MASKED, "the answer is the same", 0, 0
    if hit.answer is None:
        return Outcome.RECOVERED, f"{hit.why}: the job ran again", 0, 0
    if kit.protection is Protection.VOTE:
        return Outcome.CORRECTED, "two runs disagreed, the third decided", 0, 0
    changed = int(kit.decides(hit.answer) != kit.decides(clean.answer))
    return Outcome.SILENT, "the answer differs from the unharmed run's", 1, changed


def _session(proto: Any) -> ort.InferenceSession:
    options = session_options(ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    return ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
