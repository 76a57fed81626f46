"""What both ends of a space link agree on before the first byte."""

from dataclasses import dataclass

from flight_sw.space_link.coding import BlockCode
from flight_sw.space_link.framing import Framing
from flight_sw.space_link.tm_frame import FRAME_BYTES


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """What both ends of one space link must agree on; from the board profile.

    Args:
        file_apid: of the packets that carry CFDP units; None where no files travel.
        code: Reed-Solomon code of the telemetry, None where there is none.
    """

    spacecraft: int
    apid: int
    channel: int = 0
    map_id: int = 0
    framing: Framing = Framing.CCSDS
    randomize: bool = False
    tm_frame_bytes: int = FRAME_BYTES
    file_apid: int | None = None
    code: BlockCode | None = None
