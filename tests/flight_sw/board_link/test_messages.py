"""Messages survive the trip; anything else is a DecodeError."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.board_link import messages
from flight_sw.errors import DecodeError

EXAMPLES_TO_NODE = (
    messages.Order(2, True, 1.0),
    messages.SubmitJob(7, 1, 2, b"\x00\x01", "standard"),
    messages.CancelJob(7),
    messages.RestartWorker(),
    messages.ScrubNow(3),
)
EXAMPLES_TO_CONTROLLER = (
    messages.Identity("emulated", "1000", 4, 2),
    messages.Heartbeat(1, None, 2.5, 1800.0, 3, True, 99),
    messages.JobResult(7, 1, b"xyz", 0.1, 5, 9),
    messages.AnswerPart(7, 1, 3, "It is"),
    messages.PageHit("a", 1, 3, "CORRECTED", 1, 77, 90, ("standard",)),
)


@pytest.mark.parametrize("message", EXAMPLES_TO_NODE, ids=lambda m: type(m).__name__)
def test_message_to_node_survives(message):
    """What the controller says is what the node hears."""
    assert messages.decode_for_node(messages.encode(message)) == message


@pytest.mark.parametrize("message", EXAMPLES_TO_CONTROLLER, ids=lambda m: type(m).__name__)
def test_message_to_controller_survives(message):
    """What the node says is what the controller hears."""
    assert messages.decode_for_controller(messages.encode(message)) == message


def test_each_direction_refuses_the_other_ones_messages():
    """A reflected message is not understood."""
    with pytest.raises(DecodeError):
        messages.decode_for_node(messages.encode(EXAMPLES_TO_CONTROLLER[0]))
    with pytest.raises(DecodeError):
        messages.decode_for_controller(messages.encode(EXAMPLES_TO_NODE[1]))


@given(st.binary(max_size=400))
def test_any_bytes_give_a_message_or_a_decode_error(data):
    """No other exception leaves the decoders."""
    for decode in (messages.decode_for_node, messages.decode_for_controller):
        with contextlib.suppress(DecodeError):
            decode(data)
