"""The card of the emulated Raspberry Pi: the same bytes from the same input."""

import hashlib
import shutil

import pytest

from hil.rig.qemu_pi.image import build
from hil.rig.qemu_pi.process import image_folder
from tests.qemu.flight import say

pytestmark = [pytest.mark.qemu, pytest.mark.long]


def test_the_same_input_gives_the_same_card(card, tmp_path):
    """Built again from the same kernel, base system and wheels, the card has the same bytes."""
    kept = shutil.ignore_patterns("sd.*", "models", "building-*", "lock")
    shutil.copytree(image_folder(), tmp_path / "again", ignore=kept, symlinks=True)
    again = build(tmp_path / "again", say)
    digests = {hashlib.sha256(one.card.read_bytes()).hexdigest() for one in (card, again)}
    assert len(digests) == 1
