"""First light on the emulated Raspberry Pi, with the shipped models: minutes, so it is marked `long`.

A file of its own, because `make test-qemu` flies it beside the other tests: one board takes one core.
"""

import pytest

from tests.qemu.flight import fly

pytestmark = [pytest.mark.qemu, pytest.mark.long]


@pytest.mark.usefixtures("card")
def test_first_light_flies_unchanged(tmp_path):
    """The scenario of the emulated board ends with nothing silent and every result golden."""
    summary, done = fly(tmp_path / "run", "--scenario", "first-light", "--seed", "7")
    assert summary["faults"]["silent"] == 0
    assert summary["golden_match"] is True
    assert done.returncode == 0, done.stderr.decode()
