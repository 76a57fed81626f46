"""The disk that counts changes nothing for the code that runs on it."""

import pytest

from hil.faults.disk import Disk, Kind


def test_a_path_through_what_is_no_folder_fails_as_without_a_watch(scratch):
    """Reading and writing below a name that is missing, or that is a file: the system's own error."""
    (scratch / "file").write_bytes(b"x")
    disk = Disk(scratch)
    with disk.watching():
        for path, error in (("gone/inner", FileNotFoundError), ("file/inner", NotADirectoryError)):
            with pytest.raises(error):
                (scratch / path).read_bytes()
            with pytest.raises(error):
                (scratch / path).write_bytes(b"y")
            with pytest.raises(error):
                (scratch / path).unlink()
    assert disk.ops == []


def test_what_is_written_is_written_down(scratch):
    """Each operation once, in order, and the file is really there."""
    disk = Disk(scratch)
    with disk.watching():
        (scratch / "folder").mkdir()
        (scratch / "folder" / "file").write_bytes(b"x")
    assert [op.kind for op in disk.ops] == [Kind.MKDIR, Kind.CREATE, Kind.WRITE]
    assert (scratch / "folder" / "file").read_bytes() == b"x"
