"""Jobs for a board: inputs that follow from a seed, sent up, and compared with the golden twin."""

from dataclasses import dataclass

import numpy as np

from flight_sw.inference.tensors import pack
from hil.applications.golden import GoldenTwin, same_bits, within_tolerance
from hil.applications.models import find_model
from hil.ground.reports import JobConfirmed, JobFailed, Result
from hil.ground.request import Request
from hil.rig.running import RunningBoard

TOLERANCE = 1e-5  # of another processor than the twin's: fp32 differs by some 1e-7
RESULT_S, CONFIRM_S = 15.0, 10.0
DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class SentJob:
    """One job on its way."""

    number: int
    model: str
    input: bytes
    request: Request


class Jobs:
    """Sends jobs and judges answers."""

    def __init__(self, rig: RunningBoard) -> None:
        self._rig = rig
        self._twins: dict[str, GoldenTwin] = {}

    def input_of(self, model: str, seed: int) -> bytes:
        """An input of the model's shape; the same seed gives the same bytes."""
        chance = np.random.default_rng(seed)
        specs = self._twin(model).description.inputs
        tensors = [
            chance.standard_normal(spec.shape).astype(np.dtype(spec.dtype)) for spec in specs
        ]
        return pack(tensors)

    def send(
        self,
        model: str,
        data: bytes,
        protection: str = "standard",
        deadline_s: float = DEADLINE_S,
        slot: int | None = None,
    ) -> SentJob:
        """Submit a job under a number that was not used before; `slot` if not the model's first."""
        number = self._rig.next_job()
        slot = self._rig.model(model).slot if slot is None else slot
        request = self._rig.ground.send(
            "submit-job",
            job=number,
            model=slot,
            protection=protection,
            priority=1,
            deadline=deadline_s,
            input=data,
        )
        return SentJob(number, model, data, request)

    def result(self, job: SentJob) -> Result:
        """Its answer, provisional."""
        limit_s = self._rig.within(RESULT_S)
        return self._rig.ground.expect(
            Result, where=lambda one: one.job == job.number, within_s=limit_s
        )

    def confirmed(self, job: SentJob) -> JobConfirmed:
        """That a clean scrub pass has covered its answer."""
        limit_s = self._rig.within(CONFIRM_S)
        return self._rig.ground.expect(
            JobConfirmed, where=lambda one: one.job == job.number, within_s=limit_s
        )

    def failed(self, job: SentJob) -> JobFailed:
        """How it ended without an answer."""
        limit_s = self._rig.within(RESULT_S)
        return self._rig.ground.expect(
            JobFailed, where=lambda one: one.job == job.number, within_s=limit_s
        )

    def is_golden(self, job: SentJob, output: bytes) -> bool:
        """Whether an answer is that of an unharmed twin; to the bit on the same kind of processor."""
        twin = self._twin(job.model)
        golden = twin.answer(job.input)
        if "same-processor" in self._rig.features:
            return same_bits(output, golden)
        return within_tolerance(output, golden, twin.description.outputs, TOLERANCE)

    def _twin(self, model: str) -> GoldenTwin:
        if model not in self._twins:
            self._twins[model] = GoldenTwin(find_model(model))
        return self._twins[model]
