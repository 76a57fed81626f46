"""The controller notices that its profile was changed in memory, and asks to be started anew."""

import ctypes
from pathlib import Path

import msgspec

from flight_sw.own_profile import CHECK_PERIOD_S, OwnProfile
from flight_sw.profile import Profile, parse_profile

FLOAT_AT = 16  # of a CPython float: its value follows count and type


def own_profile() -> Profile:
    """The emulated board's profile, with numbers that nobody else holds."""
    path = Path("boards/emulated.yaml")
    bare = msgspec.structs.replace(parse_profile(path.read_text("utf-8"), str(path)), emulated=None)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(bare), type=Profile)


def test_a_flipped_limit_is_told_once_within_a_minute() -> None:
    """One bit of one number is seen at the next look, and said a single time."""
    profile = own_profile()
    own = OwnProfile(profile)
    assert not own.is_damaged(0.0)
    ctypes.c_uint8.from_address(id(profile.thermal.soft_limit_c) + FLOAT_AT).value ^= 1
    assert not own.is_damaged(CHECK_PERIOD_S / 2)
    assert own.is_damaged(CHECK_PERIOD_S)
    assert not own.is_damaged(3 * CHECK_PERIOD_S)
    ctypes.c_uint8.from_address(id(profile.thermal.soft_limit_c) + FLOAT_AT).value ^= 1


def test_a_whole_profile_is_left_alone() -> None:
    """Looks at an unharmed profile find nothing, ever."""
    own = OwnProfile(own_profile())
    assert not any(own.is_damaged(now * CHECK_PERIOD_S) for now in range(5))
