"""Every instruction set equals the NumPy twin, on odd lengths and alignments."""

import binascii
import threading
import zlib

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


@MODEST
@given(data=bytes_of_any_length, seed=st.integers(0, 0xFFFF), cut=st.integers(0, 1700))
def test_crc32_and_crc16_equal_the_standard_library(isa, data, seed, cut):
    """CRC-32 is zlib's, CRC-16-CCITT is binascii's, from any start and over any split."""
    assert native.crc32(data, seed) == zlib.crc32(data, seed)
    assert native.crc16(data, seed) == binascii.crc_hqx(data, seed)
    assert native.crc16(data[cut:], native.crc16(data[:cut], seed)) == native.crc16(data, seed)


@MODEST
@given(seed=st.integers(0, 2**32), words=st.integers(1, 200))
def test_word_code_equals_the_twin(isa, twin, seed, words):
    """Check bytes of any number of words are the matrix product."""
    data = np.random.default_rng(seed).integers(0, 2**64, words, np.uint64)
    check = np.zeros(words, np.uint8)
    native.word_encode(data.view(np.uint8), check)
    assert np.array_equal(check, twin.word_check(data))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), pages=st.integers(1, 66))
def test_parity_pages_equal_the_twin(isa, twin, seed, pages):
    """P and Q of a short, a whole and a second group are the twin's."""
    data = native.aligned_bytes(pages * 4096)
    data[:] = np.random.default_rng(seed).bytes(pages * 4096)
    groups = -(-pages // 64)
    room = native.aligned_bytes(groups * 8192)
    live = native.PageSet(data, None, native.aligned_bytes(pages * 4))
    live.encode(0, pages)
    native.ParityPages(live, room, native.aligned_bytes(groups * 8)).encode()
    rows = np.frombuffer(data, np.uint8).reshape(pages, 4096)
    for group in range(groups):
        p, q = twin.parity_pages(rows[64 * group : 64 * group + 64])
        assert room[8192 * group : 8192 * group + 8192] == p.tobytes() + q.tobytes()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    k=st.integers(1, 14),
    m=st.integers(1, 9),
    length=st.integers(1, 700),
)
def test_storage_parity_equals_the_twin(isa, twin, seed, k, m, length):
    """Parity shards of any shape and odd length are the Cauchy sums of the twin."""
    rng = np.random.default_rng(seed)
    shards = [np.frombuffer(rng.bytes(length), np.uint8).copy() for _ in range(k + m)]
    native.storage_encode(shards[:k], shards[k:])
    for row in range(m):
        assert np.array_equal(shards[k + row], twin.storage_parity(shards[:k], row))


def test_the_interpreter_runs_on_during_a_scrub():
    """Native calls release the GIL: another thread counts on while 48 MiB are voted."""
    replicas = [np.zeros(16 << 20, np.uint8) for _ in range(3)]
    counted, done = [0], threading.Event()

    def count() -> None:
        while not done.is_set():
            counted[0] += 1

    worker = threading.Thread(target=count)
    worker.start()
    before = interval = counted[0]
    for _ in range(50):
        before = counted[0]
        native.tmr_scrub(*replicas)
        interval = max(interval, counted[0] - before)
    done.set()
    worker.join()
    assert interval > 1000  # a held GIL would let the counter move once at most
