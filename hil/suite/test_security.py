"""Link security: nothing passes that is not ours, unchanged, and new."""

import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.link_profile import link_settings
from flight_sw.space_link.keys import new_keys
from flight_sw.space_link.link import TcSender
from flight_sw.space_link.packet import Telecommand
from hil.rig.running import RunningBoard
from hil.suite.asking import event, refused

pytestmark = pytest.mark.needs(feature="commanding")


class Eavesdropper:
    """Hears what goes up, as anybody with an antenna can."""

    def __init__(self) -> None:
        self.heard = b""

    def __call__(self, way: str, data: bytes) -> None:
        """Keep the uplink."""
        if way == "up":
            self.heard += data


def accepted(rig: RunningBoard) -> int:
    """Telecommands accepted so far."""
    return int(rig.housekeeping(2).values["tc_accepted"])


def captured_ping(rig: RunningBoard) -> bytes:
    """The bytes of one telecommand on the line."""
    ear = Eavesdropper()
    with rig.overheard(ear):
        rig.ground.send("ping").done()
    return ear.heard


def test_replayed_telecommand_is_refused(nominal: RunningBoard) -> None:
    """The very bytes of a telecommand, sent again, are refused and counted."""
    frame = captured_ping(nominal)
    before = accepted(nominal)
    nominal.ground.inject(frame)
    told = event(nominal.ground, "frames-refused", nominal.within(5.0))
    assert told.values["count"] >= 1
    assert accepted(nominal) == before + 1  # the request for the sample itself


@pytest.mark.parametrize("where", [0.4, 0.6, 0.8])
def test_changed_telecommand_is_refused(nominal: RunningBoard, where: float) -> None:
    """One byte changed anywhere in a frame: it does not pass."""
    frame = bytearray(captured_ping(nominal))
    before = accepted(nominal)
    frame[int(where * len(frame))] ^= 0xFF
    nominal.ground.inject(bytes(frame))
    nominal.until(lambda: False, 0.4)
    assert accepted(nominal) == before + 1
    nominal.ground.send("ping").done()


def test_telecommand_under_a_foreign_key_is_refused(nominal: RunningBoard) -> None:
    """A well-formed telecommand of somebody else's keys does nothing."""
    profile = nominal.entry.profile
    stranger = TcSender(
        new_keys(profile.spacecraft.id, bytes(range(64))).tc, link_settings(profile), 256
    )
    stranger.security.ceiling_confirmed(1_000_000)
    before = accepted(nominal)
    nominal.ground.inject(stranger.encode(Telecommand(profile.spacecraft.apid, 0, 17, 1, b"")))
    event(nominal.ground, "frames-refused", nominal.within(5.0))
    assert accepted(nominal) == before + 1


def test_arming_holds_for_just_its_arguments(nominal: RunningBoard) -> None:
    """Armed for one slot, another is not deleted; and the mistake disarms."""
    nominal.ground.arm("delete-file", slot=1).done()
    refused(nominal.ground.send("delete-file", slot=2), Reason.NOT_ARMED)
    refused(nominal.ground.send("delete-file", slot=1), Reason.NOT_ARMED)


@pytest.mark.needs(feature="controller")
def test_replay_is_refused_after_a_restart(nominal: RunningBoard) -> None:
    """A captured telecommand is as worthless after a reboot as before."""
    frame = captured_ping(nominal)
    nominal.restart_controller(kill=True)
    before = accepted(nominal)
    nominal.ground.inject(frame)
    nominal.until(lambda: False, 0.4)
    assert accepted(nominal) == before + 1
