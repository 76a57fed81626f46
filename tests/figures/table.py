"""Records against goals: one line for each part of each figure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.figures.goals import FIGURES, PARTS, Part, Tier
from tests.figures.records import Record

TESTS_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One part as measured; `value` None means that no test recorded it."""

    part: Part
    value: float | None
    labels: int
    tests: tuple[str, ...]
    verdict: str

    @property
    def short(self) -> bool:
        """Whether this part falls short."""
        return self.verdict != "held"


def rows(records: Sequence[Record], tier: Tier, figures: Sequence[str] = ()) -> list[Row]:
    """Every part that the tier asks for, of these figures or of all."""
    wanted = figures or tuple(FIGURES)
    parts = [part for part in PARTS if part.figure in wanted and part.goal(tier) is not None]
    return [_row(part, [r for r in records if r.key == part.key], tier) for part in parts]


def text(found: Sequence[Row], tier: Tier) -> str:
    """The table as people read it."""
    lines = [f"Figures of the {tier.value} tier"]
    shown = ""
    for row in found:
        if row.part.figure != shown:
            shown = row.part.figure
            lines.append(f"{shown:<4}{FIGURES[shown]}")
        lines.append(_line(row, tier))
    short = sum(row.short for row in found)
    lines.append(f"{len(found) - short} of {len(found)} held" + (f", {short} short" * bool(short)))
    return "\n".join(lines)


def _row(part: Part, records: Sequence[Record], tier: Tier) -> Row:
    if not records:
        return Row(part, None, 0, (), "not measured")
    by_label: defaultdict[str, list[float]] = defaultdict(list)
    for record in records:
        by_label[record.label].append(record.value)
    # Classes may be spread over tests, so a label's values add up; of a minimum without one, none do.
    adds_up = part.combine is min and bool(by_label.keys() - {""})
    value = part.combine(sum(v) if adds_up else part.combine(v) for v in by_label.values())
    tests = tuple(dict.fromkeys(record.test for record in records))
    if not all(record.passed for record in records):
        verdict = "test failed"
    else:
        verdict = "held" if part.holds(value, tier) else "SHORT"
    return Row(part, value, len(by_label), tests, verdict)


def _line(row: Row, tier: Tier) -> str:
    goal = f"{row.part.side.value} {_number(row.part.goal(tier))}"
    measured = "-" if row.value is None else _number(row.value)
    tests = ", ".join(_short_name(test) for test in row.tests[:TESTS_SHOWN])
    more = len(row.tests) - TESTS_SHOWN
    tests += f" and {more} more" if more > 0 else ""
    return f"    {row.verdict:<13}{goal:>12}{measured:>14}  {row.part.what:<44} {tests}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{int(value):,}" if value == int(value) else f"{value:,.3g}"


def _short_name(test: str) -> str:
    return test.replace("tests/", "", 1)
