"""The report of a simulated flight: one HTML file with its figures and plots inline."""

import html
from pathlib import Path
from typing import Any

import numpy as np

from hil.applications.golden import same_bits
from hil.environment.conditions import GRID_S
from hil.environment.flux import load_grid
from hil.simulation.flight import DAY_S, Flight, passed, rerun, summary
from hil.svg import inline_svg, new_figure

INK, FAINT, HOT, COOL, GOOD = "#22303c", "#8896a3", "#c2410c", "#1d4ed8", "#15803d"
MODE_COLOURS = {"NOMINAL": GOOD, "DEGRADED": "#a16207", "SAFE": HOT, "BOOT": FAINT}
MAP_STEP = 2.0
TRACK_POINTS = 40_000
EVENTS_SHOWN = 200
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#22303c;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}
td,th{padding:.15rem .8rem .15rem 0;text-align:left;font-variant-numeric:tabular-nums}
code{background:#f1f5f9;padding:.1rem .3rem}svg{max-width:100%;height:auto}.bad{color:#b91c1c}
"""


def write_report(flight: Flight, path: Path) -> None:
    """Render the page into `path`."""
    path.write_text(render(flight), encoding="utf-8")


def render(flight: Flight) -> str:
    """The page as HTML text."""
    figures = summary(flight)
    verdict = "passed" if passed(flight) else '<span class="bad">failed</span>'
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in _rows(figures)
    )
    declared = "".join(f"<li>{html.escape(line)}</li>" for line in flight.declared)
    events = "".join(
        f"<tr><td>{at_s / 3600:.3f} h</td><td>{html.escape(says)}</td></tr>"
        for at_s, _, says in flight.log.events[:EVENTS_SHOWN]
    )
    count = len(flight.log.events)
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>Simulated flight {html.escape(flight.options.orbit)}</title><style>{_STYLE}</style>
<h1>{flight.options.days:g} days on {html.escape(flight.options.orbit)}: {verdict}</h1>
<p>Fly it again: <code>{html.escape(rerun(flight.options))}</code></p>
<table>{rows}</table>
<h2>Declared</h2><ul>{declared}</ul>
<h2>Where upsets came</h2>{_map(flight)}
<h2>Heat, power, charge, jobs, modes</h2>{_series(flight)}
<h2>Events ({min(count, EVENTS_SHOWN)} of {count})</h2><table>{events}</table></html>
"""


def _rows(figures: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for name, value in figures.items():
        if isinstance(value, dict):
            rows.append((name.replace("_", " "), _in_words(value)))
        elif name != "declared":
            rows.append((name.replace("_", " "), str(value)))
    return rows


def _in_words(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} ({_in_words(value)})"
        if isinstance(value, dict)
        else f"{name.replace('_', ' ')} {value}"
        for name, value in values.items()
    )


def _map(flight: Flight) -> str:
    """Flux at the mean height, the ground track on it, and where particles hit."""
    conditions = flight.conditions
    figure = new_figure(9.6, 4.6)
    axis = figure.subplots()
    latitude = np.arange(-90, 90.1, MAP_STEP)
    longitude = np.arange(-180, 180.1, MAP_STEP)
    height = float(conditions.altitude_km.mean())
    grid = np.meshgrid(latitude, longitude, indexing="ij")
    north, east = grid
    flux = load_grid(conditions.solar).flux(north, east, height, conditions.start_s)
    levels = [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]
    shades = axis.contourf(
        longitude, latitude, np.log10(1 + flux), levels=levels, cmap="YlOrRd", alpha=0.75
    )
    bar = figure.colorbar(shades, ax=axis, shrink=0.85)
    bar.set_label("protons above 30 MeV, log10(1 + p/cm²/s)")
    stride = max(1, conditions.latitude.size // TRACK_POINTS)
    axis.plot(
        conditions.longitude[::stride],
        conditions.latitude[::stride],
        ls="none",
        marker=",",
        color=COOL,
        alpha=0.25,
    )
    for void, marker, label in ((False, "x", "hit"), (True, "+", "hit nothing")):
        at = [int(e.hit.at_s / GRID_S) for e in flight.log.landed if bool(e.void) is void]
        axis.plot(
            conditions.longitude[at],
            conditions.latitude[at],
            ls="none",
            marker=marker,
            ms=6,
            mew=1.6,
            color=FAINT if void else INK,
            label=f"{label} ({len(at)})",
        )
    axis.set(xlim=(-180, 180), ylim=(-90, 90), xlabel="longitude, °", ylabel="latitude, °")
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False, ncols=2)
    return inline_svg(figure)


def _series(flight: Flight) -> str:
    samples = np.array(flight.log.samples)
    hours = samples[:, 0] / 3600
    figure = new_figure(9.6, 9.6)
    ratios = [3, 2, 2, 2, 1]
    heat, power, charge, jobs, modes = figure.subplots(5, 1, sharex=True, height_ratios=ratios)
    heat.plot(hours, samples[:, 1], color=HOT, lw=1.1, label="die")
    heat.plot(hours, samples[:, 2], color=FAINT, lw=1.0, label="mount")
    heat.axhline(flight.profile.thermal.soft_limit_c, color=HOT, lw=0.7, ls="--")
    heat.set_ylabel("temperature, °C")
    heat.legend(frameon=False, loc="upper right", ncols=2)
    power.plot(hours, samples[:, 3], color=COOL, lw=0.9)
    power.set_ylabel("board, W")
    charge.plot(hours, 100 * samples[:, 4], color=GOOD, lw=1.2)
    cut = flight.mission.board.physics.vehicle.energy.cut_charge
    charge.axhline(100 * cut, color=HOT, lw=0.7, ls="--")
    charge.set_ylabel("battery, %")
    _jobs(jobs, flight)
    lit = flight.conditions.lit
    dark_h = np.arange(lit.size) * GRID_S / 3600
    for axis in (heat, power, charge, jobs):
        axis.fill_between(
            dark_h, 0, 1, where=lit < 0.5, transform=axis.get_xaxis_transform(), color="#eef2f6"
        )
    ends = [*flight.log.modes[1:], (flight.options.days * DAY_S, "")]
    for (start_s, mode), (end_s, _) in zip(flight.log.modes, ends, strict=False):
        modes.barh(0, (end_s - start_s) / 3600, left=start_s / 3600, color=MODE_COLOURS[mode])
    for mode, colour in MODE_COLOURS.items():
        modes.plot([], [], marker="s", ls="none", color=colour, label=mode)
    modes.set_yticks([])
    modes.set_ylabel("mode")
    modes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, -1.2))
    modes.set_xlabel("mission time, h")
    modes.set_xlim(0, flight.options.days * DAY_S / 3600)
    return inline_svg(figure)


def _jobs(axis: Any, flight: Flight) -> None:
    """Jobs by the time they went up, answers by the time they came, those that are wrong apart."""
    end_h = flight.options.days * DAY_S / 3600
    right = [
        (at_s, same_bits(output, flight.golden[job]))
        for job, (at_s, output) in flight.log.results.items()
    ]
    curves = {
        "sent": ([job.at_s for job in flight.jobs], FAINT),
        "answered rightly": ([at_s for at_s, ok in right if ok], GOOD),
        "wrong": ([at_s for at_s, ok in right if not ok], HOT),
    }
    for label, (times_s, colour) in curves.items():
        hours = [0.0, *(at_s / 3600 for at_s in sorted(times_s)), end_h]
        counts = [*range(len(times_s) + 1), len(times_s)]
        axis.step(hours, counts, where="post", color=colour, lw=1.2, label=label)
    axis.set_ylabel("jobs")
    axis.legend(frameon=False, loc="upper left", ncols=3)
