"""Exact figures, bounds and words of the protection layer, where a slip by one would pass unseen."""

import re

import pytest

from flight_sw.radiation import boot_guard, heartbeat, native, outcome, protected, self_test
from flight_sw.radiation.boot_guard import BootPlan, BootState, on_boot
from flight_sw.radiation.heartbeat import LADDER, RecoveryLadder, Rung
from flight_sw.radiation.protected import PageHit, Profile, ProtectedRegion, Tier
from flight_sw.radiation.voted import VotedRecord

CHECK = b"123456789"


def test_sizes_are_those_of_the_c_core_and_the_standard():
    """Pages, lines, groups and slices; RS(255,223); the CRC-16 of CCSDS starts at all ones."""
    assert (native.PAGE_BYTES, native.CHECK_BYTES, native.LINE_BYTES) == (4096, 512, 64)
    assert (native.GROUP_PAGES, native.SLICE_PAGES, native.MAX_EVENTS) == (64, 256, 64)
    assert (native.RS_DATA, native.RS_SYMBOLS, native.CRC16_START) == (223, 255, 0xFFFF)
    assert protected.PARITY_CARRIES == 2
    assert (protected.SLICE_REPAIRS, boot_guard.COUNT_LIMIT, heartbeat.MAX_EPISODES) == (8, 255, 8)


@pytest.mark.parametrize("name", ["crc32c", "crc32", "crc16"])
def test_a_checksum_goes_on_from_its_prefix(name):
    """In any two parts, with the default start or one given."""
    crc = getattr(native, name)
    for cut in range(len(CHECK) + 1):
        assert crc(CHECK[cut:], crc(CHECK[:cut])) == crc(CHECK)
    assert crc(CHECK) == {"crc32c": 0xE3069283, "crc32": 0xCBF43926, "crc16": 0x29B1}[name]


def test_each_part_that_fails_its_known_answer_has_its_name(monkeypatch):
    """Bit by bit, in the order of the C core."""
    names = ("tables", "crc", "tmr", "pages", "words", "cells", "rs", "storage")

    class Failing:
        def __init__(self, mask):
            self.va_self_test = lambda: mask

    for bit, name in enumerate(names):
        monkeypatch.setattr(native, "lib", Failing(1 << bit))
        assert native.self_test() == (name,)
    monkeypatch.setattr(native, "lib", Failing(0b101))
    assert native.self_test() == ("tables", "tmr")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (2, "the length is zero, overflows, or leaves the buffer"),
        (3, "two buffers overlap"),
        (4, "a page buffer must start on a 64-byte boundary (use an mmap or aligned_bytes)"),
        (5, "an argument is outside its range"),
        (6, "this machine does not have that instruction set"),
        (99, "the native core refused with status 99"),
    ],
)
def test_each_status_of_the_core_is_one_clear_line(status, words):
    """What the C core refuses, Python says in words."""
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        native._raise_for(status)


def test_one_byte_is_memory_too():
    """The smallest length that can be mapped."""
    assert len(native.aligned_bytes(1)) == 1


def test_what_cannot_be_written_is_refused():
    """Read-only buffers for results, data or sums: BufferError, before the core is called."""
    with pytest.raises(BufferError):
        native.tmr_vote(bytearray(8), bytearray(8), bytearray(8), bytes(8))
    with pytest.raises(BufferError):
        native.word_encode(bytearray(8), bytes(1))
    with pytest.raises(BufferError):
        native.PageSet(native.aligned_bytes(4096), None, bytes(4))


def test_pages_must_be_whole_and_there():
    """Nothing at all, and a page and a bit, are named as what they are."""
    with pytest.raises(ValueError, match="not 0 bytes"):
        native.PageSet(bytearray(), None, bytearray(4))
    with pytest.raises(ValueError, match="not 4097 bytes"):
        native.PageSet(native.aligned_bytes(4097), None, bytearray(4))


@pytest.mark.parametrize("act", ["encode", "verify", "scrub", "flush"])
def test_pages_beyond_the_region_are_named(act):
    """Every way to name pages says which are not there."""
    buffers = [native.aligned_bytes(length) for length in (8192, 1024, 8)]
    pages = native.PageSet(*buffers)
    for first, count in ((0, 3), (2, 1), (-1, 1), (0, 0)):
        with pytest.raises(ValueError, match=f"pages {first} to {first + count - 1} are not all"):
            getattr(pages, act)(first, count)
    getattr(pages, act)(0, 2)
    getattr(pages, act)(1, 1)


def test_parity_of_the_wrong_size_says_what_it_must_be():
    """Two pages and eight CRC bytes for each group of 64."""
    data, crc = native.aligned_bytes(65 * 4096), native.aligned_bytes(65 * 4)
    pages = native.PageSet(data, None, crc)
    with pytest.raises(ValueError, match="must hold 4 pages and 16 CRC bytes"):
        native.ParityPages(pages, native.aligned_bytes(4096), native.aligned_bytes(16))
    with pytest.raises(ValueError, match="must hold 4 pages and 16 CRC bytes"):
        native.ParityPages(pages, native.aligned_bytes(4 * 4096), native.aligned_bytes(8))
    parity = native.ParityPages(pages, native.aligned_bytes(4 * 4096), native.aligned_bytes(16))
    assert parity.groups == 2


def test_separate_faults_are_counted_up_to_the_limit():
    """Eight faults that were each mended for long enough start anew; the ninth is SAFE until reset."""
    ladder = RecoveryLadder(settle_s=60.0)
    for _ in range(2):
        for episode in range(heartbeat.MAX_EPISODES):
            assert ladder.next_rung(1000.0 * episode) is LADDER[0]
            ladder.recovered(1000.0 * episode + 1)
        assert not ladder.exhausted
        assert ladder.next_rung(9000.0) is Rung.SAFE
        assert ladder.exhausted
        ladder.reset()
        assert not ladder.exhausted


def test_a_recovery_has_settled_just_at_its_time():
    """At settle_s after it, not before, wherever the clock stands."""
    for start in (0.0, 1e6):
        ladder = RecoveryLadder(settle_s=60.0)
        ladder.next_rung(start)
        ladder.recovered(start)
        assert ladder.next_rung(start + 59.9) is LADDER[1]
        ladder.recovered(start + 60.0)
        assert ladder.next_rung(start + 120.0) is LADDER[0]


def test_the_boot_count_stays_at_its_limit():
    """255 boots without one that held, and any more, are the same."""
    assert on_boot(BootState(255)) == (BootState(255), BootPlan.SAFE)
    assert on_boot(BootState(254)) == (BootState(255), BootPlan.SAFE)
    assert on_boot(BootState(256))[1] is BootPlan.REQUIRED_ONLY


@pytest.mark.parametrize(("at", "answer"), [(CHECK, 1), (self_test.pattern(4096), 1)])
def test_either_wrong_checksum_fails_the_known_answer(monkeypatch, at, answer):
    """One right answer of two is not enough."""
    whole = native.crc32c
    monkeypatch.setattr(
        native, "crc32c", lambda data, seed=0: answer if data == at else whole(data, seed)
    )
    assert not self_test._crc32c_works()


@pytest.mark.parametrize("first", [True, False])
def test_a_core_that_cannot_mend_or_mends_what_it_must_not_fails(monkeypatch, first):
    """Either half of the page check alone is not enough."""
    whole, calls = native.PageSet.scrub, []

    def scrub(pages, at, count, depth=outcome.Depth.BOTH):
        calls.append(at)
        found = whole(pages, at, count, depth)
        return [] if (len(calls) == 1) is first else found

    monkeypatch.setattr(native.PageSet, "scrub", scrub)
    assert not self_test._pages_work()


@pytest.mark.parametrize(
    ("cache", "flushed"), [(0, True), (4095, False), (4096, False), (4097, True)]
)
def test_only_a_region_that_the_cache_may_hold_is_flushed(monkeypatch, cache, flushed):
    """Smaller than the cache, or the cache is not known: then memory is examined, not the cache."""
    monkeypatch.setattr(native, "cache_bytes", lambda: cache)
    told = []
    whole = native.PageSet.flush
    monkeypatch.setattr(native.PageSet, "flush", lambda *a: told.append(a[1:]) or whole(*a))
    region = ProtectedRegion("net", native.aligned_bytes(4096), lambda _: bytes(4096))
    region.encode()
    told.clear()
    region.scrub_slice(0, 1)
    assert told == ([(0, 1)] if flushed else [])


def test_a_flush_names_the_bytes_of_its_pages(monkeypatch):
    """Data, check lines and sums of the pages asked for, and nothing before them."""
    buffers = [native.aligned_bytes(length) for length in (3 * 4096, 3 * 512, 12)]
    pages, told = native.PageSet(*buffers), []

    class Heard:
        @staticmethod
        def va_cache_flush(start, length):
            told.append((int(native.ffi.cast("uintptr_t", start)), length))
            return 0

    monkeypatch.setattr(native, "lib", Heard)
    pages.flush(1, 2)
    starts = [native.address_of(buffer) for buffer in buffers]
    assert told == [
        (start + size, 2 * size) for start, size in zip(starts, (4096, 512, 4), strict=True)
    ]


def test_a_slice_cut_in_the_second_group_settles_the_first():
    """What is open in a whole group goes to P and Q at once; only the group that was cut waits."""
    live = native.aligned_bytes(128 * 4096)
    region = ProtectedRegion("net", live, lambda _: bytes(4096))
    region.encode()
    for row in (0, 64):
        live[10 * 4096 + row] ^= 1
    for page in range(64, 64 + protected.SLICE_REPAIRS):
        live[page * 4096] ^= 1
    hits, done = region.scrub_slice(0, 128)
    assert PageHit(10, Tier.REBUILT, 2) in hits
    assert 64 < done < 128


def test_a_voted_cell_starts_at_zero():
    """Unless it is told otherwise."""
    assert (native.VotedCell().read(), native.VotedCell(5).read()) == (0, 5)


def test_check_lines_that_are_not_there_agree_with_nothing():
    """False, and not merely nothing."""
    live = native.aligned_bytes(4096)
    region = ProtectedRegion("net", live, lambda _: bytes(4096), Profile.LIGHT)
    region.encode()
    assert region._lines_agree(0, region._page(0)) is False


def test_a_voted_record_has_three_places():
    """Three copies, each with an address of its own and its letter."""
    record = VotedRecord("mode", {"value": 1})
    places = record.memory_regions()
    assert [place.name for place in places] == ["voted-a:mode", "voted-b:mode", "voted-c:mode"]
    assert len({place.address for place in places}) == 3
    assert [place.length for place in places] == [8 + 4] * 3


def test_every_replica_must_be_writable_and_every_word_have_its_check_byte():
    """BufferError for a read-only replica in any place; ValueError where sizes do not fit."""
    for place in range(3):
        replicas = [bytearray(8) for _ in range(3)]
        replicas[place] = bytes(8)
        with pytest.raises(BufferError):
            native.tmr_scrub(*replicas)
    with pytest.raises(ValueError, match="1 check bytes need 8 data bytes, not 16"):
        native.word_encode(bytearray(16), bytearray(1))


def test_one_codeword_is_what_is_meant_without_a_number():
    """255 bytes, no interleaving."""
    block = bytearray(range(223)) + bytearray(32)
    native.rs_encode(block)
    block[7] ^= 1
    assert native.rs_decode(block).corrected == 1


def test_light_protection_costs_just_its_parity_and_sums():
    """Two pages and 66 sums for 64 pages; the size of the cache is a number."""
    live = native.aligned_bytes(128 * 4096)
    region = ProtectedRegion("net", live, lambda _: bytes(4096), Profile.LIGHT)
    assert region.overhead == (4 * 4096 + 128 * 4 + 16) / (128 * 4096)
    assert native.cache_bytes() >= 0
