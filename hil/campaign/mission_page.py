"""The mission campaign as one page: rates per year with bounds, availability, and the whole table."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from hil.svg import inline_svg, new_figure

COLOURS = {"look-ahead": "#c2410c", "staircase": "#64748b"}
PANELS = (
    ("availability", "time in which jobs were taken, share"),
    ("on_time", "jobs answered rightly in time, share"),
    ("max_temp_c", "hottest die, °C"),
)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#22303c;max-width:70rem;margin:2rem auto;"
    "padding:0 1rem}table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;"
    "text-align:left;font-variant-numeric:tabular-nums}svg{max-width:100%;height:auto}"
)
Cell = Mapping[str, Any]


def render(figures: Mapping[str, Any], again: str) -> str:
    """HTML of one campaign; stands alone. `again` is the line that flies it again."""
    head = ", ".join(
        f"{name.replace('_', ' ')} {figures[name]:g}"
        if isinstance(figures[name], float)
        else f"{name.replace('_', ' ')} {figures[name]}"
        for name in ("board", "level", "seed", "flights_per_cell", "days_per_flight")
    )
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>Mission campaign {html.escape(figures["orbit"])}</title><style>{_STYLE}</style>
<h1>Wrong answers and availability on {html.escape(figures["orbit"])}</h1>
<p>Fly it again: <code>{html.escape(again)}</code></p>
<p>{html.escape(head)}. Hits in memory times {figures["acceleration"]:g}; rates are per year without
it. Without protection nothing is mended, so its rate is a pessimist's.</p>
<p>{html.escape(figures["holds_for"])}</p>
{_draw(figures["cells"])}
{_table(figures["cells"])}</html>
"""


def _table(cells: Sequence[Cell]) -> str:
    names = [name for name in cells[0] if name != "trace_hashes"]
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in names)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_short(cell[n]))}</td>" for n in names) + "</tr>"
        for cell in cells
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _draw(cells: Sequence[Cell]) -> str:
    """One bar for each cell, governors by colour; the rate as an interval, for zero is no rate."""
    import matplotlib as mpl

    names = [f"{cell['protection']}, {cell['governor']}" for cell in cells][::-1]
    shown = list(cells)[::-1]
    with mpl.rc_context({"font.size": 8}):
        figure = new_figure(10.5, 1.6 + 0.55 * len(cells))
        rate, *others = figure.subplots(1, 1 + len(PANELS), sharey=True)
        for row, cell in enumerate(shown):
            colour = COLOURS.get(cell["governor"], "#22303c")
            bounds = (cell["sdc_per_year_low"], cell["sdc_per_year_high"])
            rate.plot(bounds, (row, row), color=colour, lw=3, solid_capstyle="butt")
            rate.plot(cell["sdc_per_year"], row, marker="o", color=colour)
        rate.set_xscale("symlog", linthresh=min(cell["sdc_per_year_high"] for cell in cells))
        rate.set_xlim(left=0.0)
        rate.set_yticks(range(len(names)), names)
        rate.set_xlabel("wrong answers per year, 95 %")
        for axis, (key, title) in zip(others, PANELS, strict=True):
            colours = [COLOURS.get(cell["governor"], "#22303c") for cell in shown]
            axis.barh(range(len(names)), [cell[key] for cell in shown], color=colours, height=0.6)
            axis.set_xlabel(title)
        return inline_svg(figure)
