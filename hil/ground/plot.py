"""Archived parameters over time, as one PNG: a panel for each, states by name."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.errors import UserError
from hil.ground.archive import Archive, Series

PANELS_MAX = 12
PARAMETERS = frozenset(field.name for fields in HOUSEKEEPING.values() for field in fields)
PANEL_HEIGHT_IN, WIDTH_IN, DPI = 1.7, 9.0, 120
INK, LINE = "#22303c", "#c2410c"


def plot(archive: Archive, parameters: Sequence[str], target: Path) -> int:
    """Draw `parameters` of the archive to `target`; returns the number of samples drawn.

    Raises:
        UserError: no such parameter, too many of them, none has a sample, or the file cannot be
            written.
    """
    if len(parameters) > PANELS_MAX:
        raise UserError(
            f"{len(parameters)} parameters are too many for one picture; name at most 12"
        )
    drawn = [_known(archive, archive.series(name)) for name in parameters]
    empty = [one.parameter for one in drawn if not one.time.size]
    if empty:
        raise UserError(
            f"no samples of {', '.join(empty)} in this archive; record some with: watch"
        )
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, PANEL_HEIGHT_IN * len(drawn) + 0.6), dpi=DPI)
    start = min(float(one.time[0]) for one in drawn)
    panels = figure.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
    for panel, series in zip(panels, drawn, strict=True):
        _draw(panel, series, start)
    panels[-1].set_xlabel(
        f"seconds since {datetime.fromtimestamp(start, UTC):%Y-%m-%d %H:%M:%S} UTC"
    )
    figure.align_ylabels(list(panels))
    figure.tight_layout()
    try:
        figure.savefig(target)
    except (OSError, ValueError) as error:
        raise UserError(f"{target}: cannot write the picture: {error}; name a .png file") from error
    return sum(one.time.size for one in drawn)


def _known(archive: Archive, series: Series) -> Series:
    """Leave a gap where housekeeping said that it had no fresh reading."""
    if series.parameter + "_known" not in PARAMETERS:
        return series
    fresh = archive.series(series.parameter + "_known")
    if not np.array_equal(fresh.time, series.time):
        return series
    return replace(series, value=np.where(fresh.value > 0, series.value, np.nan))


def _draw(panel: Any, series: Series, start: float) -> None:
    time, value = series.time - start, series.value
    if series.choices:
        panel.step(time, value, where="post", color=LINE, linewidth=1.4)
        panel.set_yticks(range(len(series.choices)), series.choices)
        panel.set_ylim(-0.5, len(series.choices) - 0.5)
    else:
        panel.plot(time, value, color=LINE, linewidth=1.4, marker=".", markersize=3)
    unit = f"\n{series.unit}" if series.unit else ""
    panel.set_ylabel(series.parameter + unit, color=INK)
    panel.grid(alpha=0.25)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
