"""What is left of a flight that ended before its end: a summary and a report that say so.

Nothing is judged: a fault that was open when the flight ended is neither handled nor missed.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from hil.campaign.folder import RunFolder
from hil.campaign.recorder import Recorder
from hil.campaign.report import fill_page
from hil.campaign.summary import versions
from hil.scenario import Scenario

PROGRAMS = ("controller", "emulator")
TAIL_BYTES = 4000


@dataclass(frozen=True, slots=True)
class EndedEarly:
    """A flight that was not flown to its end, and why.

    Args:
        rerun: the line that flies it again.
    """

    reason: str
    scenario: Scenario
    board: str
    seed: int
    rerun: str
    wall_s: float


def write_ended(ended: EndedEarly, recorder: Recorder, folder: RunFolder) -> None:
    """Write `summary.json` and `report.html`, as far as there is anything to write."""
    summary = _summarise(ended, recorder)
    folder.summary.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=1) + b"\n")
    page = fill_page(
        "ended.html",
        title=ended.scenario.title,
        summary=summary,
        rerun=ended.rerun,
        steps=recorder.steps,
        events=recorder.lines,
        logs={name: _tail(folder, name) for name in PROGRAMS},
    )
    folder.report.write_text(page, encoding="utf-8")


def _summarise(ended: EndedEarly, recorder: Recorder) -> dict[str, Any]:
    """The names are those of a flight that was judged; what only a judge knows is left out."""
    landed = sum(one.landed for one in recorder.injections)
    return {
        "scenario": ended.scenario.name,
        "board": ended.board,
        "seed": ended.seed,
        "passed": False,
        "ended_early": ended.reason,
        "faults": {"injected": len(recorder.injections), "landed": landed},
        "jobs": {
            "answered": recorder.answered,
            "withdrawn": len(recorder.withdrawn),
            "failed": len(recorder.failed),
        },
        "steps": {step.name: step.ok for step in recorder.steps},
        "flight_s": round(recorder.now_s, 2),
        "wall_s": round(ended.wall_s, 2),
        "versions": versions(),
    }


def _tail(folder: RunFolder, name: str) -> str:
    """The end of a program's log; empty if it never wrote one."""
    log = folder.log(name)
    if not log.is_file():
        return ""
    return log.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
