"""Records against goals: one line for each part of each figure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.figures.goals import FIGURES, PARTS, Part, Tier
from tests.figures.records import Record

TESTS_SHOWN = 2
ELSEWHERE = "long only"


@dataclass(frozen=True, slots=True)
class Row:
    """One part as measured; `value` None means that no test recorded it."""

    part: Part
    value: float | None
    labels: int
    tests: tuple[str, ...]
    verdict: str

    @property
    def asked(self) -> bool:
        """Whether the tier judges this part."""
        return self.verdict != ELSEWHERE

    @property
    def short(self) -> bool:
        """Whether this part falls short."""
        return self.asked and self.verdict != "held"


def rows(records: Sequence[Record], tier: Tier, figures: Sequence[str] = ()) -> list[Row]:
    """Every part of these figures or of all, those included that only the other tier judges."""
    wanted = figures or tuple(FIGURES)
    parts = [part for part in PARTS if part.figure in wanted]
    return [_row(part, [r for r in records if r.key == part.key], tier) for part in parts]


def text(found: Sequence[Row], tier: Tier) -> str:
    """The table as people read it."""
    other = "goal, long" if tier is Tier.CI else "goal, CI"
    lines = [
        f"Figures of the {tier.value} tier",
        f"    {'':<13}{'goal':>12}{'measured':>14}{other:>17}",
    ]
    shown = ""
    for row in found:
        if row.part.figure != shown:
            shown = row.part.figure
            lines.append(f"{shown:<4}{FIGURES[shown]}")
        lines.append(_line(row, tier))
    asked = sum(row.asked for row in found)
    missing = sum(row.short and row.value is None for row in found)
    short = sum(row.short for row in found) - missing
    last = f"{asked - short - missing} of {asked} held" + (f", {short} short" * bool(short))
    last += f", {missing} not measured" * bool(missing)
    lines.append(last + (f"; {len(found) - asked} {ELSEWHERE}" * (asked < len(found))))
    return "\n".join(lines)


def _row(part: Part, records: Sequence[Record], tier: Tier) -> Row:
    asked = part.goal(tier) is not None
    if not records:
        return Row(part, None, 0, (), "not measured" if asked else ELSEWHERE)
    by_label: defaultdict[str, list[float]] = defaultdict(list)
    for record in records:
        by_label[record.label].append(record.value)
    # Classes may be spread over tests, so a label's values add up; of a minimum without one, none do.
    adds_up = part.combine is min and bool(by_label.keys() - {""})
    value = part.combine(sum(v) if adds_up else part.combine(v) for v in by_label.values())
    tests = tuple(dict.fromkeys(record.test for record in records))
    if not all(record.passed for record in records):
        verdict = "test failed"
    elif not asked:
        verdict = ELSEWHERE
    else:
        verdict = "held" if part.holds(value, tier) else "SHORT"
    return Row(part, value, len(by_label), tests, verdict)


def _line(row: Row, tier: Tier) -> str:
    other = Tier.LONG if tier is Tier.CI else Tier.CI
    goal, elsewhere = _goal(row.part, tier), _goal(row.part, other)
    measured = "-" if row.value is None else _number(row.value)
    tests = ", ".join(_short_name(test) for test in row.tests[:TESTS_SHOWN])
    more = len(row.tests) - TESTS_SHOWN
    tests += f" and {more} more" if more > 0 else ""
    numbers = f"{goal:>12}{measured:>14}{elsewhere:>17}"
    return f"    {row.verdict:<13}{numbers}  {row.part.what:<44} {tests}"


def _goal(part: Part, tier: Tier) -> str:
    goal = part.goal(tier)
    return "-" if goal is None else f"{part.side.value} {_number(goal)}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{int(value):,}" if value == int(value) else f"{value:,.3g}"


def _short_name(test: str) -> str:
    return test.replace("tests/", "", 1)
