"""Where the spacecraft is: circular orbits under J2, or two-line elements under SGP4.

Times are seconds since 1970-01-01 UTC, positions kilometres in the mean equator and equinox of date
(for SGP4: TEME, the same within 0.01 degrees). An orbit is YAML, read as strictly as a board profile;
nothing is downloaded.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from flight_sw.errors import UserError
from flight_sw.profile import Section, parse_section
from hil.environment.geodetic import DAY_S, EARTH_RADIUS_KM, UNIX_JD, Floats
from hil.environment.sun_shadow import sun_position_km

MU_KM3_S2 = 398_600.4418  # WGS84
J2 = 1.08262668e-3  # WGS84
LOWEST_KM = 150.0  # below, no orbit lasts a day
HIGHEST_KM = 2000.0  # the flux grid ends here
TLE_LINE = 69  # characters, the last one the checksum
Degrees = Annotated[float, msgspec.Meta(ge=-360, le=360)]


class OrbitError(UserError):
    """An orbit that cannot be flown: bad elements, below ground, or outside the models."""


class Orbit(Protocol):
    """Anything that says where the spacecraft is."""

    @property
    def epoch_s(self) -> float:
        """When its elements hold exactly."""
        ...

    @property
    def period_s(self) -> float:
        """Duration of one orbit."""
        ...

    def position_km(self, utc_s: npt.ArrayLike) -> Floats:
        """Positions of shape (..., 3)."""
        ...


class OrbitFile(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One orbit as a file: either `tle`, or a circular orbit by height and inclination.

    `node_time_h` is the local mean solar time of the ascending node, in place of `node_deg`.
    """

    name: str
    description: str
    epoch: datetime | None = None
    altitude_km: float | None = None
    inclination_deg: Annotated[float, msgspec.Meta(ge=0, le=180)] | None = None
    node_deg: Degrees | None = None
    node_time_h: Annotated[float, msgspec.Meta(ge=0, lt=24)] | None = None
    phase_deg: Degrees = 0.0
    tle: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CircularOrbit:
    """A circular orbit whose node and phase drift as the Earth's flattening makes them."""

    altitude_km: float
    inclination_deg: float
    node_deg: float
    phase_deg: float
    epoch_s: float

    @property
    def radius_km(self) -> float:
        """Distance from the Earth's centre; height counts from the equatorial radius."""
        return EARTH_RADIUS_KM + self.altitude_km

    @property
    def period_s(self) -> float:
        """Time from node to node."""
        return 2 * np.pi / self._rates()[0]

    def position_km(self, utc_s: npt.ArrayLike) -> Floats:
        """Positions of shape (..., 3)."""
        elapsed = np.asarray(utc_s, dtype=float) - self.epoch_s
        phase_rate, node_rate = self._rates()
        u = np.radians(self.phase_deg) + phase_rate * elapsed
        node = np.radians(self.node_deg) + node_rate * elapsed
        cos_i, sin_i = (
            np.cos(np.radians(self.inclination_deg)),
            np.sin(np.radians(self.inclination_deg)),
        )
        cos_u, sin_u, cos_n, sin_n = np.cos(u), np.sin(u), np.cos(node), np.sin(node)
        out = np.empty((*elapsed.shape, 3))
        out[..., 0] = cos_n * cos_u - sin_n * sin_u * cos_i
        out[..., 1] = sin_n * cos_u + cos_n * sin_u * cos_i
        out[..., 2] = sin_u * sin_i
        out *= self.radius_km
        return out

    def _rates(self) -> tuple[float, float]:
        """Drift of the argument of latitude and of the node, rad/s (Vallado, 9.6; e = 0)."""
        motion = float(np.sqrt(MU_KM3_S2 / self.radius_km**3))
        bulge = 1.5 * J2 * (EARTH_RADIUS_KM / self.radius_km) ** 2 * motion
        cos_i = float(np.cos(np.radians(self.inclination_deg)))
        return motion + bulge * (4 * cos_i**2 - 1), -bulge * cos_i


class TleOrbit:
    """Two-line elements under SGP4.

    Raises:
        OrbitError: a line is damaged, or the orbit does not stay between ground and `HIGHEST_KM`.
    """

    def __init__(self, first: str, second: str) -> None:
        from sgp4.api import WGS72, Satrec

        _check_tle(first, "1")
        _check_tle(second, "2")
        self._satellite = Satrec.twoline2rv(first, second, WGS72)
        if self._satellite.error:
            raise OrbitError(f"two-line elements: SGP4 error {self._satellite.error} at epoch")
        julian = self._satellite.jdsatepoch + self._satellite.jdsatepochF
        self.epoch_s = (julian - UNIX_JD) * DAY_S
        self.period_s = 2 * np.pi / self._satellite.no_kozai * 60
        earth = self._satellite.radiusearthkm
        _check_heights(self._satellite.altp * earth, self._satellite.alta * earth)

    def position_km(self, utc_s: npt.ArrayLike) -> Floats:
        """Positions of shape (..., 3).

        Raises:
            OrbitError: the orbit has decayed by then.
        """
        times = np.asarray(utc_s, dtype=float)
        days = np.atleast_1d(times).ravel() / DAY_S
        whole = np.floor(days)
        errors, positions, _ = self._satellite.sgp4_array(UNIX_JD + whole, days - whole)
        if errors.any():
            raise OrbitError(
                f"two-line elements: SGP4 error {int(errors.max())}, the orbit has decayed; "
                "take newer elements"
            )
        return np.asarray(positions.reshape((*times.shape, 3)))


def load_orbit(name: str) -> tuple[OrbitFile, Orbit]:
    """The orbit shipped under `name`, or the one in the YAML file `name`.

    Raises:
        OrbitError, ProfileError: no such orbit, or something in it is wrong.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        try:
            return parse_orbit(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise OrbitError(f"{path}: cannot be read as text ({error})") from error
    known = sorted(shipped())
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
        raise OrbitError(f"orbit {name!r}: not found; {hint} (or give the path of a .yaml file)")
    file = resources.files("hil") / "orbits" / f"{name}.yaml"
    return parse_orbit(file.read_text(encoding="utf-8"), f"{name}.yaml")


def shipped() -> Iterator[str]:
    """Names of the orbits that come with the package."""
    for file in (resources.files("hil") / "orbits").iterdir():
        if file.name.endswith(".yaml"):
            yield file.name.removesuffix(".yaml")


def parse_orbit(text: str, source: str) -> tuple[OrbitFile, Orbit]:
    """Read an orbit from YAML text; `source` is the file's name, for messages.

    Raises:
        OrbitError, ProfileError: names the file and what is wrong.
    """
    file = parse_section(text, source, OrbitFile)
    try:
        return file, _build(file)
    except OrbitError as error:
        raise OrbitError(f"{source}: {error}") from error


def _build(file: OrbitFile) -> Orbit:
    if file.tle is not None:
        if file.altitude_km is not None or file.inclination_deg is not None:
            raise OrbitError("give `tle` or `altitude_km` and `inclination_deg`, not both")
        return TleOrbit(*file.tle)
    if file.altitude_km is None or file.inclination_deg is None or file.epoch is None:
        raise OrbitError("give `tle`, or `altitude_km`, `inclination_deg` and `epoch`")
    if (file.node_deg is None) == (file.node_time_h is None):
        raise OrbitError("give one of `node_deg` and `node_time_h`")
    _check_heights(file.altitude_km, file.altitude_km)
    epoch = file.epoch if file.epoch.tzinfo else file.epoch.replace(tzinfo=UTC)
    epoch_s = epoch.timestamp()
    node_deg = file.node_deg
    if node_deg is None:
        node_deg = _node_at(epoch_s, file.node_time_h or 0.0)
    return CircularOrbit(file.altitude_km, file.inclination_deg, node_deg, file.phase_deg, epoch_s)


def _node_at(epoch_s: float, local_time_h: float) -> float:
    """Right ascension of the node whose local solar time is this."""
    sun = sun_position_km(epoch_s)
    return float(np.mod(np.degrees(np.arctan2(sun[1], sun[0])) + 15 * (local_time_h - 12), 360))


def _check_heights(lowest_km: float, highest_km: float) -> None:
    if lowest_km <= 0:
        raise OrbitError(f"the orbit goes below ground: lowest point at {lowest_km:.0f} km")
    if lowest_km < LOWEST_KM:
        raise OrbitError(
            f"lowest point at {lowest_km:.0f} km: air drag ends it within a day; "
            f"take at least {LOWEST_KM:.0f} km"
        )
    if highest_km > HIGHEST_KM:
        raise OrbitError(
            f"highest point at {highest_km:.0f} km: the proton belts are known here up to "
            f"{HIGHEST_KM:.0f} km only"
        )


def _check_tle(line: str, number: str) -> None:
    if len(line) != TLE_LINE or not line.startswith(f"{number} ") or not line.isascii():
        raise OrbitError(
            f"two-line elements, line {number}: expected {TLE_LINE} characters beginning with "
            f"`{number} `, found {len(line)}: {line[:20]!r}"
        )
    total = sum(int(c) if c.isdigit() else c == "-" for c in line[:-1]) % 10
    if line[-1] != str(total):
        raise OrbitError(
            f"two-line elements, line {number}: checksum is {line[-1]}, the line adds up to "
            f"{total}; copy the line again"
        )
