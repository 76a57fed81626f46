"""The pipe between node and worker: whatever is cut or damaged, a message or DecodeError comes
out.
"""

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.errors import DecodeError
from flight_sw.inference import worker_messages as wm

_FLOATS = st.floats(allow_nan=False)
_U32 = st.integers(0, 2**32 - 1)
_SPEC = st.builds(
    wm.TensorSpec, st.text(max_size=8), st.just("float32"), st.lists(_U32, max_size=4).map(tuple)
)
REQUESTS = st.one_of(
    st.builds(wm.Load, st.text(max_size=20), _U32),
    st.builds(wm.Run, _U32, _U32, st.binary(max_size=200)),
    st.builds(wm.Ping, _U32),
)
REPLIES = st.one_of(
    st.builds(
        wm.Loaded,
        slot=_U32,
        coverage=_FLOATS,
        live_bytes=_U32,
        total_bytes=_U32,
        inputs=st.lists(_SPEC, max_size=2).map(tuple),
        outputs=st.lists(_SPEC, max_size=2).map(tuple),
        private_dirty_kib=_U32,
        onnxruntime=st.just("1.31.1"),
        protectable=st.booleans(),
        dead=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    ),
    st.builds(wm.LoadFailed, _U32, st.sampled_from(wm.LoadFailure), st.text(max_size=20)),
    st.builds(wm.Done, _U32, st.binary(max_size=200), _FLOATS),
    st.builds(wm.Failed, _U32, st.sampled_from(wm.RunFailure), st.text(max_size=20)),
    st.builds(wm.Pong, _U32),
)


def _feed_in_pieces(decoder, stream, size):
    return [m for i in range(0, len(stream), size) for m in decoder.feed(stream[i : i + size])]


@settings(max_examples=60)
@given(st.lists(REQUESTS, max_size=4), st.integers(1, 64))
def test_requests_survive_any_cutting_of_the_stream(messages, size):
    """Requests come out of the pipe as they went in, however the bytes are portioned."""
    stream = b"".join(map(wm.encode, messages))
    assert _feed_in_pieces(wm.RequestDecoder(), stream, size) == messages


@settings(max_examples=60)
@given(st.lists(REPLIES, max_size=4), st.integers(1, 64))
def test_replies_survive_any_cutting_of_the_stream(messages, size):
    """Replies come out of the pipe as they went in, however the bytes are portioned."""
    stream = b"".join(map(wm.encode, messages))
    assert _feed_in_pieces(wm.ReplyDecoder(), stream, size) == messages


@settings(max_examples=100)
@given(st.binary(max_size=64))
def test_arbitrary_bytes_give_messages_or_decode_error(data):
    """Rubbish on the pipe never raises anything but DecodeError."""
    for decoder in (wm.RequestDecoder(), wm.ReplyDecoder()):
        with contextlib.suppress(DecodeError):
            list(decoder.feed(data))


@settings(max_examples=60)
@given(REPLIES, st.data())
def test_a_damaged_body_gives_a_message_or_decode_error(message, data):
    """One flipped bit in a frame's body never raises anything but DecodeError."""
    frame = bytearray(wm.encode(message))
    bit = data.draw(st.integers(32, len(frame) * 8 - 1))
    frame[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(DecodeError):
        list(wm.ReplyDecoder().feed(bytes(frame)))


def test_a_length_over_the_limit_is_refused_before_it_is_awaited():
    """A damaged length prefix must not make the reader wait for gigabytes."""
    with pytest.raises(DecodeError, match="exceeds"):
        list(wm.ReplyDecoder().feed(struct.pack("<I", wm.MAX_MESSAGE_BYTES + 1)))


def test_a_message_over_the_limit_cannot_be_sent():
    """The sender notices an oversized message itself."""
    with pytest.raises(ValueError, match="exceeds"):
        wm.encode(wm.Run(1, 1, bytes(wm.MAX_MESSAGE_BYTES)))
