"""Which software is under test: its version, its place in history, and what it is made of."""

import hashlib
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from hil.board_files import REPOSITORY

GIT_S = 5.0


@cache
def our_version() -> str:
    """The installed version of this package."""
    try:
        return metadata.version("vanallen")
    except metadata.PackageNotFoundError:
        return "unknown"


@cache
def our_commit() -> str:
    """The commit of a source tree, with `-dirty` for changes; empty in an installed wheel."""
    if not (REPOSITORY / ".git").exists():
        return ""
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Everything that a result may depend on."""
    found = {"vanallen": our_version(), "git": our_commit(), "python": platform.python_version()}
    for name in ("onnxruntime", "numpy", "cryptography", "spacepackets"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


@cache
def software_sha256() -> str:
    """Digest over name and content of every file of the flight software, the native core too."""
    import flight_sw

    lines = []
    for root in map(Path, flight_sw.__path__):  # an editable install has its native core elsewhere
        files = (path for path in root.rglob("*") if path.is_file())
        lines += [
            f"{path.relative_to(root)} {sha256_of(path)}\n"
            for path in files
            if "__pycache__" not in path.parts
        ]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
