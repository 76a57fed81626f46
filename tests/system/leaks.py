"""What a flight shows the outside: listening sockets, command lines, key bytes in its files."""

import base64
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path

from flight_sw.space_link.keys import KeySet

LISTENING, UNCONNECTED = "0A", "07"  # include/net/tcp_states.h; a UDP socket that is bound is CLOSE
PART_BYTES = 8
TABLES = {"tcp": LISTENING, "tcp6": LISTENING, "udp": UNCONNECTED, "udp6": UNCONNECTED}


def processes_of(folder: Path) -> Iterator[Path]:
    """Below /proc: the processes whose command line names the folder."""
    for entry in Path("/proc").glob("[0-9]*"):
        if str(folder).encode() in _read(entry / "cmdline"):
            yield entry


def shown(process: Path) -> bytes:
    """Command line and environment, which others on the machine may see."""
    return _read(process / "cmdline") + _read(process / "environ")


def listeners(process: Path) -> set[str]:
    """Addresses on which the process takes connections or datagrams."""
    own = _sockets(process)
    found = set()
    for table, state in TABLES.items():
        for line in _read(process / "net" / table).decode().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and fields[9] in own:
                found.add(_address(fields[1].partition(":")[0]))
    return found


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach it."""
    return ip_address(address).is_loopback


def key_forms(keys: KeySet) -> frozenset[bytes]:
    """What to search for: any fifteen bytes in a row of a key hold one of these.

    Parts are taken raw, as hex, as a list of numbers and as Python prints bytes; whole keys as base64.
    """
    secrets = [keys.tc.secret, keys.tm.secret, *([keys.master] if keys.master else [])]
    forms = {
        form
        for secret in secrets
        for at in range(0, len(secret), PART_BYTES)
        for form in _forms(secret[at : at + PART_BYTES])
    }
    for secret in secrets:
        forms |= {base64.b64encode(secret)[:16], base64.urlsafe_b64encode(secret)[:16]}
    return frozenset(forms)


def files_with(forms: Iterable[bytes], files: Iterable[Path]) -> list[str]:
    """Of these files, those in which one of the forms occurs."""
    found = []
    for file in files:
        content = file.read_bytes() if file.is_file() else b""
        if any(form in content for form in forms):
            found.append(str(file))
    return found


def _forms(part: bytes) -> tuple[bytes, ...]:
    return (
        part,
        part.hex().encode(),
        part.hex().upper().encode(),
        part.hex(" ").encode(),
        ", ".join(map(str, part)).encode(),
        ",".join(map(str, part)).encode(),
        repr(part)[2:-1].encode(),
    )


def _sockets(process: Path) -> set[str]:
    """Inode numbers of the sockets that it holds open."""
    found = set()
    try:
        for fd in (process / "fd").iterdir():
            target = str(fd.readlink())
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        return found  # it ended meanwhile
    return found


def _address(text: str) -> str:
    """The kernel prints each 32-bit word in the machine's own order (little-endian on ours)."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    return str(ip_address(b"".join(words)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
