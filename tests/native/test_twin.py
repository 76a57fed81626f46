"""Every instruction set equals the NumPy twin, on odd lengths and alignments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.radiation import native, outcome

MODEST = settings(max_examples=60, deadline=None)
bytes_of_any_length = st.binary(min_size=1, max_size=1700)


def test_columns_are_a_hsiao_code(twin):
    """The 64 data columns are distinct, of odd weight above one, and balance the check lines."""
    columns = twin.h_columns()
    assert len(set(columns)) == 64
    assert all(column.bit_count() in (3, 5) for column in columns)
    assert {sum(column >> j & 1 for column in columns) for j in range(8)} == {26}


@MODEST
@given(data=bytes_of_any_length, seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 1700))
def test_crc32c_equals_the_definition(isa, twin, data, seed, cut):
    """CRC-32C equals its bit-by-bit definition and can be continued at any byte."""
    assert native.crc32c(data, seed) == twin.crc32c(data, seed)
    assert native.crc32c(data[cut:], native.crc32c(data[:cut], seed)) == native.crc32c(data, seed)


@MODEST
@given(
    length=st.integers(1, 2100),
    start=st.integers(0, 65),
    seed=st.integers(0, 2**32),
    inverted=st.booleans(),
    share=st.sampled_from([0.0, 0.001, 0.5]),
)
def test_tmr_equals_the_twin(isa, twin, length, start, seed, inverted, share):
    """Scrub and vote give the twin's majority and counts, and leave the bytes around alone."""
    rng = np.random.default_rng(seed)
    golden = rng.integers(0, 256, length + 80, np.uint8)
    plain = [golden.copy() for _ in range(3)]
    for replica in plain:
        hit = rng.random(length) < share
        replica[start : start + length][hit] ^= rng.integers(0, 256, int(hit.sum()), np.uint8)
    inside = slice(start, start + length)
    voted, counts = twin.vote(*(replica[inside] for replica in plain))
    stored = [plain[0], plain[1], ~plain[2] if inverted else plain[2]]
    out = np.full(length + 80, 0xEE, np.uint8)
    report = native.tmr_vote(*(r[inside] for r in stored), out[inside], inverted=inverted)
    assert report.miscompares == counts
    assert np.array_equal(out[inside], voted)
    assert (out[:start] == 0xEE).all()
    assert (out[start + length :] == 0xEE).all()
    report = native.tmr_scrub(*(r[inside] for r in stored), inverted=inverted)
    assert report.miscompares == counts
    expected = golden.copy()
    expected[inside] = voted
    assert np.array_equal(stored[0], expected)
    assert np.array_equal(stored[1], expected)
    assert np.array_equal(stored[2], ~expected if inverted else expected)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), pages=st.integers(1, 5))
def test_page_code_equals_the_twin(isa, twin, seed, pages):
    """Check lines equal the matrix product, CRCs equal the definition seeded with the page number."""
    data = native.aligned_bytes(pages * 4096)
    data[:] = np.random.default_rng(seed).bytes(pages * 4096)
    check, crc = native.aligned_bytes(pages * 512), native.aligned_bytes(pages * 4)
    native.PageSet(data, check, crc).encode(0, pages)
    for page in range(pages):
        golden = data[page * 4096 : (page + 1) * 4096]
        assert check[page * 512 : (page + 1) * 512] == twin.check_lines(golden)
    last = data[(pages - 1) * 4096 :]
    assert int.from_bytes(crc[-4:], "little") == twin.crc32c(last, pages - 1)


@pytest.mark.parametrize("depth", list(outcome.Depth))
def test_every_depth_passes_clean_pages(isa, depth):
    """A clean region yields no event at any depth."""
    data, check = native.aligned_bytes(40 * 4096), native.aligned_bytes(40 * 512)
    data[:] = np.random.default_rng(4).bytes(40 * 4096)
    pages = native.PageSet(data, check, native.aligned_bytes(160))
    pages.encode(0, 40)
    assert pages.scrub(0, 40, depth) == []
