"""The file store that cfdp-py sees: one file in memory, whatever name the other end gives it.

cfdp-py opens paths that come from the wire. Here no path reaches a file system: a transfer reads from
a snapshot, or writes to a buffer that has a limit, and only a whole, checked file is handed on.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

from cfdppy.filestore import VirtualFilestore
from spacepackets.cfdp.defs import ChecksumType

SLOTS_MAX = 99
_NAME = re.compile(r"slot-([0-9]{2})")


def slot_name(slot: int) -> str:
    """The file name by which a slot travels."""
    if not 0 < slot <= SLOTS_MAX:
        raise ValueError(f"a slot is in 1 to {SLOTS_MAX}, not {slot}")
    return f"slot-{slot:02d}"


def slot_of(name: str | None) -> int | None:
    """The slot that a name from the wire stands for, None for every other name."""
    found = _NAME.fullmatch(name or "")
    slot = int(found.group(1)) if found else 0
    return slot or None


class SlotBuffer(VirtualFilestore):  # type: ignore[misc]  # cfdp-py carries no types
    """One file; `content` grows to at most `limit` bytes, and is refused while that is None.

    `still_wanted` says at the end of a reception whether its slot would still take the file.
    """

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)
        self.limit: int | None = None
        self.still_wanted: Callable[[], bool] = lambda: True

    def checksum(self, size: int) -> bytes:
        """CRC-32 of the first `size` bytes, as EOF carries it."""
        return crc32(memoryview(self.content)[:size]).to_bytes(4, "big")

    def read_data(self, file: Path, offset: int | None, read_len: int) -> bytes:  # noqa: ARG002
        """The bytes at `offset`."""
        start = offset or 0
        return bytes(self.content[start : start + read_len])

    def write_data(self, file: Path, data: bytes, offset: int | None) -> None:  # noqa: ARG002
        """Put bytes in their place; PermissionError beyond the limit, as cfdp-py expects."""
        start = offset or 0
        end = start + len(data)
        if self.limit is None or end > self.limit:
            raise PermissionError("beyond the size that was announced")
        if start > len(self.content):
            self.content += bytes(start - len(self.content))
        self.content[start:end] = data

    def file_exists(self, path: Path) -> bool:  # noqa: ARG002
        """True: a transfer without room is refused before this is asked."""
        return True

    def is_directory(self, path: Path) -> bool:  # noqa: ARG002
        """There are none."""
        return False

    def file_size(self, file: Path) -> int:  # noqa: ARG002
        """Length in bytes."""
        return len(self.content)

    def truncate_file(self, file: Path) -> None:  # noqa: ARG002
        """Start anew; PermissionError when this transfer is refused, as cfdp-py expects."""
        if self.limit is None:
            raise PermissionError("refused")
        self.content.clear()

    def calculate_checksum(
        self,
        checksum_type: ChecksumType,
        file_path: Path,  # noqa: ARG002
        size_to_verify: int,
        segment_len: int = 4096,  # noqa: ARG002
    ) -> bytes:
        """CRC-32, the only kind that passes the router."""
        if checksum_type != ChecksumType.CRC_32:
            raise ValueError("only CRC-32 is used on this link")
        return self.checksum(size_to_verify)

    def delete_file(self, file: Path) -> None:  # noqa: ARG002
        """Forget what has come so far."""
        self.content.clear()

    def create_file(self, file: Path) -> None:
        """As `truncate_file`."""
        self.truncate_file(file)

    def filename_from_full_path(self, path: Path) -> str:
        """The name without folders."""
        return path.name

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise PermissionError("no files are opened, and no file store requests answered, here")

    read_from_opened_file = rename_file = replace_file = _refuse
    create_directory = remove_directory = list_directory = _refuse
