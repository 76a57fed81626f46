"""The four plots of a flight report, as one inline SVG over mission time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hil.campaign.judge import Judged
from hil.campaign.record import FAILURES, Outcome
from hil.svg import inline_svg, new_figure

INK, FAINT = "#22303c", "#8896a3"
TRUE, REPORTED, LIMIT, MOUNT = "#c2410c", "#1d4ed8", "#b91c1c", "#8896a3"
COLOURS: dict[Outcome, str] = {
    Outcome.CORRECTED: "#15803d",
    Outcome.RECOVERED: "#1d4ed8",
    Outcome.MASKED: "#8896a3",
    Outcome.SAFE: "#a16207",
    Outcome.VOID: "#c4ccd4",
} | dict.fromkeys(FAILURES, "#b91c1c")


@dataclass(frozen=True, slots=True)
class PlantSample:
    """What was true on the board, read from the emulator's physics."""

    at_s: float
    temp_c: float
    mount_c: float
    power_w: float
    frequency_mhz: float


@dataclass(frozen=True, slots=True)
class ReportedSample:
    """What housekeeping said; `temp_c` is None where it knew no fresh reading."""

    at_s: float
    temp_c: float | None
    power_w: float
    frequency_mhz: float


@dataclass(frozen=True, slots=True)
class Traces:
    """Everything that is drawn.

    Args:
        limits_c: the governor's release, soft and hard limit.
    """

    plant: Sequence[PlantSample]
    reported: Sequence[ReportedSample]
    judged: Sequence[Judged]
    limits_c: tuple[float, float, float]
    duration_s: float


def draw(traces: Traces) -> str:
    """One SVG element with four panels on one time axis: heat, power, clock, flips and repairs."""
    import matplotlib as mpl

    lanes = _lanes(traces.judged)
    style = {
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
    }
    with mpl.rc_context(style):
        height = 6.3 + 0.24 * len(lanes)
        figure = new_figure(9.6, height)
        ratios = [2.4, 1.3, 1.1, 0.5 + 0.24 * len(lanes)]
        heat, power, clock, flips = figure.subplots(4, 1, sharex=True, height_ratios=ratios)
        _draw_heat(heat, traces)
        _draw_power(power, traces)
        _draw_clock(clock, traces)
        _draw_faults(flips, traces, lanes)
        flips.set_xlabel("mission time, s")
        flips.set_xlim(0, traces.duration_s)
        for axis in (heat, power, clock, flips):
            axis.grid(axis="x", color="#e5e9ed", linewidth=0.6)
            axis.set_axisbelow(True)
        return inline_svg(figure)


def _draw_heat(axis: Any, traces: Traces) -> None:
    times = [one.at_s for one in traces.plant]
    axis.plot(
        times, [one.mount_c for one in traces.plant], color=MOUNT, lw=1, ls=":", label="mount"
    )
    axis.plot(times, [one.temp_c for one in traces.plant], color=TRUE, lw=1.6, label="chip, true")
    known = [(one.at_s, one.temp_c) for one in traces.reported if one.temp_c is not None]
    axis.plot(
        [at_s for at_s, _ in known],
        [temp for _, temp in known],
        ls="none",
        marker=".",
        ms=4,
        color=REPORTED,
        label="chip, as reported",
    )
    for value, name in zip(traces.limits_c, ("release", "soft limit", "hard limit"), strict=True):
        axis.axhline(value, color=LIMIT, lw=0.7, ls="--", alpha=0.35 + 0.3 * (name == "hard limit"))
        axis.annotate(
            f" {name}",
            (1, value),
            xycoords=("axes fraction", "data"),
            color=LIMIT,
            fontsize=7.5,
            va="center",
            annotation_clip=False,
        )
    axis.set_ylabel("temperature, °C")
    axis.legend(loc="upper left", frameon=False, fontsize=8, ncols=3)
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.16 * (high - low))


def _draw_power(axis: Any, traces: Traces) -> None:
    axis.plot([s.at_s for s in traces.plant], [s.power_w for s in traces.plant], color=TRUE, lw=1.2)
    axis.plot(
        [s.at_s for s in traces.reported],
        [s.power_w for s in traces.reported],
        ls="none",
        marker=".",
        ms=4,
        color=REPORTED,
    )
    axis.set_ylim(bottom=0)
    axis.set_ylabel("power, W")


def _draw_clock(axis: Any, traces: Traces) -> None:
    times = [s.at_s for s in traces.plant]
    axis.step(times, [s.frequency_mhz for s in traces.plant], where="post", color=TRUE, lw=1.2)
    axis.plot(
        [s.at_s for s in traces.reported],
        [s.frequency_mhz for s in traces.reported],
        ls="none",
        marker=".",
        ms=4,
        color=REPORTED,
    )
    axis.set_ylim(bottom=0)
    axis.set_ylabel("clock, MHz")


def _lanes(judged: Sequence[Judged]) -> list[str]:
    """One lane per kind of fault and region, in order of first appearance from the top."""
    lanes = dict.fromkeys(lane_of(one) for one in sorted(judged, key=lambda one: one.fault.at_s))
    return list(lanes)


def lane_of(one: Judged) -> str:
    """Where a fault is drawn: what was done, and to which memory."""
    region = one.injection.region if one.injection is not None else ""
    return f"{one.fault.kind} {region}".strip()


def _draw_faults(axis: Any, traces: Traces, lanes: list[str]) -> None:
    """A cross where a fault was put in, a bar until the report of its repair, coloured by outcome."""
    for one in traces.judged:
        row = lanes.index(lane_of(one))
        start = one.injection.at_s if one.injection is not None else one.fault.at_s
        colour = COLOURS[one.outcome]
        axis.plot([start], [row], marker="x", ms=5, mew=1.4, ls="none", color=colour, zorder=3)
        if one.answered_s is not None:
            axis.plot([start, one.answered_s], [row, row], color=colour, lw=1.4)
            axis.plot([one.answered_s], [row], marker="|", ms=8, mew=1.4, ls="none", color=colour)
    axis.set_yticks(range(len(lanes)), lanes, fontsize=8, color=INK)
    axis.set_ylim(max(1, len(lanes)) - 0.5, -0.5)
    for outcome in dict.fromkeys(one.outcome for one in traces.judged):
        axis.plot([], [], marker="s", ls="none", color=COLOURS[outcome], label=outcome.value)
    if traces.judged:
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=8, ncols=8)
