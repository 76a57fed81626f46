"""The plugin as its users meet it: pytest in a process of its own, on tests of their own."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from hil.rig import pytest_plugin
from hil.rig.record import RunRecord, Verdict, read_records

PLUGIN = "hil.rig.pytest_plugin"
HEAVY = ("numpy", "onnxruntime", "hil.ground", "hil.rig.suite_run", "hil.emulator", "matplotlib")
ENDS_S = 60
# labgrid 26: env target strategy; the others are of pytest-embedded 2.9.
TAKEN = {"env", "target", "strategy", "dut", "app", "serial", "port", "baud", "msg_queue", "qemu"}

# None of these tests asks for the running board, so that nothing has to be started for them.
THEIRS = '''
import pytest
from hil.rig.infrastructure import BoardUnavailable
from hil.rig.programs import StackFailed

tries = []

def test_passes(board, measure):
    """Passes, with a value near its limit."""
    measure("near", 98, "ms", high=100)

def test_out_of_limits(board, measure):
    """Ends well and has measured something bad."""
    measure("late", 101, "ms", high=100)

def test_never_measured(board, measure):
    """Ends well and has not measured what it declared."""
    measure.declare("forgotten", "ms", high=100)

def test_bench_once(board):
    """The bench fails at the first try."""
    tries.append(1)
    if len(tries) == 1:
        raise StackFailed("a cable fell out")

def test_bench_always(board):
    """The bench fails at each try."""
    raise BoardUnavailable("no board")

def test_fails(board):
    """Fails, and is not tried again."""
    tries.append(1)
    assert len(tries) > 99, "wrong answer"

def test_known(board):
    """Fails, as is known."""
    assert False

@pytest.mark.needs(fixture="x_ray")
def test_unmet(board):
    """Needs what no board has."""

def test_of_no_board():
    """Is none of ours."""
'''
KNOWN = 'quarantine: [{tests: "::test_known", reason: fan is broken, issue: "#7"}]'
INVENTORY = """\
boards:
  emu-1: {profile: emulated, port: {pty: auto}, tags: {room: a}}
  emu-2: {profile: emulated, port: {pty: auto}, tags: {room: b}}
"""


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """pytest on the tests in a folder, with none of this project's own settings."""
    (folder / "pytest.ini").write_text("[pytest]\naddopts =\n")
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", "-n0"]
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**os.environ, "VANALLEN_LEASES": str(folder / "leases"), **variables},
        capture_output=True,
        text=True,
        timeout=ENDS_S,
        check=False,
    )


def counts(output: str) -> dict[str, int]:
    """The numbers of pytest's last line; an editable install warns, a wheel does not."""
    found = re.findall(r"(\d+) ([a-z]+)", output.strip().splitlines()[-1])
    return {word: int(number) for number, word in found if not word.startswith("warning")}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tests, run once with everything that the plugin can keep."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "test_theirs.py").write_text(THEIRS)
    (folder / "known.yaml").write_text(KNOWN)
    done = run(
        folder,
        *("--hil-emulated", "--hil-record", "kept", "--hil-quarantine", "known.yaml"),
        *("--junitxml", "junit.xml", "-rs"),
    )
    (folder / "output").write_text(done.stdout + done.stderr)
    (folder / "code").write_text(str(done.returncode))
    return folder


def named(folder: Path, name: str) -> RunRecord:
    """The record of one of their tests."""
    (found,) = [one for one in read_records(folder / "kept") if f"::{name}[" in one.test]
    return found


def test_the_plugin_brings_nothing_heavy_into_other_runs():
    """An environment that has the package starts its own tests as fast as without it."""
    code = f"import sys, {PLUGIN}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=ENDS_S
    )
    assert done.stdout.strip() == "[]"


def test_names_clash_with_no_other_plugin_of_the_trade():
    """Options all begin with --hil-; no fixture is named like those of labgrid or pytest-embedded."""
    plugin = ast.parse(Path(pytest_plugin.__file__).read_text("utf-8"))
    functions = [node for node in plugin.body if isinstance(node, ast.FunctionDef)]
    fixtures = {
        one.name
        for one in functions
        if any("fixture" in ast.unparse(mark) for mark in one.decorator_list)
    }
    declared = next(one for one in functions if one.name == "pytest_addoption")
    calls = [node for node in ast.walk(declared) if isinstance(node, ast.Call)]
    options = {ast.literal_eval(one.args[0]) for one in calls if ast.unparse(one.func) == "add"}
    assert len(options) == 10
    assert all(option.startswith("--hil-") for option in options)
    assert {"board", "rig", "ground", "measure"} <= fixtures
    assert not fixtures & TAKEN


def test_every_outcome_is_told_as_what_it_is(theirs: Path):
    """Passed, failed, skipped, quarantined, and the bench's errors apart from the payload's."""
    verdicts = {
        "test_passes": Verdict.PASSED,
        "test_out_of_limits": Verdict.FAILED,
        "test_never_measured": Verdict.FAILED,
        "test_bench_once": Verdict.PASSED,
        "test_bench_always": Verdict.INFRASTRUCTURE,
        "test_fails": Verdict.FAILED,
        "test_known": Verdict.QUARANTINED,
        "test_unmet": Verdict.SKIPPED,
    }
    assert {name: named(theirs, name).verdict for name in verdicts} == verdicts
    assert int((theirs / "code").read_text()) == 1
    output = (theirs / "output").read_text()
    assert "board emulated has no fixture x_ray" in output
    assert counts(output)["passed"] == 3
    assert counts(output)["xfailed"] == 1


def test_only_the_benchs_errors_are_tried_again_and_both_tries_kept(theirs: Path):
    """A wrong answer is wrong at once; a cable that fell out gets one more try."""
    tries = {
        name: [one.verdict.value for one in named(theirs, name).attempts]
        for name in ("test_bench_once", "test_bench_always", "test_fails")
    }
    assert tries == {
        "test_bench_once": ["infrastructure", "passed"],
        "test_bench_always": ["infrastructure", "infrastructure"],
        "test_fails": ["failed"],
    }
    assert named(theirs, "test_bench_once").attempts[0].detail == "a cable fell out"


def test_measurements_fail_a_test_by_name(theirs: Path):
    """Marginal passes and is on record; out of limits and never taken say which value it was."""
    assert named(theirs, "test_passes").outcomes == ("marginal",)
    assert "late = 101 ms (limits ≤ 100): fail" in named(theirs, "test_out_of_limits").detail
    assert "forgotten = None ms" in named(theirs, "test_never_measured").detail


def test_junit_tells_board_software_and_values_of_each_test(theirs: Path):
    """As properties of the test, for those of the suite are lost under xdist."""
    tree = ET.parse(theirs / "junit.xml")  # noqa: S314 our own file
    case = next(one for one in tree.iter("testcase") if "test_passes" in str(one.get("name")))
    found = {one.get("name"): str(one.get("value")) for one in case.iter("property")}
    wanted = {"board.name", "board.serial", "board.profile", "fw.version", "fw.git", "emulated"}
    assert wanted | {"link.port"} <= found.keys()
    assert (found["board.name"], found["emulated"]) == ("emulated", "true")
    assert (found["meas.near"], found["meas.near.limit"]) == ("98.0 ms", "≤ 100")


def test_a_report_of_the_run_is_written_and_named(theirs: Path):
    """Without a board that was started, too."""
    assert f"HIL report: {theirs / 'kept' / 'report.html'}" in (theirs / "output").read_text()
    assert "fan is broken (#7)" in (theirs / "kept" / "report.html").read_text("utf-8")


def test_verify_mode_runs_what_is_in_quarantine_and_lets_it_count(theirs: Path):
    """What fails there stays; the rest is not run."""
    done = run(
        theirs, "--hil-emulated", "--hil-quarantine", "known.yaml", "--hil-quarantine-verify"
    )
    assert counts(done.stdout) == {"failed": 1, "deselected": 8}


def test_one_suite_runs_on_every_board_of_the_inventory(theirs: Path):
    """Tests times boards, and a selector leaves just the boards it means."""
    only = ("-k", "test_passes", "--collect-only", "-q")
    three = INVENTORY + "  emu-3: {profile: emulated, port: {pty: auto}, tags: {room: b}}\n"
    (theirs / "rig.yaml").write_text(three)
    done = run(theirs, *only, "--hil-board", "room=b", HIL_ENV="rig.yaml")
    assert re.findall(r"test_passes\[(.*)\]", done.stdout) == ["emu-2", "emu-3"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--hil-env", "wrong.yaml"), "wrong.yaml:1: boards.a.port: name one of by_id"),
        (("--hil-env", "rig.yaml", "--hil-board", "emu-3"), "there are: emu-1, emu-2"),
    ],
)
def test_a_users_mistake_ends_the_run_before_it_begins(theirs: Path, arguments, said: str):
    """One line with file and line number, pytest's exit code for usage, no traceback."""
    (theirs / "rig.yaml").write_text(INVENTORY)
    (theirs / "wrong.yaml").write_text("boards: {a: {profile: raspberry-pi-4, port: {}}}")
    done = run(theirs, *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_without_a_board_tests_are_skipped_and_never_under_strict(theirs: Path):
    """CI with real boards cannot pass by skipping."""
    only = ("-k", "test_passes or test_of_no_board")
    done = run(theirs, *only, "-rs")
    assert counts(done.stdout) == {"passed": 1, "skipped": 1, "deselected": 7}
    assert "no board: give --hil-env FILE or --hil-emulated" in done.stdout
    strict = run(theirs, *only, "--hil-strict")
    assert strict.returncode == pytest.ExitCode.TESTS_FAILED
    assert "(--hil-strict)" in strict.stdout
