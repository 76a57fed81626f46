"""The whole table of the comparison as one inline SVG: a column of panels for each scenario."""

from collections.abc import Mapping

from hil.svg import inline_svg, new_figure

OURS, OTHERS, BOUND = "#c2410c", "#64748b", "#15803d"
PANELS = (
    ("on_time", "answered rightly in time, share", "on_time_ci"),
    ("per_joule", "right answers per joule", "per_joule_ci"),
    ("above_ks", "above the limit, K s", None),
    ("brown_outs", "brown-outs per run", None),
    ("lowest_charge", "lowest charge", None),
)


def draw_table(table: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """One SVG element; bars with their 95 % intervals, ours in colour."""
    import matplotlib as mpl

    names = list(next(iter(table.values())))[::-1]
    with mpl.rc_context({"font.size": 8}):
        figure = new_figure(4.2 * len(table), 2.6 * len(PANELS))
        axes = figure.subplots(len(PANELS), len(table), sharey=True, squeeze=False)
        for column, (scenario, rows) in enumerate(table.items()):
            for row, (key, title, spread) in enumerate(PANELS):
                axis = axes[row][column]
                values = [rows[name].get(key, 0.0) for name in names]
                errors = [rows[name].get(spread, 0.0) for name in names] if spread else None
                axis.barh(names, values, xerr=errors, color=[_colour(n) for n in names], height=0.7)
                axis.set_xlabel(title)
                if key == "above_ks":
                    axis.set_xscale("symlog", linthresh=1.0)
                if key == "brown_outs":
                    axis.set_xlim(0.0, max(1.0, *values) * 1.1)
                if key == "lowest_charge":
                    axis.set_xlim(0.6, 1.0)
            axes[0][column].set_title(scenario)
        return inline_svg(figure)


def _colour(name: str) -> str:
    return OURS if name == "look-ahead" else BOUND if name == "oracle bound" else OTHERS
