"""`python -m tests.branches [FOLDER …]`: branch coverage of the packages that may not fail.

Runs their tests and those of the whole payload in virtual time with coverage of branches and prints what
is missing. Exit code 1 below the goal.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = ("space_link", "board_link", "services", "radiation", "store")
FOLDERS = tuple(f"flight_sw/{name}" for name in NAMES)
TESTS = (
    "tests/flight_sw/space_link", "tests/flight_sw/board_link", "tests/flight_sw/services",
    "tests/flight_sw/radiation", "tests/flight_sw/store", "tests/flight_sw/test_stack.py",
    "tests/flight_sw/test_stack_services.py", "tests/flight_sw/test_stack_schedule.py",
    "tests/flight_sw/test_file_transfer.py", "tests/flight_sw/test_key_change.py",
    "tests/flight_sw/test_downlink.py", "tests/flight_sw/test_board_watch.py",
    "tests/flight_sw/test_model_updates.py", "tests/flight_sw/test_node_memory.py",
    "tests/fuzz/test_fuzz.py",
)  # fmt: skip
GOAL_PERCENT = 100
PYTEST = ("-q", "-p", "no:cacheprovider", "-k", "not keep_nothing and not never_ends")


def main() -> int:
    """The exit code of the tests, or else of the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.branches", description=__doc__)
    parser.add_argument("folders", nargs="*", default=FOLDERS)
    parser.add_argument("--goal", type=float, default=GOAL_PERCENT, help="percent")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        run = ["run", "--branch", data, f"--source={','.join(given.folders)}", "-m", "pytest"]
        failed = coverage(*run, *PYTEST, *TESTS)
        report = ["report", data, "-m", "--skip-covered", f"--fail-under={given.goal}"]
        return failed or coverage(*report)


def coverage(*words: str) -> int:
    """Run coverage.py; its exit code."""
    # The C tracer, even where sys.monitoring would be the default: it sees every branch in all versions.
    environment = os.environ | {"COVERAGE_CORE": "ctrace"}
    command = [sys.executable, "-m", "coverage", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
