"""The node's answers to ST[06]: dump, check, scrub and repair of the board's named regions."""

from collections.abc import Callable

from flight_sw.board_link import messages as m
from flight_sw.board_models import BoardModels
from flight_sw.board_scrub import BoardScrub
from flight_sw.radiation import region_bytes
from flight_sw.radiation.protected import MemoryRegion, Tier
from flight_sw.radiation.scrub import NEVER

READ_BYTES_MAX = 4096


class NodeMemory:
    """Regions by name.

    Args:
        models: what is mapped, with its protected regions.
        memory_map: every region with its address, also those that cannot be mended one by one.
    """

    def __init__(
        self,
        models: BoardModels,
        scrub: BoardScrub,
        memory_map: Callable[[], tuple[MemoryRegion, ...]],
    ) -> None:
        self._models = models
        self._scrub = scrub
        self._memory_map = memory_map

    def obey(
        self, order: m.ReadRegion | m.CheckRegion | m.MendRegion, loading_slot: int | None
    ) -> list[m.Message]:
        """The answer, after the hits that mending found; the slot under proof is left alone."""
        if isinstance(order, m.MendRegion):
            return self._mend(order, loading_slot)
        found = [region for region in self._memory_map() if region.name == order.name]
        inside = found and order.offset >= 0 and order.offset + order.length <= found[0].length
        if not inside or order.length < 1:
            return [m.RegionRefused(order.name)]
        if isinstance(order, m.CheckRegion):
            crc = region_bytes.checksum(found[0], order.offset, order.length)
            return [m.RegionChecked(order.name, order.offset, order.length, crc)]
        data = region_bytes.read(found[0], order.offset, min(order.length, READ_BYTES_MAX))
        return [m.RegionData(order.name, order.offset, data)]

    def _mend(self, order: m.MendRegion, loading_slot: int | None) -> list[m.Message]:
        name = order.name.partition(":")[2]
        numbers = [n for n, model in self._models.parts.items() if model.region.name == name]
        if not numbers or self._scrub.scrubber is None or numbers[0] == loading_slot:
            return [m.RegionRefused(order.name)]
        region = self._models.parts[numbers[0]].region
        answers: list[m.Message] = []
        if order.rebuild:
            found = self._scrub.tick - 1
            answers += [
                self._models.hit(name, page, Tier.REBUILT.name, 0, (NEVER, found))
                for page in region.encode()
            ]
        answers += self._scrub.look_at(name)[1]
        return [*answers, m.RegionMended(order.name, region.pages, len(answers))]
