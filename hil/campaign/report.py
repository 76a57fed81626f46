"""The report of a flight: one HTML file that needs nothing else and can be passed on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.campaign.judge import Verdict
from hil.campaign.plots import COLOURS, Traces, draw
from hil.campaign.record import FAILURES


@dataclass(frozen=True, slots=True)
class EventLine:
    """One row of the event list."""

    at_s: float
    source: str
    sentence: str
    severity: int


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One row of the results table; `equal` is None for a job that has no result."""

    job: int
    model: str
    at_s: float | None
    attempts: int
    withdrawn: int
    said: str
    equal: bool | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story that had to happen."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page.

    Args:
        passed: the flight's verdict as its exit code tells it.
        declared: what was scaled, accelerated or assumed, one sentence each.
        rerun: the command line that flies this again.
    """

    title: str
    passed: bool
    summary: Mapping[str, Any]
    declared: Sequence[str]
    rerun: str
    traces: Traces
    verdict: Verdict
    steps: Sequence[Step]
    events: Sequence[EventLine]
    results: Sequence[ResultLine]


def write_report(report: Report, path: Path) -> None:
    """Render the page into `path`."""
    path.write_text(render(report), encoding="utf-8")


def render(report: Report) -> str:
    """The page as HTML text; everything in it, plots too, is inline."""
    return fill_page(
        "report.html",
        report=report,
        summary=report.summary,
        plots=draw(report.traces),
        figures=_figures(report),
        colours={outcome.value: colour for outcome, colour in COLOURS.items()},
        failures={outcome.value for outcome in FAILURES},
    )


def fill_page(template: str, **values: Any) -> str:
    """One of the templates beside this file, filled in; what it is given is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hil.campaign"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def _figures(report: Report) -> list[tuple[str, str, bool]]:
    """The few figures a reader wants first: name, value, whether it is bad news."""
    verdict, jobs = report.verdict, report.summary["jobs"]
    match = "all equal" if verdict.golden_match else f"{len(verdict.wrong)} differ"
    hottest = report.summary["max_temp_c"]
    return [
        ("faults landed", f"{verdict.landed} of {verdict.injected}", False),
        ("silent errors", str(verdict.silent), verdict.silent > 0),
        (
            "jobs answered",
            f"{jobs['done']} of {jobs['submitted']}",
            jobs["done"] < jobs["submitted"],
        ),
        ("against the golden twin", match, not verdict.golden_match),
        ("hottest", "unknown" if hottest is None else f"{hottest:.1f} °C", False),
    ]
