"""Jobs on the board run on the parts of their class, and a vote needs two equal answers."""

import numpy as np
import pytest

from flight_sw.board_jobs import BoardJobs
from flight_sw.board_link import messages as m
from flight_sw.board_models import BoardModel, BoardModels, region_name
from flight_sw.inference import worker_messages as w
from flight_sw.inference.bundle import Part
from flight_sw.radiation.native import PAGE_BYTES, aligned_bytes
from flight_sw.radiation.protected import ProtectedRegion
from flight_sw.worker_watch import WorkerWatch

SPEC = (w.TensorSpec("x", "float32", (2,)),)


def _model(part):
    live = np.frombuffer(aligned_bytes(PAGE_BYTES), np.uint8)
    region = ProtectedRegion(region_name("model", part), live, lambda _: bytes(PAGE_BYTES))
    return BoardModel(1, "model", f"/live/{part.value}", "ab", region, part)


def _loaded(number, coverage=1.0):
    return w.Loaded(number, coverage, 8, 8, SPEC, SPEC, 0, "1", protectable=coverage >= 0.99)


def _models(parts, bad=()):
    models = BoardModels([_model(part) for part in parts], 0.99)
    for number, model in models.parts.items():
        models.settle(_loaded(number, 0.5 if model.part in bad else 1.0))
    return models


class Bench:
    """The queue with a worker whose answers the test gives by part."""

    def __init__(self, parts=tuple(Part), bad=()):
        self.models = _models(parts, bad)
        self.watch = WorkerWatch(self.models.directories, 2.0, 1.0)
        self.watch.step(b"", alive=False, now=0)
        self.watch.step(w.encode(w.Pong(0)), alive=True, now=0.1)
        for number in sorted(self.models.parts):
            self.watch.step(w.encode(_loaded(number)), alive=True, now=0.1)
        self.watch.take_output()
        self.jobs = BoardJobs(self.models, self.watch)

    def run(self, protection, **answers):
        """One job: its end, and the parts it ran on."""
        asked = []
        assert self.jobs.queue(m.SubmitJob(5, 1, 1, b"in", protection)) is None
        ended = self.jobs.start(1.0, tick=3)
        while ended is None:
            sent = w.RequestDecoder().feed(self.watch.take_output())
            (run,) = (request for request in sent if isinstance(request, w.Run))
            part = self.models.parts[run.slot].part
            asked.append(part)
            answer = answers.get(part.value, b"good")
            is_fine = isinstance(answer, bytes)
            reply = w.Done(5, answer, 0.25) if is_fine else w.Failed(5, answer)
            news, _ = self.watch.step(w.encode(reply), alive=True, now=1.1)
            ended = self.jobs.take(news[0], 1.1, tick=4)
        return ended, asked


@pytest.mark.parametrize(
    ("protection", "parts"),
    [
        ("none", [Part.PLAIN]),
        ("standard", [Part.RANGE]),
        ("high", [Part.CHECKSUM]),
        ("vote", [Part.PLAIN, Part.COPY_2]),
    ],
)
def test_each_class_runs_on_its_own_parts(protection, parts):
    """What a job pays for is what computes its answer."""
    ended, asked = Bench().run(protection)
    assert asked == parts
    assert ended == m.JobResult(5, 1, b"good", 0.25 * len(parts), 3, 4, "ab")


def test_a_model_without_clips_runs_standard_jobs_on_its_plain_weights():
    """The scrub stands behind them all the same."""
    assert Bench((Part.PLAIN,)).run("standard")[1] == [Part.PLAIN]


@pytest.mark.parametrize("wrong", ["plain", "copy2"])
def test_a_third_copy_decides_a_vote_and_the_slot_is_looked_at(wrong):
    """One damaged copy changes no answer, whichever it is."""
    bench = Bench()
    ended, asked = bench.run("vote", **{wrong: b"bad"})
    assert asked == [Part.PLAIN, Part.COPY_2, Part.COPY_3]
    assert ended.output == b"good"
    assert bench.jobs.suspects == {1}


def test_a_copy_that_fails_is_outvoted_too():
    """NaN from a flipped exponent is a dissenting voice, not the end of the job."""
    ended, asked = Bench().run("vote", plain=w.RunFailure.NONFINITE)
    assert ended.output == b"good"
    assert len(asked) == 3


def test_three_different_answers_are_no_answer():
    """The job goes back to the controller, which runs it again."""
    ended, _ = Bench().run("vote", plain=b"a", copy2=b"b", copy3=b"c")
    assert isinstance(ended, m.JobRefused)


def test_a_checksum_alarm_ends_the_job_and_points_at_its_slot():
    """The weights are mended before the job runs again."""
    bench = Bench()
    ended, _ = bench.run("high", checksum=w.RunFailure.CHECKSUM)
    assert ended == m.JobRefused(5, 1, "CHECKSUM")
    assert bench.jobs.suspects == {1}


def test_a_class_that_a_slot_cannot_keep_is_not_offered_and_refused():
    """A part that is missing or not proven live takes its class away, and only that."""
    assert _models((Part.PLAIN,)).ready[1].classes == ("none", "standard")
    bench = Bench(bad=(Part.CHECKSUM,))
    assert bench.models.ready[1].classes == ("none", "standard", "vote")
    refused = bench.jobs.queue(m.SubmitJob(5, 1, 1, b"in", "high"))
    assert refused == m.JobRefused(5, 1, "UNPROTECTED")
    assert bench.jobs.queue(m.SubmitJob(5, 1, 1, b"in", "rubbish")).reason == "UNPROTECTED"


def test_a_hit_names_only_the_classes_that_compute_with_the_region():
    """So exactly the right results are withdrawn."""
    models = _models(tuple(Part))
    named = {name: models.hit(name, 0, "CORRECTED", 1, (0, 1)).classes for name in (
        "model", "model#range", "model#checksum", "model#copy2", "model#copy3"
    )}  # fmt: skip
    assert named == {
        "model": ("none", "vote"),
        "model#range": ("standard",),
        "model#checksum": ("high",),
        "model#copy2": ("vote",),
        "model#copy3": ("vote",),
    }
