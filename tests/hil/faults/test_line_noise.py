"""A disturbed line changes bytes at the rate it says, and a quiet one changes none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.faults.line import LineNoise, pass_through
from hil.kernel import stream

DATA = bytes(range(256)) * 400


@given(st.binary(max_size=300))
@settings(max_examples=30)
def test_a_quiet_line_passes_everything(data):
    """No noise, no change."""
    assert pass_through(data, LineNoise(), stream(1, "x")) == data


def test_a_cut_line_passes_nothing():
    """Bytes into a cut cable are gone."""
    assert pass_through(DATA, LineNoise(cut=True), stream(1, "x")) == b""


def test_bits_flip_at_the_given_rate():
    """The share of wrong bits is the bit error rate."""
    out = pass_through(DATA, LineNoise(bit_error_rate=0.01), stream(1, "x"))
    wrong = sum((a ^ b).bit_count() for a, b in zip(DATA, out, strict=True))
    assert wrong == pytest.approx(0.01 * len(DATA) * 8, rel=0.1)


def test_bytes_vanish_at_the_given_rate():
    """The share of missing bytes is the drop rate."""
    out = pass_through(DATA, LineNoise(drop_rate=0.05), stream(1, "x"))
    assert len(DATA) - len(out) == pytest.approx(0.05 * len(DATA), rel=0.1)


@given(st.binary(max_size=300), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30)
def test_the_same_seed_disturbs_alike(data, bits, drops):
    """Noise is repeatable."""
    noise = LineNoise(bit_error_rate=bits, drop_rate=drops)
    assert pass_through(data, noise, stream(3, "x")) == pass_through(data, noise, stream(3, "x"))
