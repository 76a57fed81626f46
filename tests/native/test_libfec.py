"""RS(255,223) against an implementation that has flown: libfec, byte for byte, both bases."""

import ctypes
import ctypes.util

import numpy as np
import pytest

from flight_sw.radiation import native

LIBFEC = ctypes.util.find_library("fec")
pytestmark = pytest.mark.skipif(LIBFEC is None, reason="needs libfec: apt install libfec0")


@pytest.mark.parametrize(("function", "dual"), [("encode_rs_8", False), ("encode_rs_ccsds", True)])
def test_parity_equals_libfec(isa, function, dual):
    """The parity bytes of 200 random codewords are libfec's, on every instruction set."""
    encode = getattr(ctypes.CDLL(LIBFEC), function)
    rng = np.random.default_rng(8)
    for _ in range(200):
        data = rng.bytes(223)
        expected = ctypes.create_string_buffer(32)
        encode(data, expected, 0)
        block = bytearray(data + bytes(32))
        native.rs_encode(block, dual=dual)
        assert block[223:] == expected.raw


@pytest.mark.parametrize(("function", "dual"), [("decode_rs_8", False), ("decode_rs_ccsds", True)])
def test_both_decoders_mend_the_same_damage(isa, function, dual):
    """Zero to sixteen errors: libfec and we give back the same codeword and the same count."""
    decode = getattr(ctypes.CDLL(LIBFEC), function)
    rng = np.random.default_rng(9)
    for trial in range(170):
        block = bytearray(rng.bytes(255))
        native.rs_encode(block, dual=dual)
        golden = bytes(block)
        for place in rng.permutation(255)[: trial % 17]:
            block[place] ^= int(rng.integers(1, 256))
        theirs = ctypes.create_string_buffer(bytes(block), 255)
        assert decode(theirs, None, 0, 0) == trial % 17
        assert native.rs_decode(block, dual=dual).corrected == trial % 17
        assert bytes(block) == theirs.raw == golden
