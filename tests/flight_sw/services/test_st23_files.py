"""ST[23]: files in numbered slots, by chunks of any order."""

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.storage_commands import FILE_BYTES_MAX
from flight_sw.errors import DecodeError
from flight_sw.services.st23_files import KEPT_PARTS, TOTAL_BYTES_MAX, FileService, FileSlot

CHUNK = 64


def begin(ask, service, content, slot=1, digest=None, chunk=CHUNK):
    digest = sha256(content).digest() if digest is None else digest
    how = {"slot": slot, "size": len(content), "chunk": chunk, "digest": digest}
    return ask(service, "begin-file", **how)


def write(ask, service, content, chunk, slot=1):
    data = content[chunk * CHUNK : (chunk + 1) * CHUNK]
    return ask(service, "write-chunk", slot=slot, chunk=chunk, data=data)


def state(ask, read, service, slot=1):
    ((_, values),) = read(ask(service, "report-file", slot=slot))
    chunks = values["chunks"]
    missing = [int.from_bytes(chunks[i : i + 2], "big") for i in range(0, len(chunks), 2)]
    return values["state"], missing


@settings(max_examples=40)
@given(data=st.data(), content=st.binary(min_size=1, max_size=600))
def test_file_arrives_whatever_the_order(ask, read, data, content):
    """Any order, any repeats: what is missing is told, and the whole is there at the end."""
    service = FileService()
    begin(ask, service, content)
    chunks = -(-len(content) // CHUNK)
    order = data.draw(st.permutations(range(chunks)))
    for number, chunk in enumerate(order):
        assert state(ask, read, service) == ("LOADING", sorted(set(order[number:])))
        assert write(ask, service, content, chunk) is None
        if number < chunks - 1:
            assert write(ask, service, content, chunk) is None  # a repeat is harmless
    assert state(ask, read, service) == ("COMPLETE", [])
    assert service.slots[1].content == content
    assert service.complete == 1
    assert [event.definition.name for event in service.take_events()] == ["file-complete"]


def test_wrong_digest_empties_the_slot(ask, read):
    """A file that is not what was announced is not kept."""
    service = FileService()
    begin(ask, service, b"content", digest=bytes(32))
    assert write(ask, service, b"content", 0) is Reason.BAD_DIGEST
    assert state(ask, read, service) == ("EMPTY", [])
    assert [event.definition.name for event in service.take_events()] == ["file-damaged"]


@pytest.mark.parametrize("chunk", [3, 1000, 65_535])
def test_chunk_beyond_the_end_is_refused(ask, chunk):
    """No chunk number reaches outside the file."""
    service = FileService()
    begin(ask, service, bytes(150))
    assert ask(service, "write-chunk", slot=1, chunk=chunk, data=bytes(64)) is Reason.BAD_ARGUMENT
    assert len(service.slots[1].upload.content) == 150


def test_chunk_of_wrong_length_or_other_content_is_refused(ask):
    """An overlapping or contradicting chunk changes nothing."""
    service = FileService()
    content = bytes(range(150))
    begin(ask, service, content)
    assert ask(service, "write-chunk", slot=1, chunk=0, data=bytes(63)) is Reason.BAD_ARGUMENT
    assert ask(service, "write-chunk", slot=1, chunk=2, data=bytes(64)) is Reason.BAD_ARGUMENT
    write(ask, service, content, 0)
    assert ask(service, "write-chunk", slot=1, chunk=0, data=bytes(64)) is Reason.NOT_ALLOWED
    assert ask(service, "write-chunk", slot=2, chunk=0, data=bytes(64)) is Reason.NO_SUCH_ENTRY


def test_slots_are_bounded(ask):
    """No more than 4 MiB a file, 8 MiB in all; a slot in use is not begun again."""
    service = FileService()
    most, rest = bytes(FILE_BYTES_MAX), bytes(TOTAL_BYTES_MAX - FILE_BYTES_MAX)
    assert begin(ask, service, most, 1) is Reason.BAD_ARGUMENT  # more chunks than numbers
    assert begin(ask, service, most, 1, chunk=1024) is None
    assert begin(ask, service, most, 1, chunk=1024) is Reason.ALREADY_EXISTS
    assert begin(ask, service, rest, 2, chunk=1024) is None
    assert begin(ask, service, b"x", 3) is Reason.TOO_LARGE
    assert ask(service, "abort-file", slot=1) is None
    assert ask(service, "abort-file", slot=1) is Reason.NO_SUCH_ENTRY
    assert begin(ask, service, b"x", 3) is None
    assert begin(ask, service, b"x", 4, digest=b"short") is Reason.BAD_ARGUMENT


def test_file_survives_a_restart_and_can_be_deleted(ask, read):
    """The record holds the whole file, and nothing once it is deleted."""
    service = FileService()
    begin(ask, service, b"content")
    write(ask, service, b"content", 0)
    again = FileSlot()
    again.restore(service.records()["file-1"].image())
    assert again.content == b"content"
    assert ask(service, "delete-file", slot=1) is None
    assert ask(service, "delete-file", slot=1) is Reason.NO_SUCH_ENTRY
    assert state(ask, read, service) == ("EMPTY", [])
    assert service.records()["file-1"].image() == b""


@settings(max_examples=30)
@given(data=st.data(), content=st.binary(min_size=1, max_size=2000))
def test_an_upload_goes_on_after_a_restart(ask, read, data, content):
    """What had come at the last quarter is there, what is missing is told, and the rest completes it."""
    service = FileService()
    begin(ask, service, content)
    chunks = -(-len(content) // CHUNK)
    order = data.draw(st.permutations(range(chunks)))
    cut = data.draw(st.integers(0, chunks - 1))
    stored, revision = b"", service.slots[1].revision
    for chunk in order[:cut]:
        write(ask, service, content, chunk)
        if service.slots[1].revision != revision:
            revision, stored = service.slots[1].revision, service.slots[1].image()
    again = FileService()
    again.slots[1].restore(stored)
    if not stored:
        assert state(ask, read, again) == ("EMPTY", [])
        begin(ask, again, content)
    _, missing = state(ask, read, again)
    assert len(missing) <= chunks - cut + -(-chunks // KEPT_PARTS)
    for chunk in missing:
        assert write(ask, again, content, chunk) is None
    assert again.slots[1].content == content


def test_an_upload_that_is_given_up_is_not_found_again(ask):
    """Neither after `abort-file` nor after a wrong digest does a restart bring it back."""
    for end in ("abort", "digest"):
        service = FileService()
        slot = service.slots[1]
        begin(ask, service, bytes(2 * CHUNK), digest=bytes(32))
        write(ask, service, bytes(2 * CHUNK), 0)
        assert slot.image() != b""
        revision = slot.revision
        if end == "abort":
            ask(service, "abort-file", slot=1)
        else:
            write(ask, service, bytes(2 * CHUNK), 1)
        assert slot.image() == b""
        assert slot.revision > revision


@pytest.mark.parametrize(
    "part",
    [
        {"chunk_bytes": 0},
        {"chunk_bytes": 1},
        {"missing": [9]},
        {"missing": [0, 1, 2, 3]},
        {"content": b""},
        {"content": bytes(FILE_BYTES_MAX + 1)},
    ],
)
def test_a_stored_upload_that_cannot_be_is_refused(part):
    """A DecodeError, and the slot stays empty."""
    good = {"digest": bytes(32), "content": bytes(200), "chunk_bytes": CHUNK, "missing": [1]}
    FileSlot().restore(msgspec.msgpack.encode(good))
    slot = FileSlot()
    with pytest.raises(DecodeError):
        slot.restore(msgspec.msgpack.encode(good | part))
    assert slot.size == 0


def test_a_file_that_came_whole_never_replaces_another():
    """A full slot refuses what came by another way, keeps its file, and tells nothing."""
    service = FileService()
    assert service.put(1, b"first") is None
    assert len(service.take_events()) == 1
    revision = service.slots[1].revision
    assert service.put(1, b"second") is Reason.ALREADY_EXISTS
    assert service.content_of(1) == b"first"
    assert service.slots[1].revision == revision
    assert service.take_events() == []


def test_damaged_record_is_not_taken_for_a_file():
    """A flipped bit in the stored content is found by the digest."""
    slot = FileSlot()
    slot.put(b"content")
    image = bytearray(slot.image())
    image[-1] ^= 1
    with pytest.raises(DecodeError):
        FileSlot().restore(bytes(image))
    with pytest.raises(DecodeError):
        FileSlot().restore(b"\xff")
