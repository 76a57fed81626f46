"""Link keys: the text of a key file to a KeySet and back, never a key byte in any message.

One file serves one board and holds one key per direction, so that telemetry sent back as a
telecommand cannot pass, and the master key, which only ever wraps the keys that follow (key_wrap).
Reading and writing the file with mode 0600 is in devices.storage.
"""

import hashlib
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Annotated
from zlib import crc32

import msgspec

from flight_sw.errors import KeyFileError

SECRET_BYTES = 32  # AES-256
TEST_KEY_ID = 0xFFFF
FORMAT = "vanallen-keys"
FORMAT_VERSION = 1
_REMEDY = "make a new one with: vanallen keys new"
# CCSDS 355.0-B-2, 4.1.1.2: 0 and 65535 are reserved. A key change takes the first pair that is free.
_SPI_PAIRS = ((1, 2), (3, 4), (5, 6))


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
    """Both keys of one board; without a master key they cannot be changed over the link."""

    tc: LinkKey
    tm: LinkKey
    master: bytes | None = field(default=None, repr=False)

    @property
    def board(self) -> int:
        """The board that these keys belong to."""
        return self.tc.board

    def require_flight(self) -> None:
        """Refuse the reserved test keys, by id and by content; KeyFileError says what to do."""
        for key in (self.tc, self.tm):
            if key.key_id == TEST_KEY_ID or key.secret in _test_secrets():
                raise KeyFileError(
                    f"the {key.direction.value} key is the reserved test key, which a flight "
                    f"profile refuses; {_REMEDY}"
                )
        if self.master in _test_secrets():
            raise KeyFileError(f"the master key is the reserved test key; {_REMEDY}")

    def require_sound(self) -> None:
        """Refuse keys that are zero or equal to one another; KeyFileError says which."""
        secrets = [self.tc.secret, self.tm.secret, *([self.master] if self.master else [])]
        if self.tc.spi == self.tm.spi or len(set(secrets)) < len(secrets):
            raise KeyFileError(f"tc, tm and master must differ in spi and key; {_REMEDY}")
        if not all(any(secret) for secret in secrets):
            raise KeyFileError(f"a key of zeros is no key; {_REMEDY}")


_Secret = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]


class _KeyRecord(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    direction: Direction
    spi: Annotated[int, msgspec.Meta(ge=1, le=0xFFFE)]
    key_id: Annotated[int, msgspec.Meta(ge=1, le=0xFFFF)]
    key: _Secret


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    format: str
    version: int
    board: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
    keys: Annotated[list[_KeyRecord], msgspec.Meta(min_length=2, max_length=2)]
    master: _Secret | None = None
    check: str | None = None  # CRC-32 over the rest; files of version 1 made before have none


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
    master = None if content.master is None else bytes.fromhex(content.master)
    keys = KeySet(found[Direction.TC], found[Direction.TM], master)
    try:
        keys.require_sound()
    except KeyFileError as error:
        raise KeyFileError(f"{origin}: {error}") from None
    if content.check not in (None, _check(content)):
        raise KeyFileError(f"{origin}: damaged, its check sum is wrong; {_REMEDY}")
    return keys


def format_keys(keys: KeySet) -> str:
    """The text of a key file; the one place where key bytes are written out."""
    records = [
        _KeyRecord(key.direction, key.spi, key.key_id, key.secret.hex())
        for key in (keys.tc, keys.tm)
    ]
    master = None if keys.master is None else keys.master.hex()
    content = _KeyFile(FORMAT, FORMAT_VERSION, keys.board, records, master)
    content = msgspec.structs.replace(content, check=_check(content))
    return msgspec.json.format(msgspec.json.encode(content).decode(), indent=2) + "\n"


def new_keys(board: int, random_bytes: bytes, key_id: int = 1) -> KeySet:
    """Keys from random bytes that the caller drew from the operating system.

    64 make both keys, 96 the master key as well.
    """
    if len(random_bytes) not in (2 * SECRET_BYTES, 3 * SECRET_BYTES):
        raise ValueError(
            f"keys need {3 * SECRET_BYTES} or {2 * SECRET_BYTES} random bytes, "
            f"not {len(random_bytes)}"
        )
    tc, tm, master = (random_bytes[at : at + SECRET_BYTES] for at in range(0, 96, SECRET_BYTES))
    return _key_set(_SPI_PAIRS[0], board, key_id, (tc, tm, master or None))


def next_keys(active: KeySet, random_bytes: bytes, key_id: int) -> KeySet:
    """Keys to follow the active ones, from 64 random bytes: other SPIs, the same master key."""
    if len(random_bytes) != 2 * SECRET_BYTES:
        raise ValueError(f"two keys need {2 * SECRET_BYTES} random bytes, not {len(random_bytes)}")
    tc, tm = random_bytes[:SECRET_BYTES], random_bytes[SECRET_BYTES:]
    return _key_set(next_spis(active), active.board, key_id, (tc, tm, active.master))


def next_spis(active: KeySet) -> tuple[int, int]:
    """The SPIs of tc and tm that the keys after these must have."""
    taken = {active.tc.spi, active.tm.spi}
    return next(pair for pair in _SPI_PAIRS if not taken & set(pair))


def reserved_test_keys(board: int = 0) -> KeySet:
    """The published keys of emulator and tests: they protect nothing and flight refuses them."""
    secrets = (_test_secret("tc"), _test_secret("tm"), _test_secret("master"))
    return _key_set(_SPI_PAIRS[0], board, TEST_KEY_ID, secrets)


def _check(content: _KeyFile) -> str:
    """One rotten bit of a key would make it another key, and the payload deaf without a reason."""
    whole = msgspec.structs.replace(content, check=None)
    return f"{crc32(msgspec.json.encode(whole).lower()):08x}"


def _key_set(
    spis: tuple[int, int], board: int, key_id: int, secrets: tuple[bytes, bytes, bytes | None]
) -> KeySet:
    tc, tm, master = secrets
    return KeySet(
        LinkKey(Direction.TC, spis[0], board, key_id, tc),
        LinkKey(Direction.TM, spis[1], board, key_id, tm),
        master,
    )


def _test_secrets() -> frozenset[bytes]:
    return frozenset(_test_secret(word) for word in ("tc", "tm", "master"))


def _test_secret(word: str) -> bytes:
    return hashlib.sha256(b"van allen public test key " + word.encode()).digest()


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return str(error).replace("$.", "")
    return "not the JSON of a key file"
