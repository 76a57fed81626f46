"""The controller's end of a board link, held by hand: for benches and checks that need no controller."""

import select
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from flight_sw.board_link import messages as m
from flight_sw.board_link.channel import Channel
from flight_sw.devices.clock import SystemClock
from flight_sw.devices.reopening_port import ReopeningPort
from flight_sw.errors import DecodeError, LinkLost

ROOM_BYTES = 16_384
LOOK_S = 0.02
ORDER_S = 0.5
SCRUB_PASS_S = 2.0


class BoardPeer:
    """Talks to a node; keeps it in contact by repeating an order, as the controller does."""

    def __init__(self, port: str, baud: int, session: int, top_level: int) -> None:
        self._port = ReopeningPort.serial(port, baud, SystemClock())
        self._channel = Channel(session, baud)
        self._opens = 0
        self._out = bytearray()
        self._order_due_s = float("-inf")
        self._level = top_level

    def send(self, message: m.Message) -> None:
        """Queue a message; it is delivered once and in order."""
        self._channel.send(m.encode(message))

    def wait_for(self, wanted: Callable[[m.Message], bool], within_s: float) -> m.Message:
        """The first message that is wanted; others are passed over.

        Raises:
            LinkLost: none came in time.
        """
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            for message in self.hear():
                if wanted(message):
                    return message
        raise LinkLost(f"the board did not answer within {within_s:g} s")

    def hear(self) -> list[m.Message]:
        """Move bytes both ways once, waiting a moment for some; what has come."""
        now = time.monotonic()
        data = self._port.read()
        if self._port.opens != self._opens:
            self._opens = self._port.opens
            self._out.clear()
            self._channel.port_reopened()
        found = []
        for item in self._channel.receive(data, now):
            if isinstance(item, bytes):
                found += _decoded(item)
        self._order(now)
        self._out += self._channel.transmit(now, ROOM_BYTES - len(self._out))
        del self._out[: self._port.write(bytes(self._out))]
        fd = self._port.fileno()
        if not found and not data:
            select.select([fd] if fd is not None else [], [], [], LOOK_S)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._port.close()

    def _order(self, now: float) -> None:
        if now >= self._order_due_s:
            self._order_due_s = now + ORDER_S
            order = m.Order(level=self._level, scrub_enabled=True, scrub_pass_s=SCRUB_PASS_S)
            self._channel.send_note(m.encode(order))


def _decoded(item: bytes) -> list[m.Message]:
    try:
        return [m.decode_for_controller(item)]
    except DecodeError:
        return []
