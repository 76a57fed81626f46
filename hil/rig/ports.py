"""Serial ports of this machine by names that stay: what `vanallen board list` shows.

/dev/ttyUSB0 is whoever came first after boot; /dev/serial/by-id names the adapter by its serial number,
by-path the socket it is in. Of several names for one device the steadiest is shown.
"""

from dataclasses import dataclass
from pathlib import Path

from flight_sw.devices.sysfs import list_directory, read_text

FOLDERS = ("dev/serial/by-id", "dev/serial/by-path")
PATTERNS = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttyTHS*", "ttyS[0-9]*")
LATENCY = "sys/bus/usb-serial/devices"


@dataclass(frozen=True, slots=True)
class PortLine:
    """One port.

    Args:
        name: the path to write into a profile or inventory.
        device: what it is today.
        latency_ms: of an FTDI adapter's timer; None for any other.
    """

    name: str
    device: str
    latency_ms: int | None

    @property
    def is_stable(self) -> bool:
        """True if the name survives replugging and reboots."""
        return "/serial/by-" in self.name or "ttyAMA" in self.name or "ttyTHS" in self.name


def serial_ports(root: Path = Path("/")) -> list[PortLine]:
    """Every port, each once; a UART that is only a table entry (ttyS without hardware) is left out."""
    found: dict[str, PortLine] = {}
    for folder in FOLDERS:
        for link in list_directory(root / folder):
            device = link.resolve().name
            found.setdefault(device, _line(root, f"/{folder}/{link.name}", device))
    for pattern in PATTERNS:
        for path in list_directory(root / "dev", pattern):
            if path.name not in found and _has_hardware(root, path.name):
                found[path.name] = _line(root, f"/dev/{path.name}", path.name)
    return sorted(found.values(), key=lambda line: line.name)


def _line(root: Path, name: str, device: str) -> PortLine:
    latency = read_text(root / LATENCY / device / "latency_timer") or ""
    return PortLine(name, f"/dev/{device}", int(latency) if latency.isdigit() else None)


def _has_hardware(root: Path, device: str) -> bool:
    """Entry 0 is PORT_UNKNOWN: the kernel keeps names for ports that are not there (serial_core.h)."""
    return (read_text(root / "sys/class/tty" / device / "type") or "1") != "0"
