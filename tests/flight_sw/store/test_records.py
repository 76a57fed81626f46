"""Records: the old or the new, never a third, whatever happens to a write or a slot."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from flight_sw.errors import StoreError
from flight_sw.store.records import Record, SlotProblem

OVERHEAD_BYTES = 22
SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=40,
)


@SHARED
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_the_last_save_is_what_is_loaded(memory, payloads: list[bytes]) -> None:
    """Any number of saves, each read back by a fresh reader."""
    record = Record(memory, "thing", 3)
    for payload in payloads:
        record.save(payload)
        loaded = Record(memory, "thing", 3).load()
        assert (loaded.payload, loaded.version, loaded.damaged) == (payload, 3, False)


def test_nothing_saved_is_told_from_everything_lost(memory) -> None:
    """An empty store is normal; two bad slots are not."""
    record = Record(memory, "thing", 1)
    loaded = record.load()
    assert loaded.payload is None
    assert loaded.never_saved
    assert not loaded.damaged
    record.save(b"x")
    memory.flip("thing.a", 0)
    loaded = record.load()
    assert loaded.payload is None
    assert loaded.damaged
    assert not loaded.never_saved


@pytest.mark.parametrize("truncates", [False, True], ids=["in place", "truncated"])
@pytest.mark.parametrize("saves_before", [0, 1, 2, 3])
def test_a_write_torn_at_any_byte_leaves_the_old_or_the_new(
    memory, truncates: bool, saves_before: int
) -> None:
    """Power cut at each byte of a save: a load gives one of both, and saving goes on."""
    size = OVERHEAD_BYTES + len(b"the new payload")
    for cut in range(size + 1):
        memory.blobs.clear()
        memory.truncates = truncates
        for number in range(saves_before):
            Record(memory, "thing", 1).save(b"older payload %d" % number)
        old = Record(memory, "thing", 1).load().payload
        record = Record(memory, "thing", 1)
        memory.cut_after_bytes = cut
        with pytest.raises(StoreError):
            record.save(b"the new payload")
        assert Record(memory, "thing", 1).load().payload in (old, b"the new payload")
        record.save(b"one more")
        assert Record(memory, "thing", 1).load().payload == b"one more"


def test_any_flipped_bit_of_the_newest_slot_gives_the_older_one(memory) -> None:
    """No single-bit change of a slot is taken for data, and a scrub mends the slot."""
    Record(memory, "thing", 1).save(b"older")
    Record(memory, "thing", 1).save(b"newer")
    for bit in range(len(memory.blobs["thing.b"]) * 8):
        memory.flip("thing.b", bit)
        loaded = Record(memory, "thing", 1).load()
        assert loaded.payload == b"older"
        assert loaded.damaged
        memory.flip("thing.b", bit)
    memory.flip("thing.b", 99)
    assert Record(memory, "thing", 1).scrub().damaged
    loaded = Record(memory, "thing", 1).load()
    assert (loaded.payload, loaded.damaged) == (b"older", False)


def test_both_slots_hold_what_save_both_wrote(memory) -> None:
    """Losing either slot afterwards brings no older value back."""
    record = Record(memory, "thing", 1)
    for payload in (b"one", b"two"):
        record.save_both(payload)
    for slot in ("thing.a", "thing.b"):
        kept = memory.blobs.pop(slot)
        assert Record(memory, "thing", 1).load().payload == b"two"
        memory.blobs[slot] = kept


def test_each_problem_has_its_name(memory) -> None:
    """Length, magic, check sum, newer version, wrong place and an unreadable slot are told apart."""
    record = Record(memory, "thing", 1)
    record.save(b"payload")
    good = memory.blobs["thing.a"]
    newer = Record(memory, "thing", 2)
    newer.save(b"of newer software")
    assert record.load().problems == (None, SlotProblem.VERSION)
    bad = {
        SlotProblem.LENGTH: good[:-1],
        SlotProblem.MAGIC: b"X" + good[1:],
        SlotProblem.CRC: good[:-1] + b"X",
    }
    for problem, content in bad.items():
        memory.blobs["thing.a"] = content
        assert record.load().problems[0] is problem
    memory.blobs = {"other.a": good}
    assert Record(memory, "other", 1).load().problems[0] is SlotProblem.CRC
    memory.unreadable.add("other.b")
    assert Record(memory, "other", 1).load().problems[1] is SlotProblem.UNREADABLE


def test_older_layouts_are_handed_on(memory) -> None:
    """Newer software reads what older software wrote and is told its version."""
    Record(memory, "thing", 1).save(b"old layout")
    loaded = Record(memory, "thing", 2).load()
    assert (loaded.payload, loaded.version) == (b"old layout", 1)


def test_slots_are_written_in_turn_from_the_first(memory) -> None:
    """a, b, a: with one writer, and with a new one each time."""
    written = []
    for fresh in (False, True):
        memory.blobs.clear()
        record = Record(memory, "one", 1)
        for number in range(4):
            before = dict(memory.blobs)
            (Record(memory, "one", 1) if fresh else record).save(bytes([number]))
            written += [name for name in memory.blobs if memory.blobs[name] != before.get(name)]
    assert written == ["one.a", "one.b", "one.a", "one.b"] * 2


def test_a_writer_goes_on_where_the_last_one_stopped(memory) -> None:
    """Each save has the next generation, and what was never saved has layout 0."""
    assert Record(memory, "one", 7).load().version == 0
    for number in range(3):
        Record(memory, "one", 7).save(bytes([number]))
    generations = {name: blob[6:14] for name, blob in memory.blobs.items()}
    assert generations == {"one.a": (3).to_bytes(8, "big"), "one.b": (2).to_bytes(8, "big")}


def test_a_scrub_mends_only_what_it_can(memory) -> None:
    """Nothing is written where both slots are whole, or none is."""
    record = Record(memory, "one", 1)
    record.save_both(b"good")
    whole = dict(memory.blobs)
    assert record.scrub().payload == b"good"
    assert memory.blobs == whole
    for name in whole:
        memory.flip(name, 200)
    wrecked = dict(memory.blobs)
    assert record.scrub().payload is None
    assert memory.blobs == wrecked


def test_a_slot_shorter_than_a_header_is_named(memory) -> None:
    """A slot cut below its header is damage of its length, and is mended by a scrub."""
    record = Record(memory, "one", 1)
    record.save_both(b"good")
    memory.blobs["one.b"] = b"VArc"
    assert record.scrub().problems == (None, SlotProblem.LENGTH)
    assert Record(memory, "one", 1).load().problems == (None, None)


@dataclass
class Blobs:
    """Storage of the state machine; with `cut` set every write is torn there."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None

    def read(self, name: str) -> bytes | None:
        return self.blobs.get(name)

    def write(self, name: str, content: bytes) -> None:
        if self.cut is None:
            self.blobs[name] = content
            return
        self.blobs[name] = content[: self.cut] + self.blobs.get(name, b"")[self.cut :]
        raise StoreError("power cut")


class RecordMachine(RuleBasedStateMachine):
    """Saves, torn saves and restarts in any order against a list of what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.storage = Blobs()
        self.record = Record(self.storage, "thing", 1)
        self.allowed: set[bytes | None] = {None}
        self.number = 0

    def next_payload(self) -> bytes:
        self.number += 1
        return b"payload %d" % self.number

    @rule()
    def save(self) -> None:
        payload = self.next_payload()
        self.record.save(payload)
        self.allowed = {payload}

    @rule(cut=st.integers(0, 40))
    def save_torn(self, cut: int) -> None:
        payload = self.next_payload()
        self.storage.cut = cut
        with pytest.raises(StoreError):
            self.record.save(payload)
        self.storage.cut = None
        self.allowed = self.allowed | {payload}

    @rule()
    def restart(self) -> None:
        self.record = Record(self.storage, "thing", 1)
        payload = self.record.load().payload
        assert payload in self.allowed
        self.allowed = {payload}


RecordMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestRecordMachine = RecordMachine.TestCase
