"""The golden copy of a model's weights on storage: compressed, cut into shards, with shards of parity.

Any PARITY of the shards may be lost or damaged: each carries its own CRC, and the whole is checked
against the manifest's SHA-256 before a byte of it is believed. The erasure code comes in from outside,
because this package may not know the native core.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flight_sw.inference.live_files import LoadError
from flight_sw.inference.manifest import Manifest, sha256_hex
from flight_sw.inference.worker_messages import LoadFailure

DATA, PARITY = 8, 3
FOLDER = "golden"
_LEVEL = 6
_ALIGN = 64
_HEAD = struct.Struct("<IIQ")  # CRC-32 of what follows, number of the shard, compressed length


class ErasureCode(Protocol):
    """What is needed of a code: `radiation.native` has both."""

    def encode(self, data: Sequence[bytearray], parity: Sequence[bytearray]) -> None:
        """Fill the parity shards."""

    def rebuild(self, shards: Sequence[bytearray], present: Sequence[bool], data: int) -> None:
        """Fill the shards that are not present; ValueError if too few are."""


@dataclass(frozen=True, slots=True)
class GoldenCopy:
    """The shards below one part of a compiled model."""

    part: Path
    code: ErasureCode

    @property
    def exists(self) -> bool:
        """Whether shards have been written."""
        return any(self._shard(number).is_file() for number in range(DATA + PARITY))

    @property
    def damaged(self) -> tuple[int, ...]:
        """Shards that are not there or not whole; all of them before the first `mend`."""
        return tuple(n for n in range(DATA + PARITY) if not self.is_whole(n))

    def _write(self, weights: bytes, numbers: Iterable[int]) -> None:
        packed = zlib.compress(weights, _LEVEL)
        size = -(-len(packed) // (DATA * _ALIGN)) * _ALIGN
        padded = packed.ljust(DATA * size, b"\0")
        shards = [bytearray(padded[i * size : (i + 1) * size]) for i in range(DATA)]
        parity = [bytearray(size) for _ in range(PARITY)]
        self.code.encode(shards, parity)
        (self.part / FOLDER).mkdir(exist_ok=True)
        every = (*shards, *parity)
        for number in numbers:
            body = _HEAD.pack(0, number, len(packed))[4:] + every[number]
            self._shard(number).write_bytes(zlib.crc32(body).to_bytes(4, "little") + body)

    def is_whole(self, number: int) -> bool:
        """Whether a shard is as it was written."""
        return self._read_shard(number) is not None

    def mend(self, weights: bytes) -> int:
        """Write anew the shards that are not whole, from verified weights; how many."""
        damaged = self.damaged
        if damaged:
            self._write(weights, damaged)
        return len(damaged)

    def read(self, manifest: Manifest) -> bytes:
        """The weights, rebuilt where shards are damaged.

        Raises:
            LoadError: too few shards are left, or what comes out is not what the manifest names.
        """
        found = {n: body for n in range(DATA + PARITY) if (body := self._read_shard(n)) is not None}
        if len(found) < DATA:
            raise LoadError(
                LoadFailure.FILES, f"{self.part / FOLDER}: {len(found)} of {DATA} shards are left"
            )
        length, first = next(iter(found.values()))
        present = [n in found and len(found[n][1]) == len(first) for n in range(DATA + PARITY)]
        shards = [found[n][1] if present[n] else bytearray(len(first)) for n in range(len(present))]
        try:
            self.code.rebuild(shards, present, DATA)
            packed = b"".join(shards[:DATA])[:length]
            weights = zlib.decompressobj().decompress(packed, manifest.total_bytes + 1)
        except (ValueError, zlib.error) as error:
            raise LoadError(LoadFailure.FILES, f"{self.part / FOLDER}: {error}") from error
        if sha256_hex(weights) != manifest.weights_sha256:
            raise LoadError(LoadFailure.DIGEST, f"{self.part / FOLDER}: not the manifest's weights")
        return weights

    def _read_shard(self, number: int) -> tuple[int, bytearray] | None:
        try:
            data = self._shard(number).read_bytes()
        except OSError:
            return None
        if len(data) <= _HEAD.size:
            return None
        crc, own_number, length = _HEAD.unpack_from(data)
        if own_number != number or crc != zlib.crc32(data[4:]):
            return None
        return length, bytearray(data[_HEAD.size :])

    def _shard(self, number: int) -> Path:
        return self.part / FOLDER / f"{number:02d}.shard"
