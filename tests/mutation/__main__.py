"""`python -m tests.mutation [DOMAIN …] [--part N/M]`: the mutants that survive, and the share killed."""

import argparse
import sys
import time

from tests.mutation import domains, live


def main() -> int:
    """Exit code 1 when a domain falls short of its goal or a survivor is not explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(domains.DOMAINS))
    parser.add_argument("--part", default="1/1", help="only every Mth mutant, starting at the Nth")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        return live.run_one(domains.named(given.one), given.names)
    bad = False
    for name in given.names or domains.DOMAINS:
        number, of = map(int, given.part.split("/"))
        start = time.monotonic()
        result = domains.run(name, part=(number - 1, of), told=True)
        print(f"{result} in {time.monotonic() - start:.0f} s", flush=True)
        bad |= bool(result.unexplained) or result.killed_share < domains.GOAL
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
