"""Faults of a line last until they met a byte."""

from dataclasses import dataclass, field

import pytest

from hil.campaign.trials.line_strikes import LINE_STRIKES, MEET_MAX_S, NO_BYTE
from hil.campaign.trials.lines import Line
from hil.campaign.trials.strike import Strike
from hil.faults.line import LineNoise
from hil.kernel import Timeline


@dataclass
class _Lines:
    """As much of a stack as a line's fault touches."""

    timeline: Timeline = field(default_factory=Timeline)
    lines: dict[str, Line] = field(
        default_factory=lambda: {n: Line() for n in ("to-board", "from-board", "up", "down")}
    )

    def is_quiet(self):
        now = self.timeline.now_s
        return all(
            line.noise == LineNoise() and not line.twice and line.held_until_s <= now
            for line in self.lines.values()
        )


@pytest.fixture(params=sorted(LINE_STRIKES))
def struck(request):
    """A line's fault that was just done, and the lines."""
    lines = _Lines()
    one = Strike(request.param, 0.5, 0.5, 0.5, 0.5)
    assert LINE_STRIKES[one.variant](lines, one) == ""
    assert not lines.is_quiet()
    return lines, one


def _meet(lines):
    for line in lines.lines.values():
        line.harmed += 1


def test_a_fault_that_met_a_byte_ends_in_its_time(struck):
    """And it struck when it was done."""
    lines, one = struck
    planned_s = one.ends_s
    lines.timeline.call(planned_s / 2, "traffic", lambda _: _meet(lines))
    lines.timeline.run(planned_s + 0.001)
    assert lines.is_quiet()
    assert (one.at_s, one.ends_s, one.void) == (0.0, planned_s, "")


def test_a_quiet_line_is_waited_for(struck):
    """The first byte may come late; the fault strikes then, and is over."""
    lines, one = struck
    late_s = one.ends_s + 3.0
    lines.timeline.call(late_s, "traffic", lambda _: _meet(lines))
    lines.timeline.run(late_s - 0.001)
    assert not lines.is_quiet()
    lines.timeline.run(late_s + 0.1)
    assert lines.is_quiet()
    assert one.void == ""
    assert one.at_s == pytest.approx(late_s, abs=0.06)
    assert one.ends_s == pytest.approx(late_s, abs=0.06)


def test_a_line_that_stays_quiet_makes_it_void(struck):
    """It did not land: nobody may count it as masked."""
    lines, one = struck
    lines.timeline.run(MEET_MAX_S + 5.0)
    assert lines.is_quiet()
    assert one.void == NO_BYTE


def test_a_fault_that_was_taken_back_stays_away(struck):
    """What was to prolong it does nothing any more."""
    lines, one = struck
    lines.timeline.run(one.ends_s / 2)
    for undo in one.undo:
        undo()
    one.ends_s = lines.timeline.now_s
    lines.timeline.run(30.0)
    assert lines.is_quiet()
    assert one.void == ""
