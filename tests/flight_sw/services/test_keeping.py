"""Keeping: records offered when they change, confirmed, tried again, restored."""

from flight_sw.errors import DecodeError
from flight_sw.services.keeping import RETRY_S, Keeper


class Part:
    """A counter with a record."""

    def __init__(self):
        self.revision = 0
        self.value = 0

    def set(self, value):
        self.value = value
        self.revision += 1

    def image(self):
        return str(self.value).encode()

    def restore(self, image):
        try:
            self.value = int(image)
        except ValueError as error:
            raise DecodeError("no number") from error


def names(keeper):
    return [event.definition.name for event in keeper.take_events()]


def test_change_is_offered_until_it_is_confirmed():
    """A record is wanted once per change, and durable when storage says so."""
    part = Part()
    keeper = Keeper({"part": part})
    assert keeper.wanted(0.0) == {}
    part.set(7)
    assert keeper.wanted(0.0) == {"part": b"7"}
    assert keeper.durable("part") == 0
    keeper.confirm({"part"}, 0.1)
    assert keeper.durable("part") == part.revision
    assert keeper.wanted(0.2) == {}


def test_change_while_storing_is_offered_again():
    """What changed after the offer is not taken for durable."""
    part = Part()
    keeper = Keeper({"part": part})
    part.set(1)
    keeper.wanted(0.0)
    part.set(2)
    keeper.confirm({"part"}, 0.1)
    assert keeper.durable("part") != part.revision
    assert keeper.wanted(0.1) == {"part": b"2"}


def test_refused_record_is_tried_again_and_told_once():
    """A failing storage costs one event, and one try per second."""
    part = Part()
    keeper = Keeper({"part": part})
    part.set(1)
    tries = 0
    for tick in range(100):
        tries += bool(keeper.wanted(tick / 10))
        keeper.confirm((), tick / 10)
    assert 9 <= tries <= 11
    assert names(keeper) == ["storage-failed"]
    assert keeper.unsaved == 1
    assert keeper.wanted(20.0)
    keeper.confirm({"part"}, 20.0 + RETRY_S)
    assert names(keeper) == ["storage-works"]
    assert keeper.unsaved == 0


def test_unusable_record_is_told_and_harms_no_other():
    """One record that cannot be read or used leaves the others restored."""
    good, bad = Part(), Part()
    keeper = Keeper({"good": good, "bad": bad})
    keeper.restore({"good": b"5", "bad": b"?", "unknown": b""}, ["lost"])
    assert (good.value, bad.value) == (5, 0)
    assert names(keeper) == ["record-unreadable"] * 2
    assert keeper.wanted(0.0) == {}
