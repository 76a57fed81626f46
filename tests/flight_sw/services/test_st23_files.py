"""ST[23]: files in numbered slots, by chunks of any order."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.storage_commands import FILE_BYTES_MAX
from flight_sw.errors import DecodeError
from flight_sw.services.st23_files import TOTAL_BYTES_MAX, FileService, FileSlot

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
    """The record holds the whole file; an unfinished upload is not kept."""
    service = FileService()
    begin(ask, service, b"content")
    write(ask, service, b"content", 0)
    again = FileSlot()
    again.restore(service.records()["file-1"].image())
    assert again.content == b"content"
    assert ask(service, "delete-file", slot=1) is None
    assert ask(service, "delete-file", slot=1) is Reason.NO_SUCH_ENTRY
    assert state(ask, read, service) == ("EMPTY", [])
    begin(ask, service, bytes(100))
    assert service.records()["file-1"].image() == b""


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
