"""The board link delivers every message once and in order, whatever the line does."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.board_link import channel as channel_module
from flight_sw.board_link.channel import MESSAGE_BYTES_MAX, SEGMENT_BYTES, Channel, Signal
from flight_sw.board_link.framing import PAYLOAD_BYTES_MAX, Deframer, frame

BAUD = 921_600


class Line:
    """Two channels and a virtual clock between them; `hurt` may damage or drop each chunk."""

    def __init__(self, left: Channel, right: Channel, hurt=lambda data: data) -> None:
        self.left, self.right, self.hurt, self.now = left, right, hurt, 0.0
        self.heard: dict[str, list] = {"left": [], "right": []}

    def run(self, seconds: float, tick_s: float = 0.02) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += tick_s
            to_right = self.hurt(self.left.transmit(self.now, 4096))
            to_left = self.hurt(self.right.transmit(self.now, 4096))
            self.heard["right"] += self.right.receive(to_right, self.now)
            self.heard["left"] += self.left.receive(to_left, self.now)


@given(st.binary(max_size=PAYLOAD_BYTES_MAX), st.binary(max_size=300).map(lambda b: b + b"\0"))
def test_frame_survives_any_garbage_before_it(payload, garbage):
    """A frame is found whatever bytes came before it."""
    assert Deframer().feed(garbage + frame(payload))[-1:] == [payload]


@given(st.binary(min_size=1, max_size=200), st.data())
def test_single_bit_flip_never_passes(payload, data):
    """A frame with one flipped bit never comes out as another payload."""
    raw = bytearray(frame(payload))
    bit = data.draw(st.integers(8, 8 * (len(raw) - 1) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert all(found == payload for found in Deframer().feed(bytes(raw)))


@given(st.binary(max_size=3000))
def test_deframer_takes_any_bytes(data):
    """No byte stream makes the deframer raise or keep more than one frame's worth."""
    deframer = Deframer()
    for byte in data:
        deframer.feed(bytes([byte]))
    assert len(deframer._partial) <= PAYLOAD_BYTES_MAX + 20


def test_stream_without_end_mark_stays_bounded():
    """One mebibyte without an end mark is dropped, and the next frame is heard."""
    deframer = Deframer()
    deframer.feed(b"\x55" * (1 << 20))
    assert len(deframer._partial) <= PAYLOAD_BYTES_MAX + 20
    assert deframer.feed(frame(b"next")) == [b"next"]
    assert deframer.damaged == 1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.binary(max_size=5000), min_size=1, max_size=6),
    st.floats(0, 0.3),
    st.integers(0, 2**32 - 1),
)
def test_messages_arrive_once_and_in_order_over_a_bad_line(messages, loss, seed):
    """Dropped and damaged chunks delay messages; they never lose, double or reorder them."""
    dice = random.Random(seed)

    def hurt(data: bytes) -> bytes:
        if data and dice.random() < loss:
            return (
                b""
                if dice.random() < 0.5
                else data[: len(data) // 2] + b"\x07" + data[len(data) // 2 :]
            )
        return data

    line = Line(Channel(7, BAUD), Channel(9, BAUD), hurt)
    for message in messages:
        assert line.left.send(message)
    line.run(1.0)
    line.hurt = lambda data: data
    line.run(12.0)
    assert line.heard["right"] == messages


def test_restart_of_either_end_is_noticed_and_heals():
    """After one end is new, the other hears of it once and messages flow both ways."""
    left, right = Channel(7, BAUD), Channel(9, BAUD)
    line = Line(left, right)
    left.send(b"one")
    right.send(b"two")
    line.run(0.5)
    line.right = Channel(1234, BAUD)
    line.left.send(b"lost with the old peer")
    line.right.send(b"hello from the new")
    line.run(1.0)
    assert line.heard["left"] == [b"two", Signal.PEER_RESTARTED, b"hello from the new"]
    line.left.send(b"again")
    line.run(1.0)
    assert line.heard["right"][-1] == b"again"
    line.left = Channel(777, BAUD)
    line.left.send(b"third")
    line.run(1.0)
    assert line.heard["right"][-2:] == [Signal.PEER_RESTARTED, b"third"]
    line.right.send(b"fine")
    line.run(1.0)
    assert line.heard["left"][-1] == b"fine"


def test_both_ends_restarted_at_once_agree_again():
    """Two fresh ends that hear the old ones' last bytes still come to terms."""
    left, right = Channel(7, BAUD), Channel(9, BAUD)
    line = Line(left, right)
    left.send(b"x")
    line.run(0.3)
    left.send(b"in flight")
    right.send(b"in flight too")
    stale_right, stale_left = left.transmit(line.now, 4096), right.transmit(line.now, 4096)
    line.left, line.right = Channel(21, BAUD), Channel(22, BAUD)
    line.right.receive(stale_right, line.now)
    line.left.receive(stale_left, line.now)
    line.heard = {"left": [], "right": []}
    line.left.send(b"a")
    line.right.send(b"b")
    line.run(2.0)
    assert (line.heard["left"], line.heard["right"]) == ([b"b"], [b"a"])


def test_notes_overtake_a_long_upload():
    """A heartbeat is not held up behind a megabyte of data."""
    line = Line(Channel(7, BAUD), Channel(9, BAUD))
    line.run(0.2)
    line.left.send(bytes(500_000))
    line.left.send_note(b"beat")
    line.run(0.06)
    assert b"beat" in line.heard["right"]


def test_full_queue_refuses_instead_of_growing():
    """A sender that outruns the line is told so."""
    channel = Channel(7, BAUD)
    sent = 0
    while channel.send(bytes(1 << 20)):
        sent += 1
        assert sent < 10
    assert sent == 4


ENDS = st.sampled_from(["left", "right"])
TROUBLE = st.one_of(
    st.tuples(st.just("send"), ENDS),
    st.tuples(st.just("pass"), ENDS),
    st.tuples(st.just("lose"), ENDS),
    st.tuples(st.just("restart"), ENDS),
    st.tuples(st.just("late"), ENDS, st.integers(0, 10_000)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(TROUBLE, max_size=60))
def test_both_ends_agree_again_whatever_came_late_twice_or_back(steps):
    """Old chunks of either end at either end, losses and restarts: on a quiet line messages flow.

    An end that was led astray by a late frame and back used to wait for segment 0, while the other
    had sent it: connected, and silent for ever.
    """
    line = Line(Channel(7, BAUD), Channel(9, BAUD))
    past: list[bytes] = []
    session = 1000
    for step in steps:
        line.now += 0.3
        end, other = step[1], "right" if step[1] == "left" else "left"
        if step[0] == "send":
            getattr(line, end).send(b"lost or not")
        elif step[0] == "restart":
            session += 100
            setattr(line, end, Channel(session, BAUD))
        elif step[0] == "late" and past:
            getattr(line, end).receive(past[step[2] % len(past)], line.now)
        else:
            past.append(getattr(line, end).transmit(line.now, 4096))
            if step[0] == "pass":
                getattr(line, other).receive(past[-1], line.now)
    line.run(2.0)
    line.heard = {"left": [], "right": []}
    assert line.left.send(b"to the right")
    assert line.right.send(b"to the left")
    line.run(1.0)
    assert line.heard == {"left": [b"to the left"], "right": [b"to the right"]}


def test_a_lost_answer_to_a_hello_is_given_again():
    """One end has agreed and has nothing to say; the other, which missed its answer, still hears."""
    line = Line(Channel(7, BAUD), Channel(9, BAUD))
    assert line.left.send(b"message")
    hellos = [end.transmit(0.0, 4096) for end in (line.left, line.right)]
    line.left.receive(hellos[1], 0.0)
    line.right.receive(hellos[0], 0.0)
    line.right.receive(line.left.transmit(0.02, 4096), 0.02)
    assert line.right.transmit(0.02, 4096) != b""  # lost
    line.run(2.0)
    assert line.heard["right"] == [b"message"]


def joined() -> Line:
    """Two channels that have met."""
    line = Line(Channel(1, BAUD), Channel(2, BAUD))
    line.run(1.0)
    line.heard = {"left": [], "right": []}
    return line


def test_a_message_beyond_the_limit_is_refused_by_its_sender():
    """One byte more than a mebibyte never enters the queue."""
    channel = Channel(1, BAUD)
    with pytest.raises(ValueError, match="1048577 bytes"):
        channel.send(bytes(MESSAGE_BYTES_MAX + 1))


def test_a_message_that_grows_beyond_the_limit_is_dropped_whole(monkeypatch):
    """A peer that knows no limit costs its message, not a piece of it taken for another."""
    line = joined()
    monkeypatch.setattr(channel_module, "MESSAGE_BYTES_MAX", 3 * SEGMENT_BYTES)
    line.left.send(bytes(3 * SEGMENT_BYTES))
    monkeypatch.setattr(channel_module, "MESSAGE_BYTES_MAX", SEGMENT_BYTES)
    line.left.send(b"next")
    line.run(1.0)
    assert line.heard["right"] == [b"next"]


def test_an_empty_message_is_a_message():
    """Zero bytes arrive as such."""
    line = joined()
    assert line.left.send(b"")
    line.run(1.0)
    assert line.heard["right"] == [b""]


def test_half_a_frame_before_a_cut_line_is_forgotten():
    """After the port was reopened both say hello, and what was queued still arrives once."""
    line = joined()
    line.left.send(b"message")
    data = line.left.transmit(line.now, 4096)
    assert line.right.receive(data[:-3], line.now) == []
    for end in (line.left, line.right):
        end.port_reopened()
    line.run(3.0)
    assert [item for item in line.heard["right"] if item == b"message"] == [b"message"]


def test_frames_shorter_than_a_header_are_nothing():
    """A sound frame with too few bytes is no segment."""
    assert Channel(1, BAUD).receive(frame(b"xy"), 0.0) == []


def test_a_payload_beyond_a_frame_is_refused():
    """The sender hears of it at once."""
    with pytest.raises(ValueError, match="at most 1200"):
        frame(bytes(PAYLOAD_BYTES_MAX + 1))


def test_wake_up_follows_what_is_left_to_say():
    """At once for a note, a hello or room in the window; at the time of a repeat; else never."""
    fresh = Channel(1, BAUD)
    assert fresh.wake_at(5.0) == 5.0
    fresh.transmit(5.0, 4096)
    assert fresh.wake_at(5.0) > 5.0
    line = joined()
    assert line.left.wake_at(line.now) == float("inf")
    line.left.send_note(b"note")
    assert line.left.wake_at(line.now) == line.now
    line.left.transmit(line.now, 4096)
    line.left.send(b"data")
    assert line.left.wake_at(line.now) == line.now
    line.left.transmit(line.now, 4096)
    assert line.now < line.left.wake_at(line.now) < float("inf")


def test_a_small_room_holds_data_back():
    """Without room for a segment none is sent, and it goes with the next call."""
    line = joined()
    line.left.send(b"data")
    assert line.left.transmit(line.now, 10) == b""
    assert line.left.transmit(line.now, 4096) != b""
