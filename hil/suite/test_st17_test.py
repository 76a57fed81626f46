"""ST[17]: are you alive?"""

import pytest

from hil.ground.reports import Alive
from hil.rig.running import RunningBoard

pytestmark = pytest.mark.needs(feature="commanding")


def test_ping_is_answered_at_work(nominal: RunningBoard) -> None:
    """One ping, one answer."""
    nominal.ground.send("ping").done()
    nominal.ground.expect(Alive)


def test_ping_is_answered_in_safe(safe: RunningBoard) -> None:
    """SAFE always answers."""
    safe.ground.send("ping").done()
    safe.ground.expect(Alive)
