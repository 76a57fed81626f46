"""Known-answer test of the protection core, callable in flight: does the protector itself still work?

The C core tests itself, its tables included; the checks here go through the Python face as flight code
does: a known error goes into scratch memory and the repair is compared with the known answer.
"""

from collections.abc import Callable
from typing import Final

from flight_sw.radiation import native
from flight_sw.radiation.native import CHECK_BYTES, PAGE_BYTES
from flight_sw.radiation.outcome import PageEvent, PageOutcome

CRC32C_CHECK: Final = 0xE3069283  # CRC-32C of "123456789", RFC 3720 B.4
PATTERN_PAGE_CRC: Final = 0xAFEC8DAB  # CRC-32C, seed 0, of the 4,096 bytes 7 * i mod 251


def run() -> tuple[str, ...]:
    """Names of the checks that failed; empty when the core works."""
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("face-crc32c", _crc32c_works),
        ("face-tmr", _tmr_works),
        ("face-pages", _pages_work),
    )
    return native.self_test() + tuple(name for name, works in checks if not works())


def pattern(length: int) -> bytes:
    """Fixed bytes for known answers: 7 * i mod 251."""
    period = bytes(7 * i % 251 for i in range(251))
    return (period * (length // 251 + 1))[:length]


def _crc32c_works() -> bool:
    page_crc = native.crc32c(pattern(PAGE_BYTES))
    return native.crc32c(b"123456789") == CRC32C_CHECK and page_crc == PATTERN_PAGE_CRC


def _tmr_works() -> bool:
    value = pattern(1100)  # two whole blocks and an odd tail
    one, two = bytearray(value), bytearray(value)
    three = bytearray(byte ^ 0xFF for byte in value)
    one[3] ^= 0x01
    two[700] ^= 0x82
    three[1099] ^= 0x40
    report = native.tmr_scrub(one, two, three, inverted=True)
    mended = bytes(one) == bytes(two) == bytes(byte ^ 0xFF for byte in three) == value
    return mended and report.miscompares == (1, 2, 1)


def _pages_work() -> bool:
    data, check = native.aligned_bytes(2 * PAGE_BYTES), native.aligned_bytes(2 * CHECK_BYTES)
    crc = native.aligned_bytes(8)
    golden = pattern(2 * PAGE_BYTES)
    data[:] = golden
    pages = native.PageSet(data, check, crc)
    pages.encode(0, 2)
    data[5000] ^= 0x10
    mended = pages.scrub(0, 2) == [PageEvent(1, PageOutcome.CORRECTED, 1)] and data[:] == golden
    data[64] ^= 0x01
    data[128] ^= 0x01  # two rows of one column: must be seen and left alone
    undone = pages.scrub(0, 2) == [PageEvent(0, PageOutcome.UNCORRECTABLE, 0)]
    return mended and undone and data[64] == golden[64] ^ 0x01
