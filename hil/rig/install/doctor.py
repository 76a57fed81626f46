"""The usual faults of a board's setup, each found by looking, each with its cure.

Looks at a tree (`/` on the board itself, a mounted card, or a copy), and at a port where one is named.
"""

import grp
import os
from dataclasses import dataclass
from pathlib import Path

from flight_sw.devices.board_identity import is_other_board, read_identity
from flight_sw.devices.sensors import ThermalZone, ThrottleFlags
from flight_sw.devices.sysfs import list_directory, read_text
from flight_sw.errors import PortError
from flight_sw.profile import Profile
from hil.rig.board_section import rig_section
from hil.rig.install.loopback import loopback
from hil.rig.install.plan import BOOT_FOLDERS, MENU
from hil.rig.install.tree import altered, firmware_hash, read_record

MINI_UART = "ttyS0"
LOW_VOLTAGE_NOW, LOW_VOLTAGE_SINCE = 0x1, 0x10000
THROTTLED_SINCE = 0x40000
FTDI_LATENCY_MS = 1
WORDS = {True: "ok", False: "FAULT"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `cure` is what to do where it is not well."""

    what: str
    ok: bool
    seen: str
    cure: str = ""


def examine(root: Path, profile: Profile, port: str | None) -> list[Finding]:
    """Everything that can be told from here, worst first in each group."""
    findings = [
        *_identity(root, profile),
        *_console(root, profile),
        *_pi_uart(root, profile),
        *_sensors(root, profile),
        *_installed(root),
    ]
    if port is not None:
        findings += _port(port, profile)
    return findings


def _identity(root: Path, profile: Profile) -> list[Finding]:
    identity = read_identity(root)
    if not identity.compatible:
        return [Finding("board", True, "no device tree here: a card or copy is looked at")]
    if profile.identity and is_other_board(identity, profile.identity.compatible):
        cure = f"take the profile of {identity.model}: vanallen board list"
        return [Finding("board", False, f"{identity.model} ({identity.compatible[0]})", cure)]
    return [Finding("board", True, f"{identity.model}, serial number {identity.serial_number}")]


def _console(root: Path, profile: Profile) -> list[Finding]:
    devices = rig_section(profile).install.console
    findings = []
    for name in (*(f"{folder}/cmdline.txt" for folder in BOOT_FOLDERS), MENU):
        text = read_text(root / name)
        if text is None:
            continue
        used = [one for one in devices if f"console={one}" in text]
        cure = f"vanallen board install --profile {profile.name}"
        seen = f"console on {', '.join(used)}" if used else "no console on our port"
        findings.append(Finding(f"/{name}", not used, seen, cure))
    for unit in rig_section(profile).install.mask:
        path = root / "etc/systemd/system" / unit
        enabled = path.is_symlink() and str(path.readlink()) != "/dev/null"
        if enabled:
            findings.append(Finding(unit, False, "enabled", f"systemctl mask {unit}"))
    return findings


def _pi_uart(root: Path, profile: Profile) -> list[Finding]:
    section = rig_section(profile)
    if section.family != "raspberry-pi":
        return []
    config = next(
        (text for folder in BOOT_FOLDERS if (text := read_text(root / folder / "config.txt"))), None
    )
    if config is None:
        return [Finding("config.txt", False, "not found", "mount the boot partition")]
    lines = {line.partition("#")[0].strip() for line in config.splitlines()}
    findings = [
        Finding(
            "config.txt",
            wanted in lines,
            f"{wanted} is {'set' if wanted in lines else 'missing'}",
            f"vanallen board install --profile {profile.name}",
        )
        for wanted in section.install.config
    ]
    if "raspberrypi,5-model-b" in (profile.identity.compatible if profile.identity else ()):
        wrong = profile.serial.port in ("/dev/serial0", "/dev/ttyAMA10")
        seen = f"{profile.serial.port} {'is the debug header' if wrong else 'is on the header'}"
        findings.append(Finding("Pi 5 port", not wrong, seen, "use /dev/ttyAMA0 on a Pi 5"))
    elif profile.serial.port.endswith(MINI_UART):
        cure = "use the PL011: dtoverlay=disable-bt and /dev/ttyAMA0, or fix core_freq=250"
        findings.append(Finding("mini UART", False, "its baud follows the core clock", cure))
    return findings


def _sensors(root: Path, profile: Profile) -> list[Finding]:
    findings = []
    if list_directory(root / "sys/class/thermal", "thermal_zone*"):
        temp_c = ThermalZone(root, profile.thermal.zone).read_c()
        seen = "no such zone" if temp_c is None else f"{temp_c:.1f} °C"
        cure = "write one of /sys/class/thermal/*/type into the profile"
        findings.append(Finding(f"zone {profile.thermal.zone}", temp_c is not None, seen, cure))
    flags = ThrottleFlags(root).read()
    if flags is not None:
        low = bool(flags & (LOW_VOLTAGE_NOW | LOW_VOLTAGE_SINCE))
        cure = "a stronger supply and a shorter cable: it fell below 4.63 V"
        findings.append(Finding("supply voltage", not low, f"get_throttled {flags:#x}", cure))
        hot = bool(flags & THROTTLED_SINCE)
        findings.append(Finding("throttled", not hot, f"get_throttled {flags:#x}", "cool it"))
    return findings


def _installed(root: Path) -> list[Finding]:
    record = read_record(root)
    if record is None:
        return [Finding("our software", True, "not installed by `board install`")]
    wrong = altered(root)
    seen = f"altered: {', '.join(wrong[:3])}" if wrong else f"hash {firmware_hash(root)[:16]}"
    cure = f"vanallen board install --profile {record.profile}"
    return [Finding("our software", not wrong, seen, cure)]


def _port(port: str, profile: Profile) -> list[Finding]:
    findings = []
    path = Path(port)
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        group = grp.getgrgid(path.stat().st_gid).gr_name
        cure = f"sudo usermod -aG {group} $USER, then log in again"
        return [Finding(port, False, f"you are not in its group {group}", cure)]
    latency = read_text(Path("/sys/bus/usb-serial/devices") / path.resolve().name / "latency_timer")
    if latency and latency.isdigit() and int(latency) > FTDI_LATENCY_MS:
        cure = "vanallen board install brings the udev rule that sets it to 1"
        findings.append(Finding("latency timer", False, f"{latency} ms", cure))
    try:
        lost, sent = loopback(port, profile.serial.baud)
    except PortError as error:
        return [*findings, Finding(port, False, str(error), "see above")]
    seen = f"{sent - lost} of {sent} bytes came back at {profile.serial.baud} baud"
    cure = "join transmit and receive for this test; with a board attached it says nothing"
    return [*findings, Finding("loopback", lost == 0, seen, cure)]
