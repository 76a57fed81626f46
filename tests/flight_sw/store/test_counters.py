"""Boot counter and security ceilings: never backwards, through any torn write or lost slot."""

import struct

import pytest

from flight_sw.errors import StoreError
from flight_sw.space_link.keys import reserved_test_keys
from flight_sw.space_link.refusal import FrameRefused
from flight_sw.space_link.sdls import SdlsReceiver, SdlsSender
from flight_sw.store.counters import (
    BootCounter,
    BootRecord,
    CeilingState,
    CeilingStore,
    ResetCause,
    RunMarker,
    StoredCeiling,
    with_hardware,
)
from flight_sw.store.records import Record

KEYS = reserved_test_keys(3)


def test_boots_are_counted_until_confirmed(memory) -> None:
    """Each boot counts at its start; only a confirmed one starts the guard count again."""
    assert BootCounter(memory).load() == BootRecord()
    assert BootCounter(memory).begin(ResetCause.POWER_ON) == BootRecord(1, 1, ResetCause.POWER_ON)
    assert BootCounter(memory).begin(ResetCause.WATCHDOG) == BootRecord(2, 2, ResetCause.WATCHDOG)
    assert BootCounter(memory).confirm() == BootRecord(2, 0, ResetCause.WATCHDOG)
    assert BootCounter(memory).load() == BootRecord(2, 0, ResetCause.WATCHDOG)
    assert BootCounter(memory).begin(ResetCause.CRASH).unconfirmed == 1


def test_a_boot_without_storage_is_told(memory) -> None:
    """A store that refuses raises StoreError, and zeros stand in for what cannot be read."""
    memory.cut_after_bytes = 3
    with pytest.raises(StoreError):
        BootCounter(memory).begin(ResetCause.CRASH)
    assert BootCounter(memory).load() == BootRecord()


def test_ceilings_round_trip_per_key(memory) -> None:
    """Each direction and key id has its own ceiling."""
    store = CeilingStore(memory, KEYS.tc)
    assert store.load().state is CeilingState.NEVER_SAVED
    store.save(256)
    assert CeilingStore(memory, KEYS.tc).load().value == 256
    assert CeilingStore(memory, KEYS.tm).load().state is CeilingState.NEVER_SAVED


def test_a_ceiling_torn_at_any_byte_is_old_or_new(memory) -> None:
    """Power cut at each byte of both slots' writes: the ceiling is one of both."""
    for cut in range(2 * 30 + 1):
        memory.blobs.clear()
        memory.cut_after_bytes = None
        CeilingStore(memory, KEYS.tc).save(256)
        memory.cut_after_bytes = cut
        with pytest.raises(StoreError):
            CeilingStore(memory, KEYS.tc).save(512)
        loaded = CeilingStore(memory, KEYS.tc).load()
        assert loaded.state is CeilingState.VALID
        assert loaded.value in (256, 512)


def test_damage_of_one_slot_never_lowers_a_stored_ceiling(memory) -> None:
    """After a save either slot alone gives the same ceiling; without both it is lost (A31)."""
    store = CeilingStore(memory, KEYS.tc)
    store.save(256)
    store.save(512)
    for slot in ("a", "b"):
        name = f"ceiling-tc-3-65535.{slot}"
        memory.flip(name, 170)
        assert store.load().value == 512
        memory.flip(name, 170)
    memory.flip("ceiling-tc-3-65535.a", 170)
    memory.flip("ceiling-tc-3-65535.b", 171)
    assert store.load().state is CeilingState.LOST


def test_no_recorded_frame_passes_after_a_cut_while_storing(memory) -> None:
    """Replay after a power cut at any byte of the ceiling's write is refused (A1)."""
    for cut in range(2 * 30 + 1):
        memory.blobs.clear()
        memory.cut_after_bytes = None
        sender = SdlsSender(KEYS.tc, 0)
        sender.ceiling_confirmed(10_000)
        store, receiver = CeilingStore(memory, KEYS.tc), SdlsReceiver(KEYS.tc, 0)
        receiver.ceiling_confirmed(_stored(store, receiver))
        recorded = [sender.protect(b"", b"") for _ in range(200)]
        for frame in recorded:
            receiver.open(b"", frame)
        memory.cut_after_bytes = cut
        with pytest.raises(StoreError):
            _stored(store, receiver)
        after = SdlsReceiver(KEYS.tc, CeilingStore(memory, KEYS.tc).load().value)
        after.ceiling_confirmed(after.ceiling + 256)
        for frame in recorded[-3:]:
            with pytest.raises(FrameRefused, match="REPLAY"):
                after.open(b"", frame)


def _stored(store: CeilingStore, receiver: SdlsReceiver) -> int:
    wanted = receiver.wanted_ceiling()
    assert wanted is not None
    store.save(wanted)
    return wanted


def test_reset_cause_follows_from_how_the_last_run_ended(memory) -> None:
    """First run, orderly end, crash and a new boot of the machine are told apart."""
    marker = RunMarker(memory)
    assert marker.begin("boot-1") is ResetCause.POWER_ON
    assert RunMarker(memory).begin("boot-1") is ResetCause.CRASH
    assert RunMarker(memory).begin("boot-2") is ResetCause.POWER_ON
    last = RunMarker(memory)
    assert last.begin("") is ResetCause.UNKNOWN
    last.end()
    assert RunMarker(memory).begin("boot-2") is ResetCause.COMMAND


def test_watchdog_and_brown_out_are_told_only_of_a_machine_that_started_anew() -> None:
    """The hardware's note is days old when a program crashes, and says nothing of that."""
    assert with_hardware(ResetCause.POWER_ON, "watchdog") is ResetCause.WATCHDOG
    assert with_hardware(ResetCause.POWER_ON, "brown-out") is ResetCause.BROWN_OUT
    assert with_hardware(ResetCause.POWER_ON, "unknown") is ResetCause.POWER_ON
    for cause in set(ResetCause) - {ResetCause.POWER_ON}:
        assert with_hardware(cause, "watchdog") is cause


def test_what_is_stored_has_the_bytes_that_it_always_had(memory) -> None:
    """Names, layout and version are what an updated payload finds from before its update."""
    BootCounter(memory).begin(ResetCause.CRASH)
    RunMarker(memory).end()
    CeilingStore(memory, "ceiling-tc-1-2").save(7)
    assert {name: blob.hex() for name, blob in memory.blobs.items()} == {
        "boot.a": "564172630001000000000000000100000009318b2241000000010000000104",
        "run.a": "56417263000100000000000000010000000181fb0e4345",
        "ceiling-tc-1-2.a": "564172630001000000000000000100000008c4d4544d0000000000000007",
        "ceiling-tc-1-2.b": "564172630001000000000000000200000008791e38830000000000000007",
    }


def test_a_boot_count_at_its_end_stays_there(memory) -> None:
    """The largest count that fits is kept, and the boot goes on."""
    most = 0xFFFF_FFFF
    Record(memory, "boot", 1).save(struct.pack(">IIB", most, most, 1))
    assert BootCounter(memory).begin(ResetCause.WATCHDOG) == BootRecord(
        most, most, ResetCause.WATCHDOG
    )


def test_a_run_marker_that_is_no_text_or_ended_is_understood(memory) -> None:
    """Bytes that are no text are another boot's; an end in order counts with any boot id."""
    Record(memory, "run", 1).save(b"R\xff\xfe")
    marker = RunMarker(memory)
    assert marker.begin("boot-1") is ResetCause.POWER_ON
    marker.end()
    assert RunMarker(memory).begin("boot-1") is ResetCause.COMMAND
    marker.end()
    assert Record(memory, "run", 1).load().payload == b"Eboot-1"


def test_a_ceiling_that_is_not_valid_is_zero(memory) -> None:
    """Whatever stands in the way, no number is taken from it."""
    assert CeilingStore(memory, "x").load() == StoredCeiling(CeilingState.NEVER_SAVED, 0)
    Record(memory, "x", 1).save(b"short")
    assert CeilingStore(memory, "x").load() == StoredCeiling(CeilingState.LOST, 0)
