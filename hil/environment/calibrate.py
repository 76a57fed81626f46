"""Fit a board's heat and power to a recorded log, and write the profile that follows from it.

Heat is one node, die to mount: T' = (P R - (T - T_mount)) / (R C), solved exactly between samples, its
two constants found by least squares. Power is P0 + busy * k * f * V(f)^2. The log says in its header
which units it has; one with gaps or with the wrong units is refused, since a fit would hide that.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flight_sw.errors import UserError
from hil.environment.geodetic import Floats

NEEDED = ("time_s", "temp_c", "power_w", "frequency_mhz")
OPTIONAL = ("mount_c", "busy_cores")
SAMPLES_MIN, SAMPLES_MAX = 60, 1_000_000
LONGEST_GAP = 10.0  # times the median step
SHORTEST_GAP_S = 30.0  # a shorter pause is no gap
PLAUSIBLE = {
    "temp_c": (-60.0, 150.0, "degrees Celsius"),
    "mount_c": (-60.0, 150.0, "degrees Celsius"),
    "power_w": (0.0, 100.0, "watts"),
    "frequency_mhz": (50.0, 10_000.0, "megahertz"),
    "busy_cores": (0.0, 64.0, "cores"),
}
SWING_K = 5.0  # a log that heats by less tells nothing
TRIALS = 40
LONGEST_TIME_CONSTANT_S = 5000.0
SLOPES = np.linspace(0.0, 0.9, 91)


class CalibrationError(UserError):
    """A log that cannot be fitted; one line with the file, the row and the remedy."""


@dataclass(frozen=True, slots=True)
class Log:
    """A recorded run; columns of equal length, `mount_c` and `busy_cores` may be missing."""

    time_s: Floats
    temp_c: Floats
    power_w: Floats
    frequency_mhz: Floats
    mount_c: Floats | None
    busy_cores: Floats | None


@dataclass(frozen=True, slots=True)
class Fit:
    """What the log says; `*_rms` are what the fit leaves unexplained."""

    capacity_j_per_k: float
    resistance_k_per_w: float
    mount_c: float
    heat_rms_k: float
    modelled_c: Floats
    idle_w: float
    core_w: float
    voltage_slope: float
    power_rms_w: float

    @property
    def time_constant_s(self) -> float:
        """Resistance times capacity."""
        return self.capacity_j_per_k * self.resistance_k_per_w


def read_log(path: Path) -> Log:
    """Read and check a log.

    Raises:
        CalibrationError: columns, units or gaps.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CalibrationError(f"{path}: cannot be read as CSV ({error})") from error
    names = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise CalibrationError(
            f"{path}: column {missing[0]} is missing; the first line must name "
            f"{', '.join(NEEDED)} (and may name {', '.join(OPTIONAL)})"
        )
    if not SAMPLES_MIN <= len(rows) - 1 <= SAMPLES_MAX:
        raise CalibrationError(
            f"{path}: {len(rows) - 1} samples; from {SAMPLES_MIN} to {SAMPLES_MAX} can be fitted"
        )
    columns = {
        name: _column(path, rows, names, name) for name in names if name in NEEDED + OPTIONAL
    }
    _check_times(path, columns["time_s"])
    for name, values in columns.items():
        _check_range(path, name, values)
    if np.ptp(columns["temp_c"]) < SWING_K:
        raise CalibrationError(
            f"{path}: temp_c moves by {np.ptp(columns['temp_c']):.1f} K only; record a run from idle "
            "to full load and back"
        )
    return Log(**{name: columns.get(name) for name in NEEDED + OPTIONAL})  # type: ignore[arg-type]


def fit(log: Log, cores: int, top_mhz: float) -> Fit:
    """Fit heat and power.

    Args:
        cores: how many a full load keeps busy, where the log does not count them.
        top_mhz: the fastest clock of the board.

    Raises:
        CalibrationError: the log does not determine the constants.
    """
    constants, modelled = _fit_heat(log)
    idle_w, core_w, slope, power_rms = _fit_power(log, cores, top_mhz)
    return Fit(
        capacity_j_per_k=constants[1] / constants[0],
        resistance_k_per_w=constants[0],
        mount_c=constants[2] if log.mount_c is None else float(log.mount_c.mean()),
        heat_rms_k=float(np.sqrt(np.mean((modelled - log.temp_c) ** 2))),
        modelled_c=modelled,
        idle_w=idle_w,
        core_w=core_w,
        voltage_slope=slope,
        power_rms_w=power_rms,
    )


def _fit_heat(log: Log) -> tuple[tuple[float, float, float], Floats]:
    """Resistance, time constant, mount. For a time constant the other two enter linearly."""
    low, high = 2.0, LONGEST_TIME_CONSTANT_S
    best: tuple[float, float, Floats, Floats] = (np.inf, 0.0, np.zeros(1), np.zeros(1))
    for _ in range(3):
        grid = np.geomspace(low, high, TRIALS)
        responses = _responses(log, grid)
        for index, tau in enumerate(grid.tolist()):
            answer, modelled = _solve(log, [r[index] for r in responses])
            error = float(np.sum((modelled - log.temp_c) ** 2))
            if error < best[0]:
                best = (error, tau, answer, modelled)
        near = int(np.argmin(np.abs(grid - best[1])))
        low, high = float(grid[max(near - 1, 0)]), float(grid[min(near + 1, TRIALS - 1)])
    _, tau, answer, modelled = best
    if not answer[0] > 0 or tau > 0.8 * LONGEST_TIME_CONSTANT_S:
        raise CalibrationError("the log does not determine the heat constants: vary the load more")
    mount_c = float(answer[2]) if log.mount_c is None else 0.0
    return (float(answer[0]), tau, mount_c), modelled


def _responses(log: Log, taus: Floats) -> tuple[Floats, Floats, Floats]:
    """For each time constant: response to the power (per K/W), fading of the start, to the mount."""
    shape = (taus.size, log.temp_c.size)
    driven, start, rest = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    start[:, 0] = 1.0
    mount = log.mount_c if log.mount_c is not None else np.ones_like(log.temp_c)
    for i, step_s in enumerate(np.diff(log.time_s).tolist()):
        share = np.exp(-step_s / taus)
        driven[:, i + 1] = share * driven[:, i] + (1 - share) * log.power_w[i]
        start[:, i + 1] = share * start[:, i]
        rest[:, i + 1] = share * rest[:, i] + (1 - share) * mount[i]
    return driven, start, rest


def _solve(log: Log, responses: list[Floats]) -> tuple[Floats, Floats]:
    driven, start, rest = responses
    columns = [driven, start] if log.mount_c is not None else [driven, start, rest]
    known = rest if log.mount_c is not None else np.zeros_like(rest)
    matrix = np.stack(columns, axis=1)
    answer, *_ = np.linalg.lstsq(matrix, log.temp_c - known, rcond=None)
    return np.asarray(answer, np.float64), np.asarray(matrix @ answer + known)


def _fit_power(log: Log, cores: int, top_mhz: float) -> tuple[float, float, float, float]:
    busy = log.busy_cores if log.busy_cores is not None else _guess_busy(log, cores)
    speed = log.frequency_mhz / top_mhz
    best = (np.inf, 0.0, 0.0, 0.0)
    for slope in SLOPES.tolist():
        work = busy * speed * (1 - slope * (1 - speed)) ** 2
        matrix = np.stack([np.ones_like(work), work], axis=1)
        answer, *_ = np.linalg.lstsq(matrix, log.power_w, rcond=None)
        error = float(np.sum((matrix @ answer - log.power_w) ** 2))
        if error < best[0]:
            best = (error, float(answer[0]), float(answer[1]), slope)
    error, idle_w, core_w, slope = best
    if idle_w <= 0 or core_w <= 0:
        raise CalibrationError(
            "the log does not determine the power curve: record idle and full load"
        )
    return idle_w, core_w, slope, float(np.sqrt(error / log.power_w.size))


def _guess_busy(log: Log, cores: int) -> Floats:
    """All cores where the power is nearer to the highest than to the lowest, else none."""
    low, high = np.percentile(log.power_w, [2, 98])
    return np.where(log.power_w > 0.5 * (low + high), float(cores), 0.0)


def _column(path: Path, rows: list[list[str]], names: list[str], name: str) -> Floats:
    index = names.index(name)
    values = np.empty(len(rows) - 1)
    for i, row in enumerate(rows[1:]):
        try:
            values[i] = float(row[index])
        except (ValueError, IndexError):
            values[i] = np.nan
        if not np.isfinite(values[i]):
            raise CalibrationError(
                f"{path}:{i + 2}: {name}: no number; remove the row or fill it in"
            )
    return values


def _check_times(path: Path, time_s: Floats) -> None:
    steps = np.diff(time_s)
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 3
        raise CalibrationError(f"{path}:{row}: time_s: does not rise; sort the log by time")
    limit_s = max(SHORTEST_GAP_S, LONGEST_GAP * float(np.median(steps)))
    if (steps > limit_s).any():
        row = int(np.argmax(steps > limit_s)) + 3
        raise CalibrationError(
            f"{path}:{row}: time_s: a gap of {steps.max():.0f} s, at most {limit_s:.0f} s; "
            "record without a pause, or cut the log at the gap"
        )


def _check_range(path: Path, name: str, values: Floats) -> None:
    if name not in PLAUSIBLE:
        return
    low, high, unit = PLAUSIBLE[name]
    wrong = (values < low) | (values > high)
    if wrong.any():
        row = int(np.argmax(wrong)) + 2
        raise CalibrationError(
            f"{path}:{row}: {name}: {values[wrong][0]:g} is outside {low:g} to {high:g} {unit}; "
            f"is the column in {_likely_unit(name)}?"
        )


def _likely_unit(name: str) -> str:
    return {
        "temp_c": "millidegrees or kelvin",
        "mount_c": "millidegrees or kelvin",
        "power_w": "milliwatts",
        "frequency_mhz": "kilohertz or hertz",
    }.get(name, "another unit")
