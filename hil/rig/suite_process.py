"""The shipped suite as a process of its own, and what its end means.

pytest knows passed and failed; whoever runs a bench must also know whether the bench itself failed,
for then another try is worth it. That is in the records.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from hil.rig.infrastructure import ExitCode
from hil.rig.record import RunRecord, Verdict

SUITE = "hil.suite"
PLUGIN = "hil.rig.pytest_plugin"
# By pytest's own exit code, where the records do not say more.
BY_PYTEST = {0: ExitCode.OK, 1: ExitCode.FAILED, 4: ExitCode.USAGE, 5: ExitCode.USAGE}
# Which of several answers stands: what is broken for sure, before what another try may mend.
GRAVEST = (
    ExitCode.INTERNAL,
    ExitCode.USAGE,
    ExitCode.FAILED,
    ExitCode.UNAVAILABLE,
    ExitCode.BUSY,
    ExitCode.OK,
)


def suite_command(arguments: Sequence[str]) -> list[str]:
    """pytest on the shipped suite, deaf to the settings of whatever folder it is started in."""
    return [
        *(sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", str(_root())),
        *("-p", PLUGIN, "-p", "no:cacheprovider", "--import-mode=importlib"),
        *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of an editable install's own hook
        *("--pyargs", SUITE, *arguments),
    ]


def run_suite(arguments: Sequence[str]) -> int:
    """Run it in this terminal; pytest's exit code."""
    return subprocess.run(suite_command(arguments), check=False).returncode


def verdict_code(pytest_code: int | None, records: Iterable[RunRecord]) -> ExitCode:
    """What one run came to; None for a run that was ended from outside."""
    code = BY_PYTEST.get(-1 if pytest_code is None else pytest_code, ExitCode.INTERNAL)
    if code in (ExitCode.USAGE, ExitCode.INTERNAL):
        return code
    found = {code} if code is ExitCode.OK else set()
    for record in records:
        if record.verdict is Verdict.FAILED:
            found.add(ExitCode.FAILED)
        elif record.verdict is Verdict.INFRASTRUCTURE:
            found.add(ExitCode(record.attempts[-1].code or ExitCode.UNAVAILABLE))
    return gravest(found or {code})


def gravest(codes: Iterable[ExitCode]) -> ExitCode:
    """The one that a whole run ends with."""
    return min(codes, key=GRAVEST.index, default=ExitCode.OK)


def _root() -> Path:
    return Path(__file__).resolve().parents[2]
