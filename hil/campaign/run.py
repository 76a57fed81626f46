"""`vanallen run`: one flight from nothing to a verdict.

Exit code 0 means that every planned fault was handled, every result equals its golden twin and every
step of the story happened; 1 that something of this did not; a user's mistake is a UserError.
"""

import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console

from flight_sw.errors import VanAllenError
from flight_sw.inference.bundle import Guarding
from flight_sw.profile import Profile
from hil.board_files import find_board, read_board
from hil.campaign.board_kind import compares_bits, compile_for, guards_for, sentence, settled
from hil.campaign.ended import EndedEarly, write_ended
from hil.campaign.flight import FlightDirector, Flown
from hil.campaign.folder import RunFolder, make_folder
from hil.campaign.judge import final_answers, judge
from hil.campaign.plots import Traces
from hil.campaign.record import Flight, JobCounts
from hil.campaign.recorder import Recorder
from hil.campaign.report import Report, ResultLine, write_report
from hil.campaign.stack import Setup, start_stack
from hil.campaign.story import Story, quiet_console
from hil.campaign.summary import Outcome, summarise, table
from hil.campaign.workload import Workload, golden_answers, make_workload, say_result
from hil.ground.client import LinkCounts
from hil.rig.patience import patience
from hil.scenario import Scenario, load_scenario

OK, FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the command line asks for.

    Args:
        board: name of a shipped profile, or a profile's file.
        scenario: name or file; None is `quiet` with an own model or input, else `first-light`.
        out: folder for everything about the run; None makes one below `runs`.
    """

    board: str = "emulated"
    scenario: str | None = None
    seed: int = 1
    model: str | None = None
    input_path: Path | None = None
    out: Path | None = None
    as_json: bool = False

    @property
    def scenario_name(self) -> str:
        """The scenario to fly."""
        own = self.model is not None or self.input_path is not None
        return self.scenario or ("quiet" if own else "first-light")

    @property
    def command(self) -> str:
        """The line that flies this again."""
        words = ["vanallen", "run", "--board", self.board, "--scenario", self.scenario_name]
        words += ["--seed", str(self.seed)]
        words += ["--model", self.model] if self.model else []
        words += ["--input", str(self.input_path)] if self.input_path else []
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class _Flight:
    """What is to be flown, with everything the user gave found and read."""

    request: RunRequest
    scenario: Scenario
    profile_file: Path
    profile: Profile
    workload: Workload
    guards: dict[int, Guarding]


def run_command(
    board: str = "emulated",
    scenario: str | None = None,
    seed: int = 1,
    model: str | None = None,
    input_path: Path | None = None,
    out: Path | None = None,
    as_json: bool = False,
) -> int:
    """Fly and return the exit code; the parameters are those of `RunRequest`.

    Raises:
        UserError: something that the user gave cannot be used; one line with the remedy.
    """
    return run(RunRequest(board, scenario, seed, model, input_path, out, as_json))


def run(request: RunRequest) -> int:
    """See `run_command`."""
    flight = _read(request)
    console = quiet_console() if request.as_json else Console(highlight=False)
    story = Story(console, flight.scenario.duration_s)
    story.say(f"{flight.scenario.title} · board {request.board}, seed {request.seed}")
    compiled = compile_for(flight.profile, flight.workload.models, story.say, flight.guards)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    folder = make_folder(request.out, stamp, flight.scenario.name, request.seed)
    began_s = time.monotonic()
    setup = Setup(
        folder=folder,
        profile_file=flight.profile_file,
        profile=flight.profile,
        compiled=compiled,
        seed=request.seed,
        time_scale=flight.scenario.time_scale,
    )
    with _ending_in_order(), story, Recorder(folder.events, story) as recorder:
        try:
            flown, link = _fly(setup, flight, recorder, story)
        except VanAllenError as error:
            _end_early(str(error), flight, folder, recorder, time.monotonic() - began_s)
            return FAILED
        except (KeyboardInterrupt, SystemExit):
            reason = "somebody ended it by a signal"
            _end_early(reason, flight, folder, recorder, time.monotonic() - began_s)
            raise
    outcome = _judge(flight, flown, recorder, link, time.monotonic() - began_s)
    _tell(outcome, folder, story, flight)
    return OK if outcome.passed else FAILED


def _read(request: RunRequest) -> _Flight:
    """Find everything the user named, before anything is started."""
    profile_file = find_board(request.board)
    profile = read_board(request.board)
    scenario = load_scenario(request.scenario_name)
    workload = make_workload(scenario, request.seed, request.model, request.input_path)
    extra_s = patience(profile).deadline_s
    jobs = tuple(replace(job, deadline_s=job.deadline_s + extra_s) for job in workload.jobs)
    guards = guards_for(profile, workload, scenario.protection)
    workload = replace(workload, jobs=jobs)
    return _Flight(request, scenario, profile_file, profile, workload, guards)


def _fly(
    setup: Setup, flight: _Flight, recorder: Recorder, story: Story
) -> tuple[Flown, LinkCounts]:
    with start_stack(setup) as stack:
        director = FlightDirector(stack, flight.scenario, flight.workload, recorder, story)
        return director.fly(flight.request.seed), stack.ground.counts


def _judge(
    flight: _Flight, flown: Flown, recorder: Recorder, link: LinkCounts, wall_s: float
) -> Outcome:
    golden = golden_answers(flight.workload, flight.guards)
    answers = tuple(recorder.answers)
    if not compares_bits(flight.profile):
        answers = settled(answers, golden, flight.workload)
    submitted = flown.admitted | set(flown.refused)
    last, thermal = recorder.housekeeping.get(1), flight.profile.thermal
    record = Flight(
        plan=flown.plan,
        injections=tuple(recorder.injections),
        events=tuple(recorder.events),
        answers=answers,
        jobs=JobCounts(
            submitted=frozenset(submitted),
            withdrawn=frozenset(recorder.withdrawn),
            failed=recorder.failed | flown.refused,
        ),
        golden=golden,
        regions={model.slot: model.name for model in flight.workload.models},
        damaged=flown.damaged,
        ended_s=flown.ended_s,
        mode=str(last.values["mode"]) if last else "unknown",
        board=str(last.values["board"]) if last else "unknown",
        recovery_s=patience(flight.profile).recovery_s,
    )
    return Outcome(
        scenario=flight.scenario,
        board=flight.profile.name,
        limits_c=(thermal.release_c, thermal.soft_limit_c, thermal.hard_limit_c),
        seed=flight.request.seed,
        workload=flight.workload,
        flown=flown,
        flight=record,
        verdict=judge(record),
        recorder=recorder,
        link=link,
        wall_s=wall_s,
    )


def _tell(outcome: Outcome, folder: RunFolder, story: Story, flight: _Flight) -> None:
    request = flight.request
    summary = summarise(outcome)
    encoded = msgspec.json.format(msgspec.json.encode(summary), indent=1)
    folder.summary.write_bytes(encoded + b"\n")
    page = Report(
        title=outcome.scenario.title,
        passed=outcome.passed,
        summary=summary,
        declared=_declared(outcome, sentence(flight.profile)),
        rerun=request.command,
        traces=_traces(outcome),
        verdict=outcome.verdict,
        steps=outcome.flown.steps,
        events=outcome.recorder.lines,
        results=_results(outcome),
    )
    write_report(page, folder.report)
    rows, bad = table(summary)
    for one in outcome.verdict.judged:
        if one.outcome.value in ("silent", "hang", "dead"):
            story.say(f"fault {one.fault.id} {one.fault.kind}: {one.outcome.value}: {one.why}")
    passed = "passed" if outcome.passed else "FAILED"
    story.table(f"{outcome.scenario.title}: {passed}", rows, bad)
    story.say(f"Report: {folder.report}")
    story.say(f"Again:  {request.command}")
    if request.as_json:
        sys.stdout.write(encoded.decode() + "\n")


def _declared(outcome: Outcome, board_line: str) -> list[str]:
    scenario, upsets = outcome.scenario, outcome.scenario.upsets
    population = outcome.flown.population
    weights, voted = upsets.acceleration.weights, upsets.acceleration.voted
    upset_line = (
        f"Upsets: {upsets.rate_per_bit_day:.2g} per bit and day ({upsets.source}), times "
        f"{weights:,.0f} in {population.weights_bits:,} bits of live weights and times {voted:,.0f} "
        f"in {population.voted_bits:,} bits of voted state. The counts hold for this sampling, "
        "not for an orbit."
    )
    heat_line = f"Heat runs {scenario.time_scale:g} times faster than the flight software's clock."
    lines = [heat_line, upset_line, board_line, "Reports carry the time of their arrival."]
    if scenario.scrub_pass_s is not None:
        lines.append(f"The ground set one scrub pass to {scenario.scrub_pass_s:g} s.")
    if scenario.protection == "none":
        lines.insert(
            0, "Protection is switched off: no scrubbing, and results are never taken back."
        )
    return lines


def _traces(outcome: Outcome) -> Traces:
    return Traces(
        plant=outcome.recorder.plant,
        reported=outcome.recorder.reported,
        judged=outcome.verdict.judged,
        limits_c=outcome.limits_c,
        duration_s=outcome.flown.ended_s,
    )


def _results(outcome: Outcome) -> list[ResultLine]:
    finals = final_answers(outcome.flight)
    wrong = set(outcome.verdict.wrong)
    attempts: dict[int, int] = {}
    for answer in outcome.flight.answers:
        attempts[answer.job] = max(attempts.get(answer.job, 0), answer.attempt)
    lines = []
    for job in outcome.workload.jobs:
        model, final = outcome.workload.model(job.slot), finals.get(job.id)
        lines.append(
            ResultLine(
                job=job.id,
                model=model.name,
                at_s=final.at_s if final else None,
                attempts=attempts.get(job.id, 0),
                withdrawn=sum(number == job.id for number, _ in outcome.flight.jobs.withdrawn),
                said=say_result(model, final.output) if final else "",
                equal=None if final is None else job.id not in wrong,
            )
        )
    return lines


def _end_early(
    reason: str, flight: _Flight, folder: RunFolder, recorder: Recorder, wall_s: float
) -> None:
    """Say why in one line, and leave summary, report and logs."""
    request = flight.request
    write_ended(
        EndedEarly(
            reason, flight.scenario, flight.profile.name, request.seed, request.command, wall_s
        ),
        recorder,
        folder,
    )
    sys.stderr.write(f"vanallen: the flight ended early: {reason}\n")
    sys.stderr.write(f"vanallen: report: {folder.report}; again: {request.command}\n")


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that every process of the stack is ended."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
