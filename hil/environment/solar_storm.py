"""Solar particle events as scenario events: a steep rise, a slow fall, seen only near the poles.

Classes and how often they come are those of NOAA's S scale; the flux above 30 MeV is taken as a fifth
of that above 10 MeV. Particles reach places whose magnetic shell lies above a limit, which a storm
lowers.
"""

import difflib
from dataclasses import dataclass

import numpy as np

from flight_sw.errors import UserError
from hil.environment.conditions import GRID_S, Conditions
from hil.environment.geodetic import Floats

# Above 10 MeV, p/cm2/s/sr, and events per eleven years (NOAA space weather scales).
S_SCALE = {
    "S1": (10.0, 50.0),
    "S2": (1e2, 25.0),
    "S3": (1e3, 10.0),
    "S4": (1e4, 3.0),
    "S5": (1e5, 0.5),
}
SHARE_ABOVE_30_MEV = 0.2  # assumed, a hard event
OPEN_SKY_SR = 4 * np.pi * 0.67
RISE_S, FALL_S = 3 * 3600.0, 24 * 3600.0
QUIET_SHELL, STORM_SHELL = 4.5, 3.0  # assumed: lowest L that the particles reach
EDGE_SHELL = 0.3


@dataclass(frozen=True, slots=True)
class SolarStorm:
    """One event: its class on the S scale, and its onset in seconds since the flight's start."""

    name: str
    onset_s: float
    disturbed_field: bool = True


def parse_storm(text: str) -> SolarStorm:
    """Read `S3@6`, class and onset in hours.

    Raises:
        UserError: not that.
    """
    name, _, hours = text.partition("@")
    if name not in S_SCALE:
        near = difflib.get_close_matches(name.upper(), S_SCALE, n=1)
        hint = near[0] if near else "S1 to S5"
        raise UserError(f"storm {text!r}: unknown class; write {hint}@HOURS, such as S3@6")
    try:
        onset_h = float(hours)
    except ValueError:
        onset_h = -1.0
    if not 0 <= onset_h < 1e6:
        raise UserError(f"storm {text!r}: give the onset in hours, such as {name}@6")
    return SolarStorm(name, onset_h * 3600.0)


def storm_flux(storm: SolarStorm, conditions: Conditions) -> Floats:
    """Protons above 30 MeV that reach the orbit, p/cm2/s, on the grid of the conditions."""
    age_s = np.arange(conditions.lit.size) * GRID_S - storm.onset_s
    rise = 1.0 - np.exp(-np.maximum(age_s, 0.0) / RISE_S)
    shape = rise * np.exp(-np.maximum(age_s, 0.0) / FALL_S)
    edge = STORM_SHELL if storm.disturbed_field else QUIET_SHELL
    reach = 1.0 / (1.0 + np.exp(-(np.minimum(conditions.shell, 50.0) - edge) / EDGE_SHELL))
    peak = S_SCALE[storm.name][0] * SHARE_ABOVE_30_MEV * OPEN_SKY_SR
    peak_of_shape = float(
        np.exp(-RISE_S * np.log1p(FALL_S / RISE_S) / FALL_S) * FALL_S / (FALL_S + RISE_S)
    )
    return np.asarray(peak * shape / peak_of_shape * reach)
