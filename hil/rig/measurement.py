"""Measurements as OpenHTF has them: a name, a value, its unit, its limits, and what that comes to.

A value within limits but close to one is `marginal`: the test passes, and the report shows it before it
fails. A measurement that was declared and never taken is `unset`, and fails the test.
"""

import math
from enum import StrEnum, unique

import msgspec

MARGIN = 0.05  # of the span between the limits, or of the one limit that there is


@unique
class MeasuredOutcome(StrEnum):
    """What a measurement comes to."""

    PASS = "pass"  # noqa: S105 no password
    MARGINAL = "marginal"
    FAIL = "fail"
    UNSET = "unset"


class Measurement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value of one test; a limit that is None does not bind.

    Args:
        margin: how close to a limit is marginal, as a share of the span; 0 where a limit is a usual
            value, such as the top clock.
    """

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    value: float | str | None = None
    expected: str | None = None
    margin: float = MARGIN

    @property
    def outcome(self) -> MeasuredOutcome:
        """Judge the value."""
        if self.value is None:
            return MeasuredOutcome.UNSET
        if isinstance(self.value, str):
            good = self.expected is None or self.value == self.expected
            return MeasuredOutcome.PASS if good else MeasuredOutcome.FAIL
        return self._judge(self.value)

    @property
    def limits(self) -> str:
        """The limits in words."""
        if self.expected is not None:
            return f"= {self.expected}"
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        if self.high is not None:
            return f"≤ {self.high:g}"
        return f"≥ {self.low:g}" if self.low is not None else "none"

    @property
    def place(self) -> float | None:
        """Where the value lies: 0 at the low limit (or zero), 1 at the high one; None without."""
        if self.high is None or not isinstance(self.value, int | float):
            return None
        low = self.low if self.low is not None else min(0.0, self.high)
        return (self.value - low) / (self.high - low) if self.high > low else None

    def __str__(self) -> str:
        shown = f"{self.value:g}" if isinstance(self.value, float) else str(self.value)
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} = {shown}{unit} (limits {self.limits}): {self.outcome.value}"

    def _judge(self, value: float) -> MeasuredOutcome:
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if not low <= value <= high:  # also NaN
            return MeasuredOutcome.FAIL
        span = high - low
        if not math.isfinite(span):
            span = abs(high if math.isfinite(high) else low) if self._is_bound else 0.0
        margin = self.margin * span
        near = value - low < margin or high - value < margin
        return MeasuredOutcome.MARGINAL if near and margin > 0 else MeasuredOutcome.PASS

    @property
    def _is_bound(self) -> bool:
        return self.low is not None or self.high is not None


class Measures:
    """The measurements of one test; calling it takes one.

    measure("ping", took_ms, "ms", high=100)
    measure.declare("drift", "ms/s", high=1)      # fails the test if it is never taken
    """

    def __init__(self) -> None:
        self._taken: dict[str, Measurement] = {}

    def __call__(
        self,
        name: str,
        value: float | str,
        unit: str = "",
        *,
        low: float | None = None,
        high: float | None = None,
    ) -> Measurement:
        """Take a measurement; for one that was declared, its unit and limits hold."""
        known = self._taken.get(name)
        if known is None:
            known = Measurement(name=name, unit=unit, low=low, high=high)
        taken = msgspec.structs.replace(
            known, value=value if isinstance(value, str) else float(value)
        )
        self._taken[name] = taken
        return taken

    def declare(
        self,
        name: str,
        unit: str = "",
        *,
        low: float | None = None,
        high: float | None = None,
        margin: float = MARGIN,
    ) -> None:
        """Say beforehand what will be measured, within which limits, and what is close to one."""
        self._taken[name] = Measurement(name=name, unit=unit, low=low, high=high, margin=margin)

    def same(self, name: str, value: str, expected: str) -> Measurement:
        """Take a text that must be just this one, such as a version or a digest."""
        taken = Measurement(name=name, value=value, expected=expected)
        self._taken[name] = taken
        return taken

    @property
    def taken(self) -> tuple[Measurement, ...]:
        """All so far, in order."""
        return tuple(self._taken.values())

    def failures(self) -> list[Measurement]:
        """Those out of their limits, and those never taken."""
        bad = (MeasuredOutcome.FAIL, MeasuredOutcome.UNSET)
        return [one for one in self.taken if one.outcome in bad]
