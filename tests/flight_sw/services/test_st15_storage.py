"""ST[15]: rings of telemetry, their retrieval and their records."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from flight_sw.dictionary.reason import Reason
from flight_sw.services.report import Channel, Report
from flight_sw.services.st15_storage import (
    FLUSH_S,
    PACKETS_PER_STEP,
    SEGMENT_BYTES,
    SEGMENTS,
    PacketStore,
    StorageService,
)

EVENT = Report(5, 1, b"")
HIGH = Report(5, 4, b"")
HOUSEKEEPING = Report(3, 25, b"")
RESULT = Report(130, 129, b"", Channel.RESULTS)
ANSWER = Report(1, 1, b"")


def retrieve(ask, service, store, since=0.0, until=1e10):
    ask(service, "retrieve-store", store=store, since=since, until=until)
    packets = []
    for _ in range(1000):
        some = service.retrieved()
        assert len(some) <= PACKETS_PER_STEP
        if not some:
            return packets
        packets += some
    raise AssertionError("a retrieval without end")


def test_each_kind_has_its_own_ring(ask):
    """Housekeeping without end costs no event."""
    service = StorageService()
    service.keep(EVENT, b"event", 1.0, 1.0)
    for number in range(3000):
        service.keep(HOUSEKEEPING, number.to_bytes(2, "big") * 500, 2.0, 2.0)
    service.keep(RESULT, b"result", 3.0, 3.0)
    service.keep(ANSWER, b"answer", 3.0, 3.0)
    assert retrieve(ask, service, "events") == [b"event"]
    assert retrieve(ask, service, "results") == [b"result"]
    kept = retrieve(ask, service, "housekeeping")
    assert kept[-1] == (2999).to_bytes(2, "big") * 500
    assert sum(map(len, kept)) <= SEGMENTS * SEGMENT_BYTES
    assert sum(map(len, kept)) >= (SEGMENTS - 1) * (SEGMENT_BYTES - 1000)


def test_retrieval_by_time_range_is_byte_for_byte(ask):
    """Only packets stamped in the range come, as they were."""
    service = StorageService()
    for second in range(100):
        service.keep(EVENT, b"packet %d" % second, float(second), float(second))
    assert retrieve(ask, service, "events", 20.0, 23.0) == [
        b"packet 20",
        b"packet 21",
        b"packet 22",
    ]
    assert [event.values for event in service.take_events()] == [{"count": 3, "store": "events"}]


def test_one_retrieval_at_a_time_and_it_can_be_stopped(ask):
    """A second one is BUSY; a stopped one sends nothing more."""
    service = StorageService()
    for second in range(100):
        service.keep(EVENT, b"x", float(second), float(second))
    how = {"store": "events", "since": 0.0, "until": 1e9}
    assert ask(service, "retrieve-store", **how) is None
    assert ask(service, "retrieve-store", **how) is Reason.BUSY
    assert len(service.retrieved()) == PACKETS_PER_STEP
    assert ask(service, "stop-retrieval") is None
    assert service.retrieved() == []
    assert ask(service, "stop-retrieval") is Reason.NO_SUCH_ENTRY


def test_disabled_store_keeps_nothing(ask, read):
    """Switched off and on again, and what the state report says of it."""
    service = StorageService()
    ask(service, "disable-store", store="events")
    service.keep(EVENT, b"lost", 1.0, 1.0)
    ask(service, "enable-store", store="events")
    service.keep(EVENT, b"kept", 2.0, 2.0)
    told = {values["store"]: values for _, values in read(ask(service, "report-stores"))}
    assert (told["events"]["packets"], told["events"]["bytes"]) == (1, 4)
    assert (told["events"]["oldest"], told["events"]["newest"]) == (2.0, 2.0)


def test_high_events_become_durable_at_once_and_others_within_half_a_minute():
    """The record of the open segment changes with the step, or after FLUSH_S."""
    service = StorageService()
    service.keep(EVENT, b"low", 0.0, 0.0)
    service.step(FLUSH_S - 1)
    assert all(segment.revision == 0 for segment in service.records().values())
    service.keep(HIGH, b"high", 1.0, FLUSH_S - 1)
    service.step(FLUSH_S - 1)
    assert sum(segment.revision for segment in service.records().values()) == 1
    service.keep(EVENT, b"low", 0.0, 100.0)
    assert service.wake_at(100.0) == 100.0 + FLUSH_S
    service.step(100.0 + FLUSH_S)
    assert sum(segment.revision for segment in service.records().values()) == 2


class StoreMachine(RuleBasedStateMachine):
    """One ring against a list that loses its oldest segment's worth."""

    def __init__(self):
        super().__init__()
        self.store = PacketStore("events")
        self.model = []
        self.count = 0
        self.now = 0.0

    @rule(size=st.integers(1000, 30_000), times=st.integers(1, 12))
    def add(self, size, times):
        for _ in range(times):
            self.now += 1.0
            packet = self.count.to_bytes(4, "big") + bytes(size)
            self.count += 1
            self.store.add(packet, self.now, self.now)
            self.model.append((self.now, packet))

    @rule(share=st.floats(0, 1))
    def delete(self, share):
        until_s = self.now * share
        self.store.delete(until_s)
        self.model = [(time_s, packet) for time_s, packet in self.model if time_s >= until_s]

    @rule()
    def restart(self):
        again = PacketStore("events")
        for old, new in zip(self.store.segments, again.segments, strict=True):
            new.restore(old.image())
        self.store = again

    @invariant()
    def holds_the_newest(self):
        held, position = [], (0, 0)
        while (found := self.store.after(position)) is not None:
            position, kept = found
            held.append((kept.time_s, kept.packet))
        assert held == self.model[len(self.model) - len(held) :]
        lost = sum(len(packet) for _, packet in self.model[: len(self.model) - len(held)])
        if lost:
            assert self.store.size >= (SEGMENTS - 1) * (SEGMENT_BYTES - 30_004)
        self.model = held


def test_ring_keeps_the_newest_in_order():
    """Any additions, deletions and restarts: what is held is the newest, in order, whole."""
    run_state_machine_as_test(
        StoreMachine, settings=settings(max_examples=10, stateful_step_count=20)
    )
