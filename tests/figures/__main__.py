"""`python -m tests.figures --tier long [F9 …]`: print the table; exit 1 if one falls short."""

import argparse
import json
import os
import sys
from pathlib import Path

from tests.figures.goals import FIGURES, Tier
from tests.figures.records import VARIABLE, Record, load
from tests.figures.table import Row, rows, text


def main(arguments: list[str] | None = None) -> int:
    """Print and judge."""
    options = _parser().parse_args(arguments)
    wanted = [name.upper().replace("F0", "F") for name in options.figures]
    unknown = [name for name in wanted if name not in FIGURES]
    if unknown:
        print(f"{unknown[0]}: no such figure; known: {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    records = load(options.records)
    if options.seconds is not None:
        records.append(Record("F14.minutes", options.seconds / 60, "", ".ci/run", passed=True))
    found = rows(records, options.tier, wanted)
    print(json.dumps([_plain(row) for row in found]) if options.json else text(found, options.tier))
    judged = [row for row in found if row.value is not None or not options.measured]
    return int(any(row.short for row in judged))


def _plain(row: Row) -> dict[str, object]:
    return {
        "figure": row.part.key,
        "value": row.value,
        "verdict": row.verdict,
        "tests": list(row.tests),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.figures", description=__doc__)
    parser.add_argument("figures", nargs="*", help="F1 … F14; all if none is named")
    parser.add_argument("--tier", type=Tier, choices=list(Tier), default=Tier.LONG)
    parser.add_argument("--records", type=Path, default=Path(os.environ.get(VARIABLE, "-")))
    parser.add_argument("--seconds", type=float, help="how long the tests of a commit took")
    parser.add_argument("--measured", action="store_true", help="judge only what was measured")
    parser.add_argument("--json", action="store_true", help="for machines")
    return parser


if __name__ == "__main__":
    sys.exit(main())
