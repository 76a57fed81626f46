"""All records of the services on one storage, whatever that storage does."""

from flight_sw.store.record_store import RecordStore


def test_records_are_saved_in_order_and_loaded(memory):
    """What one process saved, the next one loads; what was never saved is absent."""
    assert RecordStore(memory).save({"one": b"1", "two": b"2"}) == {"one", "two"}
    loaded = RecordStore(memory).load(("one", "two", "three"))
    assert loaded.payloads == {"one": b"1", "two": b"2"}
    assert loaded.damaged == ()


def test_refused_record_is_not_confirmed_and_harms_no_other(memory):
    """Only what is durable is named, and a torn write leaves the old payload."""
    store = RecordStore(memory)
    store.save({"one": b"old"})
    memory.cut_after_bytes = 5
    assert store.save({"one": b"new", "two": b"2"}) == {"two"}
    assert RecordStore(memory).load(("one", "two")).payloads == {"one": b"old", "two": b"2"}


def test_record_without_a_whole_copy_is_named(memory):
    """Damaged in both slots is not the same as never saved."""
    store = RecordStore(memory)
    store.save({"one": b"1"})
    store.save({"one": b"2"})
    for slot in ("one.a", "one.b"):
        memory.flip(slot, 150)
    loaded = RecordStore(memory).load(("one", "two"))
    assert (loaded.payloads, loaded.damaged) == ({}, ("one",))


def test_unreadable_storage_loads_nothing_and_raises_nothing(memory):
    """A boot goes on without its records."""
    memory.unreadable |= {"one.a", "one.b"}
    assert RecordStore(memory).load(("one",)).damaged == ("one",)


def test_only_keys_are_written_twice(memory):
    """An older copy of the keys would bring them back; other records keep one to fall back on."""
    RecordStore(memory).save({"x": b"y", "keys": b"k"})
    assert {name: blob.hex() for name, blob in memory.blobs.items()} == {
        "x.a": "5641726300010000000000000001000000010d15a17c79",
        "keys.a": "5641726300010000000000000001000000015b652ddf6b",
        "keys.b": "564172630001000000000000000200000001ddf15f716b",
    }
