"""The report's tables of a cell by way, region, layer and bit: where its failures come from."""

import html
from collections.abc import Mapping
from typing import Any

STRATA = {"by_way": "way", "by_region": "region", "by_layer": "layer", "by_bit": "bit"}
NOWHERE = frozenset({"-", "-1"})  # what has no layer or no bit


def render_strata(table: Mapping[str, Any]) -> str:
    """All cells, each folded; a cut with a single stratum says nothing that the rate does not."""
    cells = [
        f"<details><summary>{_safe(name)}: {row['failures']} of {row['landed']} failed</summary>"
        f"{''.join(parts)}</details>"
        for name, row in table["cells"].items()
        if (parts := [_cut(word, row[key]) for key, word in STRATA.items() if len(row[key]) > 1])
    ]
    return "".join(cells) or "<p>Nothing to divide.</p>"


def _cut(word: str, strata: Mapping[str, Any]) -> str:
    names = sorted(strata, key=lambda name: (name.isdigit(), int(name) if name.isdigit() else name))
    rows = "".join(
        f"<tr><td>{_safe('none' if name in NOWHERE else name)}</td>"
        f"<td>{strata[name]['trials']}</td><td{_bad(strata[name]['events'])}>"
        f"{strata[name]['events']}</td><td>{100 * strata[name]['rate']:.3g} %</td>"
        f"<td>{100 * strata[name]['upper']:.3g} %</td></tr>"
        for name in names
    )
    return (
        f"<table><tr><th>{word}</th><th>landed</th><th>failed</th><th>rate</th>"
        f"<th>at most</th></tr>{rows}</table>"
    )


def _bad(events: int) -> str:
    return ' class="bad"' if events else ""


def _safe(text: str) -> str:
    return html.escape(text)
