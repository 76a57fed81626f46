"""`python -m tests.fuzz NAME [--runs N] [--seed N] [--corpus DIR]`, or with files to run again."""

import argparse
import sys
from pathlib import Path

from tests.fuzz import drive


def main() -> int:
    """Exit code 1 with the find when there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", choices=drive.NAMES)
    parser.add_argument("files", nargs="*", type=Path, help="run these inputs and stop")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="keep what was learnt in this folder")
    given = parser.parse_args()
    if given.files:
        run = drive.target(given.name).run
        for path in given.files:
            run(path.read_bytes())
        return 0
    done = drive.fuzz(given.name, given.runs, seed=given.seed, corpus=given.corpus)
    print(f"{done.name}: {done.inputs} inputs by {done.engine}")
    if done.find:
        print(done.find, file=sys.stderr)
    return 1 if done.find else 0


if __name__ == "__main__":
    sys.exit(main())
