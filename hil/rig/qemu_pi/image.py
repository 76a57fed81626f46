"""The SD card of the emulated Raspberry Pi 3, built without root rights and the same every time.

One partition with what the boot ROM reads, two for a read-only root (A and B) and one for data:
the layout flight software would have on a card of its own.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hil.board_files import REPOSITORY
from hil.rig.qemu_pi import initramfs, root_tree
from hil.rig.qemu_pi.sources import DEVICE_TREE, PYTHON, Sources, fetch
from hil.rig.tools import ToolError, Where, require_tools, run_tool
from hil.rig.wheelhouse import COMPILE_NEEDS, COMPILER, NODE_NEEDS, cross_wheel, dependency_wheels

MIB = 1 << 20
CARD_MIB = 512  # QEMU wants a power of two
BOOT = (1, 80)  # MiB: start, size
ROOT_A = (81, 160)
ROOT_B = (241, 160)
DATA = (401, 111)
DISK_ID = "0b0a4d31"
EPOCH = str(root_tree.EPOCH)
PACKED = ("-comp", "zstd", "-Xcompression-level", "3")  # a tenth of the default's time, 10 % larger
TOOLS = (
    *("qemu-system-aarch64", "mmdebstrap", "mcopy", "mkfs.vfat", "sfdisk", "mke2fs", "debugfs"),
    *("mksquashfs", "fdtput", COMPILER, "apt-get", "dpkg"),
)
# The window: see ram.py. Addresses are those of the device tree's bus and of the processor.
WINDOW_EDITS = (
    (
        *("-t", "x", "/soc", "ranges", "7e000000", "3f000000", "1000000"),
        *("40000000", "40000000", "1000", "7d000000", "3ef00000", "100000"),
    ),
    ("-t", "x", "/soc/thermal@7e212000", "reg", "7d001000", "8"),
    ("-t", "x", "/soc/watchdog@7e100000", "reg", "7d000000", "114", "7e00a000", "24"),
    ("-t", "i", "/thermal-zones/cpu-thermal", "polling-delay", "250"),
)
CMDLINE = "console=ttyS1,115200 quiet root=/dev/mmcblk0p2 rootfstype=squashfs ro panic=5\n"
CONFIG = f"""\
arm_64bit=1
kernel=kernel8.img
device_tree={DEVICE_TREE}
initramfs initramfs.gz followkernel
enable_uart=1
"""


@dataclass(frozen=True, slots=True)
class Image:
    """A card that can be flown.

    Args:
        content: digest of everything that went in; names the image.
        runtime: onnxruntime's wheel, which decides how compiled models look.
    """

    card: Path
    content: str
    kernel: str
    runtime: str


class _Note(msgspec.Struct, frozen=True):
    content: str
    kernel: str
    runtime: str
    sha256: str


def build(cache: Path, say: Callable[[str], None]) -> Image:
    """Build the card in `cache`, or return the one that is there and still right.

    Raises:
        UserError: a program is missing; names the packages.
        ToolError: a step failed, or the mirror or package index cannot be reached.
    """
    require_tools(TOOLS, "the emulated Raspberry Pi")
    cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as other:  # one waits for the network, one for the compiler
        made = other.submit(_wheels, cache)
        sources = fetch(cache)
        say(f"Debian kernel {sources.version} and base system are in {cache}")
        wheels = made.result()
    say(f"{len(wheels)} wheels for {PYTHON} on aarch64")
    content = _digest(sources, wheels)
    found = find(cache)
    if found is not None and found.content == content:
        say("the card is up to date")
        return found
    with tempfile.TemporaryDirectory(dir=cache, prefix="building-") as temporary:
        card = _make_card(Path(temporary), sources, wheels, say)
        card.replace(cache / "sd.img")
    digest = _sha256(cache / "sd.img")
    runtime = next(wheel.name for wheel in wheels if wheel.name.startswith("onnxruntime-"))
    note = _Note(content, sources.version, runtime, digest)
    (cache / "sd.json").write_bytes(msgspec.json.encode(note))
    say(f"card {cache / 'sd.img'}, SHA-256 {digest[:16]}…")
    return Image(cache / "sd.img", content, sources.version, runtime)


def find(cache: Path) -> Image | None:
    """The card that was built before, or None."""
    try:
        note = msgspec.json.decode((cache / "sd.json").read_bytes(), type=_Note)
    except (OSError, msgspec.DecodeError):
        return None
    card = cache / "sd.img"
    return Image(card, note.content, note.kernel, note.runtime) if card.is_file() else None


def copy_card(image: Image, card: Path) -> None:
    """A card of one's own to write on; holes stay holes."""
    run_tool(["cp", "--sparse=always", image.card, card.absolute()], Where(card.parent))


def write_data(card: Path, content: Path) -> None:
    """Make the data partition anew from a folder.

    Raises:
        ToolError: it does not fit.
    """
    offset, size = DATA
    options = f"offset={offset * MIB},root_owner=0:0,lazy_itable_init=1"
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-d", content.absolute(), "-E", options]
    run_tool([*command, card.absolute(), f"{size}M"], Where(content))


def read_data(card: Path, name: str, target: Path) -> None:
    """Copy a file or folder of the data partition to `target`."""
    offset, size = DATA
    with tempfile.TemporaryDirectory(dir=target, prefix="data-") as temporary:
        part = Path(temporary) / "data.img"
        cut = ["dd", f"if={card.absolute()}", f"of={part}", "bs=1M", f"skip={offset}"]
        run_tool([*cut, f"count={size}", "status=none", "conv=sparse"], Where(target))
        with contextlib.suppress(ToolError):  # 1: it replayed the journal
            run_tool(["e2fsck", "-fy", part], Where(target))
        run_tool(["debugfs", "-R", f"rdump {name} {target.absolute()}", part], Where(target))


def read_boot(card: Path, name: str) -> bytes:
    """One file of the boot partition.

    Raises:
        ToolError: there is no such file.
    """
    where = f"{card.absolute()}@@{BOOT[0]}M"
    return run_tool(["mcopy", "-n", "-o", "-i", where, f"::{name}", "-"], Where(card.parent))


def _wheels(cache: Path) -> list[Path]:
    folder = cache / "wheels"
    key = hashlib.sha256(_source_state().encode()).hexdigest()
    stamp = folder / "source.sha256"
    if not stamp.is_file() or stamp.read_text() != key:
        cross_wheel(folder)
        stamp.write_text(key)
    wanted = (*NODE_NEEDS, *COMPILE_NEEDS)
    have = {path.name.partition("-")[0].lower() for path in folder.glob("*.whl")}
    if not {name.replace("-", "_") for name in wanted} | {"cobs"} <= have:
        dependency_wheels(folder, wanted, PYTHON)
    return sorted(folder.glob("*.whl"))


def _source_state() -> str:
    """Name, size and content of every file that goes into our wheel."""
    lines: list[str] = []
    for top in ("flight_sw", "native", "pyproject.toml"):
        root = REPOSITORY / top
        files = [root] if root.is_file() else sorted(root.rglob("*"))
        lines += [
            f"{path.relative_to(REPOSITORY)} {_sha256(path)}"
            for path in files
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so"
        ]
    return "\n".join(lines)


def _digest(sources: Sources, wheels: list[Path]) -> str:
    parts = [sources.version, CONFIG, CMDLINE, repr((WINDOW_EDITS, PACKED)), _sha256(sources.base)]
    guest = [path for path in sorted(root_tree.GUEST.iterdir()) if path.is_file()]
    parts += [f"{path.name} {_sha256(path)}" for path in [*guest, *wheels]]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _make_card(
    work: Path, sources: Sources, wheels: list[Path], say: Callable[[str], None]
) -> Path:
    root_tree.make(work / "root", sources, wheels)
    root = work / "root.img"
    command = ["mksquashfs", work / "root", root, "-noappend", "-all-root", *PACKED]
    times = ["-all-time", EPOCH, "-mkfs-time", EPOCH, "-no-progress"]
    run_tool([*command, *times], Where(work))
    size_mib = root.stat().st_size / MIB
    if size_mib > ROOT_A[1]:
        raise ToolError(f"the root is {size_mib:.0f} MiB, its partition {ROOT_A[1]} MiB")
    say(f"root file system: {size_mib:.0f} MiB")
    boot = _make_boot(work, sources)
    card = work / "sd.img"
    with card.open("wb") as file:
        file.truncate(CARD_MIB * MIB)
    _partition(card)
    for part, (start, _) in ((boot, BOOT), (root, ROOT_A)):
        copy = ["dd", f"if={part}", f"of={card}", "bs=1M", f"seek={start}"]
        run_tool([*copy, "conv=notrunc,sparse", "status=none"], Where(work))
    return card


def _make_boot(work: Path, sources: Sources) -> Path:
    folder = work / "boot"
    folder.mkdir()
    shutil.copyfile(sources.image, folder / "kernel8.img")
    shutil.copyfile(sources.device_tree, folder / DEVICE_TREE)
    _edit_device_tree(folder / DEVICE_TREE)
    archive = initramfs.pack(sources.kernel, sources.busybox, root_tree.GUEST / "init.sh")
    (folder / "initramfs.gz").write_bytes(archive)
    (folder / "cmdline.txt").write_text(CMDLINE)
    (folder / "config.txt").write_text(CONFIG)
    files = sorted(folder.iterdir())
    for file in files:
        os.utime(file, (root_tree.EPOCH, root_tree.EPOCH))
    boot = work / "boot.fat"
    with boot.open("wb") as file:
        file.truncate(BOOT[1] * MIB)
    label = ["-F", "32", "-n", "BOOT", "-i", DISK_ID, "--invariant"]
    run_tool(["mkfs.vfat", *label, boot], Where(work))
    run_tool(["mcopy", "-m", "-i", boot, *files, "::"], Where(work))
    return boot


def _edit_device_tree(file: Path) -> None:
    """As `dtoverlay=disable-bt` does: the PL011 to the header; then the window for the rig."""
    where = Where(file.parent)
    run_tool(["fdtput", "-r", file, "/soc/serial@7e201000/bluetooth"], where)
    run_tool(["fdtput", "-t", "s", file, "/soc/mmc@7e300000", "status", "disabled"], where)
    for kind, style, *rest in WINDOW_EDITS:
        run_tool(["fdtput", kind, style, file, *rest], where)


def _partition(card: Path) -> None:
    lines = [f"label: dos\nlabel-id: 0x{DISK_ID}"]
    kinds = ((BOOT, "c, bootable"), (ROOT_A, "83"), (ROOT_B, "83"), (DATA, "83"))
    for (start, size), kind in kinds:
        lines.append(f"start={start * MIB // 512}, size={size * MIB // 512}, type={kind}")
    script = card.with_suffix(".sfdisk")
    script.write_text("\n".join(lines) + "\n")
    run_tool(["sh", "-c", 'sfdisk -q "$1" < "$2"', "sh", card, script], Where(card.parent))
    script.unlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
