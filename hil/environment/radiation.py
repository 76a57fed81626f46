"""From particles to events: how often memory flips, boards crash and latch-ups come along an orbit.

Rates are cross-section times flux, with a low, nominal and high value each and its source, because no
proton data per bit of the memories in question are public. Arrivals are a Poisson process whose rate
follows the orbit. An acceleration multiplies rates; who uses one has to print it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import pairwise
from typing import Annotated, Literal

import msgspec
import numpy as np

from flight_sw.errors import UserError
from flight_sw.profile import Section
from hil.environment.conditions import GRID_S, Conditions
from hil.environment.geodetic import Floats
from hil.environment.solar_storm import SolarStorm, storm_flux
from hil.kernel import MAX_ARRIVALS, stream

DAY_S = 86_400.0
CUTOFF_GV = 14.9  # vertical cutoff at L = 1, Stoermer's dipole
GCR_FREE_CM2_S = {
    "min": 4.86,
    "max": 1.70,
}  # 3870 and 1350 p/m2/s/sr over 4 pi, force field at 400/1000 MV
# Fitted to the transmitted flux of those spectra on four orbits (0.63, 0.18, 0.73 and 1.48 p/cm2/s at
# 300 km/53, 550/30, 550/53 and 550 polar, solar minimum), met within 6 %; the other phase is assumed.
GCR_MEDIAN_GV = {"min": 1.75, "max": 2.6}
GCR_STEEPNESS = 1.8
EARTH_SHADOW = 0.67  # share of the sky that the Earth leaves free in low orbit
# One galactic cosmic ray upsets as many bits as this many trapped protons above 30 MeV, so that about
# 10 % of the upsets at 650 km, polar, fall outside the anomaly (Proba-II; flight range 3 to 20 %).
HEAVY_ION_WORTH = 3.7
Level = Literal["low", "nominal", "high"]
Area = Annotated[float, msgspec.Meta(ge=0, le=1)]
LEVELS: tuple[Level, ...] = ("low", "nominal", "high")


@unique
class Effect(StrEnum):
    """What a hit does; names of hil.faults.catalog, so that a hit becomes a fault."""

    WEIGHT_FLIP = "weight-flip"
    WEIGHT_BURST = "weight-burst"
    WEIGHT_DOUBLE_FLIP = "weight-double-flip"
    VOTE_FLIP = "vote-flip"
    BOARD_HANG = "board-hang"
    WORKER_CRASH = "worker-crash"
    LATCH_UP = "latch-up"


IN_MEMORY = frozenset({Effect.WEIGHT_FLIP, Effect.WEIGHT_BURST, Effect.VOTE_FLIP})


class CrossSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Square centimetres per bit or per device for protons above 30 MeV, and where it is from."""

    low: Area
    nominal: Area
    high: Area
    source: str

    def at(self, level: Level) -> float:
        """The value of one level."""
        return float(getattr(self, level))


class Radiation(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What radiation does to a board.

    `multi_bit` is the share of memory hits that flip neighbouring bits, `heavy_ions` the share of all
    hits that fall outside the trapped belts at 650 km, calibrated on flight figures.
    """

    memory_bit: CrossSection
    board_crash: CrossSection
    worker_crash: CrossSection
    latch_up: CrossSection
    latch_up_a: Annotated[float, msgspec.Meta(ge=0, le=20)]
    multi_bit: Annotated[float, msgspec.Meta(ge=0, le=1)]
    multi_bit_source: str


@dataclass(frozen=True, slots=True)
class Targets:
    """Bits that exist: weights are hit where they lie, `voted` are the copies of voted records."""

    weight_bits: int
    voted_bits: int


@dataclass(frozen=True, slots=True)
class Hit:
    """One event of a flight.

    Args:
        at_s: seconds since the conditions' start.
        place, second: fractions for hil.faults.regions.
    """

    at_s: float
    effect: Effect
    place: float
    second: float
    level: float = 0.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """How to draw the hits of one flight.

    Args:
        acceleration: of hits in memory; a real board has far more of it than one model's weights.
        device_acceleration: of crashes and latch-ups.
    """

    radiation: Radiation
    targets: Targets
    level: Level = "nominal"
    acceleration: float = 1.0
    device_acceleration: float = 1.0
    storms: tuple[SolarStorm, ...] = ()


def cosmic_rays(conditions: Conditions) -> Floats:
    """Galactic protons that reach the orbit, p/cm2/s; Earth's field keeps the slow ones out.

    Transmission is a logistic law of the cutoff rigidity 14.9 / L^2.
    """
    phase = conditions.solar.value[0]
    cutoff_gv = CUTOFF_GV / np.maximum(conditions.shell, 1.0) ** 2
    passing = 1.0 / (1.0 + (cutoff_gv / GCR_MEDIAN_GV[phase]) ** GCR_STEEPNESS)
    return np.asarray(GCR_FREE_CM2_S[phase] * EARTH_SHADOW * passing)


def particle_flux(conditions: Conditions, storms: tuple[SolarStorm, ...] = ()) -> Floats:
    """Everything that upsets: trapped protons, the heavy-ion floor as protons, solar storms."""
    heavy = cosmic_rays(conditions) * HEAVY_ION_WORTH
    total = conditions.protons + heavy
    for storm in storms:
        total = total + storm_flux(storm, conditions)
    return np.asarray(total)


def rates_per_s(exposure: Exposure) -> dict[Effect, float]:
    """Events per second in a flux of 1 p/cm2/s, acceleration included."""
    radiation, targets = exposure.radiation, exposure.targets
    bit = radiation.memory_bit.at(exposure.level)
    burst = radiation.multi_bit
    raw = {
        Effect.WEIGHT_FLIP: bit * targets.weight_bits * (1 - burst),
        Effect.WEIGHT_BURST: bit * targets.weight_bits * burst,
        Effect.VOTE_FLIP: bit * targets.voted_bits,
        Effect.BOARD_HANG: radiation.board_crash.at(exposure.level),
        Effect.WORKER_CRASH: radiation.worker_crash.at(exposure.level),
        Effect.LATCH_UP: radiation.latch_up.at(exposure.level),
    }
    return {
        effect: rate
        * (exposure.acceleration if effect in IN_MEMORY else exposure.device_acceleration)
        for effect, rate in raw.items()
    }


def arrivals(exposure: Exposure, conditions: Conditions, seed: int) -> list[Hit]:
    """All hits of a flight in order of time; each effect draws from a stream of its own.

    Raises:
        UserError: the acceleration makes more events than a flight can take.
    """
    flux = particle_flux(conditions, exposure.storms)
    fluence = np.concatenate([[0.0], np.cumsum(0.5 * (flux[1:] + flux[:-1]) * GRID_S)])
    hits: list[Hit] = []
    for effect, rate in rates_per_s(exposure).items():
        expected = rate * float(fluence[-1])
        if expected > MAX_ARRIVALS:
            raise UserError(
                f"{effect.value}: {expected:.3g} events expected, at most {MAX_ARRIVALS}; "
                "lower --acceleration"
            )
        hits += _draw(effect, rate, fluence, exposure, seed)
    return sorted(hits, key=lambda hit: (hit.at_s, hit.effect.value))


def outside_share(conditions: Conditions, belt_flux: float = 10.0) -> float:
    """Share of the hits that fall where the belts give less than `belt_flux`."""
    flux = particle_flux(conditions)
    return float(flux[conditions.protons < belt_flux].sum() / flux.sum())


def _draw(
    effect: Effect, rate: float, fluence: Floats, exposure: Exposure, seed: int
) -> Iterator[Hit]:
    """Inhomogeneous Poisson: uniform in fluence, mapped back to time."""
    chance = stream(seed, f"hits:{effect.value}")
    count = int(chance.poisson(rate * float(fluence[-1])))
    draws = chance.random((count, 3))
    times = np.interp(draws[:, 0] * fluence[-1], fluence, np.arange(fluence.size) * GRID_S)
    level = exposure.radiation.latch_up_a if effect is Effect.LATCH_UP else 0.0
    for at_s, (_, place, second) in zip(times.tolist(), draws.tolist(), strict=True):
        yield Hit(at_s, effect, place, second, level)


def check_levels(radiation: Radiation, source: str) -> None:
    """Refuse cross-sections whose low, nominal and high cross.

    Raises:
        UserError: names the one that does.
    """
    for name in ("memory_bit", "board_crash", "worker_crash", "latch_up"):
        section: CrossSection = getattr(radiation, name)
        values = [section.at(level) for level in LEVELS]
        if any(later < before for before, later in pairwise(values)):
            raise UserError(
                f"{source}: emulated.radiation.{name}: need low <= nominal <= high, "
                f"found {values[0]:g} / {values[1]:g} / {values[2]:g}"
            )
