"""The look at memory after a flight: finds what is wrong, and says when it could not look."""

import ctypes
import os

import numpy as np
import pytest

from hil.campaign.record import Injection
from hil.campaign.residue import look
from hil.faults.regions import Region

PAGES = 3


class Board:
    """Memory of this very process, published as a node publishes its own."""

    def __init__(self, weights, copies=(b"\1\2", b"\1\2", b"\xfe\xfd")):
        self.weights = ctypes.create_string_buffer(weights, len(weights))
        self.copies = [ctypes.create_string_buffer(copy, len(copy)) for copy in copies]
        self.states = ["restored"]

    def regions(self):
        found = [self._region("weights:model", self.weights)]
        for letter, copy in zip("abc", self.copies, strict=True):
            found.append(self._region(f"voted-{letter}:node", copy))
        return found

    def verify(self, number):
        return self.states

    @staticmethod
    def _region(name, buffer):
        return Region(name, os.getpid(), ctypes.addressof(buffer), len(buffer.raw))


@pytest.fixture
def golden(tmp_path):
    """A weights file that ends within its last page, and the padded bytes in memory."""
    data = np.random.default_rng(1).integers(0, 256, PAGES * 4096 - 100, np.uint8).tobytes()
    file = tmp_path / "weights.bin"
    file.write_bytes(data)
    return file, data + bytes(100)


def test_clean_memory_is_clean(golden):
    """Padding beyond the file counts as zeros."""
    file, data = golden
    assert look(Board(data), (), {}, {"model": file}) == frozenset()


def test_a_flip_that_nobody_injected_is_found_with_its_page(golden):
    """The whole of the weights is compared, not only what the rig has touched."""
    file, data = golden
    bad = bytearray(data)
    bad[5000] ^= 4
    assert look(Board(bytes(bad)), (), {}, {"model": file}) == {("model", 1)}


def test_copies_of_a_voted_record_that_differ_are_damage(golden):
    """One of three copies is stored inverted; all must say the same."""
    file, data = golden
    board = Board(data, (b"\1\2", b"\1\3", b"\xfe\xfd"))
    assert look(board, (), {}, {"model": file}) == {("node", -1)}


def test_a_check_bit_that_is_still_flipped_is_damage(golden):
    """Check bytes have no golden file: the rig looks again at what it flipped."""
    file, data = golden
    board = Board(data)
    board.states = ["flipped"]
    injection = Injection(4, 1.0, True, "model", 2, 1)
    assert look(board, (injection,), {4: 0}, {"model": file}) == {("model", 2)}
    missed = Injection(4, 1.0, False, "model", 2, 1)
    assert look(board, (missed,), {4: 0}, {"model": file}) == frozenset()


def test_a_board_that_shows_no_memory_cannot_be_called_clean(golden):
    """No map, or one without a model that flew, is no proof of anything."""
    file, data = golden
    assert look(Board(data), (), {}, {"model": file, "other": file}) is None
