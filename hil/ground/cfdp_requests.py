"""One file up or down, waited for: what `put_file` and `get_file` of the ground do."""

from collections.abc import Callable
from typing import Protocol

from flight_sw.services.cfdp_transfer import Outcome, TransferEnd
from hil.ground.cfdp import GroundFiles
from hil.ground.request import Pump, TransferFailed

FILE_S = 600.0

Progress = Callable[[int, int], None]


def unwatched(_: int, __: int) -> None:
    """Nobody looks at the progress."""


class FilePump(Pump, Protocol):
    """A ground with files."""

    files: GroundFiles


def put(ground: FilePump, slot: int, content: bytes, within_s: float, progress: Progress) -> None:
    """Send content to a slot and wait until it is stored.

    Raises:
        TransferFailed: refused, cancelled or too slow; the text says which.
    """
    number = ground.files.put(slot, content)
    if number is None:
        raise TransferFailed(f"slot {slot}: too many files are under way; try again later")

    def is_ours(end: TransferEnd) -> bool:
        return not end.receiving and end.number == number

    end = _wait(ground, is_ours, within_s, progress)
    if end is None or end.outcome is not Outcome.DELIVERED:
        ground.files.cancel(number)
        word = "too slow" if end is None else end.outcome.name
        raise TransferFailed(f"slot {slot}: not stored: {word}; {ground.why_silent()}")


def get(ground: FilePump, slot: int, within_s: float, progress: Progress) -> bytes:
    """Wait for the file of a slot that was asked for.

    Raises:
        TransferFailed: cancelled or too slow.
    """
    end = _wait(ground, lambda end: end.receiving and end.slot == slot, within_s, progress)
    if end is None or end.content is None:
        word = "too slow" if end is None else end.outcome.name
        raise TransferFailed(f"slot {slot}: not received: {word}; {ground.why_silent()}")
    return end.content


def _wait(
    ground: FilePump,
    wanted: Callable[[TransferEnd], bool],
    within_s: float,
    progress: Progress,
) -> TransferEnd | None:
    """The end of a transfer, None if it does not come in time."""
    found: list[TransferEnd] = []

    def look() -> bool:
        for number, _, receiving in ground.files.listed():
            progress(*(ground.files.progress(number, receiving=receiving) or (0, 0)))
        found.extend(end for end in ground.files.ended() if wanted(end))
        return bool(found)

    ground.wait_until(look, within_s)
    return found[0] if found else None
