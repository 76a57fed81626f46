"""Suffix replay: after a flip in some layer, only the graph from that layer on is run again.

The compiled graph is cut where a single tensor carries everything; the tensors at the cuts are kept
from the unharmed run. Every segment maps the same weights file, so a flip reaches it as it is.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from flight_sw.inference.manifest import GRAPH_FILE, Blob
from flight_sw.inference.runtime import session_options
from hil.bench.mapped import Mapped
from hil.bench.rounds import ratios

Action = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Segment:
    """The graph from one cut to the end, and the tensor at the cut."""

    session: ort.InferenceSession
    name: str
    tensor: np.ndarray


def measure(
    live: Mapped, tensors: list[Any], inject: Action, peer: Action | None
) -> dict[str, Any]:
    """How many times more injections per second than the plain way, and than the peer."""
    segments = cut(live, tensors)
    chosen = _drawn(live, segments)
    places = itertools.cycle(chosen)

    def replay() -> None:
        place, segment = next(places)
        live.view[place] ^= 64
        segment.session.run(None, {segment.name: segment.tensor})
        live.view[place] ^= 64

    actions: dict[str, Action] = {"replay": _many(replay), "plain": _many(inject)}
    if peer is not None:
        actions["peer"] = _many(peer)
    found = ratios(actions, "replay", rounds=5)
    return {
        "suffix_segments": len({id(s) for s in segments.values()}),
        "suffix_replay_vs_plain": found["plain"],
        "suffix_replay_vs_pytorchfi": found.get("peer", "absent"),
    }


def cut(live: Mapped, tensors: list[Any]) -> dict[str, Segment]:
    """By weight tensor name, the segment to run after a flip in it."""
    proto = onnx.load(str(live.live_dir / GRAPH_FILE), load_external_data=False)
    names = {t.name for t in proto.graph.initializer}
    cuts = _cuts(proto, names)
    kept = _run_with(proto, live.live_dir, cuts, tensors)
    found: dict[str, Segment] = {}
    current = Segment(
        _load(proto, live.live_dir), live.model.manifest.inputs[0].name, np.asarray(tensors[0])
    )
    for index, node in enumerate(proto.graph.node):
        if index in cuts:
            part = _from(proto, index, cuts[index], kept[cuts[index]])
            current = Segment(_load(part, live.live_dir), cuts[index], kept[cuts[index]])
        found |= {name: current for name in node.input if name in names and name not in found}
    return found


def _cuts(proto: Any, weights: set[str]) -> dict[int, str]:
    """Before which nodes only one tensor is still needed, and which one."""
    made: dict[str, int] = {value.name: -1 for value in proto.graph.input}
    last: dict[str, int] = {value.name: len(proto.graph.node) for value in proto.graph.output}
    for index, node in enumerate(proto.graph.node):
        made |= dict.fromkeys(node.output, index)
        for name in set(node.input) - weights - {""}:
            last[name] = max(last.get(name, -1), index)
    found = {}
    for index in range(1, len(proto.graph.node)):
        alive = [n for n, at in made.items() if at < index <= last.get(n, -1)]
        if len(alive) == 1:
            found[index] = alive[0]
    return found


def _run_with(
    proto: Any, folder: Path, cuts: dict[int, str], tensors: list[Any]
) -> dict[str, np.ndarray]:
    shown = onnx.ModelProto()
    shown.CopyFrom(proto)
    wanted = sorted(set(cuts.values()) - {value.name for value in proto.graph.input})
    shown.graph.output.extend(onnx.helper.make_empty_tensor_value_info(n) for n in wanted)
    session = _load(shown, folder)
    inputs = {value.name: x for value, x in zip(session.get_inputs(), tensors, strict=True)}
    return dict(zip(wanted, session.run(wanted, inputs), strict=True)) | inputs


def _from(proto: Any, index: int, name: str, tensor: np.ndarray) -> Any:
    part = onnx.ModelProto()
    part.CopyFrom(proto)
    del part.graph.node[:index]
    del part.graph.input[:]
    used = {n for node in part.graph.node for n in node.input}
    kept = [t for t in part.graph.initializer if t.name in used]
    del part.graph.initializer[:]
    part.graph.initializer.extend(kept)
    kind = onnx.helper.np_dtype_to_tensor_dtype(tensor.dtype)
    part.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, tensor.shape))
    return part


def _load(proto: Any, folder: Path) -> ort.InferenceSession:
    options = session_options(ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(folder)
    )
    return ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _drawn(live: Mapped, segments: dict[str, Segment]) -> list[tuple[int, Segment]]:
    """Bytes drawn evenly over all that kernels read, each with its segment."""
    chance = np.random.default_rng(1)
    blobs = [b for b in live.model.manifest.computing_blobs if _tensor_of(b) in segments]
    sizes = np.array([blob.length for blob in blobs], float)
    chosen = chance.choice(len(blobs), size=64, p=sizes / sizes.sum())
    return [
        (
            blobs[i].offset + int(chance.integers(blobs[i].length)),
            segments[_tensor_of(blobs[i])],
        )
        for i in chosen
    ]


def _tensor_of(blob: Blob) -> str:
    return blob.name.partition(":packed")[0]


def _many(action: Action) -> Action:
    """Sixteen at once, so that one round sees faults in many layers."""

    def act() -> None:
        for _ in range(16):
            action()

    return act
