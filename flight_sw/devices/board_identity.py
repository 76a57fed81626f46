"""Who this board is and how it fares: model, serial number, system release, memory errors, restarts.

Device tree texts end with a zero byte and `compatible` is a list of them (Devicetree Specification
2.3.1). Memory errors are those that the kernel's EDAC driver counts; most small boards have none.
"""

from dataclasses import dataclass
from pathlib import Path

from flight_sw.devices.sysfs import list_directory, read_text

TREE = "proc/device-tree"
SYSFS_TREE = "sys/firmware/devicetree/base"
TEGRA_RELEASE = "etc/nv_tegra_release"
OS_RELEASE = "etc/os-release"
OVERHEAT_RESET, POWER_RESET, WATCHDOG_RESET = 0x01, 0x10, 0x20  # WDIOF_*, linux/watchdog.h
RSTS_WATCHDOG = 0x20  # HADWRF, bits of PM_RSTS: bcm2835_wdt.c
LIST_BYTES_MAX = 4096
CAUSE_CHARACTERS_MAX = 32
# Parts of the reset sources that Tegra names (drivers/soc/tegra/pmc.c), the telling ones first.
_TEGRA_CAUSES = (
    ("wdt", "watchdog"),
    ("watchdog", "watchdog"),
    ("powerbad", "brown-out"),
    ("vmon", "brown-out"),
    ("power_on", "power-on"),
    ("sensor", "overheat"),
    ("aotag", "overheat"),
    ("sw", "software"),
    ("sys_reset", "reset-line"),
)


@dataclass(frozen=True, slots=True)
class BoardIdentity:
    """What a board says of itself; `unknown` or empty where it says nothing."""

    model: str
    serial_number: str
    compatible: tuple[str, ...]
    release: str


@dataclass(frozen=True, slots=True)
class MemoryErrors:
    """Errors that the memory controller itself saw since boot."""

    corrected: int
    uncorrected: int


def read_identity(root: Path) -> BoardIdentity:
    """Read everything once, at start."""
    return BoardIdentity(
        model=_tree_text(root, "model") or "unknown",
        serial_number=_tree_text(root, "serial-number") or _cpuinfo_serial(root) or "unknown",
        compatible=tuple(_tree_list(root, "compatible")),
        release=_release(root),
    )


def is_other_board(identity: BoardIdentity, wanted: tuple[str, ...]) -> bool:
    """True if the board says what it is and that is none of what the profile wants."""
    return bool(identity.compatible) and not set(identity.compatible) & set(wanted)


def read_memory_errors(root: Path) -> MemoryErrors | None:
    """Sum over all memory controllers, or None where the kernel watches none."""
    controllers = list_directory(root / "sys/devices/system/edac/mc", "mc[0-9]*")
    counts = [
        (_count(one / "ce_count"), _count(one / "ue_count"))
        for one in controllers
        if (one / "ce_count").exists()
    ]
    if not counts:
        return None
    return MemoryErrors(sum(ce for ce, _ in counts), sum(ue for _, ue in counts))


def read_reset_cause(root: Path) -> str:
    """Say why the board last started, from whoever knows it on this board, or `unknown`.

    Of what we know by name: watchdog, brown-out, overheat, power-on, reset-line, software. A board whose
    hardware keeps no note of a brown-out, such as a Raspberry Pi, says power-on after one.
    """
    status = _count(root / "sys/class/watchdog/watchdog0/bootstatus")
    for bit, cause in (
        (WATCHDOG_RESET, "watchdog"),
        (POWER_RESET, "brown-out"),
        (OVERHEAT_RESET, "overheat"),
    ):
        if status & bit:
            return cause
    platform = root / "sys/devices/platform"
    for pattern in ("*.pmc/reset_reason", "bus@0/*.pmc/reset_reason"):  # tegra-pmc, old and new
        for reason in list_directory(platform, pattern):
            return _tegra_cause((read_text(reason) or "unknown").lower())
    rsts = _tree_bytes(root, "chosen/bootloader/rsts")
    if len(rsts) == 4:  # one cell
        return "watchdog" if int.from_bytes(rsts, "big") & RSTS_WATCHDOG else "power-on"
    return (read_text(root / "run/vanallen/reset_cause") or "unknown")[:CAUSE_CHARACTERS_MAX]


def _tegra_cause(reason: str) -> str:
    for part, cause in _TEGRA_CAUSES:
        if part in reason:
            return cause
    return reason[:CAUSE_CHARACTERS_MAX]


def _release(root: Path) -> str:
    tegra = read_text(root / TEGRA_RELEASE)
    if tegra:
        return tegra.splitlines()[0].lstrip("# ")[:80]
    for line in (read_text(root / OS_RELEASE) or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')[:80]
    return "unknown"


def _tree_text(root: Path, name: str) -> str:
    return _tree_bytes(root, name).decode("utf-8", "replace").strip("\0 \n")


def _tree_list(root: Path, name: str) -> list[str]:
    return [word for word in _tree_text(root, name).split("\0") if word]


def _tree_bytes(root: Path, name: str) -> bytes:
    for tree in (SYSFS_TREE, TREE):
        try:
            with (root / tree / name).open("rb") as file:
                return file.read(LIST_BYTES_MAX)
        except OSError:
            continue
    return b""


def _cpuinfo_serial(root: Path) -> str:
    for line in (read_text(root / "proc/cpuinfo") or "").splitlines():
        if line.startswith("Serial"):
            return line.partition(":")[2].strip()
    return ""


def _count(path: Path) -> int:
    text = read_text(path) or "0"
    return int(text) if text.isdigit() else 0
