"""Storage in memory that can tear a write at any byte, lose blobs and refuse."""

from dataclasses import dataclass, field

import pytest

from flight_sw.errors import StoreError


@dataclass
class MemoryStorage:
    """Blobs in a dict; `cut_after_bytes` tears the next write there, in place or truncated."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    cut_after_bytes: int | None = None
    truncates: bool = False
    unreadable: set[str] = field(default_factory=set)

    def read(self, name: str) -> bytes | None:
        if name in self.unreadable:
            raise StoreError(f"cannot read {name}")
        return self.blobs.get(name)

    def write(self, name: str, content: bytes) -> None:
        if self.cut_after_bytes is not None and self.cut_after_bytes <= len(content):
            cut, self.cut_after_bytes = self.cut_after_bytes, None
            old = b"" if self.truncates else self.blobs.get(name, b"")
            self.blobs[name] = content[:cut] + old[cut:]
            raise StoreError("power cut")
        if self.cut_after_bytes is not None:
            self.cut_after_bytes -= len(content)
        self.blobs[name] = content

    def flip(self, name: str, bit: int) -> None:
        """Change one bit of a blob."""
        content = bytearray(self.blobs[name])
        content[bit // 8] ^= 1 << bit % 8
        self.blobs[name] = bytes(content)


@pytest.fixture
def memory() -> MemoryStorage:
    """An empty storage."""
    return MemoryStorage()
