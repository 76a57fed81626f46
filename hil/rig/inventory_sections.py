"""What an inventory of boards may hold, key by key; `inventory` reads it."""

from typing import Annotated, Literal

import msgspec

from flight_sw.profile import Section

Words = tuple[str, ...]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class PortSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the board is plugged in: exactly one of the names, for `baud` the profile's if None.

    Args:
        by_id, by_path: a name in /dev/serial/by-id or by-path.
        path: any other device that keeps its name, such as /dev/ttyAMA0.
        url: `socket://host:port`; for the space link also `tcp://` and `udp://`.
        pty: `auto` for a board that is emulated on this machine.
        labgrid: a file written by `labgrid-client export --format json`.
        console: which of several consoles in that file.
    """

    by_id: str | None = None
    by_path: str | None = None
    path: str | None = None
    url: str | None = None
    pty: Literal["auto"] | None = None
    labgrid: str | None = None
    console: str | None = None
    baud: Annotated[int, msgspec.Meta(ge=1200, le=4_000_000)] | None = None


class PowerSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Commands that switch the supply: `cycle` alone, or `switch_off` and `switch_on` with a pause.

    (YAML reads a bare `on` or `off` as a truth value, so the keys are longer.)
    """

    cycle: str | None = None
    switch_off: str | None = None
    switch_on: str | None = None
    off_s: Seconds = 3.0
    timeout_s: Seconds = 60.0


class FlashSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How our software gets onto the board; `check` prints the version that is there."""

    command: str
    check: str | None = None
    timeout_s: Seconds = 600.0


class BoardSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One board.

    Args:
        profile: a shipped profile's name, or a file.
        link: what its port carries: the board link, with the controller on this machine, or the
            space link of a board that runs both; then `keys` names the key file.
        serial_number: what the board must say of itself.
        fixtures: what is wired to it, by names of your own; tests ask for them.
        seed: of an emulated board: start of its chance, and its serial number follows from it.
    """

    profile: str
    port: PortSection
    link: Literal["board", "space"] = "board"
    keys: str | None = None
    serial_number: str | None = None
    fixtures: Words = ()
    power: PowerSection | None = None
    flash: FlashSection | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    notes: str = ""
    seed: Annotated[int, msgspec.Meta(ge=0)] | None = None


class InventoryFile(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    boards: dict[str, BoardSection]
