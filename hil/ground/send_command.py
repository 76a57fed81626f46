"""`vanallen send`: one telecommand from the terminal, followed to its end."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from flight_sw.dictionary.field import Value
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import Command
from flight_sw.errors import PortError
from flight_sw.profile import Profile
from flight_sw.space_link.keys import KeySet
from hil.ground.arguments import find_command, parse_arguments
from hil.ground.client import Ground
from hil.ground.plain import plain
from hil.ground.reports import (
    EventReport,
    Housekeeping,
    ModelReport,
    ParameterReport,
    RegionReport,
    Report,
    Verification,
)
from hil.ground.request import CommandFailed, CommandRefused, NoAnswer, Request
from hil.ground.screen import modes_of, one_line

OK, REJECTED, NOBODY = 0, 1, 69  # 69: EX_UNAVAILABLE of sysexits.h
CONNECT_S = 0.3  # whoever types can type again
AFTERMATH_S = 0.4  # events that a telecommand causes come down with the next step
HOUSEKEEPING_SERVICE = 3
REPLAY_S = 3.0


@dataclass(frozen=True, slots=True)
class Bench:
    """Which payload is meant, and what is needed to talk to it."""

    url: str
    keys: KeySet
    state: Path
    profile: Profile

    def ground(self) -> Ground:
        """A ground for it, not yet connected."""
        return Ground(self.url, self.keys, self.state, self.profile)


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How far to follow the telecommand, and how to tell it."""

    wait: str = "done"
    within_s: float = 5.0
    as_json: bool = False
    arm: bool = False


def send(bench: Bench, name: str, words: Sequence[str], options: SendOptions) -> int:
    """Send and tell; 0 done, 1 refused, failed or unanswered, 69 nobody there.

    Raises:
        UserError: the telecommand or an argument is wrong; nothing was sent.
    """
    command = find_command(name)
    return send_values(bench, name, parse_arguments(command, words), options)


def send_values(bench: Bench, name: str, values: Mapping[str, Value], options: SendOptions) -> int:
    """As `send`, with arguments that are values already."""
    command = find_command(name)
    ground = bench.ground()
    try:
        ground.connect(CONNECT_S)
    except PortError as error:
        return _nobody(error, bench, as_json=options.as_json)
    try:
        ground.poll()
        begin_s = time.monotonic()
        request = (ground.arm if options.arm else ground.send)(name, **values)
        outcome, reason, note = _follow(request, options)
        elapsed_s = time.monotonic() - begin_s
        reports = _aftermath(ground, command, outcome)
        nobody = ground.counts.packets == 0
    except NoAnswer as error:
        outcome, reason, note, elapsed_s, reports = "no-answer", None, str(error), 0.0, []
        nobody = ground.counts.packets == 0
    finally:
        ground.close()
    answer = {
        "telecommand": name,
        "armed": options.arm,
        "outcome": outcome,
        "reason": reason.name if reason else None,
        "elapsed_s": round(elapsed_s, 4),
        "note": note,
        "reports": [plain(report) for report in reports],
    }
    if options.as_json:
        sys.stdout.write(json.dumps(answer) + "\n")
    else:
        _tell(command, answer, reports)
    if outcome in ("done", "accepted"):
        return OK
    return NOBODY if nobody else REJECTED


def replay(bench: Bench, *, as_json: bool) -> int:
    """Send the last telecommand's bytes again; 1 if they are refused, as they must be."""
    ground = bench.ground()
    try:
        ground.connect(CONNECT_S)
    except PortError as error:
        return _nobody(error, bench, as_json=as_json)
    try:
        ground.poll()
        before, seen = ground.counts.packets, len(ground.reports)
        length = ground.replay_last()
        ground.wait_until(lambda: any(map(_speaks_of_replay, ground.reports[seen:])), REPLAY_S)
        reports = [one for one in ground.poll() if _speaks_of_replay(one)]
        heard = ground.counts.packets > before
    finally:
        ground.close()
    accepted = any(isinstance(one, Verification) for one in reports)
    refused = next((one for one in reports if isinstance(one, EventReport)), None)
    outcome = "accepted" if accepted else "refused" if refused or heard else "no-answer"
    reason = str(refused.values["reason"]) if refused else None
    if as_json:
        line = {"replayed_bytes": length, "outcome": outcome, "reason": reason}
        sys.stdout.write(json.dumps(line) + "\n")
    else:
        sys.stdout.write(f"replayed {length} bytes: {outcome}{f' ({reason})' if reason else ''}\n")
    return OK if accepted else REJECTED if heard else NOBODY


def _follow(request: Request, options: SendOptions) -> tuple[str, Reason | None, str]:
    try:
        if options.wait == "accepted":
            request.accepted(options.within_s)
            return "accepted", None, ""
        request.done(options.within_s)
    except CommandRefused as error:
        return "refused", error.reason, ""
    except CommandFailed as error:
        return "failed", error.reason, ""
    except NoAnswer as error:
        return "no-answer", None, str(error)
    return "done", None, ""


def _aftermath(ground: Ground, command: Command, outcome: str) -> list[Report]:
    """What the telecommand brought down besides its verification."""
    if outcome in ("done", "accepted", "failed"):
        ground.wait_until(lambda: False, AFTERMATH_S)
    wanted: tuple[type, ...] = (EventReport, ModelReport, ParameterReport, RegionReport)
    if command.service == HOUSEKEEPING_SERVICE:
        wanted = (*wanted, Housekeeping)
    return [report for report in ground.poll() if isinstance(report, wanted)]


def _tell(command: Command, answer: dict[str, Any], reports: Sequence[Report]) -> None:
    console = Console(highlight=False)
    outcome, reason = answer["outcome"], answer["reason"]
    style = "green" if outcome in ("done", "accepted") else "bold red"
    why = f": {reason.lower().replace('_', ' ')}" if reason else ""
    if answer["reason"] == Reason.WRONG_MODE.name:
        why += f" (accepted in {modes_of(command)})"
    if answer["reason"] == Reason.NOT_ARMED.name:
        why += " (it is critical: send the same words with --arm first, then within 30 s without)"
    if answer["armed"] and outcome == "done":
        outcome = "armed for 30 s"
        why = ": send the same words without --arm"
    took = f" after {answer['elapsed_s'] * 1000:.0f} ms" if answer["elapsed_s"] else ""
    console.print(f"{command.name} [{style}]{outcome}[/]{why}{took}")
    if answer["note"]:
        console.print(f"  {answer['note']}", markup=False)
    for report in reports:
        console.print(f"  {one_line(report)}", markup=False)


def _speaks_of_replay(report: Report) -> bool:
    named = isinstance(report, EventReport) and report.name == "frames-refused"
    return named or isinstance(report, Verification)


def _nobody(error: PortError, bench: Bench, *, as_json: bool) -> int:
    """Nobody listens at an address: a state of the bench. A port that does not exist is a mistake."""
    if not bench.url.startswith("tcp://"):
        raise error
    if as_json:
        sys.stdout.write(json.dumps({"outcome": "no-controller", "note": str(error)}) + "\n")
    sys.stderr.write(f"vanallen: {error}\n")
    return NOBODY
