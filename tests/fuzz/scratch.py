"""Where targets that read files put them: in memory, or an input costs a write to disk."""

import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  a folder of its own is made in it


def scratch() -> Path:
    """A new folder; the caller removes it, or it is gone with the memory."""
    place = MEMORY if MEMORY.is_dir() else None
    return Path(tempfile.mkdtemp(prefix="vanallen-fuzz-", dir=place))
