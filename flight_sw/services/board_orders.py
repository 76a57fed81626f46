"""Messages to the board that telecommands cause, in order, until the board side takes them."""

from collections.abc import Callable

from flight_sw.board_link import messages as m
from flight_sw.dictionary.reason import Reason

ORDERS_MAX = 64


class BoardOrders:
    """A bounded list that refuses while the board is away."""

    def __init__(self, board_up: Callable[[], bool]) -> None:
        self._board_up = board_up
        self._waiting: list[m.Message] = []

    def tell(self, message: m.Message) -> Reason | None:
        """Send this to the node; None when it will go."""
        if not self._board_up():
            return Reason.BOARD_AWAY
        if len(self._waiting) >= ORDERS_MAX:
            return Reason.QUEUE_FULL
        self._waiting.append(message)
        return None

    def take(self) -> list[m.Message]:
        """What to hand to the channel now."""
        waiting, self._waiting = self._waiting, []
        return waiting
