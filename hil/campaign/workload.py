"""What a flight computes: models for the slots, jobs with their inputs, and what the answers say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flight_sw.dictionary.telecommands import JOB_INPUT_BYTES_MAX
from flight_sw.errors import ModelError
from flight_sw.inference.bundle import Guarding
from flight_sw.inference.describe import ModelDescription, describe_model
from flight_sw.inference.tensors import pack, unpack
from flight_sw.inference.worker_messages import TensorSpec
from hil.applications.golden import GoldenTwin
from hil.applications.inputs import read_inputs
from hil.applications.models import ModelCard, find_model, read_card
from hil.applications.score import average_precision, f1
from hil.campaign.feeder import JobToFly
from hil.campaign.segments import draw_segment
from hil.environment.scene import make_scene
from hil.kernel import stream
from hil.scenario import JobBatch, Scenario

SCENE_SEEDS = 2**31
Array = npt.NDArray[np.generic]
Draw = Callable[[np.random.Generator], list[Array]]


@dataclass(frozen=True, slots=True)
class ModelToFly:
    """One model in one slot."""

    slot: int
    name: str
    path: Path
    description: ModelDescription
    card: ModelCard | None


@dataclass(frozen=True, slots=True)
class Workload:
    """Models, jobs, and the true class of jobs whose inputs are labelled."""

    models: tuple[ModelToFly, ...]
    jobs: tuple[JobToFly, ...]
    labels: dict[int, int] = field(default_factory=dict)

    def model(self, slot: int) -> ModelToFly:
        """The model in a slot."""
        return next(model for model in self.models if model.slot == slot)


def make_workload(
    scenario: Scenario, seed: int, model: str | None, input_path: Path | None
) -> Workload:
    """All jobs of a flight; `model` and `input_path` take the place of the scenario's own.

    Raises:
        ModelError: a model or input cannot be used; one line with the remedy.
    """
    names = [model] if model else list(dict.fromkeys(batch.model for batch in scenario.jobs))
    if not names:
        raise ModelError(f"{scenario.name}: has no jobs; name a model with --model")
    if input_path is not None and len(names) > 1:
        raise ModelError(f"--input {input_path}: which model takes it? Name it with --model")
    models = tuple(model_to_fly(slot, name) for slot, name in enumerate(names, start=1))
    slots = dict(zip(names, models, strict=True))
    if input_path is not None:
        return _from_files(scenario, models[0], input_path)
    jobs: list[JobToFly] = []
    for index, batch in enumerate(scenario.jobs):
        flown = models[0] if model else slots[batch.model]
        chance = stream(seed, f"inputs:{index}:{flown.name}")
        draw = drawer(flown)
        inputs = [pack(draw(chance)) for _ in range(batch.count)]
        jobs += _spread(batch, flown.slot, inputs, first_id=len(jobs) + 1)
    return Workload(models, tuple(jobs))


def golden_answers(
    workload: Workload, guards: Mapping[int, Guarding] | None = None
) -> dict[int, bytes]:
    """By job, what an unharmed session of the original model answers, or of its guarded graph.

    A clip rightly changes the answer to an input beyond all that calibration has seen.
    """
    guards = guards or {}
    twins = {m.slot: GoldenTwin(m.path, guards.get(m.slot)) for m in workload.models}
    return {job.id: twins[job.slot].answer(job.input) for job in workload.jobs}


def say_result(model: ModelToFly, output: bytes) -> str:
    """An answer in words: by the card's threshold where there is one, else its first numbers."""
    values = np.concatenate([np.ravel(t) for t in unpack(model.description.outputs, output)])
    if model.card is None or values.dtype.kind != "f":
        head = ", ".join(f"{value:.4g}" for value in values[:4].tolist())
        return head + (f" … ({values.size} numbers)" if values.size > 4 else "")
    above = int(np.sum(values >= model.card.threshold))
    if values.size == 1:
        word = "anomaly" if above else "nominal"
        return f"{word} ({float(values[0]):.3f})" if model.name == "telemetry-anomaly" else (
            f"{float(values[0]):.4g}"
        )  # fmt: skip
    return f"{above} of {values.size} above the threshold"


def scores(workload: Workload, outputs: dict[int, bytes]) -> dict[str, float | int]:
    """F1, average precision and number of labelled jobs that have a result; empty without labels."""
    model = workload.models[0]
    jobs = [job for job in workload.labels if job in outputs]
    if not jobs or model.card is None:
        return {}
    values = [
        float(np.ravel(unpack(model.description.outputs, outputs[job])[0])[0]) for job in jobs
    ]
    truth = [workload.labels[job] for job in jobs]
    return {
        "f1": round(f1(truth, values, model.card.threshold), 4),
        "average_precision": round(average_precision(truth, values), 4),
        "n": len(jobs),
    }


def model_to_fly(slot: int, name: str) -> ModelToFly:
    """One model for a slot: a shipped name or a file.

    Raises:
        ModelError: not found, or no model.
    """
    path = find_model(name)
    description = describe_model(path)
    size = sum(_bytes(spec) for spec in description.inputs)
    if size > JOB_INPUT_BYTES_MAX:
        raise ModelError(
            f"{path}: an input of {size} bytes does not fit one telecommand of "
            f"{JOB_INPUT_BYTES_MAX}; export the model for smaller tiles"
        )
    return ModelToFly(slot, path.stem, path, description, read_card(path))


def _bytes(spec: TensorSpec) -> int:
    return int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize


def _from_files(scenario: Scenario, model: ModelToFly, path: Path) -> Workload:
    if len(model.description.inputs) != 1:
        raise ModelError(
            f"{model.path}: takes {len(model.description.inputs)} inputs, --input gives one"
        )
    columns = tuple(model.card.inputs[0].columns) if model.card else ()
    found = read_inputs(path, model.description.inputs[0], columns)
    spans = scenario.jobs or (
        JobBatch(at_s=0, model=model.name, count=1, over_s=scenario.duration_s),
    )
    batch = spans[0]
    jobs = _spread(batch, model.slot, [pack([one.tensor]) for one in found], first_id=1)
    labels = {
        job.id: one.label for job, one in zip(jobs, found, strict=True) if one.label is not None
    }
    return Workload((model,), tuple(jobs), labels)


def _spread(batch: JobBatch, slot: int, inputs: Sequence[bytes], first_id: int) -> list[JobToFly]:
    step_s = batch.over_s / max(1, len(inputs))
    return [
        JobToFly(first_id + i, batch.at_s + i * step_s, batch.model, slot, data, batch.deadline_s)
        for i, data in enumerate(inputs)
    ]


def drawer(model: ModelToFly) -> Draw:
    """Where a model's inputs come from: scenes and segments for our own models, else plain chance."""
    specs = model.description.inputs
    if model.name == "hotspot":
        return lambda chance: [make_scene(int(chance.integers(SCENE_SEEDS))).bands[None]]
    if model.name == "telemetry-anomaly":
        return lambda chance: [draw_segment(chance)[None]]
    return lambda chance: [_random_tensor(chance, spec) for spec in specs]


def _random_tensor(chance: np.random.Generator, spec: TensorSpec) -> Array:
    kind = np.dtype(spec.dtype)
    if kind.kind == "f":
        return chance.standard_normal(spec.shape).astype(kind)
    if kind.kind == "b":
        return chance.random(spec.shape) < 0.5
    return chance.integers(0, 2, spec.shape).astype(kind)  # small enough for any embedding
