"""What a board's own hardware and firmware know of its health, beside heat and power."""

from flight_sw.board_link.message import Message
from flight_sw.board_link.ranges import U32


class BoardHealth(Message, frozen=True):
    """Told when it changes; counts are since the board's boot. None: this board keeps no such count.

    `limits` are a Raspberry Pi firmware's bits as `get_throttled` has them: 0 to 3 now, 16 to 19 since
    boot.
    """

    corrected: U32 | None = None
    uncorrected: U32 | None = None
    limits: U32 | None = None
