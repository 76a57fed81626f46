"""Which boot of the machine this is: Linux draws a new id each time its kernel starts."""

from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ID_CHARACTERS_MAX = 64


def machine_boot_id(path: Path = BOOT_ID) -> str:
    """The id of this boot, or an empty text where the kernel does not tell."""
    try:
        return path.read_text("ascii").strip()[:ID_CHARACTERS_MAX]
    except (OSError, UnicodeDecodeError):
        return ""
