"""The controller's own named memory for ST[06]: the copies of its voted record."""

from collections.abc import Mapping

from flight_sw.radiation import region_bytes
from flight_sw.radiation.voted import VotedRecord


class ControllerMemory:
    """Regions of the controller's process by name."""

    def __init__(self, state: VotedRecord) -> None:
        self._state = state
        self._regions = {region.name: region for region in state.memory_regions()}

    def lengths(self) -> Mapping[str, int]:
        """Bytes of each region."""
        return {name: region.length for name, region in self._regions.items()}

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of a region."""
        return region_bytes.read(self._regions[name], offset, length)

    def checksum(self, name: str, offset: int, length: int) -> int:
        """CRC-32C of bytes of a region."""
        return region_bytes.checksum(self._regions[name], offset, length)

    def mend(self, _: str) -> int:
        """Vote the record; bits put right."""
        before = self._state.repairs
        self._state.read()
        return self._state.repairs - before
