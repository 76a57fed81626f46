"""The small first file system: loads the kernel modules that reach the card, then moves on to it.

Written by hand as a cpio archive ("newc", kernel documentation: initramfs buffer format), so that
no root rights, no device nodes on this machine and no foreign programs are needed, and the same
input gives the same bytes.
"""

import gzip
import lzma
import re
import stat
from dataclasses import dataclass
from pathlib import Path

MODULES = (  # of Debian's arm64 kernel; the PL011, mailbox and mmc core are built in
    "bcm2835",
    "sdhci-iproc",
    "ext4",
    "squashfs",
    "bcm2835_thermal",
    "bcm2835_wdt",
    "bcm2835-rng",
)
FOUND_BY_REQUEST = {"ext4": ("crc32c_generic",)}  # asked for at run time, not in `depends`
FOLDERS = ("bin", "dev", "proc", "sys", "root", "mod", "mnt", "tmp")
CONSOLE_DEVICE = (5, 1)


@dataclass(frozen=True, slots=True)
class Module:
    """One kernel module; its place in the order is its place in the list."""

    name: str
    data: bytes


def pack(kernel_tree: Path, busybox: Path, init: Path) -> bytes:
    """The archive, compressed."""
    modules = resolve(kernel_tree, MODULES)
    archive = _Cpio()
    for folder in FOLDERS:
        archive.add(folder, stat.S_IFDIR | 0o755)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=CONSOLE_DEVICE)
    archive.add("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes())
    archive.add("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    for module in modules:
        archive.add(f"mod/{module.name}.ko", stat.S_IFREG | 0o644, module.data)
    order = "".join(f"{module.name}\n" for module in modules)
    archive.add("mod/order", stat.S_IFREG | 0o644, order.encode())
    archive.add("init", stat.S_IFREG | 0o755, init.read_bytes())
    return gzip.compress(archive.close(), 6, mtime=0)


def resolve(kernel_tree: Path, wanted: tuple[str, ...]) -> list[Module]:
    """Modules and what they depend on, each after its dependencies.

    Dependencies are read from the modules themselves (`depends=` in .modinfo), so depmod is not
    needed. One that is not there is built in, or the board comes up without it.
    """
    files = {
        path.name.split(".ko")[0].replace("-", "_"): path for path in kernel_tree.rglob("*.ko*")
    }
    found: dict[str, Module] = {}
    for name in wanted:
        _visit(name.replace("-", "_"), files, found, ())
    return list(found.values())


def _visit(
    name: str, files: dict[str, Path], found: dict[str, Module], above: tuple[str, ...]
) -> None:
    if name in found or name in above or name not in files:
        return
    data = _read(files[name])
    for needed in (*FOUND_BY_REQUEST.get(name, ()), *_depends(data)):
        _visit(needed.replace("-", "_"), files, found, (*above, name))
    found[name] = Module(name, data)


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _depends(module: bytes) -> list[str]:
    match = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name for name in match.group(1).decode().split(",") if name] if match else []


class _Cpio:
    def __init__(self) -> None:
        self._out = bytearray()
        self._inode = 0

    def add(
        self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)
    ) -> None:
        self._inode += 1
        label = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(label), 0)
        self._out += b"070701" + b"".join(b"%08X" % field for field in fields) + label
        self._out += bytes(-len(self._out) % 4)
        self._out += data
        self._out += bytes(-len(self._out) % 4)

    def close(self) -> bytes:
        self.add("TRAILER!!!", 0)
        return bytes(self._out)
