"""Campaigns see what they are meant to see: a build without a protection does not pass."""

from pathlib import Path

import pytest

from flight_sw.errors import VanAllenError
from hil.campaign.canaries import CANARIES, Canary, build, fly


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)
def test_every_canary_is_caught(canary: Canary) -> None:
    """The campaign of the protection that was taken out counts failures."""
    row = fly(canary)
    assert row["caught"], row
    assert row["first"]


def test_a_canary_that_no_longer_fits_the_sources_is_told(tmp_path: Path) -> None:
    """A place that is gone from the sources is an error, and no build that passes for want of change."""
    lost = Canary("lost", "", "flight_sw/node.py", "this text is nowhere", "", "seu", 1)
    with pytest.raises(VanAllenError, match="0 times"):
        build(lost, tmp_path)
