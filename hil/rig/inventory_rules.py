"""What must hold between the values of an inventory, each breach with its line.

A port whose name moves, a port or serial number given twice, a real port for an emulated board: all of
these would test the wrong board, and say so to nobody.
"""

import re
import shlex
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flight_sw.errors import ProfileError, UserError
from flight_sw.profile import Profile, line_of
from hil.board_files import find_board, read_board
from hil.rig.board_section import rig_section
from hil.rig.inventory_sections import BoardSection, PortSection
from hil.rig.labgrid_bridge import read_consoles

KINDS = ("by_id", "by_path", "path", "url", "pty", "labgrid")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
UNSTABLE = re.compile(r"/dev/tty(USB|ACM)\d+")
BOARD_URLS, SPACE_URLS = ("socket://",), ("socket://", "tcp://", "udp://")
WORDS = frozenset({"name", "port", "serial_number", "profile"})  # that a hook may name in braces
NEVER_TWICE = "two boards cannot share it"


@dataclass(slots=True)
class _Look:
    """One inventory while it is looked at; `at` gives the place of a field."""

    text: str
    path: Path
    ports: dict[str, str] = field(default_factory=dict)
    serials: dict[str, str] = field(default_factory=dict)

    def at(self, board: str, *keys: str) -> str:
        line = line_of(self.text, ["boards", board, *keys])
        return f"{self.path}:{line}: {'.'.join(['boards', board, *keys])}"


def problems_between(boards: Mapping[str, BoardSection], text: str, path: Path) -> list[str]:
    """Every breach, as `file:line: field: what to do`; empty for a sound inventory."""
    if not boards:
        line = line_of(text, ["boards"])
        return [f"{path}:{line}: boards: no board in it; name at least one"]
    look = _Look(text, path)
    return [one for name, board in boards.items() for one in _board(look, name, board)]


def port_name(port: PortSection) -> str:
    """The port as a person would name it; empty for an emulated board's."""
    if port.by_id is not None:
        return f"/dev/serial/by-id/{port.by_id}"
    if port.by_path is not None:
        return f"/dev/serial/by-path/{port.by_path}"
    if port.labgrid is not None:
        return f"{port.labgrid}#{port.console or ''}"
    return port.path or port.url or ""


def _board(look: _Look, name: str, board: BoardSection) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield f"{look.at(name)}: a name is letters, digits, `-`, `_` and `.`"
    profile = None
    try:
        profile = _profile(board, look.path.absolute().parent)
    except ProfileError as error:
        yield f"{look.at(name, 'profile')}: {error}"
    yield from _port(look, name, board)
    if profile is not None:
        yield from _kind(look, name, board, profile)
    yield from _twice(look, name, board)
    yield from _hooks(look, name, board)


def _profile(board: BoardSection, folder: Path) -> Profile:
    beside = folder / board.profile
    return read_board(str(beside if beside.is_file() else find_board(board.profile)))


def _port(look: _Look, name: str, board: BoardSection) -> Iterator[str]:
    port, place = board.port, look.at(name, "port")
    given = [kind for kind in KINDS if getattr(port, kind) is not None]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        yield f"{place}: name one of {', '.join(KINDS)}; found {found}"
        return
    if port.path is not None and UNSTABLE.fullmatch(port.path):
        yield (
            f"{look.at(name, 'port', 'path')}: {port.path} is whoever came first after boot; "
            "give by_id or by_path (`vanallen board list` shows them)"
        )
    elif port.path is not None and not port.path.startswith("/"):
        yield f"{look.at(name, 'port', 'path')}: {port.path}: give the whole path, from /"
    urls = SPACE_URLS if board.link == "space" else BOARD_URLS
    if port.url is not None and not port.url.startswith(urls):
        yield f"{look.at(name, 'port', 'url')}: {port.url}: write {' or '.join(urls)}HOST:PORT"
    if port.labgrid is not None:
        yield from _labgrid(look, name, port)


def _labgrid(look: _Look, name: str, port: PortSection) -> Iterator[str]:
    try:
        read_consoles(look.path.absolute().parent / str(port.labgrid)).pick(port.console)
    except UserError as error:
        yield f"{look.at(name, 'port', 'labgrid')}: {error}"


def _kind(look: _Look, name: str, board: BoardSection, profile: Profile) -> Iterator[str]:
    can_emulate = rig_section(profile).emulator != "none"
    if board.port.pty is not None and not can_emulate:
        yield (
            f"{look.at(name, 'port', 'pty')}: nothing emulates {profile.name}; give its real port, "
            "or the profile emulated or qemu-raspberry-pi-3"
        )
    if board.port.pty is None and can_emulate:
        yield f"{look.at(name, 'port')}: {profile.name} is emulated here: write {{pty: auto}}"
    if board.link == "space" and board.keys is None:
        yield f"{look.at(name, 'link')}: a space link needs `keys`, the payload's key file"
    if board.link == "space" and board.port.pty is not None:
        yield f"{look.at(name, 'link')}: an emulated board has its controller here: leave it out"


def _twice(look: _Look, name: str, board: BoardSection) -> Iterator[str]:
    port = port_name(board.port)
    other = look.ports.setdefault(port, name) if port else name
    if other != name:
        yield f"{look.at(name, 'port')}: {port} is the port of {other} already; {NEVER_TWICE}"
    serial = board.serial_number
    other = name if serial is None else look.serials.setdefault(serial, name)
    if other != name:
        place = look.at(name, "serial_number")
        yield f"{place}: {serial} is the serial number of {other} already; {NEVER_TWICE}"


def _hooks(look: _Look, name: str, board: BoardSection) -> Iterator[str]:
    power, flash = board.power, board.flash
    keys = ("cycle", "switch_off", "switch_on")
    commands = [("power", key, getattr(power, key, None)) for key in keys]
    commands += [("flash", key, getattr(flash, key, None)) for key in ("command", "check")]
    if power is not None and power.cycle is None and not (power.switch_off and power.switch_on):
        yield f"{look.at(name, 'power')}: give `cycle`, or both `switch_off` and `switch_on`"
    for group, key, command in commands:
        why = None if command is None else _hook_problem(command)
        if why:
            yield f"{look.at(name, group, key)}: {why}"


def _hook_problem(command: str) -> str | None:
    try:
        words = shlex.split(command)
        named = {name for _, name, _, _ in string.Formatter().parse(command) if name is not None}
    except ValueError as error:
        return f"not a command line: {error}"
    if not words:
        return "an empty command"
    if named - WORDS:
        return f"{{{min(named - WORDS)}}} is unknown; there are {{{'}, {'.join(sorted(WORDS))}}}"
    return None
