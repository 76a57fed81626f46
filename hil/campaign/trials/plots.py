"""Plots of a campaign as SVG text: layer by bit, and how latencies are spread."""

from collections.abc import Sequence

import numpy as np

from hil.campaign.trials.plan import Cell
from hil.campaign.trials.trial import Trial
from hil.svg import inline_svg, new_figure

INK, FAINT, HOT = "#22303c", "#8896a3", "#c2410c"
SERIES = ("#1d4ed8", "#c2410c", "#15803d", "#7c3aed", "#a16207", "#0e7490", "#be185d", "#4d7c0f")
FLOAT_BITS = 32
CURVES_MAX = 8  # in one panel; more cannot be told apart
SHORTEST_S = 0.01


def layer_by_bit(trials: Sequence[Trial]) -> str:
    """Share of faults with a wrong final answer, by layer and bit; white was never hit."""
    placed = [trial for trial in trials if trial.layer]
    layers = list(dict.fromkeys(sorted(trial.layer for trial in placed)))
    bits = max(FLOAT_BITS, 1 + max(trial.bit for trial in placed))
    hits, wrong = np.zeros((len(layers), bits)), np.zeros((len(layers), bits))
    for trial in placed:
        row = layers.index(trial.layer)
        hits[row, trial.bit] += 1
        wrong[row, trial.bit] += trial.wrong > 0
    share = np.ma.masked_where(hits == 0, wrong / np.maximum(hits, 1))
    figure = new_figure(9.6, 1.2 + 0.32 * len(layers))
    axis = figure.subplots()
    shades = axis.pcolormesh(
        np.arange(bits + 1) - 0.5,
        np.arange(len(layers) + 1) - 0.5,
        share,
        cmap="OrRd",
        vmin=0,
        vmax=1,
        edgecolors="#e5e9ee",
        linewidth=0.4,
    )
    for row, column in zip(*np.nonzero(wrong), strict=True):
        colour = "white" if share[row, column] > 0.55 else INK
        axis.text(
            column,
            row,
            f"{int(wrong[row, column])}",
            ha="center",
            va="center",
            color=colour,
            size=7,
        )
    axis.set_yticks(range(len(layers)), layers, size=8)
    axis.invert_yaxis()
    axis.invert_xaxis()  # the sign is written first
    axis.set_xticks([31, 30, 23, 22, 16, 8, 0])
    axis.set_xlabel(
        "bit of the number: 31 sign, 30 to 23 exponent, 22 to 0 fraction; figures count faults"
    )
    bar = figure.colorbar(shades, ax=axis, pad=0.01)
    bar.set_label("share with a wrong answer", size=8)
    return inline_svg(figure)


def latency_curves(cells: Sequence[tuple[Cell, tuple[Trial, ...]]]) -> str:
    """Distribution functions of detection and recovery, in panels of a few classes."""
    panels = [cells[i : i + CURVES_MAX] for i in range(0, len(cells), CURVES_MAX)]
    figure = new_figure(9.6, 3.3 * len(panels))
    axes = figure.subplots(len(panels), 2, squeeze=False, sharey=True)
    for row, panel in zip(axes, panels, strict=True):
        for axis, name, title in zip(
            row, ("detect_s", "recover_s"), ("told on the ground", "well again"), strict=True
        ):
            for colour, (cell, trials) in zip(SERIES, panel, strict=False):
                values = sorted(v for t in trials if (v := getattr(t, name)) is not None)
                if values:
                    share = np.arange(1, len(values) + 1) / len(values)
                    shown = np.maximum(values, SHORTEST_S)
                    axis.step(shown, share, where="post", color=colour, lw=1.3, label=cell.name)
            axis.set_xscale("log")
            axis.set_ylim(0, 1.02)
            axis.grid(alpha=0.25)
            axis.set_xlabel(f"seconds until {title}")
        row[0].set_ylabel("share of faults")
        handles = row[0].get_legend_handles_labels()
        more = row[1].get_legend_handles_labels()
        merged = dict(zip(handles[1] + more[1], handles[0] + more[0], strict=True))
        row[1].legend(
            merged.values(),
            merged.keys(),
            frameon=False,
            fontsize=8,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
        )
    return inline_svg(figure)
