"""Hours on the real clock, over pseudo-terminals, with jobs: nothing grows, and the step is in time.

The stores of telemetry are switched off: they are rings of 1 MiB each that take an hour to fill, which
would look like a leak. That they end there is shown in tests/flight_sw/services/test_st15_storage.py.
"""

import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from flight_sw.dictionary.storage_commands import STORES
from flight_sw.errors import VanAllenError
from hil.ground.reports import EventReport, Housekeeping
from tests.figures.scale import SOAK_S
from tests.soak.vitals import Trend, Vitals, lateness_ms, look, trend
from tests.system.flown_stack import FlownStack, flown_stack

# `.ci/run` soaks for two minutes beside the emulated Raspberry Pi, `make test-long` for two hours.
SECONDS = float(SOAK_S.value)
WARM_UP_S = 30.0  # caches fill, the allocator finds its size
# Measured: until its first 900 messages or so a worker takes 0.1 MiB more, and no more after them.
FIRST_WARM_UP_S = max(WARM_UP_S, SECONDS / 20)
LOOK_PERIOD_S = 1.0
HOUSEKEEPING_S = 0.25
JOB_PERIOD_S = 2.0
READY_S = 60.0
LOOKS_MIN = 16
# Python takes memory in arenas of 1 MiB, which is 3 % of these processes: one step is no trend. The
# slope over hours is (F11.slope_percent_per_day).
GROWTH_PERCENT_MAX = 5.0


@pytest.fixture(scope="module")
def soaked(tmp_path_factory):
    """One soak for all tests of this file."""
    with flown_stack(tmp_path_factory.mktemp("soak")) as stack:
        stack.work()
        stack.ground.wait_until(stack.is_up, READY_S)
        stack.ground.send(
            "set-housekeeping-period", structure=1, period=HOUSEKEEPING_S
        ).done()  # fmt: skip
        for store in STORES:
            stack.ground.send("disable-store", store=store).done()
        _Soak(stack).run(FIRST_WARM_UP_S)
        soak = _Soak(stack)
        soak.run(SECONDS)
    report = soak.report()
    print(json.dumps(report, indent=1))
    if file := os.environ.get("VANALLEN_SOAK_REPORT"):
        Path(file).write_text(json.dumps(report, indent=1) + "\n")
    return soak


class _Soak:
    """Works the payload and looks at its processes once a second."""

    def __init__(self, stack: FlownStack) -> None:
        self._stack = stack
        self.pids = stack.pids()
        self.looks: dict[str, list[Vitals]] = {name: [] for name in self.pids}
        self.looks_from_s = dict.fromkeys(self.pids, 0.0)
        self.stamps_s: list[float] = []
        self.events: Counter[str] = Counter()
        self.right = self.jobs = self.lost = self.restarts = 0
        self.seconds = 0.0

    def run(self, seconds: float) -> None:
        start_s = time.monotonic()
        look_at_s = job_at_s = start_s
        while (now_s := time.monotonic()) < start_s + seconds:
            if now_s >= look_at_s:
                look_at_s = max(look_at_s + LOOK_PERIOD_S, now_s)
                self._look(now_s)
            if now_s >= job_at_s:
                job_at_s = max(job_at_s + JOB_PERIOD_S, now_s)
                self._job()
            self._hear(min(look_at_s, job_at_s) - time.monotonic())
        self.seconds = time.monotonic() - start_s

    def trends(self) -> dict[str, Trend]:
        """Of each process since its last start, where that is long enough ago to tell."""
        return {name: trend(looks) for name, looks in self.looks.items() if len(looks) >= LOOKS_MIN}

    def report(self) -> dict[str, object]:
        """For people: everything measured."""
        late = lateness_ms(self.stamps_s, HOUSEKEEPING_S)
        told = {
            name: {field: round(getattr(one, field), 3) for field in Trend.__slots__}
            for name, one in self.trends().items()
        }
        return {
            "seconds": round(self.seconds, 1),
            "jobs": self.jobs,
            "jobs_right": self.right,
            "jobs_lost": self.lost,
            "restarts": self.restarts,
            "reports": len(self.stamps_s),
            "step_late_ms": {name: round(value, 2) for name, value in late.items()},
            "processes": told,
            "events": dict(self.events),
        }

    def _job(self) -> None:
        self.jobs += 1
        try:
            self.right += self._stack.job()
        except VanAllenError:
            self.lost += 1

    def _look(self, now_s: float) -> None:
        """A process that was started anew is followed from there on, once it is warm."""
        for name, pid in self.pids.items():
            seen = look(pid, now_s)
            if seen is not None:
                if now_s >= self.looks_from_s[name]:
                    self.looks[name].append(seen)
                continue
            self.restarts += 1
            self.looks[name].clear()
            self.looks_from_s[name] = now_s + WARM_UP_S
            self.pids[name] = self._stack.pids().get(name, pid)

    def _hear(self, timeout_s: float) -> None:
        for one in self._stack.ground.poll(max(0.0, timeout_s)):
            if isinstance(one, Housekeeping) and one.structure == 1:
                self.stamps_s.append(one.time)
            elif isinstance(one, EventReport):
                self.events[one.name if one.name != "board-up" else one.sentence] += 1


@pytest.mark.long
@pytest.mark.figure("F11")
def test_nothing_grows_and_no_descriptor_or_thread_is_left_behind(soaked, figure):
    """Memory, descriptors and threads of controller, emulator, node and worker."""
    trends = soaked.trends()
    figure("F11.seconds", soaked.seconds)
    figure("F11.growth_percent", max(one.growth_percent for one in trends.values()))
    figure("F11.slope_percent_per_day", max(one.slope_percent_per_day for one in trends.values()))
    figure("F11.fd_change", max(one.fd_change for one in trends.values()))
    figure("F11.thread_change", max(one.thread_change for one in trends.values()))
    assert {"emulator", "controller"} <= set(trends), soaked.report()
    assert all(one.growth_percent <= GROWTH_PERCENT_MAX for one in trends.values()), soaked.report()
    assert all(one.fd_change <= 0 and one.thread_change <= 0 for one in trends.values())


@pytest.mark.long
def test_no_answer_of_the_soak_is_wrong_and_few_are_missing(soaked):
    """The golden twin's bits each time; a job may be lost only with a board that was reset."""
    assert soaked.jobs >= SECONDS / JOB_PERIOD_S / 4
    assert soaked.right + soaked.lost == soaked.jobs
    assert soaked.lost <= soaked.restarts


@pytest.mark.long
def test_housekeeping_came_all_the_time(soaked):
    """Four times a second; how late the step was is reported, for a busy machine is no defect."""
    assert len(soaked.stamps_s) >= 0.9 * SECONDS / HOUSEKEEPING_S
