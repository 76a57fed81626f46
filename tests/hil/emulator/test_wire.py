"""A wire delivers every byte in order, and never faster than its baud rate."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.emulator.wire import BITS_PER_BYTE, QUEUE_BYTES, Wire
from hil.faults.line import LineNoise
from hil.kernel import stream

BAUD = 115_200
BYTE_S = BITS_PER_BYTE / BAUD


def wire():
    return Wire(BAUD, stream(1, "wire"))


@given(st.lists(st.tuples(st.floats(0, 0.05), st.binary(max_size=300), st.booleans()), max_size=40))
@settings(max_examples=80)
def test_no_byte_is_lost_swapped_or_early(steps):
    """Whatever comes when, what arrives by t had time to pass by t."""
    line, now, sent, got, first = wire(), 0.0, b"", b"", None
    for pause, chunk, look in steps:
        now += pause
        data = chunk[: line.room]
        if data and first is None:
            first = now
        line.send(data, now)
        sent += data
        if look:
            got += line.arrived(now)
            assert sent.startswith(got)
            if got:
                assert len(got) * BYTE_S <= now - first + 1e-9
    got += line.arrived(now + QUEUE_BYTES * BYTE_S + 1)
    assert got == sent
    assert line.idle


def test_a_busy_wire_keeps_its_rate():
    """A full line carries its baud rate however rarely one looks."""
    line, now, got = wire(), 0.0, 0
    while now < 2.0:
        line.send(bytes(line.room), now)
        now += 0.013
        got += len(line.arrived(now))
    assert got == pytest.approx(BAUD / BITS_PER_BYTE * 2.0, rel=0.01)


def test_idle_time_is_not_saved_up():
    """After a pause bytes take as long as ever."""
    line = wire()
    line.send(b"x", 0.0)
    assert line.arrived(10.0) == b"x"
    line.send(b"yy", 10.0)
    assert line.arrived(10.0 + BYTE_S * 0.9) == b""
    assert line.arrived(10.0 + BYTE_S * 1.1) == b"y"
    assert line.empty_at_s() == pytest.approx(10.0 + 2 * BYTE_S)


def test_too_much_at_once_is_refused():
    """What does not fit stays with the sender."""
    line = wire()
    with pytest.raises(ValueError, match="room"):
        line.send(bytes(QUEUE_BYTES + 1), 0.0)


def test_noise_and_power_cuts_reach_the_bytes_on_the_way():
    """A cut line delivers nothing; a cleared one forgets."""
    line = wire()
    line.noise = LineNoise(cut=True)
    line.send(b"abc", 0.0)
    assert line.arrived(1.0) == b""
    assert line.carried_bytes == 3
    line.noise = LineNoise()
    line.send(b"abc", 1.0)
    line.clear()
    assert line.arrived(2.0) == b""
