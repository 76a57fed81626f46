"""What the schedule stores: its entries, and the marks that say what became of those that fell due.

Entries are marked by a serial number that is never used twice, so that an entry which takes the number
of an old one does not inherit its mark.
"""

import msgspec

from flight_sw.services.images import read_image

ENTRIES_MAX = 1000


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One telecommand with its time; `number` is the ground's name for it."""

    serial: int
    number: int
    group: int
    release_s: float
    packet: bytes

    def shifted(self, by_s: float) -> "Entry":
        """The same entry at another time."""
        return msgspec.structs.replace(self, release_s=self.release_s + by_s)


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The record `schedule`."""

    enabled: bool
    next_serial: int
    entries: list[Entry]


class _MarksImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    releasing: list[int]
    fresh: list[int]
    done: list[int]


class Marks:
    """The record `schedule-marks`, by serial numbers.

    Args (attributes):
        releasing: to be carried out once this mark is durable.
        fresh: carried out in the last step; their effect may still be on its way out.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.releasing: list[int] = []
        self.fresh: list[int] = []
        self._done: set[int] = set()
        self._older: set[int] = set()

    def __len__(self) -> int:
        return len(self._done)

    def __contains__(self, serial: object) -> bool:
        return serial in self._done or serial in self._older or serial in self.fresh

    def newest(self) -> int:
        """The highest serial that any mark names; 0 if none does."""
        return max((*self._done, *self._older, *self.fresh, *self.releasing), default=0)

    def is_settled(self, serial: int) -> bool:
        """Whether an entry was carried out and nothing of it is on its way any more."""
        return serial in self._done or serial in self._older

    def begin(self, serials: list[int]) -> None:
        """WAITING to RELEASING."""
        self.releasing = serials
        self.revision += 1

    def drop(self, serials: list[int]) -> None:
        """WAITING to DONE, without being carried out."""
        self._done.update(serials)
        self.revision += bool(serials)

    def carry_out(self) -> list[int]:
        """RELEASING to DONE; the serials to carry out now."""
        self.fresh, self.releasing = self.releasing, []
        self.revision += 1
        return self.fresh

    def settle(self) -> None:
        """The step that carried them out is over."""
        if self.fresh:
            self._done.update(self.fresh)
            self.fresh = []
            self.revision += 1

    def forget(self) -> None:
        """`schedule` is stored without them; one generation more is kept, for a slot that decays."""
        if self._done:
            self._older, self._done = self._done, set()

    def image(self) -> bytes:
        """As stored."""
        done = sorted(self._done | self._older)
        return msgspec.msgpack.encode(_MarksImage(self.releasing, self.fresh, done))

    def restore(self, image: bytes) -> None:
        """After a restart: what was RELEASING has had no effect outside and waits again."""
        saved = read_image(image, _MarksImage)
        self.fresh, self._done = saved.fresh, set(saved.done)
