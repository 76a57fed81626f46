"""The profile's `rig:` section: what a rig must know of a board and flight software must not.

Read strictly, as the profile itself: what emulates the board, and what `board install` changes.
"""

from typing import Annotated, Literal

import msgspec

from flight_sw.errors import ProfileError
from flight_sw.profile import Profile, Section

Words = tuple[str, ...]


class Install(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the board's own system needs so that the link's UART is ours.

    Args:
        config: lines that config.txt must have below `[all]`.
        console: devices that no kernel console and no login may use.
        mask: units that would hold the port.
        user: who runs the node; `groups` are what it must be in.
    """

    config: Words = ()
    console: Words = ()
    mask: Words = ()
    user: Annotated[str, msgspec.Meta(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = "vanallen"
    groups: Words = ("dialout",)


class RigSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole section.

    Args:
        emulator: what computes when the board is emulated on this machine.
        family: whose tools and files configure the real one.
    """

    emulator: Literal["process", "qemu-pi", "none"] = "none"
    family: Literal["raspberry-pi", "jetson", "generic"] = "generic"
    install: Install = Install()


def rig_section(profile: Profile) -> RigSection:
    """The section of a profile, or what holds where it has none.

    Raises:
        ProfileError: an unknown key or a wrong type.
    """
    if profile.rig is None:
        return RigSection(emulator="process" if profile.emulated is not None else "none")
    try:
        return msgspec.convert(profile.rig, RigSection, strict=True)
    except msgspec.ValidationError as error:
        raise ProfileError(f"board {profile.name}: rig: {error}") from error
