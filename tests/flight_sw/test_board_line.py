"""Faults of the board's line, in virtual time: each is mended or refused by name within ten seconds."""

import pytest

from flight_sw.board_line import GARBLED_S, LineWatch
from flight_sw.board_link import messages as m
from tests.flight_sw.stack import Stack

WITHIN_S = 10.0


@pytest.fixture
def flying():
    stack = Stack()
    stack.fly()
    return stack


class BadLine(Stack):
    """The board's bytes pass a line that may change them."""

    def __init__(self) -> None:
        self.is_bad = True
        super().__init__()

    def _step_node(self) -> None:
        before = len(self._to_controller)
        super()._step_node()
        if self.is_bad:
            said = self._to_controller[before:]
            self._to_controller = self._to_controller[:before] + bytes(b ^ 0x5A for b in said)


class Impostor(Stack):
    """A board that says of itself what `board` and `serial_number` say, once `from_boot` is reached."""

    def __init__(self, from_boot: int, **told: str) -> None:
        self.from_boot, self.told_instead, self.board_boots = from_boot, told, 0
        super().__init__()

    def boot_board(self) -> None:
        super().boot_board()
        self.board_boots += 1
        if self.board_boots < self.from_boot:
            return
        say = self.node._say

        def lie(message: m.Message) -> None:
            if isinstance(message, m.Identity):
                fields = {name: getattr(message, name) for name in message.__struct_fields__}
                message = m.Identity(**fields | self.told_instead)
            say(message)

        self.node._say = lie


class Stranger(Stack):
    """A board whose messages all are of a kind that we do not know."""

    def boot_board(self) -> None:
        super().boot_board()
        channel = self.node._channel
        send, send_note = channel.send, channel.send_note
        channel.send = lambda message: send(b"\xc1" + message)
        channel.send_note = lambda message: send_note(b"\xc1" + message)


def test_a_board_of_another_type_is_refused_by_name() -> None:
    """It is named with what was expected, and the payload stays in SAFE with the board off."""
    stack = Impostor(1, board="raspberry-pi-5")
    stack.fly()
    stack.run(WITHIN_S - 2.5)
    (refusal,) = [line for line in stack.sentences if "Board refused" in line]
    assert "raspberry-pi-5" in refusal
    assert "expected: emulated" in refusal
    assert stack.housekeeping[1]["mode"] == "SAFE"
    assert not stack.board_on
    assert "board-up" not in stack.events


def test_software_that_speaks_otherwise_is_refused_by_name() -> None:
    """Whole frames with messages of another version: a reason to look, not a dead board."""
    stack = Stranger()
    stack.fly()
    stack.run(WITHIN_S - 2.5)
    (refusal,) = [line for line in stack.sentences if "Board refused" in line]
    assert "unknown software" in refusal
    assert stack.housekeeping[1]["mode"] == "SAFE"
    assert not stack.board_on


def test_one_strange_message_among_ours_is_passed_over(flying) -> None:
    """A board that is one version ahead may say more than we know."""
    flying.node._channel.send(b"\x81\xa4type\xa6Gossip")
    flying.run(2.0)
    assert "board-refused" not in flying.events
    assert flying.housekeeping[1]["board"] == "UP"


def test_another_unit_under_the_same_name_is_refused_until_the_ground_has_looked() -> None:
    """After a power cycle another serial number answers; the ground may take it for the new board."""
    stack = Impostor(2, serial_number="0002")
    stack.fly()
    assert "board-up" in stack.events
    stack.send("power-cycle-board")
    stack.run(WITHIN_S)
    (refusal,) = [line for line in stack.sentences if "Board refused" in line]
    assert "serial number 0002" in refusal
    assert "expected: serial number 0001" in refusal
    assert stack.housekeeping[1]["mode"] == "SAFE"
    stack.send("set-mode", mode="NOMINAL")
    stack.run(WITHIN_S)
    assert stack.events.count("board-refused") == 1
    assert stack.housekeeping[1]["mode"] == "NOMINAL"


def test_a_line_at_the_wrong_rate_is_named_and_recovers_once_right() -> None:
    """Garbage for five seconds is told with the rate; whole frames bring the board back."""
    stack = BadLine()
    stack.fly()
    stack.run(WITHIN_S - 2.5)
    assert stack.events.count("line-garbled") == 1
    asked = f"is it at {stack.profile.serial.baud} baud"
    assert any(asked in line for line in stack.sentences)
    stack.is_bad = False
    stack.run(WITHIN_S)
    assert stack.housekeeping[1]["board"] == "UP"


def test_a_boot_loaders_text_is_no_event_and_no_obstacle(flying) -> None:
    """Two kilobytes of text and zeros in one go cost nothing but themselves."""
    flying._to_controller += b"U-Boot 2023.01\r\nHit any key\x00\xff\x00" * 60
    flying.run(3.0)
    assert "line-garbled" not in flying.events
    assert flying.housekeeping[1]["board"] == "UP"


def test_garbage_is_told_once_per_silence() -> None:
    """A watch tells after its time, then not again before a whole frame has come."""
    line = LineWatch()
    told = [line.see(100, step * 1.0, whole=False) for step in range(12)]
    assert told.index(True) == GARBLED_S
    assert told.count(True) == 1
    line.see(10, 12.0, whole=True)
    assert line.garbled_bytes == 0
    assert [line.see(100, 20.0 + step, whole=False) for step in range(7)].count(True) == 1
