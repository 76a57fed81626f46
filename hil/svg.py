"""Plots as inline SVG for pages that stand alone: one style of saving, the same bytes each time."""

import io
from typing import Any

SAVING = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vanallen",
}  # text stays text, names stay the same


def new_figure(width_in: float, height_in: float) -> Any:
    """An empty matplotlib figure; no pyplot, so no global state and no display; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def inline_svg(figure: Any) -> str:
    """The `<svg>` element of a figure, without a date and without frame lines above and at the right."""
    import matplotlib as mpl

    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    out = io.StringIO()
    with mpl.rc_context(SAVING):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
