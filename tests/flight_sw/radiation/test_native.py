"""The Python face of the C core refuses what is wrong and leaves memory untouched."""

import numpy as np
import pytest

from flight_sw.radiation import native, outcome


def test_replicas_of_different_length_are_refused():
    """A length mismatch is a ValueError that names the lengths."""
    with pytest.raises(ValueError, match="8, 8 and 7 bytes"):
        native.tmr_scrub(bytearray(8), bytearray(8), bytearray(7))


def test_overlapping_replicas_are_refused():
    """Two replicas in the same bytes are no redundancy: ValueError, nothing written."""
    room = bytearray(range(24))
    view = memoryview(room)
    with pytest.raises(ValueError, match="overlap"):
        native.tmr_scrub(view[0:8], view[4:12], view[12:20])
    assert room == bytearray(range(24))


def test_read_only_replicas_are_refused():
    """A buffer that cannot be mended is a BufferError."""
    with pytest.raises(BufferError):
        native.tmr_scrub(bytes(8), bytearray(8), bytearray(8))


def test_empty_replicas_are_refused():
    """Zero length is a ValueError, not a clean scrub."""
    with pytest.raises(ValueError, match="length"):
        native.tmr_scrub(bytearray(), bytearray(), bytearray())


def test_a_list_is_no_buffer():
    """Something that is not a buffer is a TypeError."""
    with pytest.raises(TypeError):
        native.crc32c([1, 2, 3])


def test_misaligned_page_data_is_refused():
    """Pages off the 64-byte boundary are a ValueError with the remedy."""
    room = native.aligned_bytes(3 * 4096)
    shifted = np.frombuffer(room, np.uint8)[8 : 8 + 4096]
    with pytest.raises(ValueError, match="64-byte boundary"):
        native.PageSet(shifted, native.aligned_bytes(512), native.aligned_bytes(4))


@pytest.mark.parametrize(("data", "check", "crc"), [(4095, 512, 4), (4096, 511, 4), (4096, 512, 8)])
def test_sizes_that_do_not_belong_together_are_refused(data, check, crc):
    """Data, check lines and CRCs must be of one page count."""
    with pytest.raises(ValueError, match="must"):
        native.PageSet(*(native.aligned_bytes(n) for n in (data, check, crc)))


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0), (0, 3), (2, 1), (1, 2)])
def test_page_ranges_outside_the_region_are_refused(first, count):
    """A range that leaves the region is a ValueError."""
    pages = native.PageSet(*(native.aligned_bytes(n) for n in (8192, 1024, 8)))
    with pytest.raises(ValueError, match="pages"):
        pages.scrub(first, count)


def test_more_events_than_one_call_returns_are_all_reported():
    """Three hundred bad pages come back in order although one native call reports at most 64."""
    data = native.aligned_bytes(300 * 4096)
    pages = native.PageSet(data, native.aligned_bytes(300 * 512), native.aligned_bytes(1200))
    pages.encode(0, 300)
    for page in range(300):
        data[page * 4096 + page] ^= 1
    assert pages.verify(0, 300) == list(range(300))
    assert [event.page for event in pages.scrub(0, 300)] == list(range(300))
    assert pages.verify(0, 300) == []


def test_an_instruction_set_this_machine_lacks_is_refused():
    """Selecting a foreign level raises and leaves the present one."""
    before = native.isa()
    foreign = next(level for level in outcome.Isa if level not in native.supported_isas())
    with pytest.raises(ValueError, match="instruction set"):
        native.select_isa(foreign)
    assert native.isa() == before


def test_a_vote_leaves_the_replicas_alone():
    """The fourth buffer gets the vote, each replica its count, plain and with one inverted."""
    golden = bytes(range(100))
    for inverted in (False, True):
        replicas = [bytearray(golden) for _ in range(3)]
        if inverted:
            replicas[2] = bytearray(255 - byte for byte in golden)
        replicas[0][3] ^= 5
        replicas[2][9] ^= 1
        before, voted = [bytes(replica) for replica in replicas], bytearray(100)
        report = native.tmr_vote(*replicas, voted, inverted=inverted)
        assert (report.miscompares, report.clean) == ((2, 0, 1), False)
        assert voted == golden
        assert [bytes(replica) for replica in replicas] == before
    clean = [bytearray(golden) for _ in range(3)]
    assert native.tmr_vote(*clean, bytearray(100)).clean


def test_a_vote_into_too_little_room_is_refused():
    """Replicas and result have one length."""
    with pytest.raises(ValueError, match="one length"):
        native.tmr_vote(bytearray(8), bytearray(8), bytearray(8), bytearray(7))


@pytest.mark.parametrize("length", [0, -1])
def test_memory_of_no_length_is_refused(length):
    """The caller hears of it before anything is mapped."""
    with pytest.raises(ValueError, match="positive"):
        native.aligned_bytes(length)


def test_slices_outside_their_bounds_are_refused():
    """No events, more than a call returns, or pages that are not there: ValueError."""
    data, check, crc = (native.aligned_bytes(n) for n in (4096, 512, 4))
    pages = native.PageSet(data, check, crc)
    pages.encode(0, 1)
    for limit in (0, native.MAX_EVENTS + 1):
        with pytest.raises(ValueError, match="limit"):
            pages.scrub_slice(0, 1, outcome.Depth.BOTH, limit)
    with pytest.raises(ValueError, match="leaves the buffer"):
        pages.scrub_slice(0, 2, outcome.Depth.BOTH, 1)
    assert pages.scrub_slice(0, 1, outcome.Depth.BOTH, native.MAX_EVENTS) == ([], 1)
