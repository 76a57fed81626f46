"""Inference: answers equal those of an unharmed twin and are confirmed; bad jobs are refused."""

import statistics

import pytest

from flight_sw.dictionary.reason import Reason
from hil.rig.measurement import Measures
from hil.rig.running import RunningBoard
from hil.suite.asking import refused
from hil.suite.jobs import Jobs

pytestmark = pytest.mark.needs(feature="inference")

VECTORS = 6
MODELS = ("hotspot", "telemetry-anomaly")


@pytest.mark.parametrize("model", MODELS)
def test_answers_equal_the_golden_vectors(
    jobs: Jobs, nominal: RunningBoard, measure: Measures, model: str
) -> None:
    """Inputs of fixed seeds: every answer is the twin's, every one is confirmed."""
    took_ms = []
    for seed in range(VECTORS):
        job = jobs.send(model, jobs.input_of(model, seed))
        result = jobs.result(job)
        assert jobs.is_golden(job, result.output), f"seed {seed} differs from the golden twin"
        jobs.confirmed(job)
        took_ms.append(1000 * result.elapsed)
    limit_ms = 1000 * nominal.entry.profile.inference.job_timeout_s
    measure("inference_median", statistics.median(took_ms), "ms", high=limit_ms)


@pytest.mark.parametrize("protection", ["none", "standard", "high", "vote"])
def test_every_protection_class_gives_the_same_answer(
    jobs: Jobs, nominal: RunningBoard, protection: str
) -> None:
    """How an answer is protected changes its cost and not a bit of it; a class not offered says so."""
    job = jobs.send("telemetry-anomaly", jobs.input_of("telemetry-anomaly", 77), protection)
    nominal.until(lambda: job.request.is_final, 5.0)
    if job.request.reason is Reason.UNPROTECTED:
        assert protection in ("high", "vote")  # needs a bundle with copies in its slot
        return
    assert jobs.is_golden(job, jobs.result(job).output)


def test_jobs_in_a_row_are_all_answered(jobs: Jobs, measure: Measures) -> None:
    """Sixteen jobs at once: each gets its own answer."""
    sent = [
        jobs.send("telemetry-anomaly", jobs.input_of("telemetry-anomaly", seed))
        for seed in range(16)
    ]
    right = sum(jobs.is_golden(job, jobs.result(job).output) for job in sent)
    measure.declare("answers_right", low=16, margin=0.0)
    measure("answers_right", right)


def test_input_of_the_wrong_size_is_refused(jobs: Jobs) -> None:
    """A job is refused before it runs, not by a crash."""
    refused(jobs.send("hotspot", b"short").request, Reason.WRONG_SHAPE)


def test_input_that_is_no_number_is_not_computed(jobs: Jobs) -> None:
    """NaN in the input ends the job with that reason; the next one is answered."""
    data = jobs.input_of("telemetry-anomaly", 1)
    job = jobs.send("telemetry-anomaly", b"\xff" * len(data))
    assert jobs.failed(job).reason is Reason.NOT_FINITE
    good = jobs.send("telemetry-anomaly", data)
    assert jobs.is_golden(good, jobs.result(good).output)


def test_empty_slot_has_no_model(nominal: RunningBoard) -> None:
    """A job for a slot without a model is refused with that reason."""
    values = {"job": nominal.next_job(), "model": 16, "protection": "standard", "priority": 1}
    wrong = nominal.ground.send("submit-job", deadline=5.0, input=b"abcd", **values)
    refused(wrong, Reason.NO_SUCH_MODEL)


def test_job_number_is_not_used_twice(jobs: Jobs, nominal: RunningBoard) -> None:
    """The same number again, while it is open or was answered lately, is refused."""
    job = jobs.send("telemetry-anomaly", jobs.input_of("telemetry-anomaly", 3))
    jobs.result(job)
    values = {"model": nominal.model("telemetry-anomaly").slot, "protection": "standard"}
    again = nominal.ground.send(
        "submit-job", job=job.number, priority=1, deadline=5.0, input=job.input, **values
    )
    refused(again, Reason.DUPLICATE_JOB)


def test_job_that_is_not_there_cannot_be_cancelled(nominal: RunningBoard) -> None:
    """Cancelling names a job that is open."""
    refused(nominal.ground.send("cancel-job", job=999_999), Reason.NO_SUCH_JOB)
