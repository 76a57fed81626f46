"""The worker is loaded, pinged and restarted without ever being waited for."""

from hypothesis import given
from hypothesis import strategies as st

from flight_sw.inference import worker_messages as w
from flight_sw.worker_watch import (
    LONG_PAUSE_S,
    RESTARTS_IN_A_ROW_MAX,
    Restarted,
    WorkerWatch,
)

LOADED = w.Loaded(1, 1.0, 10, 10, (), (), 0, "1", protectable=True)


def sent(watch: WorkerWatch) -> list[w.Request]:
    return list(w.RequestDecoder().feed(watch.take_output()))


def started(now: float = 0.0) -> WorkerWatch:
    """A watch whose worker has just been started and answered."""
    watch = WorkerWatch({1: "/live/slot-01"}, job_timeout_s=2.0, ping_timeout_s=1.0)
    news, start = watch.step(b"", alive=False, now=now)
    assert start
    assert isinstance(news[0], Restarted)
    watch.step(w.encode(w.Pong(0)), alive=True, now=now + 0.1)
    return watch


def ready(now: float = 0.0) -> WorkerWatch:
    """A watch whose worker has loaded its model."""
    watch = started(now)
    watch.step(w.encode(LOADED), alive=True, now=now + 0.2)
    watch.take_output()
    assert watch.ready
    return watch


def test_first_start_is_no_restart():
    """A worker that was never there is started, and not counted as restarted."""
    watch = started()
    assert watch.restarts == 0
    assert isinstance(sent(watch)[-1], w.Load)


def test_worker_is_pinged_and_left_alone_while_it_answers():
    """An idle worker that answers pings for a minute is never restarted."""
    watch, now = ready(), 1.0
    replies = b""
    for _ in range(600):
        now += 0.1
        _, start = watch.step(replies, alive=True, now=now)
        assert not start
        replies = b"".join(w.encode(w.Pong(r.n)) for r in sent(watch) if isinstance(r, w.Ping))
    assert watch.restarts == 0


def test_idle_worker_that_stops_answering_is_restarted():
    """Silence longer than the ping timeout is a hang, though the process still exists."""
    watch, now, restarted_at = ready(), 1.0, None
    while restarted_at is None and now < 10:
        now += 0.1
        _, start = watch.step(b"", alive=True, now=now)
        restarted_at = now if start else None
    assert restarted_at is not None
    assert restarted_at < 1.0 + 0.25 + 1.0 + 0.3


def test_run_longer_than_the_job_timeout_is_a_hang_and_gives_the_job_back():
    """A hung job is named in the restart, so that it can run again."""
    watch = ready()
    job = w.Run(7, 1, b"x")
    watch.run(job, 1.0)
    assert watch.step(b"", alive=True, now=2.9) == ([], False)
    news, start = watch.step(b"", alive=True, now=3.1)
    assert start
    assert news == [Restarted("hung in a job", job)]


def test_crash_is_seen_at_once():
    """A process that is gone is started anew in the same step."""
    watch = ready()
    news, start = watch.step(b"", alive=False, now=1.0)
    assert (start, news[0].why) == (True, "crashed")


def test_late_answer_of_another_job_is_ignored():
    """Only the job that runs can be answered."""
    watch = ready()
    watch.run(w.Run(7, 1, b"x"), 1.0)
    news, _ = watch.step(w.encode(w.Done(6, b"old", 0.1)), alive=True, now=1.1)
    assert news == []
    assert not watch.ready


def test_worker_that_never_starts_is_tried_ever_more_slowly():
    """A worker that dies at every start costs a bounded number of attempts."""
    watch = WorkerWatch({1: "/live"}, job_timeout_s=2.0, ping_timeout_s=1.0)
    starts = sum(watch.step(b"", alive=False, now=step / 10)[1] for step in range(1000))
    assert starts <= RESTARTS_IN_A_ROW_MAX + 1 + 100 / LONG_PAUSE_S + 1


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_nonsense_on_the_pipe_never_raises(chunks):
    """Whatever the worker says, the watch answers with a restart at most."""
    watch = ready()
    for number, chunk in enumerate(chunks):
        watch.step(chunk, alive=True, now=1.0 + number / 10)
        watch.take_output()
