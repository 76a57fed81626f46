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


def word_check(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """One check byte for each word: bit i of a word adds column i of the matrix."""
    check = np.zeros(words.size, np.uint8)
    for bit, column in enumerate(h_columns()):
        check ^= ((words >> np.uint64(bit)) & np.uint64(1)).astype(np.uint8) * np.uint8(column)
    return check


def gf_product(a: int, b: int, polynomial: int = 0x11D) -> int:
    """Product in GF(256), shift and add."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (polynomial if a & 0x80 else 0)
        b >>= 1
    return product


def gf_scale(factor: int, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A whole array times a constant."""
    return np.array([gf_product(factor, byte) for byte in range(256)], np.uint8)[data]


def parity_pages(pages: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """P, the XOR of the pages, and Q, the sum of 2^i times page i."""
    q, weight = np.zeros(pages.shape[1], np.uint8), 1
    for page in pages:
        q ^= gf_scale(weight, page)
        weight = gf_product(weight, 2)
    return np.bitwise_xor.reduce(pages, axis=0), q


def storage_parity(data: list[NDArray[np.uint8]], row: int) -> NDArray[np.uint8]:
    """Parity shard `row` of the Cauchy code: shard s counts 1 / ((255 - row) + s)."""
    total = np.zeros(data[0].size, np.uint8)
    for s, shard in enumerate(data):
        divisor = (255 - row) ^ s
        factor = next(x for x in range(1, 256) if gf_product(x, divisor) == 1)
        total ^= gf_scale(factor, shard)
    return total
