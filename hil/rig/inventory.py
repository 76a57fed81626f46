"""The boards of a rig, from one YAML file: what each is, where it is plugged in, how it gets power.

    boards:
      pi5-01:
        profile: raspberry-pi-5
        port: {by_id: usb-FTDI_FT232R_A50285BI-if00-port0, baud: 921600}
        serial_number: "10000000abcdef01"        # compared with what the board says of itself
        fixtures: [ina219]                       # what is wired to it
        power: {cycle: "uhubctl -l 1-1 -p 2 -a cycle"}
        flash: {command: "vanallen board install --profile raspberry-pi-5 --host pi@{name}"}
        tags: {room: lab2}
        notes: shelf B
      emu-1:
        profile: emulated
        port: {pty: auto}

Read as strictly as a board profile, and to the end: whoever writes an inventory wants every mistake at
once. A board without hardware (`pty: auto`) is an entry like any other.
"""

import zlib
from pathlib import Path

import msgspec

from flight_sw.errors import ProfileError, UserError
from flight_sw.profile import Profile, section_problems
from hil.board_files import find_board, read_board
from hil.rig.board_section import rig_section
from hil.rig.inventory_rules import problems_between
from hil.rig.inventory_sections import BoardSection, InventoryFile, PortSection


class InventoryError(UserError):
    """An inventory cannot be used; one line for each thing that is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class BoardEntry(msgspec.Struct, frozen=True):
    """One board as the rig uses it: its entry, its profile, and where relative files start.

    A private one is made by and for this process alone, so nobody can want its lease.
    """

    name: str
    section: BoardSection
    profile: Profile
    profile_file: Path
    folder: Path
    is_private: bool = False

    @property
    def is_emulated(self) -> bool:
        """Whether the rig starts the board itself."""
        return self.section.port.pty is not None

    @property
    def emulator(self) -> str:
        """What computes when it is emulated: `process`, `qemu-pi`, or `none` for a real board."""
        return rig_section(self.profile).emulator if self.is_emulated else "none"

    @property
    def seed(self) -> int:
        """Start of all chance in an emulated board; by its name if the inventory gives none."""
        given = self.section.seed
        return zlib.crc32(self.name.encode()) if given is None else given

    def matches(self, selector: str) -> bool:
        """Whether `NAME` or `tag=value` means this board."""
        tag, equals, value = selector.partition("=")
        return self.section.tags.get(tag) == value if equals else self.name == selector


def emulated_entry(name: str = "emulated") -> BoardEntry:
    """The emulated board that needs no inventory."""
    section = BoardSection(profile="emulated", port=PortSection(pty="auto"), seed=1)
    profile, file = read_board("emulated"), find_board("emulated")
    return BoardEntry(name, section, profile, file, Path.cwd(), is_private=True)


def read_inventory(path: Path) -> tuple[BoardEntry, ...]:
    """Every board of a file, in its order.

    Raises:
        InventoryError: with every problem as `file:line: field: what`.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise InventoryError([f"{path}: cannot read the inventory: {reason}"]) from error
    data, found = section_problems(text, str(path), InventoryFile)
    if data is None and not found:
        found = [f"{path}:1: boards: no boards; write at least one"]
    if found:
        raise InventoryError(found)
    inventory = msgspec.convert(data, InventoryFile, strict=True)
    found = problems_between(inventory.boards, text, path)
    if found:
        raise InventoryError(found)
    folder = path.absolute().parent
    return tuple(_entry(name, section, folder) for name, section in inventory.boards.items())


def chosen(entries: tuple[BoardEntry, ...], selectors: list[str]) -> tuple[BoardEntry, ...]:
    """The boards that any of the selectors means; all without selectors.

    Raises:
        UserError: a selector means no board.
    """
    for selector in selectors:
        if not any(entry.matches(selector) for entry in entries):
            names = ", ".join(entry.name for entry in entries)
            raise UserError(f"--hil-board {selector}: no such board or tag; there are: {names}")
    if not selectors:
        return entries
    return tuple(one for one in entries if any(one.matches(selector) for selector in selectors))


def _entry(name: str, section: BoardSection, folder: Path) -> BoardEntry:
    file = profile_file(section.profile, folder)
    return BoardEntry(name, section, read_board(str(file)), file, folder)


def profile_file(name: str, folder: Path) -> Path:
    """The profile's file; a file's name counts from the inventory's own folder.

    Raises:
        ProfileError: there is none.
    """
    beside = folder / name
    if beside.is_file():
        return beside
    try:
        return find_board(name)
    except ProfileError as error:
        raise ProfileError(str(error).replace(" (or give a .yaml file)", "")) from error
