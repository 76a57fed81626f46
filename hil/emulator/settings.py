"""What an emulated board is made of: the profile's `emulated:` section and the command's options."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from flight_sw.errors import ProfileError
from flight_sw.profile import Celsius, Positive, Profile, Section, parse_profile, parse_section
from hil.environment.power import PowerModel
from hil.environment.radiation import Radiation, check_levels
from hil.environment.thermal import ThermalNode

NODE_PROGRAM = (sys.executable, "-m", "flight_sw", "node")
LOCK_SUFFIX = ".lock"
SUPPLY_SUFFIX = ".supply"
RIG_SUFFIX = ".rig"
STATE_SUFFIX = ".board"


class Heat(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Constants of `ThermalNode`, the mount's temperature and the firmware's table."""

    capacity_j_per_k: Positive
    resistance_k_per_w: Positive
    mount_c: Celsius
    firmware_table: Annotated[tuple[tuple[float, float], ...], msgspec.Meta(min_length=2)]


class Draw(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Constants of `PowerModel`."""

    idle_w: Positive
    core_w: Positive
    voltage_slope: Annotated[float, msgspec.Meta(ge=0, lt=1)]
    cores: Annotated[int, msgspec.Meta(ge=1, le=64)]
    supply_v: Positive


class Work(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long inference takes in virtual time: a fixed part, and multiply-adds at the top clock."""

    overhead_s: Positive
    macs_per_s: Annotated[float, msgspec.Meta(gt=0, le=1e15)]
    busy_cores: Annotated[float, msgspec.Meta(gt=0, le=64)]
    load_s: Positive


class Silicon(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole `emulated:` section; a latch-up that lasts `latch_up_breaks_s` destroys the board."""

    heat: Heat
    draw: Draw
    discharge_s: Annotated[float, msgspec.Meta(ge=0, le=60)]
    boot_text: str
    latch_up_breaks_s: Positive = 600.0
    work: Work | None = None
    radiation: Radiation | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True):
    """The profile as the emulator reads it: the other sections are not its business."""

    emulated: Silicon


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """How to run one emulated board.

    Args:
        link: path of the symbolic link that the controller opens as its serial port.
        profile: YAML file of the board's profile.
        models: directory of models for the node; None leaves the node's own default.
        seed: start of all chance in this board (line noise, serial number).
        time_scale: how much faster heat runs than the flight software's clock.
        state: directory of the board's file system; `<link>.board` if None.
        node: program of the node, to which its arguments are added.
    """

    link: Path
    profile: Path
    models: Path | None = None
    seed: int = 1
    time_scale: float = 1.0
    state: Path | None = None
    node: tuple[str, ...] = NODE_PROGRAM

    @property
    def state_dir(self) -> Path:
        """Where the board's files are."""
        return self.state or beside(self.link, STATE_SUFFIX)


def beside(link: Path, suffix: str) -> Path:
    """Return the path that shares the link's name: its lock, supply switch, rig port or files."""
    return link.with_name(link.name + suffix)


def read_profile(path: Path) -> tuple[Profile, Silicon]:
    """Read a profile and check its `emulated:` section.

    Raises:
        ProfileError: the file cannot be read, is wrong, or describes no emulated board.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: cannot be read: {error}") from error
    profile = parse_profile(text, str(path))
    if profile.emulated is None:
        raise ProfileError(
            f"{path}: no `emulated:` section, so this board cannot be emulated; "
            "take boards/emulated.yaml or add one"
        )
    silicon = parse_section(text, str(path), _File).emulated
    _check_table(silicon.heat.firmware_table, path)
    if silicon.radiation is not None:
        check_levels(silicon.radiation, str(path))
    return profile, silicon


def power_model(profile: Profile, silicon: Silicon) -> PowerModel:
    """The board's power model; its top clock is the profile's fastest level."""
    draw = silicon.draw
    return PowerModel(
        idle_w=draw.idle_w,
        core_w=draw.core_w,
        top_mhz=float(profile.frequency.levels_mhz[-1]),
        voltage_slope=draw.voltage_slope,
        cores=draw.cores,
        supply_v=draw.supply_v,
    )


def thermal_node(silicon: Silicon) -> ThermalNode:
    """The board's thermal model."""
    return ThermalNode(silicon.heat.capacity_j_per_k, silicon.heat.resistance_k_per_w)


def _check_table(table: tuple[tuple[float, float], ...], path: Path) -> None:
    temps = [temp_c for temp_c, _ in table]
    clocks = [mhz for _, mhz in table]
    if temps != sorted(set(temps)) or clocks != sorted(clocks, reverse=True) or clocks[-1] <= 0:
        raise ProfileError(
            f"{path}: emulated.heat.firmware_table: list rising temperatures, each with a clock "
            "above zero that never rises"
        )


def serial_number(seed: int) -> str:
    """Return sixteen hexadecimal digits, as a Raspberry Pi has, that follow from the seed."""
    return "10000000" + hashlib.sha256(f"board {seed}".encode()).hexdigest()[:8]
