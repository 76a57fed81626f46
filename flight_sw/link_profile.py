"""The space link as a profile describes it, its Reed-Solomon code from the native core included.

The space link knows no native core and the core no link; this is where they meet.
"""

from flight_sw.errors import ProfileError
from flight_sw.profile import Profile
from flight_sw.radiation import native
from flight_sw.space_link.coding import DATA_SYMBOLS, DEPTHS, SYMBOLS, BlockCode
from flight_sw.space_link.framing import Framing
from flight_sw.space_link.packet import IDLE_APID
from flight_sw.space_link.settings import LinkSettings


class ReedSolomon:
    """RS(255,223) of CCSDS 131.0-B-4, section 4, in the dual basis, `depth` codewords interleaved."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self.data_bytes = DATA_SYMBOLS * depth
        self.block_bytes = SYMBOLS * depth

    def encode(self, data: bytes) -> bytes:
        """The data with its parity; ValueError unless there are `data_bytes`."""
        if len(data) != self.data_bytes:
            raise ValueError(f"this code takes {self.data_bytes} bytes, not {len(data)}")
        block = bytearray(self.block_bytes)
        block[: len(data)] = data
        native.rs_encode(block, self._depth, dual=True)
        return bytes(block)

    def decode(self, block: bytes) -> tuple[bytes, int] | None:
        """The data and how many bytes were put right; None beyond 16 in a codeword."""
        work = bytearray(block)
        report = native.rs_decode(work, self._depth, dual=True)
        if report.uncorrectable:
            return None
        return bytes(work[: self.data_bytes]), report.corrected


def block_code(profile: Profile) -> BlockCode | None:
    """The code that the profile asks for.

    Raises:
        ProfileError: the frame does not fill whole codewords.
    """
    link = profile.space_link
    if link.coding == "none":
        return None
    depth, rest = divmod(link.tm_frame_bytes, DATA_SYMBOLS)
    if rest or depth not in DEPTHS or link.framing != "ccsds":
        sizes = ", ".join(str(DATA_SYMBOLS * depth) for depth in DEPTHS)
        raise ProfileError(
            f"{profile.name}: space_link.coding rs needs framing ccsds and tm_frame_bytes one of {sizes}"
        )
    return ReedSolomon(depth)


def link_settings(profile: Profile) -> LinkSettings:
    """The space link of the profile, the same for both ends."""
    return LinkSettings(
        spacecraft=profile.spacecraft.id,
        apid=profile.spacecraft.apid,
        framing=Framing(profile.space_link.framing),
        tm_frame_bytes=profile.space_link.tm_frame_bytes,
        file_apid=file_apid(profile),
        code=block_code(profile),
    )


def file_apid(profile: Profile) -> int:
    """The APID of file transfer: the one after the payload's own, or before it at the end."""
    following = profile.spacecraft.apid + 1
    return following if following < IDLE_APID else profile.spacecraft.apid - 1
