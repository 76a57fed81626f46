"""A spacecraft around the board: its radiator, its array and battery, as a file.

Read as strictly as a board profile. Shipped ones are `assumed`: round figures of a 12U CubeSat, and two
that are short of radiator or of power. They are what policies are compared on.
"""

import difflib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from flight_sw.errors import ProfileError, UserError
from flight_sw.profile import Positive, Section, parse_section
from hil.environment.sun_shadow import SOLAR_CONSTANT_W_M2

ALBEDO = 0.3  # of the Earth, mean
EARTH_INFRARED_W_M2 = 237.0  # mean
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Watts = Annotated[float, msgspec.Meta(ge=0, le=10_000)]


class Radiator(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From the board's mount to space.

    `sun_share` is the mean projected share of its area that the Sun sees when lit, `earth_view` the view
    factor of the Earth, `bus_heat_w` what the rest of the spacecraft brings.
    """

    mount_j_per_k: Positive
    mount_to_radiator_k_per_w: Positive
    radiator_j_per_k: Positive
    area_m2: Positive
    emissivity: Share
    absorptance: Share
    sun_share: Share
    earth_view: Share
    bus_heat_w: Watts
    start_c: float


class Energy(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Array and battery.

    Below `cut_charge` the board is cut off, a brown-out; from `restart_charge` it may start again.
    """

    array_m2: Positive
    array_efficiency: Share  # with pointing and ageing
    battery_wh: Positive
    charge_efficiency: Annotated[float, msgspec.Meta(gt=0, le=1)]
    start_charge: Share
    cut_charge: Share
    restart_charge: Share
    bus_w: Watts


class Rail(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The switch that feeds the board; a latch-up that lasts `breaks_after_s` destroys it."""

    trip_a: Positive
    breaks_after_s: Positive


class Vehicle(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One spacecraft."""

    name: str
    description: str
    evidence: Literal["assumed", "bench", "flight"]
    radiator: Radiator
    energy: Energy
    rail: Rail

    def array_w(self, lit: float) -> float:
        """What the array gives at that share of sunlight."""
        energy = self.energy
        return SOLAR_CONSTANT_W_M2 * lit * energy.array_m2 * energy.array_efficiency

    def absorbed_w(self, lit: float, sun_zenith_cosine: float) -> float:
        """Heat into the radiator: Sun, sunlight from the Earth, the Earth's infrared, the bus."""
        r = self.radiator
        albedo = ALBEDO * r.earth_view * max(sun_zenith_cosine, 0.0)
        solar = SOLAR_CONSTANT_W_M2 * r.absorptance * (r.sun_share * lit + albedo)
        infrared = EARTH_INFRARED_W_M2 * r.emissivity * r.earth_view
        return r.area_m2 * (solar + infrared) + r.bus_heat_w


def load_vehicle(name: str) -> Vehicle:
    """The vehicle shipped under `name`, or the one in the YAML file `name`.

    Raises:
        ProfileError: no such vehicle, or something in it is wrong.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        try:
            return parse_vehicle(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ProfileError(f"{path}: cannot be read as text ({error})") from error
    folder = resources.files("hil") / "vehicles"
    known = sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml"))
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
        raise UserError(f"vehicle {name!r}: not found; {hint} (or give the path of a .yaml file)")
    return parse_vehicle((folder / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def parse_vehicle(text: str, source: str) -> Vehicle:
    """Read a vehicle from YAML text; `source` is the file's name, for messages.

    Raises:
        ProfileError: names the file and what is wrong.
    """
    vehicle = parse_section(text, source, Vehicle)
    energy = vehicle.energy
    if not energy.cut_charge < energy.restart_charge <= 1:
        raise ProfileError(
            f"{source}: energy: limits cross: need cut_charge < restart_charge, found "
            f"{energy.cut_charge:g} / {energy.restart_charge:g}"
        )
    return vehicle
