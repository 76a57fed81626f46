"""Every single flip of a protected page, driven through Python."""

from flight_sw.radiation import native
from flight_sw.radiation.outcome import PageEvent, PageOutcome
from flight_sw.radiation.self_test import pattern


def test_every_single_flip_is_put_right(isa):
    """All 36,864 data and check bits and the 32 CRC bits: found, named rightly, restored."""
    data, check, crc = (native.aligned_bytes(n) for n in (4096, 512, 4))
    golden = pattern(4096)
    data[:] = golden
    pages = native.PageSet(data, check, crc)
    pages.encode(0, 1)
    golden_check, golden_crc = check[:], crc[:]
    places = (
        (data, PageOutcome.CORRECTED),
        (check, PageOutcome.CHECK_REPAIRED),
        (crc, PageOutcome.CHECK_REPAIRED),
    )
    # the whole set once, on the fastest level; test_page sweeps all of them on every level
    stride = 1 if isa is native.supported_isas()[-1] else 13
    for memory, outcome in places:
        for bit in range(0, 8 * (4 if memory is crc else len(memory)), stride):
            memory[bit // 8] ^= 1 << bit % 8
            assert pages.scrub(0, 1) == [PageEvent(0, outcome, 1)]
    assert (data[:], check[:], crc[:]) == (golden, golden_check, golden_crc)
