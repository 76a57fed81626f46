"""Files as durable storage: names, modes, locks, failures, and the key file."""

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flight_sw.devices.storage import FileStorage, read_key_file, write_key_file
from flight_sw.errors import KeyFileError, StoreError, UserError
from flight_sw.store.records import Record

SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=20,
)


@SHARED
@given(st.binary(max_size=2000))
def test_content_round_trip(tmp_path: Path, content: bytes) -> None:
    """What was written is read by another storage on the same directory."""
    FileStorage(tmp_path).write("thing.a", content)
    assert FileStorage(tmp_path).read("thing.a") == content


def test_missing_content_is_none_and_directories_are_made(tmp_path: Path) -> None:
    """A first start needs no preparation."""
    storage = FileStorage(tmp_path / "deep" / "store")
    assert storage.read("thing.a") is None
    storage.write("thing.a", b"x")
    assert stat.S_IMODE((tmp_path / "deep" / "store").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "deep" / "store").iterdir()] == ["thing.a"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        "A",
        "a\0",
        "a b",
        "-x",
        "a.b.c",
        "thing.NEW",
        "é",
    ],
)
def test_names_cannot_be_paths(tmp_path: Path, name: str) -> None:
    """Only the small alphabet is a name; nothing outside the directory can be reached (A20)."""
    storage = FileStorage(tmp_path / "store")
    with pytest.raises(StoreError, match="not a name"):
        storage.write(name, b"x")
    with pytest.raises(StoreError, match="not a name"):
        storage.read(name)


def test_content_is_synced_before_and_the_directory_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that survives a power cut: fsync of the file, rename, fsync of the directory."""
    calls = []
    fsync, replace = os.fsync, Path.replace

    def recording_fsync(fd: int) -> None:
        calls.append("directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        fsync(fd)

    def recording_replace(self: Path, target: Path) -> Path:
        calls.append("rename")
        return replace(self, target)

    storage = FileStorage(tmp_path)
    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(Path, "replace", recording_replace)
    storage.write("thing.a", b"x")
    assert calls == ["file", "rename", "directory"]


def test_a_failed_write_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken disk raises StoreError and what was there stays."""
    storage = FileStorage(tmp_path)
    storage.write("thing.a", b"old")

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StoreError, match="Input/output error"):
        storage.write("thing.a", b"new")
    assert storage.read("thing.a") == b"old"
    monkeypatch.undo()
    storage.write("thing.a", b"newer")
    assert storage.read("thing.a") == b"newer"


def test_trouble_with_the_file_system_is_a_store_error(tmp_path: Path) -> None:
    """A file where the directory should be, or a directory where a blob should be."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot make store"):
        FileStorage(tmp_path / "file")
    (tmp_path / "thing.a").mkdir()
    storage = FileStorage(tmp_path)
    with pytest.raises(StoreError, match="cannot read"):
        storage.read("thing.a")
    with pytest.raises(StoreError, match="cannot write"):
        storage.write("thing.a", b"x")


def test_a_link_in_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    """Nobody can make the store write into a file elsewhere."""
    (tmp_path / "victim").write_text("victim")
    (tmp_path / "thing.a.NEW").symlink_to(tmp_path / "victim")
    with pytest.raises(StoreError, match="cannot write"):
        FileStorage(tmp_path).write("thing.a", b"x")
    assert (tmp_path / "victim").read_text() == "victim"


def test_one_store_serves_one_process(tmp_path: Path) -> None:
    """A second claim is refused in one line until the first is closed."""
    first, second = FileStorage(tmp_path), FileStorage(tmp_path)
    first.claim()
    with pytest.raises(UserError, match="in use by another process; end that one"):
        second.claim()
    first.close()
    second.claim()
    second.close()
    second.close()


def test_key_file_round_trip_with_mode_0600(tmp_path: Path) -> None:
    """A new key file is its owner's alone, whatever the umask, and is never replaced."""
    path = tmp_path / "keys.json"
    before = os.umask(0)
    try:
        write_key_file(path, "the keys")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key_file(path) == "the keys"
    with pytest.raises(KeyFileError, match="exists; move it away first"):
        write_key_file(path, "others")
    assert read_key_file(path) == "the keys"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """The line says what to type."""
    path = tmp_path / "keys.json"
    write_key_file(path, "the keys")
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"run: chmod 600 {path}"):
        read_key_file(path)


def test_each_trouble_with_a_key_file_is_one_clear_line(tmp_path: Path) -> None:
    """Missing, a directory, too large, no text, an impossible place."""
    with pytest.raises(KeyFileError, match=r"no key file .*; make one with: vanallen keys new"):
        read_key_file(tmp_path / "none")
    with pytest.raises(KeyFileError, match="not a regular file"):
        read_key_file(tmp_path)
    large, binary = tmp_path / "large", tmp_path / "binary"
    write_key_file(large, "x" * 70_000)
    write_key_file(binary, "")
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(KeyFileError, match="too large"):
        read_key_file(large)
    with pytest.raises(KeyFileError, match="not text"):
        read_key_file(binary)
    with pytest.raises(KeyFileError, match="cannot write key file"):
        write_key_file(tmp_path / "none" / "keys", "x")


def test_counters_go_on_when_the_disk_is_full(tmp_path, monkeypatch):
    """Without room for a new file, slots that exist are written over; a larger record is refused."""
    storage = FileStorage(tmp_path)
    for value in (b"1", b"2"):
        Record(storage, "ceiling", 1).save(value)

    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileStorage, "_write_new", no_room)
    Record(storage, "ceiling", 1).save(b"3")
    assert Record(storage, "ceiling", 1).load().payload == b"3"
    with pytest.raises(StoreError):
        Record(storage, "ceiling", 1).save(b"longer than before")
    with pytest.raises(StoreError):
        Record(storage, "new", 1).save(b"x")
    assert Record(storage, "ceiling", 1).load().payload == b"3"
    assert [path for path in tmp_path.iterdir() if path.suffix == ".NEW"] == []
