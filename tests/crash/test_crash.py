"""Everything that must outlive a crash, through every power cut and every failure of the disk."""

import pytest

from tests.crash.cases import BootCase, CeilingCase, KeyFileCase, RecordCase
from tests.crash.explore import Explorer
from tests.crash.service_cases import ServicesCase
from tests.crash.slot_cases import ModelCase, SoftwareCase

SMALL = [RecordCase(), CeilingCase(), BootCase(), KeyFileCase(), SoftwareCase()]
# Of failing operations and rotten bits, CI takes one in so many; the long tier takes each.
STRIDE_CI = {ServicesCase(): 41, ModelCase(): 13}
CASES = [*SMALL, *STRIDE_CI]
EVERY_BYTE_TO = 1024  # small cases: each write is torn at each byte
LARGE_BYTES_LONG = 64  # large ones, in the long tier: at so many places
# Two cuts in a row square all this: of the large cases' disks one in so many is cut again, and no write
# is torn in its middle. With all of it the two would take days.
STRIDE_DEEP = {ServicesCase(): 1, ModelCase(): 11}

pytestmark = pytest.mark.figure("F5")
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
in_full = pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.long)])


@pytest.fixture
def explorer(case, scratch, figure, request):
    """Explores the case, and afterwards records what was tried and demands that nothing broke."""
    full = request.node.callspec.params.get("full", True)
    if case in SMALL:
        explorer = Explorer(case, scratch, EVERY_BYTE_TO)
    else:
        explorer = Explorer(case, scratch, LARGE_BYTES_LONG * full, 1 if full else STRIDE_CI[case])
    yield explorer
    figure("F5.points", explorer.tally.points)
    figure("F5.failures", len(explorer.tally.broken))


@each_case
@pytest.mark.parametrize("full", [False])
def test_a_power_cut_at_any_operation_leaves_the_old_or_the_new(case, full, explorer, figure):
    """Before, after, torn at each byte, unsynced dropped, in any order: it boots and loses nothing."""
    explorer.crashes(depth=1)
    figure("F5.depth", 1, label=case.name)
    assert not explorer.tally.broken, explorer.tally.told()


@pytest.mark.long
@each_case
def test_a_power_cut_during_the_recovery_from_one_loses_nothing_either(case, explorer, figure):
    """At disks that the first cut may leave, each operation of boot and further work is cut."""
    if case in STRIDE_DEEP:
        explorer.every_byte_to, explorer.stride = 0, STRIDE_DEEP[case]
    explorer.crashes(depth=2)
    figure("F5.depth", 1, label=case.name)  # one level more than the test above
    assert not explorer.tally.broken, explorer.tally.told()


@each_case
@in_full
def test_a_flipped_bit_never_makes_a_third_value(case, full, explorer):
    """In one file, at any byte: the newest value, the one before, or known to be damaged."""
    explorer.rot()
    assert not explorer.tally.broken, explorer.tally.told()


@each_case
@in_full
def test_a_failing_operation_is_survived_and_a_cut_after_it_too(case, full, explorer):
    """No room, input/output error, short write: told as an error, and what was promised stays."""
    explorer.failures()
    assert not explorer.tally.broken, explorer.tally.told()
