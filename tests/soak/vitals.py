"""What a process holds, read from /proc while it runs, and what that says of an hour or a day."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at one process; `resident_bytes` without the files that it maps."""

    at_s: float
    resident_bytes: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Trend:
    """How a process changed over a soak.

    Args:
        seconds: from its first look to its last; shorter than the soak if it was started anew.
        growth_percent: of the last quarter's median over the first quarter's.
        slope_percent_per_day: of a straight line through all looks.
        fd_change, thread_change: last quarter's least minus first quarter's least: what was open for
            a moment is no leak.
    """

    seconds: float
    resident_mib: float
    growth_percent: float
    slope_percent_per_day: float
    fd_change: int
    thread_change: int


def look(pid: int, at_s: float) -> Vitals | None:
    """Read them now; None if the process is gone."""
    here = Path("/proc") / str(pid)
    try:
        _, resident, shared, *_ = map(int, (here / "statm").read_text().split())
        descriptors = sum(1 for _ in (here / "fd").iterdir())
        threads = sum(1 for _ in (here / "task").iterdir())
    except (OSError, ValueError):
        return None
    return Vitals(at_s, (resident - shared) * PAGE_BYTES, descriptors, threads)


def trend(looks: Sequence[Vitals]) -> Trend:
    """Of at least eight looks, in order of time."""
    quarter = len(looks) // 4
    first, last = looks[:quarter], looks[-quarter:]
    resident = np.array([one.resident_bytes for one in looks], float)
    at_s = np.array([one.at_s for one in looks])
    before, after = np.median(resident[:quarter]), np.median(resident[-quarter:])
    slope_per_s = float(np.polyfit(at_s - at_s[0], resident, 1)[0])
    return Trend(
        seconds=float(at_s[-1] - at_s[0]),
        resident_mib=float(after) / 2**20,
        growth_percent=100 * float(after - before) / float(before),
        slope_percent_per_day=100 * slope_per_s * DAY_S / float(resident.mean()),
        fd_change=min(v.descriptors for v in last) - min(v.descriptors for v in first),
        thread_change=min(v.threads for v in last) - min(v.threads for v in first),
    )


def lateness_ms(stamps_s: Sequence[float], period_s: float) -> Mapping[str, float]:
    """How much later than one period after the one before a periodic report was made.

    The report is made in the control step, so this is how late the step came.
    """
    late_ms = 1000 * np.maximum(np.diff(np.array(stamps_s)) - period_s, 0.0)
    return {
        "median": float(np.median(late_ms)),
        "p99": float(np.quantile(late_ms, 0.99)),
        "worst": float(late_ms.max()),
    }
