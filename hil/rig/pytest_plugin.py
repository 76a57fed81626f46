"""The pytest plugin: boards as fixtures, found by an inventory, leased, measured and recorded.

pytest loads this file in every run of an environment that has the package, so it imports nothing of
ours until an option or a fixture asks for it: all that is behind `_suite()`.

    pytest --hil-emulated --pyargs hil.suite
    pytest --hil-env rig.yaml --hil-board room=lab2 my_tests/

Fixtures: `board` (held by its lease), `rig` (running), `ground` (its space link), `measure`.
"""

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hil.ground.client import Ground
    from hil.rig.hold import HeldBoard
    from hil.rig.measurement import Measures
    from hil.rig.running import RunningBoard
    from hil.rig.suite_run import SuiteRun

ENV_VARIABLE = "HIL_ENV"
FLASH_POLICIES = ("never", "if-different", "always")
WAIT_S = 600.0  # for a lease: the other workers of a run use the same boards
RUN = pytest.StashKey["SuiteRun"]()
ENTRY = "hil_entry"  # the fixture that is parametrized; a name that no other plugin has
USAGE = 4  # pytest's own exit code for it


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options; every name begins with `--hil-`."""
    group = parser.getgroup("hil", "hardware in the loop (Van Allen)")
    add = group.addoption
    add("--hil-env", metavar="FILE", help=f"inventory of boards, YAML; else ${ENV_VARIABLE}")
    add(
        "--hil-board",
        metavar="NAME|TAG=VALUE",
        action="append",
        default=[],
        help="only these boards (may be given again)",
    )
    add("--hil-emulated", action="store_true", help="the emulated board, without an inventory")
    add(
        "--hil-wait",
        metavar="SECONDS",
        type=float,
        default=WAIT_S,
        help="longest wait for a board's lease (default: %(default)g)",
    )
    add(
        "--hil-timeout-scale",
        metavar="X",
        type=float,
        default=1.0,
        help="makes every limit of waiting longer, for a slow rig",
    )
    add(
        "--hil-flash",
        choices=FLASH_POLICIES,
        default="never",
        help="bring our software onto the boards first",
    )
    add("--hil-quarantine", metavar="FILE", help="tests known to fail, with reasons, YAML")
    add("--hil-quarantine-verify", action="store_true", help="run just those, and let them count")
    add("--hil-record", metavar="DIR", help="keep records, link recordings and a report here")
    add("--hil-strict", action="store_true", help="an unmet need fails a test; it is not skipped")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and refuse a wrong inventory before anything is collected."""
    config.addinivalue_line(
        "markers",
        "needs(feature=..., fixture=...): what a board must have for this test (word or list)",
    )
    options = config.option
    if options.hil_env or options.hil_emulated or options.hil_quarantine or options.hil_record:
        _suite(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for a board once on every chosen board."""
    if ENTRY not in metafunc.fixturenames:
        return
    entries: list[Any] = list(_suite(metafunc.config).entries) or [None]
    names = ["no-board" if entry is None else entry.name for entry in entries]
    metafunc.parametrize(ENTRY, entries, ids=names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In verify mode only what is in quarantine runs."""
    if config.option.hil_quarantine_verify:
        kept, left = _suite(config).in_quarantine(items)
        items[:] = kept
        config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="session")
def hil_entry(request: pytest.FixtureRequest) -> Any:
    """The inventory's entry that this run of the test is for; None without any."""
    return request.param


@pytest.fixture(scope="session")
def board(hil_entry: Any, pytestconfig: pytest.Config) -> "Iterator[HeldBoard]":
    """A board of the inventory. It is leased when first used, and let go at the end of its tests."""
    if hil_entry is None:
        pytest.skip("no board: give --hil-env FILE or --hil-emulated")
    with _suite(pytestconfig).holding(hil_entry) as held:
        yield held


@pytest.fixture
def rig(board: "HeldBoard", request: pytest.FixtureRequest) -> "RunningBoard":
    """The board, running, with everything around it; what had ended is up again."""
    return _suite(request.config).running(board, request.node)


@pytest.fixture
def ground(rig: "RunningBoard") -> "Ground":
    """The ground of the board's space link, with no report of an earlier test in it."""
    rig.ground.forget()
    return rig.ground


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> "Measures":
    """Takes measurements with limits; one out of its limits fails the test at its end."""
    from hil.rig.suite_run import measures_of

    return measures_of(request.node)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Skip, or fail if so asked, what the board cannot do, before it is touched."""
    if _has_board(item):
        _suite(item.config).check_needs(item)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Judge the measurements once the test has taken them all."""
    result = yield
    if "measure" in pyfuncitem.fixturenames:
        from hil.rig.suite_run import judge_measures

        judge_measures(pyfuncitem)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what happened, for the record; tell the bench's errors from the payload's."""
    if not _has_board(item):
        return (yield)
    _suite(item.config).before_report(item, call)
    report = yield
    _suite(item.config).take_report(item, call, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test once more if the bench failed, and keep both attempts."""
    if not _has_board(item):
        return None
    return _suite(item.config).run_item(item, nextitem)


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    """Show an attempt that the bench spoilt as such."""
    if getattr(report, "outcome", "") == "rerun":
        return "bench error, tried again", "I", "BENCH"
    return None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report, in the one process that sees all records."""
    if RUN in session.config.stash and not hasattr(session.config, "workerinput"):
        session.config.stash[RUN].finish()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say where the report is."""
    for line in config.stash[RUN].summary() if RUN in config.stash else ():
        terminalreporter.write_line(line)


def _has_board(item: pytest.Item) -> bool:
    return ENTRY in getattr(item, "fixturenames", ())


def _suite(config: pytest.Config) -> "SuiteRun":
    """Everything behind the options, made when first needed."""
    if RUN not in config.stash:
        from flight_sw.errors import UserError
        from hil.rig.suite_run import SuiteRun, options_of

        try:
            options = options_of(config, os.environ.get(ENV_VARIABLE))
        except UserError as error:
            pytest.exit(f"\n{error}", returncode=USAGE)
        config.stash[RUN] = SuiteRun(options)
    return config.stash[RUN]
