"""The protection core in NumPy and plain Python, from the definitions: the oracle of the tests."""

import numpy as np
from numpy.typing import NDArray

SEEDS = (0x07, 0x0B, 0x13, 0x23, 0x43, 0x15, 0x25, 0x1F)


def crc32c(data: bytes, seed: int = 0) -> int:
    """CRC-32C bit by bit (RFC 3720 B.4)."""
    crc = seed ^ 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def vote(
    a: NDArray[np.uint8], b: NDArray[np.uint8], c: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], tuple[int, int, int]]:
    """Bitwise majority and the outvoted bits of each replica."""
    voted = (a & b) | (a & c) | (b & c)
    return voted, tuple(int(np.bitwise_count(x ^ voted).sum()) for x in (a, b, c))


def h_columns() -> list[int]:
    """The 64 columns of the quasi-cyclic Hsiao matrix: eight rotations of each seed."""
    return [(seed << k | seed >> (8 - k)) & 0xFF for seed in SEEDS for k in range(8)]


def check_lines(page: bytes) -> bytes:
    """The eight check lines of a 4,096-byte page."""
    rows = np.frombuffer(page, np.uint8).reshape(64, 64)
    columns = np.array(h_columns())
    return b"".join(
        np.bitwise_xor.reduce(rows[(columns >> j & 1).astype(bool)], axis=0).tobytes()
        for j in range(8)
    )
