"""Flies one scenario on a running stack: the phases of a flight, and the steps that must happen.

A step that does not happen is noted and the flight goes on where it can, because a flight that went
wrong half-way still has a story to tell; only what all the rest depends on ends it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hil.campaign.expectation import judge_effect
from hil.campaign.feeder import Feeder
from hil.campaign.plan import Population, expected_upsets_per_s, plan
from hil.campaign.plots import PlantSample
from hil.campaign.record import Planned
from hil.campaign.recorder import Recorder
from hil.campaign.report import Step
from hil.campaign.residue import Damage, look
from hil.campaign.stack import Stack, StackFailed
from hil.campaign.story import Story
from hil.campaign.timeline import Timeline
from hil.campaign.workload import Workload
from hil.faults.catalog import REGIONS_OF, FaultKind
from hil.ground.client import Ground
from hil.ground.reports import Alive
from hil.ground.request import GroundError
from hil.scenario import Scenario

BITS = 8
BOOT_S = 30.0  # for a program to start on a busy machine; a quiet one needs one
TICK_S = 0.02
HOUSEKEEPING_S = 0.25
CHECK_S = 0.5
QUIET_S = 0.3
SAMPLE_PERIOD_S = 0.1


Condition = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Flown:
    """What only the flight itself knows; everything else is with the recorder.

    Args:
        start_s: mission time at which the timeline began.
        damaged: as `residue.look` gives it.
    """

    plan: tuple[Planned, ...]
    population: Population
    steps: tuple[Step, ...]
    admitted: frozenset[int]
    refused: dict[int, str]
    start_s: float
    ended_s: float
    max_temp_c: float | None
    damaged: Damage | None


class FlightDirector:
    """One flight."""

    def __init__(
        self, stack: Stack, scenario: Scenario, workload: Workload, recorder: Recorder, story: Story
    ) -> None:
        self._stack = stack
        self._patience = stack.patience
        self._ground: Ground = stack.ground
        self._scenario = scenario
        self._workload = workload
        self._recorder = recorder
        self._story = story
        self._check_due_s = 0.0
        self._sample_due_s = 0.0

    def fly(self, seed: int) -> Flown:
        """All phases in order.

        Raises:
            StackFailed: the payload never got to work, or a program of the stack ended.
        """
        self._boot()
        self._bring_up_board()
        population = self._population()
        faults = plan(self._scenario, seed, population)
        self._announce(population, faults)
        timeline, feeder, start_s = self._mission(faults)
        self._land(timeline, feeder, start_s)
        damaged = look(
            self._stack.rig, self._recorder.injections, timeline.numbers, self._stack.weights
        )
        self._note_look(damaged)
        return Flown(
            plan=faults,
            population=population,
            steps=tuple(self._recorder.steps),
            admitted=frozenset(feeder.admitted),
            refused={job: reason.name for job, reason in feeder.refused.items()},
            start_s=start_s,
            ended_s=self._recorder.now_s,
            max_temp_c=self._stack.rig.plant().max_temp_c,
            damaged=damaged,
        )

    def _boot(self) -> None:
        self._recorder.phase("Boot")
        if self._patience.boots_in_heat:
            first = self._scenario.environment[0]  # holds before the board gets power, too
            self._stack.rig.environment(mount_c=first.mount_c, extra_load_w=first.extra_load_w)
        self._need("boots into SAFE", lambda: self._reported("mode") == "SAFE", BOOT_S)
        self._recorder.ground("First telecommand: ping")
        before_s = time.monotonic()
        self._ground.send("ping").done()
        self._ground.expect(Alive)
        took_ms = 1000 * (time.monotonic() - before_s)
        self._hear(0.0)
        self._step("first authenticated telecommand answered", True, f"in {took_ms:.0f} ms")
        self._recorder.ground(f"The payload answers, authenticated both ways, in {took_ms:.0f} ms")
        self._ground.send(
            "set-housekeeping-period", structure=1, period=HOUSEKEEPING_S
        ).done()  # fmt: skip
        self._set_protection()

    def _set_protection(self) -> None:
        pass_s = self._scenario.scrub_pass_s
        if pass_s is not None:
            self._ground.send("set-parameter", parameter="scrub_pass", value=pass_s).done()
            self._recorder.ground(f"Every protected page is to be read each {pass_s:g} s")
        if self._scenario.protection == "none":
            self._ground.send("set-parameter", parameter="scrub_enabled", value=0.0).done()
            self._recorder.ground("Protection is switched off: no scrubbing, unprotected jobs")

    def _bring_up_board(self) -> None:
        self._recorder.phase("Board on")
        self._need("board off while in SAFE", lambda: self._reported("board") == "OFF", BOOT_S)
        self._hear(QUIET_S)  # a board that had power before says its last
        since_s = self._recorder.now_s
        self._recorder.ground("To NOMINAL: the board gets power")
        self._ground.send("set-mode", mode="NOMINAL").done()
        self._need("board up", lambda: self._seen("board-up", since_s), self._patience.board_up_s)
        self._need("models loaded", self._models_told, self._patience.models_s)
        count = len(self._workload.models)
        protected = sum(model.protected for model in self._recorder.models.values())
        self._step(
            "all models proven live and protected", protected == count, f"{protected} of {count}"
        )

    def _models_told(self) -> bool:
        """Ask which models the board has now, what it said before a restart forgotten."""
        if self._seen("model-refused"):
            raise StackFailed("a model does not load on the board; see events.jsonl")
        self._recorder.models.clear()
        self._ground.send("report-models").done()
        self._hear(CHECK_S / 5)
        return len(self._recorder.models) >= len(self._workload.models)

    def _population(self) -> Population:
        sizes = dict.fromkeys((FaultKind.WEIGHT_FLIP, FaultKind.VOTE_FLIP), 0)
        for region in self._stack.rig.regions():
            for kind in sizes:
                if region.name.startswith(REGIONS_OF[kind]):
                    sizes[kind] += region.live_bytes * BITS
        return Population(sizes[FaultKind.WEIGHT_FLIP], sizes[FaultKind.VOTE_FLIP])

    def _announce(self, population: Population, faults: Sequence[Planned]) -> None:
        self._recorder.phase("Under radiation, heat and failing parts")
        scenario = self._scenario
        rate = expected_upsets_per_s(scenario, FaultKind.WEIGHT_FLIP, population.weights_bits)
        rate += expected_upsets_per_s(scenario, FaultKind.VOTE_FLIP, population.voted_bits)
        self._recorder.rig(
            f"{len(faults)} faults are planned, fixed by the seed; upsets come {rate:.1f} a second, "
            f"{scenario.upsets.acceleration.weights:.3g} times the orbital rate"
        )
        self._recorder.ground(f"{len(self._workload.jobs)} jobs go up over the flight")

    def _mission(self, faults: Sequence[Planned]) -> tuple[Timeline, Feeder, float]:
        timeline = Timeline(self._stack.rig, self._recorder, faults, self._scenario.environment)
        feeder = Feeder(
            self._ground,
            self._workload.jobs,
            self._scenario.protection,
            self._recorder.is_answered,
        )
        start_s = self._recorder.now_s
        while (now_s := self._recorder.now_s - start_s) < self._scenario.duration_s:
            self._tick(timeline, feeder, now_s)
        return timeline, feeder, start_s

    def _tick(self, timeline: Timeline, feeder: Feeder, now_s: float) -> None:
        timeline.step(now_s)
        feeder.step(now_s)
        self._hear(min(TICK_S, max(0.0, timeline.next_s - now_s)))
        answered = f"{self._recorder.answered}/{len(self._workload.jobs)} results"
        self._story.progress(now_s, answered)
        if self._recorder.now_s >= self._check_due_s:
            self._check_due_s = self._recorder.now_s + CHECK_S
            self._stack.check()

    def _land(self, timeline: Timeline, feeder: Feeder, start_s: float) -> None:
        """Wait for the last results, then for a scrub pass that confirms them all."""
        self._recorder.phase("Last results, last scrub")
        jobs = len(self._workload.jobs)
        all_in = self._drain(timeline, feeder, start_s, jobs)
        self._step("all results down", all_in, f"{self._recorder.answered} of {jobs}")
        for expected in timeline.expectations:
            change = expected.change
            ok, how = judge_effect(change, expected.since_s, self._recorder.events)
            hot = "hot " if change.expect == "throttled" else ""
            self._step(f"{hot}board {change.expect}", ok, how)
        if self._scenario.protection == "none":
            return
        settled = self._confirm(timeline, feeder, start_s)
        self._step("every result confirmed by a clean scrub pass", settled, "scrub-now")

    def _drain(self, timeline: Timeline, feeder: Feeder, start_s: float, jobs: int) -> bool:
        last, last_s = -1, self._recorder.now_s
        while self._recorder.now_s - last_s < self._patience.stalled_s:
            self._tick(timeline, feeder, self._recorder.now_s - start_s)
            if self._recorder.answered != last:
                last, last_s = self._recorder.answered, self._recorder.now_s
            if feeder.done and last + len(feeder.refused) >= jobs:
                return True
        return False

    def _confirm(self, timeline: Timeline, feeder: Feeder, start_s: float) -> bool:
        end_s = self._recorder.now_s + self._patience.settle_s
        self._recorder.ground("scrub-now: read every protected page once more")
        while self._recorder.now_s < end_s:
            try:
                self._ground.send("scrub-now").done()
            except GroundError:
                self._hear(CHECK_S)  # the board is away for a moment
                continue
            sent_s = self._recorder.now_s
            while self._recorder.now_s < sent_s + 2 * CHECK_S:
                self._tick(timeline, feeder, self._recorder.now_s - start_s)
                if self._is_settled(sent_s):
                    return True
        return False

    def _is_settled(self, since_s: float) -> bool:
        """Whether housekeeping later than `since_s` has nothing open any more."""
        report = self._recorder.housekeeping.get(1)
        fresh = bool(self._recorder.reported) and self._recorder.reported[-1].at_s > since_s + 0.1
        if report is None or not fresh or report.values["board"] != "UP":
            return False
        return report.values["jobs_unconfirmed"] == 0 and report.values["jobs_queued"] == 0

    def _note_look(self, damaged: Damage | None) -> None:
        if damaged is None:
            self._recorder.rig("The board's memory could not be checked", 3)
        elif damaged:
            places = ", ".join(f"{region} page {page}" for region, page in sorted(damaged)[:5])
            self._recorder.rig(f"Memory still wrong in {len(damaged)} places: {places}", 3)
        else:
            self._recorder.rig("Every byte of the live weights is as it was compiled")

    def _hear(self, timeout_s: float) -> None:
        self._recorder.take_all(self._ground.poll(timeout_s))
        if self._recorder.now_s >= self._sample_due_s:
            self._sample_due_s = self._recorder.now_s + SAMPLE_PERIOD_S
            self._sample()

    def _sample(self) -> None:
        """Note the board's true state."""
        plant = self._stack.rig.plant()
        clock_mhz = plant.clock_mhz if plant.powered else 0.0
        self._recorder.sample(
            PlantSample(self._recorder.now_s, plant.temp_c, plant.mount_c, plant.power_w, clock_mhz)
        )

    def _reported(self, name: str) -> object:
        report = self._recorder.housekeeping.get(1)
        return report.values[name] if report else None

    def _seen(self, event: str, since_s: float = 0.0) -> bool:
        return any(one.name == event and one.at_s > since_s for one in self._recorder.events)

    def _need(self, name: str, condition: Condition, within_s: float) -> None:
        """A step without which there is no flight."""
        began_s = self._recorder.now_s
        while not condition():
            self._hear(TICK_S)
            self._stack.check()
            if self._recorder.now_s - began_s > within_s:
                raise StackFailed(
                    f"{name}: not within {within_s:g} s; see events.jsonl and the logs"
                )
        self._step(name, True, f"after {self._recorder.now_s - began_s:.1f} s")

    def _step(self, name: str, ok: bool, detail: str) -> None:
        self._recorder.steps.append(Step(name, ok, detail))
