"""Programs that come with the operating system: found by name, or one line with what to install."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flight_sw.errors import UserError, VanAllenError

TIMEOUT_S = 900.0  # a mirror may be slow; the steps themselves take seconds
TAIL_LINES = 6

# Debian package of each program that may be missing.
PACKAGES = {
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mcopy": "mtools",
    "mkfs.vfat": "dosfstools",
    "sfdisk": "fdisk",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "mksquashfs": "squashfs-tools",
    "fdtput": "device-tree-compiler",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    "apt-get": "apt",
    "dpkg": "dpkg",
}
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # not in the PATH of every user


class ToolError(VanAllenError):
    """A program of the operating system failed; the text holds its last words."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where a program runs: folder and what its environment has beside ours."""

    folder: Path
    environment: Mapping[str, str] | None = None


def missing_tools(names: Sequence[str]) -> list[str]:
    """Debian packages that would bring the programs which are not here."""
    absent = [name for name in names if shutil.which(name, path=_path()) is None]
    return sorted({PACKAGES.get(name, name) for name in absent})


def require_tools(names: Sequence[str], purpose: str) -> None:
    """Refuse to begin what could not be finished.

    Raises:
        UserError: with the command that installs what is missing.
    """
    packages = missing_tools(names)
    if packages:
        raise UserError(f"{purpose} needs programs: apt install {' '.join(packages)}")


def run_tool(command: Sequence[str | Path], where: Where, timeout_s: float = TIMEOUT_S) -> bytes:
    """Run a program to its end and return what it wrote to its standard output.

    Raises:
        ToolError: it failed or did not end in time.
    """
    words = [str(word) for word in command]
    environment = {**os.environ, "PATH": _path(), **(where.environment or {})}
    try:
        done = subprocess.run(
            words,
            cwd=where.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolError(f"{words[0]}: not found; install {PACKAGES.get(words[0], 'it')}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{words[0]}: did not end within {timeout_s:g} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        tail = " | ".join(said[-TAIL_LINES:]) or "it said nothing"
        raise ToolError(f"{words[0]} failed with code {done.returncode}: {tail}")
    return done.stdout


def _path() -> str:
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:{SYSTEM_FOLDERS}"
