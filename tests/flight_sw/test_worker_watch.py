"""The worker is loaded, pinged and restarted without ever being waited for."""

import os
import signal
import time
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from flight_sw.devices.worker_process import WorkerProcess
from flight_sw.inference import worker_messages as w
from flight_sw.inference.live_files import stage
from flight_sw.worker_watch import (
    LOAD_STALL_S,
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


def stalls(watch: WorkerWatch, cpu_s: Callable[[float], float | None]) -> float | None:
    """When a load of that processor time is ended, within 20 s."""
    for tick in range(2, 200):
        now = tick / 10
        watch.see_cpu(cpu_s(now), now)
        news, start = watch.step(b"", alive=True, now=now)
        if start:
            assert news == [Restarted("hung while loading", None)]
            return now
    return None


def test_a_load_without_processor_time_stands_still():
    """Stopped three seconds into a load, it is ended ten seconds later and not after a minute."""
    ended_s = stalls(started(), lambda now: min(now, 3.0))
    assert ended_s is not None
    assert 3.0 + LOAD_STALL_S < ended_s < 3.0 + LOAD_STALL_S + 0.3


def test_a_load_that_works_or_that_nobody_watches_has_its_time():
    """A tick of processor time now and then is enough, and no reading is no sign of death."""
    assert stalls(started(), lambda now: now // 5) is None
    assert stalls(started(), lambda _: None) is None


def test_a_real_worker_stopped_in_its_load_is_ended_and_loads_again(versions, tmp_path, eventually):
    """SIGSTOP right behind the order to load; the one that is started then loads and proves."""
    stage(versions[0], tmp_path / "live")
    watch = WorkerWatch({1: str(tmp_path / "live")}, 30.0, 30.0, 60.0, 60.0, load_stall_s=2.0)
    process, told, stopped = WorkerProcess(), [], []

    def step() -> WorkerWatch:
        now = time.monotonic()
        watch.see_cpu(process.cpu_s(), now)
        news, start = watch.step(process.read(), alive=process.alive(), now=now)
        if start:
            process.start()
        told.extend(news)
        process.write(watch.take_output())
        if watch.loading_slot is not None and not stopped:
            stopped.append(process.pid)
            os.kill(process.pid, signal.SIGSTOP)
        return watch

    try:
        eventually(lambda: step().ready and stopped, "loaded, after it stood still", 60.0)
    finally:
        process.kill()
    assert [one.why for one in told if isinstance(one, Restarted)] == [
        "not running",
        "hung while loading",
    ]
    assert isinstance(told[-1], w.Loaded)
    assert process.last_exit == -signal.SIGKILL


def test_processor_time_that_was_read_long_ago_ends_no_load():
    """A worker that waits uses none; a load that begins then has the whole time."""
    watch = ready()
    for tick in range(600):
        watch.see_cpu(1.0, tick / 10)
    watch.reload(1)
    watch.step(b"", alive=True, now=60.0)
    assert watch.loading_slot == 1
    watch.see_cpu(1.0, 60.0 + LOAD_STALL_S - 0.1)
    assert watch.step(b"", alive=True, now=60.0 + LOAD_STALL_S - 0.1) == ([], False)


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
