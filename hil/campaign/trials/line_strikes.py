"""Faults of a line: noise, loss, stalls and bytes that come twice, each there until it met a byte.

A line that carries nothing for a while is harmed by nothing, and a fault that did not land is void. So
the cause lasts on until a byte was changed, lost, held back or doubled, and strikes then.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from hil.campaign.trials.lines import Line
from hil.campaign.trials.stack import TrialStack
from hil.campaign.trials.strike import Strike, between, lasting
from hil.faults.line import LineNoise

BOARD, UP, DOWN = ("to-board", "from-board"), "up", "down"
SPACE = (UP, DOWN)
MEET_EVERY_S, MEET_MAX_S = 0.05, 20.0
NO_BYTE = "no byte met it"
Set = Callable[[Line, float], None]  # put a cause on a line, to last until then


def _line(names: tuple[str, ...], noise: LineNoise) -> Callable[[TrialStack, Strike], str]:
    """Noise of a kind on some lines, for a while; its strength grows with `level`."""

    def act(stack: TrialStack, one: Strike) -> str:
        strength = 10 ** between(-1.0, 0.0, one.level)
        made = replace(
            noise,
            bit_error_rate=noise.bit_error_rate * strength,
            drop_rate=noise.drop_rate * strength,
        )

        def put(line: Line, until_s: float) -> None:
            line.noise = made if until_s > one.at_s else LineNoise()

        return _Met(stack, one, names, put).begin(lasting(0.2, 4.0, one.span))

    return act


def _stall(names: tuple[str, ...], longest_s: float) -> Callable[[TrialStack, Strike], str]:
    def act(stack: TrialStack, one: Strike) -> str:
        def put(line: Line, until_s: float) -> None:
            line.held_until_s = until_s

        return _Met(stack, one, names, put).begin(lasting(0.05, longest_s, one.span))

    return act


def _twice(stack: TrialStack, one: Strike) -> str:
    def put(line: Line, until_s: float) -> None:
        line.twice = until_s > one.at_s

    return _Met(stack, one, BOARD, put).begin(lasting(0.2, 3.0, one.span))


class _Met:
    """A cause on some lines, that is taken away after a while, but not before it met a byte."""

    def __init__(self, stack: TrialStack, one: Strike, names: tuple[str, ...], put: Set) -> None:
        self._stack, self._one, self._put = stack, one, put
        self._lines = [stack.lines[name] for name in names]
        self._harmed_before = self._harmed
        self._latest_s = one.at_s + MEET_MAX_S

    @property
    def _harmed(self) -> int:
        return sum(line.harmed for line in self._lines)

    def begin(self, span_s: float) -> str:
        """Put it there."""
        self._one.undo.append(self._take_away)
        self._last(self._one.at_s + span_s)
        return ""

    def _last(self, until_s: float) -> None:
        self._one.ends_s = until_s
        for line in self._lines:
            self._put(line, until_s)
        self._stack.timeline.call(until_s, "undo", self._end)

    def _end(self, now: float) -> None:
        if self._one.ends_s < now:  # taken back already
            return
        if self._harmed == self._harmed_before and now < self._latest_s:
            self._one.at_s = now
            self._last(now + MEET_EVERY_S)
            return
        if self._harmed == self._harmed_before:
            self._one.void = NO_BYTE
        self._take_away()

    def _take_away(self) -> None:
        for line in self._lines:
            self._put(line, 0.0)


LINE_STRIKES: Final[Mapping[str, Callable[[TrialStack, Strike], str]]] = {
    "line-cut": _line(BOARD, LineNoise(cut=True)),
    "board-noise": _line(BOARD, LineNoise(bit_error_rate=2e-2)),
    "board-loss": _line(BOARD, LineNoise(drop_rate=0.3)),
    "board-stall": _stall(BOARD, 4.0),
    "space-noise": _line(SPACE, LineNoise(bit_error_rate=2e-2)),
    "space-loss": _line(SPACE, LineNoise(drop_rate=0.3)),
    "space-stall": _stall(SPACE, 4.0),
    "late": _stall(("from-board",), 2.5),
    "lost": _line(("from-board",), LineNoise(drop_rate=0.5)),
    "twice": _twice,
}
