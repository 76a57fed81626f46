"""Link keys: the text of a key file to a KeySet and back, never a key byte in any message.

One file serves one board and holds one key per direction, so that telemetry sent back as a
telecommand cannot pass. Reading and writing the file with mode 0600 is in devices.storage.
"""

import hashlib
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Annotated

import msgspec

from flight_sw.errors import KeyFileError

SECRET_BYTES = 32  # AES-256
TEST_KEY_ID = 0xFFFF
FORMAT = "vanallen-keys"
FORMAT_VERSION = 1
_REMEDY = "make a new one with: vanallen keys new"
_SPI = {"tc": 1, "tm": 2}  # CCSDS 355.0-B-2, 4.1.1.2: 0 and 65535 are reserved


@unique
class Direction(Enum):
    """Which way the frames of a key travel."""

    TC = "tc"
    TM = "tm"


@dataclass(frozen=True, slots=True)
class LinkKey:
    """The AES-256 key of one security association; `repr` keeps the secret out."""

    direction: Direction
    spi: int
    board: int
    key_id: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """Both keys of one board."""

    tc: LinkKey
    tm: LinkKey

    @property
    def board(self) -> int:
        """The board that these keys belong to."""
        return self.tc.board

    def require_flight(self) -> None:
        """Refuse the reserved test keys, by id and by content; KeyFileError says what to do."""
        known = {_test_secret(direction) for direction in Direction}
        for key in (self.tc, self.tm):
            if key.key_id == TEST_KEY_ID or key.secret in known:
                raise KeyFileError(
                    f"the {key.direction.value} key is the reserved test key, which a flight "
                    f"profile refuses; {_REMEDY}"
                )


class _KeyRecord(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    direction: Direction
    spi: Annotated[int, msgspec.Meta(ge=1, le=0xFFFE)]
    key_id: Annotated[int, msgspec.Meta(ge=1, le=0xFFFF)]
    key: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    format: str
    version: int
    board: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
    keys: Annotated[list[_KeyRecord], msgspec.Meta(min_length=2, max_length=2)]


def parse_keys(text: str, origin: str) -> KeySet:
    """The KeySet in the text of a key file; KeyFileError names `origin` (the path) and field."""
    try:
        content = msgspec.json.decode(text.encode(), type=_KeyFile)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise KeyFileError(f"{origin}: {_reason(error)}; {_REMEDY}") from None
    if content.format != FORMAT or content.version != FORMAT_VERSION:
        raise KeyFileError(f"{origin}: not a {FORMAT} file of version {FORMAT_VERSION}; {_REMEDY}")
    found = {
        record.direction: LinkKey(
            record.direction, record.spi, content.board, record.key_id, bytes.fromhex(record.key)
        )
        for record in content.keys
    }
    if len(found) != len(Direction):
        raise KeyFileError(f"{origin}: needs one tc key and one tm key; {_REMEDY}")
    tc, tm = found[Direction.TC], found[Direction.TM]
    if tc.spi == tm.spi or tc.secret == tm.secret:
        raise KeyFileError(f"{origin}: tc and tm must differ in spi and key; {_REMEDY}")
    if not any(tc.secret) or not any(tm.secret):
        raise KeyFileError(f"{origin}: a key of zeros is no key; {_REMEDY}")
    return KeySet(tc, tm)


def format_keys(keys: KeySet) -> str:
    """The text of a key file; the one place where key bytes are written out."""
    records = [
        _KeyRecord(key.direction, key.spi, key.key_id, key.secret.hex())
        for key in (keys.tc, keys.tm)
    ]
    content = _KeyFile(FORMAT, FORMAT_VERSION, keys.board, records)
    return msgspec.json.format(msgspec.json.encode(content).decode(), indent=2) + "\n"


def new_keys(board: int, random_bytes: bytes, key_id: int = 1) -> KeySet:
    """Keys from 64 random bytes that the caller drew from the operating system."""
    if len(random_bytes) != 2 * SECRET_BYTES:
        raise ValueError(f"two keys need {2 * SECRET_BYTES} random bytes, not {len(random_bytes)}")
    return _key_set(board, key_id, random_bytes[:SECRET_BYTES], random_bytes[SECRET_BYTES:])


def reserved_test_keys(board: int = 0) -> KeySet:
    """The published keys of emulator and tests: they protect nothing and flight refuses them."""
    secrets = (_test_secret(Direction.TC), _test_secret(Direction.TM))
    return _key_set(board, TEST_KEY_ID, *secrets)


def _key_set(board: int, key_id: int, tc_secret: bytes, tm_secret: bytes) -> KeySet:
    return KeySet(
        LinkKey(Direction.TC, _SPI["tc"], board, key_id, tc_secret),
        LinkKey(Direction.TM, _SPI["tm"], board, key_id, tm_secret),
    )


def _test_secret(direction: Direction) -> bytes:
    return hashlib.sha256(b"van allen public test key " + direction.value.encode()).digest()


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return str(error).replace("$.", "")
    return "not the JSON of a key file"
