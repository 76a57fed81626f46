"""What the soak judges by sees a leak where there is one, and none where there is none."""

import pytest

from tests.soak.vitals import Vitals, lateness_ms, trend

MIB = 1 << 20


def looks(grow_bytes=0, grow_fd=0, blip=0):
    """A hundred looks, one a second; `blip` descriptors are open at every other one."""
    return [
        Vitals(float(n), 50 * MIB + n * grow_bytes, 10 + n * grow_fd // 25 + blip * (n % 2), 3)
        for n in range(100)
    ]


def test_a_flat_process_has_no_trend():
    """Nor has one that opens and closes a file all the time."""
    found = trend(looks(blip=2))
    assert (found.growth_percent, found.fd_change, found.thread_change) == (0.0, 0, 0)
    assert found.seconds == 99.0
    assert found.slope_percent_per_day == pytest.approx(0.0, abs=1e-6)


def test_a_leak_of_memory_is_seen():
    """A KiB a second in 50 MiB is 160 % a day."""
    found = trend(looks(grow_bytes=1024))
    assert found.growth_percent == pytest.approx(0.15, rel=0.1)
    assert found.slope_percent_per_day == pytest.approx(168.6, rel=0.02)


def test_a_leak_of_descriptors_is_seen():
    """One in twenty-five seconds."""
    assert trend(looks(grow_fd=1)).fd_change == 3


def test_a_late_report_is_seen():
    """One of a thousand came 40 ms late."""
    stamps = [n * 0.25 + (0.04 if n == 500 else 0.0) for n in range(1000)]
    late = lateness_ms(stamps, 0.25)
    assert late["worst"] == pytest.approx(40.0)
    assert late["median"] == pytest.approx(0.0, abs=1e-6)
