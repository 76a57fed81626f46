"""What every test of the emulated Raspberry Pi needs: its programs, and a card."""

import pytest

from hil.rig.qemu_pi.image import TOOLS
from hil.rig.qemu_pi.process import build_image
from hil.rig.tools import missing_tools
from tests.qemu.flight import say


@pytest.fixture(scope="session")
def card():
    """The card that this state of the sources makes; built anew only where it is out of date."""
    missing = missing_tools(TOOLS)
    if missing:
        pytest.skip(f"the emulated Raspberry Pi needs: apt install {' '.join(missing)}")
    return build_image(say)
