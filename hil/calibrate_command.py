"""`vanallen board calibrate`: from a recorded log to a plot of the fit and a board profile."""

import json
import re
from pathlib import Path

from flight_sw.errors import ProfileError, UserError
from hil import board_files
from hil.emulator.settings import Silicon, read_profile
from hil.environment.calibrate import Fit, Log, fit, read_log

_NAME = r"^name:.*$"


def calibrate_command(log_file: Path, board: str, out: Path, *, as_json: bool) -> int:
    """Fit, write `out` and the plot beside it, and say what was found; returns the exit code.

    Raises:
        UserError: the log or the profile cannot be used.
    """
    base = board_files.find_board(board)
    profile, silicon = read_profile(base)
    log = read_log(log_file)
    found = fit(log, silicon.draw.cores, float(profile.frequency.levels_mhz[-1]))
    plot = out.with_suffix(".svg")
    try:
        out.write_text(_profile_text(base.read_text("utf-8"), found, out, log_file), "utf-8")
        plot.write_text(_plot(log, found), "utf-8")
    except OSError as error:
        raise UserError(f"{error.filename}: cannot write: {error.strerror}") from error
    read_profile(out)
    _say(found, silicon, (out, plot), as_json=as_json)
    return 0


def _profile_text(text: str, found: Fit, out: Path, log_file: Path) -> str:
    """The base profile with the fitted values in place; comments of replaced lines go with them."""
    values = {
        "capacity_j_per_k": found.capacity_j_per_k,
        "resistance_k_per_w": found.resistance_k_per_w,
        "mount_c": found.mount_c,
        "idle_w": found.idle_w,
        "core_w": found.core_w,
        "voltage_slope": found.voltage_slope,
    }
    name = re.sub(r"[^a-z0-9-]+", "-", out.stem.lower()).strip("-") or "calibrated"
    text = re.sub(_NAME, f"name: {name}", text, count=1, flags=re.MULTILINE)
    text = re.sub(r"^evidence:.*$", "evidence: bench", text, count=1, flags=re.MULTILINE)
    for key, value in values.items():
        line = rf"^(\s+){key}:.*$"
        text, count = re.subn(line, rf"\g<1>{key}: {value:.4g}", text, count=1, flags=re.MULTILINE)
        if not count:
            raise ProfileError(f"the base profile has no line `{key}:` of its own; add one")
    return f"# Heat and power of this board were fitted to {log_file.name}.\n{text}"


def _say(found: Fit, before: Silicon, files: tuple[Path, Path], *, as_json: bool) -> None:
    rows = [
        ("capacity", "J/K", before.heat.capacity_j_per_k, found.capacity_j_per_k),
        ("resistance", "K/W", before.heat.resistance_k_per_w, found.resistance_k_per_w),
        ("mount", "°C", before.heat.mount_c, found.mount_c),
        ("idle", "W", before.draw.idle_w, found.idle_w),
        ("one core", "W", before.draw.core_w, found.core_w),
        ("voltage slope", "", before.draw.voltage_slope, found.voltage_slope),
    ]
    if as_json:
        figures = {name.replace(" ", "_"): round(value, 5) for name, _, _, value in rows}
        figures |= {"heat_rms_k": found.heat_rms_k, "power_rms_w": found.power_rms_w}
        print(json.dumps(figures | {"profile": str(files[0]), "plot": str(files[1])}, indent=1))
        return
    print(f"{'':<14} {'before':>9} {'fitted':>9}")
    for name, unit, old, new in rows:
        print(f"{name:<14} {old:>9.3g} {new:>9.3g} {unit}")
    print(f"left unexplained: {found.heat_rms_k:.2f} K and {found.power_rms_w:.2f} W (rms)")
    print(f"profile {files[0]}, plot {files[1]}; fly it with: vanallen run --board {files[0]}")


def _plot(log: Log, found: Fit) -> str:
    import io

    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "font.size": 9, "svg.hashsalt": "vanallen"}):
        figure = Figure(figsize=(9.0, 5.0), layout="constrained")
        heat, power = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        minutes = log.time_s / 60
        heat.plot(minutes, log.temp_c, color="#8896a3", lw=1.0, label="measured")
        label = (
            f"fit: {found.capacity_j_per_k:.1f} J/K, {found.resistance_k_per_w:.1f} K/W, "
            f"{found.heat_rms_k:.2f} K rms"
        )
        heat.plot(minutes, found.modelled_c, color="#c2410c", lw=1.4, label=label)
        heat.set_ylabel("temperature, °C")
        heat.legend(frameon=False)
        power.plot(minutes, log.power_w, color="#1d4ed8", lw=0.8)
        power.set_ylabel("power, W")
        power.set_xlabel("time, min")
        for axis in (heat, power):
            axis.spines[["top", "right"]].set_visible(False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
