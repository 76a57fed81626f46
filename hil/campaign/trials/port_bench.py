"""The port bench: faults on a board behind a real port, in real time, one after another.

Programs, keys and recovery are those of the HIL rig; the judge is that of flights. Between two faults
the board is led back to work. Nothing is claimed that was not seen: what did not land is void, and an
answer that never comes is a hang.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from flight_sw.inference.tensors import pack
from hil.applications.golden import GoldenTwin
from hil.applications.models import find_model
from hil.campaign.feeder import Feeder
from hil.campaign.judge import judge
from hil.campaign.record import Flight, Injection, JobCounts, Outcome, Planned
from hil.campaign.recorder import Recorder
from hil.campaign.story import Story, quiet_console
from hil.campaign.timeline import injection_of
from hil.campaign.trials.draw import Drawn, draw
from hil.campaign.trials.kit import INPUTS, draw_inputs
from hil.campaign.trials.own_answers import own_answers
from hil.campaign.trials.plan import Plan, Shard
from hil.campaign.trials.port_ways import Struck, strike
from hil.campaign.trials.trial import Trial
from hil.campaign.trials.verdict import JUDGED_AS, MUST_BE_TOLD, TOLD_BY
from hil.campaign.workload import JobToFly
from hil.faults.classes import CATALOG
from hil.rig.running import RunningBoard

JUDGED = frozenset(JUDGED_AS.values())
LEAD_S, LOOK_S, PATIENCE_S = 0.6, 0.1, 60.0
DEADLINE_S = 120.0


class PortBench:
    """One running board and a plan."""

    def __init__(self, board: RunningBoard, plan: Plan, logs: Path) -> None:
        self._board, self._plan, self._logs = board, plan, logs
        logs.mkdir(parents=True, exist_ok=True)
        file = find_model(plan.model)
        twin = GoldenTwin(file)
        self._inputs = [pack(one) for one in draw_inputs(str(file), INPUTS)]
        if "same-processor" in board.features:
            self._golden = {data: twin.answer(data) for data in self._inputs}
        else:
            self._golden = own_answers(board, plan.model, self._inputs, twin)

    def run(self, shard: Shard) -> Iterator[Trial]:
        """The trials of a shard, one log each.

        Raises:
            BoardUnavailable: the board does not come back to work.
        """
        for index in range(shard.first, shard.first + shard.count):
            drawn = draw(self._plan.seed, shard.cell.fault, index)
            self._board.to_nominal()
            self._board.ground.poll()
            log = self._logs / f"{shard.cell.name}.{index:07d}.jsonl"
            with Story(quiet_console(), 0.0) as story, Recorder(log, story) as recorder:
                yield _Trial(self, self._board, recorder, drawn, shard.cell.protection.value).fly()

    def input(self, number: int) -> bytes:
        """The bytes of a job."""
        return self._inputs[number % len(self._inputs)]

    def golden(self, data: bytes) -> bytes:
        """What an unharmed session answers."""
        return self._golden[data]

    @property
    def model(self) -> str:
        """What is computed."""
        return self._plan.model


class _Trial:
    """One fault."""

    def __init__(
        self,
        bench: PortBench,
        board: RunningBoard,
        recorder: Recorder,
        drawn: Drawn,
        protection: str,
    ) -> None:
        self._bench, self._board, self._recorder = bench, board, recorder
        self._drawn, self._protection = drawn, protection
        self._golden: dict[int, bytes] = {}
        self._feeders: list[Feeder] = []

    def fly(self) -> Trial:
        """A job, the fault, another job, and waiting until all is well or the limit is over."""
        drawn = self._drawn
        slot = self._board.model(self._bench.model).slot
        self._submit(slot)
        self._hear(drawn.delay * LEAD_S)
        at_s = self._recorder.now_s
        struck = strike(self._board, drawn)
        over_s = self._recorder.now_s
        if struck.void:
            return Trial(drawn.index, drawn.name, Outcome.VOID.value, struck.void)
        self._submit(slot)
        limit_s = self._limit_s()
        settled_s = None
        while settled_s is None and self._recorder.now_s - over_s < limit_s:
            self._hear(LOOK_S)
            self._board.check()
            settled_s = self._recorder.now_s if self._is_settled(over_s) else None
        return self._judged(slot, struck, at_s, settled_s)

    def _limit_s(self) -> float:
        """After that it is a hang: what the class allows, and where the board is slow its way up."""
        patience = self._board.patience
        allowed_s = self._board.within(CATALOG[self._drawn.fault].recover_s + PATIENCE_S)
        return max(
            allowed_s, patience.stalled_s + patience.models_s if patience.recovery_s else 0.0
        )

    def _submit(self, slot: int) -> None:
        number = self._board.next_job()
        data = self._bench.input(number)
        self._golden[number] = self._bench.golden(data)
        deadline_s = DEADLINE_S + self._board.patience.deadline_s
        job = JobToFly(number, 0.0, self._bench.model, slot, data, deadline_s)
        self._feeders.append(
            Feeder(self._board.ground, [job], self._protection, self._recorder.is_answered)
        )
        self._feed()

    def _feed(self) -> None:
        """Send what is due, and again what was refused for now or lost on the way."""
        for feeder in self._feeders:
            feeder.step(self._recorder.now_s)

    def _hear(self, span_s: float) -> None:
        end_s = time.monotonic() + span_s
        while True:
            self._recorder.take_all(self._board.ground.poll(min(span_s, LOOK_S)))
            self._feed()
            if time.monotonic() >= end_s:
                return

    def _is_settled(self, over_s: float) -> bool:
        """Both jobs are answered for good, and fresh telemetry says that all works, or SAFE."""
        last = self._recorder.housekeeping.get(1)
        fresh = any(one.at_s > over_s for one in self._recorder.reported)
        if last is None or not fresh:
            return False
        if last.values["mode"] == "SAFE":
            return True
        known = {job for job, _ in self._recorder.confirmed} | set(self._recorder.failed)
        known |= {job for feeder in self._feeders for job in feeder.refused}
        works = last.values["mode"] == "NOMINAL" and last.values["board"] == "UP"
        return works and set(self._golden) <= known

    def _judged(self, slot: int, struck: Struck, at_s: float, settled_s: float | None) -> Trial:
        drawn, way = self._drawn, self._drawn.variants[0]
        planned = Planned(0, at_s, JUDGED_AS.get(way, way), drawn.place[0], 0.0, "trial")
        injection = Injection(0, at_s, landed=True)
        if struck.injected is not None:
            injection = injection_of(planned, struck.injected, at_s)
        flight = self._flight(slot, planned, injection)
        verdict = judge(flight)
        if verdict.judged:
            one = verdict.judged[0]
            outcome, why, told_s = one.outcome, one.why, one.answered_s
        else:
            outcome, why, told_s = self._by_report(way, at_s)
        if verdict.wrong:
            outcome, why = Outcome.SILENT, f"{len(verdict.wrong)} answers differ from the twin"
        if settled_s is None and outcome is not Outcome.SILENT:
            outcome, why = Outcome.HANG, "not well again within the limit"
        region = struck.injected.hits[0].region if struck.injected and struck.injected.hits else ""
        return Trial(
            drawn.index,
            way,
            outcome.value,
            why,
            region,
            wrong=len(verdict.wrong),
            detect_s=None if told_s is None else round(told_s - at_s, 3),
            recover_s=None if settled_s is None else round(settled_s - at_s, 3),
        )

    def _by_report(self, way: str, at_s: float) -> tuple[Outcome, str, float | None]:
        names = TOLD_BY.get(way, ())
        told = [e for e in self._recorder.events if e.name in names and e.at_s >= at_s]
        if told:
            return Outcome.RECOVERED, told[0].name, told[0].at_s
        if way in MUST_BE_TOLD:
            return Outcome.SILENT, "gone, but nothing reported it", None
        return Outcome.MASKED, "no harm, nothing to report", None

    def _flight(self, slot: int, planned: Planned, injection: Injection) -> Flight:
        recorder = self._recorder
        last = recorder.housekeeping.get(1)
        counts = JobCounts(
            frozenset(self._golden), frozenset(recorder.withdrawn), dict(recorder.failed)
        )
        return Flight(
            (planned,) if planned.kind in JUDGED else (),  # the rest is judged by its report
            (injection,) if planned.kind in JUDGED else (),
            tuple(recorder.events),
            tuple(a for a in recorder.answers if a.job in self._golden),
            counts,
            self._golden,
            {slot: self._bench.model},
            self._damaged(injection),
            recorder.now_s,
            str(last.values["mode"]) if last else "unknown",
            str(last.values["board"]) if last else "unknown",
            self._board.patience.recovery_s,
        )

    def _damaged(self, injection: Injection) -> frozenset[tuple[str, int]] | None:
        """The bits that were flipped, if any still is; None where nobody can look."""
        hand = self._board.hand
        if hand is None:
            return None if injection.page >= 0 else frozenset()
        if injection.page < 0:
            return frozenset()
        number = hand.log()[-1].number
        wrong = "flipped" in hand.verify(number)
        return frozenset({(injection.region, injection.page)} if wrong else ())
