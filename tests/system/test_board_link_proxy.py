"""Faults of a real line between a real controller and a board: no wrong answer, service back in 5 s."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flight_sw.dictionary.storage_commands import STORES
from flight_sw.errors import VanAllenError
from flight_sw.inference.tensors import pack
from hil.applications.golden import same_bits
from hil.campaign.segments import draw_segment
from hil.emulator.settings import SUPPLY_SUFFIX, beside
from hil.faults.link import QUIET, LinkFaults
from hil.ground.reports import Result
from hil.kernel import stream
from hil.rig.children import Child
from hil.rig.link_proxy import Joined, LinkProxy
from hil.rig.programs import ControllerProgram
from tests.system.flown_stack import DEADLINE_S, SLOT, FlownStack, Setup, flown_stack
from tests.system.test_link_faults import FAULTS
from tests.system.test_link_proxy import GROWTH_KIB_MAX, SERVICE_S, rss_kib

SCRIPT = Path(__file__).with_name("timed_controller.py")
JOB_PERIOD_S = 0.25
CI_FAULT_S = 0.4
CI_KINDS = ("many bit errors", "hang-up", "blocked write", "echo")
LONG_S = (0.1, 5.0, 60.0)
TRIES_MAX = 100
GAP_S_MAX = 2.0  # between two steps; a write that blocks would be as long as the fault


class BoardLine:
    """A flown payload whose board link goes through a proxy; every answer is looked at."""

    def __init__(self, stack: FlownStack, proxy: LinkProxy) -> None:
        self.stack, self.proxy = stack, proxy
        self.asked: dict[int, bytes] = {}
        self.wrong: list[str] = []
        self.right = 0

    def ask(self, job: int) -> None:
        """A job, if the payload takes it now."""
        data = self.asked[job] = pack([draw_segment(stream(job, "board-line"))[None]])
        values = {"job": job, "model": SLOT, "protection": "standard", "priority": 1}
        try:
            self.stack.ground.send("submit-job", deadline=DEADLINE_S, input=data, **values)
        except VanAllenError:
            return  # refused, or the answer is late: what counts is what comes down

    def hear(self, seconds: float, first: float = float("inf")) -> bool:
        """Look at every answer that comes, for so long or until a job from `first` on is answered.

        The time is kept: who asks again as soon as anything comes down asks for more than is answered,
        and measures a queue of its own making.
        """
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            answered = [one for one in self.stack.ground.poll(left_s) if isinstance(one, Result)]
            for one in answered:
                self._check(one)
            if any(one.job >= first for one in answered):
                return True
        return False

    def _check(self, answer: Result) -> None:
        data = self.asked.get(answer.job)
        if data is None:
            self.wrong.append(f"job {answer.job} was never asked for")
        elif not same_bits(answer.output, self.stack.twin.answer(data)):
            self.wrong.append(f"job {answer.job} is answered wrongly")
        else:
            self.right += 1

    def disturbed(self, faults: LinkFaults, seconds: float) -> float:
        """Disturb the line with jobs going on; how long after its end a new job is answered.

        A fault of short life and small chance is tried until it makes a difference.
        """
        landed = self.proxy.landed
        for _ in range(TRIES_MAX):
            self._disturb_once(faults, seconds)
            if self.proxy.landed > landed:
                return self.back_after_s()
        raise AssertionError("void: nothing was disturbed")

    def _disturb_once(self, faults: LinkFaults, seconds: float) -> None:
        self.proxy.disturb(faults)
        ending = threading.Timer(seconds, self.proxy.disturb, [QUIET])
        ending.start()
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.ask(max(self.asked, default=0) + 1)
            self.hear(min(JOB_PERIOD_S, max(0.0, end_s - time.monotonic())))
        ending.join()

    def back_after_s(self) -> float:
        """With the ground asking all the time, and leading out of SAFE as an operator would."""
        start_s, first = time.monotonic(), max(self.asked, default=0) + 1
        while time.monotonic() < start_s + 6 * SERVICE_S:
            if self.stack.is_safe():
                self.stack.ground.send("set-mode", mode="NOMINAL")
            self.ask(max(self.asked, default=0) + 1)
            if self.hear(JOB_PERIOD_S, first):
                return time.monotonic() - start_s
        return float("inf")


def timed(report: Path, program: ControllerProgram) -> Child:
    """The controller with a stopwatch."""
    command = [
        *(sys.executable, str(SCRIPT), str(report), "controller"),
        *("--profile", str(program.profile_file), "--board-port", program.board_port),
        *("--space", program.space, "--keys", str(program.keys), "--state", str(program.state)),
    ]
    return Child(command, program.log, {"PYTHONPATH": str(SCRIPT.parents[2])})


@pytest.fixture
def line(tmp_path: Path) -> Iterator[BoardLine]:
    """At its end no answer was wrong, each step was in time, and no write held the steps up."""
    proxies: list[LinkProxy] = []

    def between(board: Path) -> Path:
        near = board.with_name("near")
        beside(near, SUPPLY_SUFFIX).symlink_to(beside(board, SUPPLY_SUFFIX))
        proxies.append(LinkProxy(near, Joined(board), stream(1, "board-proxy")))
        return near

    report = tmp_path / "steps.json"
    setup = Setup(lambda program: timed(report, program), between)
    try:
        with flown_stack(tmp_path, setup=setup) as stack:
            stack.work()
            stack.ground.send("set-housekeeping-period", structure=1, period=0.2).done()
            for store in STORES:  # rings of 1 MiB that fill for an hour would look like a leak
                stack.ground.send("disable-store", store=store).done()
            line = BoardLine(stack, proxies[0])
            assert line.back_after_s() < float("inf")
            yield line
            assert not line.wrong, line.wrong
            assert stack.controller.exit_code is None
    finally:
        for proxy in proxies:
            proxy.close()
    steps = json.loads(report.read_text())
    print(steps)
    assert steps["steps"] > 0
    assert not steps["overruns"], steps
    assert steps["gap_s"] < GAP_S_MAX, steps


def test_board_service_is_back_after_each_fault_of_a_real_line(line: BoardLine) -> None:
    """Noise, a hang-up, a blocked write and an echo between the programs, one after the other."""
    for kind in CI_KINDS:
        back_s = line.disturbed(FAULTS[kind], CI_FAULT_S)
        assert back_s <= SERVICE_S, kind


@pytest.mark.long
@pytest.mark.parametrize("seconds", LONG_S)
def test_every_fault_of_a_real_board_line_for_longer(line: BoardLine, seconds: float) -> None:
    """All kinds, each for up to a minute; the controller grows by less than 2 MiB."""
    line.disturbed(FAULTS["bit errors"], 1.0)
    before_kib = rss_kib(line.stack.controller.pid)
    slow = {}
    for kind, faults in FAULTS.items():
        back_s = line.disturbed(faults, seconds)
        print(f"{kind}: back after {back_s:.2f} s")
        if back_s > SERVICE_S:
            slow[kind] = back_s
    assert not slow
    assert rss_kib(line.stack.controller.pid) - before_kib < GROWTH_KIB_MAX
