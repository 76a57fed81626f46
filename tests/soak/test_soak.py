"""Hours on the real clock, over pseudo-terminals, with jobs: nothing grows, and the step is in time."""

import json
import os
import time
from pathlib import Path

import pytest

from hil.ground.reports import Housekeeping
from tests.soak.vitals import Trend, Vitals, lateness_ms, look, trend
from tests.system.flown_stack import FlownStack, flown_stack

# `.ci/run` soaks for two minutes beside the emulated Raspberry Pi, `make test-long` for two hours.
SECONDS = float(os.environ.get("VANALLEN_SOAK_S", "7200"))
WARM_UP_S = 30.0  # caches fill, the allocator finds its size
LOOK_PERIOD_S = 1.0
HOUSEKEEPING_S = 0.25
JOB_PERIOD_S = 2.0
READY_S = 60.0


@pytest.fixture(scope="module")
def soaked(tmp_path_factory):
    """One soak for all tests of this file."""
    with flown_stack(tmp_path_factory.mktemp("soak")) as stack:
        stack.work()
        stack.ground.wait_until(stack.is_up, READY_S)
        stack.ground.send(
            "set-housekeeping-period", structure=1, period=HOUSEKEEPING_S
        ).done()  # fmt: skip
        _Soak(stack).run(WARM_UP_S)
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
        self.stamps_s: list[float] = []
        self.right = self.jobs = 0
        self.seconds = 0.0

    def run(self, seconds: float) -> None:
        start_s = time.monotonic()
        look_at_s = job_at_s = start_s
        while (now_s := time.monotonic()) < start_s + seconds:
            if now_s >= look_at_s:
                look_at_s += LOOK_PERIOD_S
                self._look(now_s)
            if now_s >= job_at_s:
                job_at_s += JOB_PERIOD_S
                self.jobs += 1
                self.right += self._stack.job()
            self._hear(min(look_at_s, job_at_s) - time.monotonic())
        self.seconds = time.monotonic() - start_s

    def trends(self) -> dict[str, Trend]:
        return {name: trend(looks) for name, looks in self.looks.items()}

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
            "reports": len(self.stamps_s),
            "step_late_ms": {name: round(value, 2) for name, value in late.items()},
            "processes": told,
        }

    def _look(self, now_s: float) -> None:
        for name, pid in self.pids.items():
            seen = look(pid, now_s)
            assert seen is not None, f"the {name} ended during the soak"
            self.looks[name].append(seen)

    def _hear(self, timeout_s: float) -> None:
        reports = self._stack.ground.poll(max(0.0, timeout_s))
        self.stamps_s += [
            one.time for one in reports if isinstance(one, Housekeeping) and one.structure == 1
        ]


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
    assert all(one.growth_percent <= 1.0 for one in trends.values()), soaked.report()
    assert all(one.fd_change <= 0 and one.thread_change <= 0 for one in trends.values())


@pytest.mark.long
def test_every_job_of_the_soak_is_answered_rightly(soaked):
    """The golden twin's bits, each time, by the same worker from first to last."""
    assert soaked.jobs >= SECONDS / JOB_PERIOD_S / 4
    assert soaked.right == soaked.jobs


@pytest.mark.long
def test_housekeeping_came_all_the_time(soaked):
    """Four times a second; how late the step was is reported, for a busy machine is no defect."""
    assert len(soaked.stamps_s) >= 0.9 * SECONDS / HOUSEKEEPING_S
