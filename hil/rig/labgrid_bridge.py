"""Ports from a labgrid place, by its exported file: no import of labgrid, which replaces pyserial.

`labgrid-client -p PLACE export --format json FILE` writes names like LG__CONSOLE_HOST, one group for
each driver; a network serial port is then a plain TCP stream, which pyserial opens by itself. The
place stays acquired for as long as that command runs, so labgrid's own locking holds.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from flight_sw.errors import UserError

PREFIX, HOST, PORT, PROTOCOL, SPEED = "LG__", "_HOST", "_PORT", "_PROTOCOL", "_SPEED"
RAW = "raw"


@dataclass(frozen=True, slots=True)
class Console:
    """One network serial port; `baud` is what the exporter set, None if it does not say."""

    name: str
    url: str
    baud: int | None


@dataclass(frozen=True, slots=True)
class Consoles:
    """All of a file."""

    source: str
    found: tuple[Console, ...]

    def pick(self, name: str | None) -> Console:
        """The console of this name, or the only one.

        Raises:
            UserError: none, or several and no name.
        """
        names = ", ".join(one.name for one in self.found)
        if name is None:
            if len(self.found) == 1:
                return self.found[0]
            raise UserError(
                f"{self.source}: has several consoles; name one with `console`: {names}"
            )
        for one in self.found:
            if one.name == name.upper():
                return one
        raise UserError(f"{self.source}: no console {name}; there are: {names}")


def read_consoles(path: Path) -> Consoles:
    """The consoles of an exported file.

    Raises:
        UserError: unreadable, not such a file, or a protocol that a plain stream does not speak.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not JSON"
        raise UserError(f"{path}: {reason}; write it with `labgrid-client export`") from error
    values = data if isinstance(data, dict) else {}
    names = [key[len(PREFIX) : -len(HOST)] for key in values if _is_host(key)]
    if not names:
        raise UserError(f"{path}: no {PREFIX}<NAME>{HOST} in it; is it a labgrid export?")
    return Consoles(str(path), tuple(_console(str(path), name, values) for name in names))


def _is_host(key: object) -> bool:
    return isinstance(key, str) and key.startswith(PREFIX) and key.endswith(HOST)


def _console(source: str, name: str, values: dict[str, object]) -> Console:
    def value(what: str) -> str:
        return str(values.get(f"{PREFIX}{name}{what}") or "")

    protocol, port, speed = value(PROTOCOL) or RAW, value(PORT), value(SPEED)
    if protocol != RAW:
        raise UserError(
            f"{source}: {name} speaks {protocol}; export it as a raw stream (protocol: raw)"
        )
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UserError(f"{source}: {PREFIX}{name}{PORT}: not a port number: {port or 'missing'}")
    baud = int(speed) if speed.isdecimal() else None
    return Console(name, f"socket://{value(HOST)}:{port}", baud)
