"""A flip reaches the live byte that its fraction names, or is void and says why."""

import ctypes
import json
import mmap
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.faults.catalog import REGIONS_OF, Fault, FaultKind
from hil.faults.flip import flip_fault, state_of
from hil.faults.memory import ProcessMemory, flip_bit, read_byte
from hil.faults.regions import BURST_BITS, PAGE_BYTES, ROW_BYTES, Region, choose_bits, read_regions

FRACTION = st.floats(0, 1, exclude_max=True)
SIZES = st.lists(st.integers(1, 20_000), min_size=1, max_size=5)


def regions_of(prefix, sizes):
    """Regions of one class with given lengths, far apart."""
    return [Region(f"{prefix}{i}", 1, 0x10000 * (i + 1), size) for i, size in enumerate(sizes)]


def test_padding_is_never_hit():
    """Where a region says which stretches matter, every fault falls into one of them."""
    region = Region("weights:m", 1, 0, 8192, ((64, 8), (4096, 2)))
    picked = {
        (bit.offset, bit.bit)
        for step in range(80)
        for bit in choose_bits(Fault(1, FaultKind.WEIGHT_FLIP, place=step / 80), [region])
    }
    offsets = [*range(64, 72), 4096, 4097]
    assert picked == {(offset, bit) for offset in offsets for bit in range(8)}


@given(FRACTION, SIZES)
@settings(max_examples=60)
def test_any_fraction_names_a_bit_that_exists(place, sizes):
    """Whatever memory exists, a plan maps onto it."""
    regions = regions_of("weights:", sizes)
    (bit,) = choose_bits(Fault(1, FaultKind.WEIGHT_FLIP, place=place), regions)
    assert bit.region in regions
    assert 0 <= bit.offset < bit.region.length
    assert 0 <= bit.bit < 8


def test_bits_are_chosen_evenly():
    """Every bit of every region is named by an equal share of the fractions."""
    regions = regions_of("weights:", [2, 3])
    total = 5 * 8
    chosen = [
        choose_bits(Fault(1, FaultKind.WEIGHT_FLIP, place=(i + 0.5) / total), regions)[0]
        for i in range(total)
    ]
    assert len({(bit.address, bit.bit) for bit in chosen}) == total


@pytest.mark.parametrize("kind", REGIONS_OF)
def test_a_class_without_its_region_hits_nothing(kind):
    """A fault never lands in memory of another class."""
    others = [
        Region(f"{prefix}x", 1, 0x1000, 100)
        for prefix in set(REGIONS_OF.values()) - {REGIONS_OF[kind]}
    ]
    assert choose_bits(Fault(1, kind), others) == []
    reason, hits = flip_fault(Fault(1, kind), others)
    assert "no memory region" in reason
    assert hits == ()


@given(FRACTION, FRACTION, st.integers(ROW_BYTES + 1, 30_000))
@settings(max_examples=80)
def test_a_double_flip_hits_one_codeword_twice(place, second, size):
    """Same page, same column, same bit, another row: a single-error code cannot mend it."""
    regions = regions_of("weights:", [size])
    fault = Fault(1, FaultKind.WEIGHT_DOUBLE_FLIP, place=place, second=second)
    bits = choose_bits(fault, regions)
    if not bits:  # the last page has one row only at that column
        return
    one, other = bits
    assert one.offset // PAGE_BYTES == other.offset // PAGE_BYTES
    assert one.offset % ROW_BYTES == other.offset % ROW_BYTES
    assert one.offset // ROW_BYTES != other.offset // ROW_BYTES
    assert one.bit == other.bit
    assert max(one.offset, other.offset) < size


@given(FRACTION, st.integers(1, 100))
@settings(max_examples=40)
def test_a_burst_is_neighbours(place, size):
    """Bits of one burst follow one another, also across a byte's end."""
    bits = choose_bits(
        Fault(1, FaultKind.WEIGHT_BURST, place=place), regions_of("weights:", [size])
    )
    places = [bit.offset * 8 + bit.bit for bit in bits]
    assert places == list(range(places[0], places[0] + BURST_BITS))
    assert places[-1] < size * 8


@given(FRACTION, FRACTION)
@settings(max_examples=40)
def test_a_double_vote_flip_outvotes_the_third(place, second):
    """The same bit of two replicas of one record, never of two records."""
    regions = [
        Region(f"voted-{replica}:{record}", 1, 0x1000, 40)
        for record in ("mode", "limits")
        for replica in "abc"
    ]
    fault = Fault(1, FaultKind.VOTE_DOUBLE_FLIP, place=place, second=second)
    one, other = choose_bits(fault, regions)
    assert one.region is not other.region
    assert one.region.name.partition(":")[2] == other.region.name.partition(":")[2]
    assert (one.offset, one.bit) == (other.offset, other.bit)


@pytest.fixture
def child():
    """A process with 4096 bytes that it shows on request; yields it, its address, and `shown`."""
    script = (
        "import ctypes, sys\nb = ctypes.create_string_buffer(bytes(range(256)) * 16, 4096)\n"
        "print(ctypes.addressof(b), flush=True)\n"
        "for line in sys.stdin: print(b.raw.hex(), flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    address = int(process.stdout.readline())

    def shown():
        process.stdin.write("\n")
        process.stdin.flush()
        return bytes.fromhex(process.stdout.readline())

    yield process, address, shown
    process.kill()
    process.communicate()


def test_the_process_itself_sees_the_flip(child):
    """The live byte changes, and no other."""
    process, address, shown = child
    before = shown()
    flip = flip_bit(process.pid, address + 1000, 6)
    assert flip.landed
    assert (flip.before, flip.after) == (before[1000], before[1000] ^ 0x40)
    expected = bytearray(before)
    expected[1000] ^= 0x40
    assert shown() == bytes(expected)


def test_a_shared_mapping_is_hit_for_all_who_map_it(tmp_path):
    """The scrubber's view and the worker's memory are the same bytes."""
    path = tmp_path / "weights"
    path.write_bytes(bytes(4096))
    with path.open("r+b") as file:
        view = mmap.mmap(file.fileno(), 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(view))
    assert flip_bit(os.getpid(), address + 5, 0).landed
    assert path.read_bytes()[5] == 1


@pytest.mark.parametrize(("where", "reason"), [("gone", "process gone"), ("unmapped", "page gone")])
def test_a_flip_that_cannot_land_is_void_with_its_reason(child, where, reason):
    """Nothing is claimed that was not read back."""
    process, address, _ = child
    if where == "gone":
        process.kill()
        process.wait()
    else:
        address = 0x10
    flip = flip_bit(process.pid, address, 0)
    assert not flip.landed
    assert flip.reason == reason
    assert read_byte(process.pid, address) is None


def test_a_process_that_ends_in_between_is_void(child):
    """An open memory of a process that has left says so instead of raising."""
    process, address, _ = child
    with ProcessMemory(process.pid) as memory:
        process.kill()
        process.wait()
        assert memory.flip(address, 0).reason == "process gone"


def test_a_bit_that_was_repaired_is_told_from_one_that_was_not(child):
    """Looking again says whether someone put it right."""
    process, address, _ = child
    region = Region("weights:m", process.pid, address, 4096)
    reason, (hit,) = flip_fault(Fault(1, FaultKind.WEIGHT_FLIP, place=0.5), [region])
    assert not reason
    assert state_of(hit) == "flipped"
    flip_bit(process.pid, hit.address, hit.bit)
    assert state_of(hit) == "restored"
    process.kill()
    process.wait()
    assert state_of(hit) == "gone"


def test_a_process_outside_the_board_is_never_hit(child):
    """A number in an old memory map may belong to someone else by now."""
    process, address, shown = child
    region = Region("weights:m", process.pid, address, 4096)
    before = shown()
    reason, (hit,) = flip_fault(Fault(1, FaultKind.WEIGHT_FLIP), [region], processes={1, 2})
    assert reason == "process gone"
    assert state_of(hit) == "void"
    assert shown() == before


@pytest.mark.parametrize("text", [None, "", "{}", "[{}]", '[{"name": 1}]', "[[]]", "\xff"])
def test_a_memory_map_that_is_missing_or_wrong_is_empty(tmp_path, text):
    """A node that has not published its map yet has nothing to hit."""
    path = tmp_path / "regions.json"
    if text is not None:
        path.write_text(text)
    assert read_regions(path) == []


def test_a_memory_map_is_read_as_published(tmp_path):
    """The agreed form: name, pid, address, length."""
    path = tmp_path / "regions.json"
    path.write_text(json.dumps([{"name": "weights:m", "pid": 1, "address": 2, "length": 3}]))
    assert read_regions(path) == [Region("weights:m", 1, 2, 3)]
