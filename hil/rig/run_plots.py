"""Plots of a run, each an inline SVG: the board's heat and clock under the tests, values in limits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hil.ground.archive import Archive
from hil.rig.measurement import MeasuredOutcome, Measurement
from hil.rig.record import RunRecord, Verdict
from hil.svg import inline_svg, new_figure

INK, FAINT, RULE = "#22303c", "#64748b", "#e5e9ed"
HEAT, CLOCK = "#c2410c", "#1d4ed8"
COLOURS = {
    MeasuredOutcome.PASS: "#15803d",
    MeasuredOutcome.MARGINAL: "#b45309",
    MeasuredOutcome.FAIL: "#b91c1c",
    MeasuredOutcome.UNSET: "#b91c1c",
}
BANDS = ("#f1f5f9", "#ffffff")
LABEL_SHARE = 0.035  # of the width; a narrower band gets no name
ROWS_MAX = 40
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": INK,
}


def draw_timeline(records: Sequence[RunRecord], folder: Path) -> str:
    """Temperature and clock over the run, a band for each file of tests; empty without samples."""
    import matplotlib as mpl
    import numpy as np

    heat, clock = _series(records, folder, "temp"), _series(records, folder, "frequency")
    if not heat[0]:
        return ""
    start_s = min(record.started_s for record in records)
    end_s = max(record.ended_s for record in records)
    with mpl.rc_context(STYLE):
        figure = new_figure(9.6, 3.6)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        for axis in (upper, lower):
            _bands(axis, records, start_s, end_s, names=axis is upper)
            axis.spines[["top", "right"]].set_visible(False)
        times = np.array(heat[0]) - start_s
        upper.plot(times, heat[1], color=HEAT, lw=1.2)
        upper.set_ylabel("temperature, °C")
        lower.step(np.array(clock[0]) - start_s, clock[1], color=CLOCK, lw=1.2, where="post")
        lower.set_ylabel("clock, MHz")
        lower.set_ylim(bottom=0)
        lower.set_xlabel("seconds since the first test")
        lower.set_xlim(0, end_s - start_s)
        for record in records:
            if record.verdict is Verdict.FAILED:
                upper.axvline(record.started_s - start_s, color="#b91c1c", lw=1)
        return inline_svg(figure)


def draw_limits(records: Sequence[RunRecord]) -> str:
    """Where each measurement lies between its limits; empty if none has an upper limit."""
    import matplotlib as mpl

    placed = [
        (one, place)
        for record in records
        for one in record.measurements
        if (place := one.place) is not None
    ][:ROWS_MAX]
    if not placed:
        return ""
    with mpl.rc_context(STYLE):
        figure = new_figure(9.6, 0.9 + 0.21 * len(placed))
        axis = figure.subplots()
        axis.axvspan(0, 1, color="#f0fdf4", lw=0)
        for row, (one, place) in enumerate(reversed(placed)):
            axis.plot([min(max(place, -0.1), 1.15)], [row], "o", ms=4.5, color=COLOURS[one.outcome])
            axis.annotate(
                _words(one), (1.17, row), fontsize=7.5, va="center", annotation_clip=False
            )
        axis.set_yticks(range(len(placed)), [one.name for one, _ in reversed(placed)], fontsize=8)
        axis.set_xlim(-0.12, 1.16)
        axis.set_ylim(-0.7, len(placed) - 0.3)
        axis.set_xticks([0, 1], ["low limit", "high limit"])
        axis.grid(axis="y", color=RULE, lw=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        return inline_svg(figure)


def _words(one: Measurement) -> str:
    value = one.value if isinstance(one.value, int | float) else 0.0
    return f"{value:.4g} {one.unit}  ({one.limits})"


def _bands(
    axis: Any, records: Sequence[RunRecord], start_s: float, end_s: float, *, names: bool
) -> None:
    groups: list[tuple[str, float, float]] = []
    for record in records:
        name = record.test.split("::")[0].rsplit("/", 1)[-1]
        name = name.removeprefix("test_").removesuffix(".py")
        if groups and groups[-1][0] == name:
            groups[-1] = (name, groups[-1][1], record.ended_s)
        else:
            groups.append((name, record.started_s, record.ended_s))
    for index, (name, first_s, last_s) in enumerate(groups):
        axis.axvspan(first_s - start_s, last_s - start_s, color=BANDS[index % 2], lw=0)
        if names and last_s - first_s > LABEL_SHARE * (end_s - start_s):
            axis.annotate(
                name.replace("_", " "),
                ((first_s + last_s) / 2 - start_s, 1.01),
                xycoords=("data", "axes fraction"),
                ha="left",
                va="bottom",
                rotation=35,
                fontsize=7.5,
                color=FAINT,
            )


def _series(
    records: Sequence[RunRecord], folder: Path, name: str
) -> tuple[list[float], list[float]]:
    """Samples of one parameter in every telemetry archive of this board, gaps as NaN."""
    board = records[0].board.name
    start_s = min(record.started_s for record in records)
    times: list[float] = []
    values: list[float] = []
    for file in sorted(folder.rglob("telemetry.sqlite")):
        if not file.parent.name.startswith(f"{board}-"):
            continue
        archive = Archive(file)
        try:
            found = archive.series(name)
            known = archive.series("temp_known")
        finally:
            archive.close()
        is_fresh = known.value > 0 if len(known.value) == len(found.value) else found.value >= 0
        for time_s, value, fresh in zip(found.time, found.value, is_fresh, strict=True):
            if time_s >= start_s:
                times.append(float(time_s))
                values.append(float(value) if fresh else float("nan"))
    order = sorted(range(len(times)), key=times.__getitem__)
    return [times[i] for i in order], [values[i] for i in order]
