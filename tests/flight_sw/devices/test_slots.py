"""Trial boot: what holds is confirmed, what does not is undone, whatever happens in between."""

import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flight_sw.devices.slots import (
    TRIAL_BOOTS,
    TRIAL_BOOTS_MAX,
    Hooks,
    Slot,
    SlotState,
    SlotStore,
    begin_trial,
    on_boot,
    on_healthy,
    roll_back,
)
from flight_sw.errors import UserError


class Trials(RuleBasedStateMachine):
    """Any order of trials, boots, confirmations and roll-backs."""

    def __init__(self):
        super().__init__()
        self.state = SlotState()
        self.good = Slot.A
        self.boots_since_trial = 0

    @precondition(lambda self: self.state.trial is None)
    @rule(boots=st.integers(1, 10))
    def try_other(self, boots):
        """A new version is written to the other slot."""
        self.state = begin_trial(self.state, boots)
        self.boots_since_trial = 0

    @rule()
    def boot(self):
        """The board starts, for whatever reason."""
        was_trial = self.state.trial
        self.state, slot = on_boot(self.state)
        if was_trial is not None:
            self.boots_since_trial += 1
        assert slot in (self.good, was_trial)

    @rule()
    def hold(self):
        """The payload proves healthy."""
        self.good = self.state.trial or self.good
        self.state = on_healthy(self.state)

    @rule()
    def give_up(self):
        """The ground takes the trial back."""
        self.state = roll_back(self.state)

    @invariant()
    def the_confirmed_slot_is_one_that_held(self):
        """Only a confirmation changes it."""
        assert self.state.confirmed is self.good

    @invariant()
    def a_trial_ends(self):
        """However it dies, the old slot is back after a bounded number of boots."""
        if self.state.trial is not None:
            assert self.boots_since_trial <= TRIAL_BOOTS_MAX


Trials.TestCase.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
TestTrials = Trials.TestCase


@pytest.fixture
def folder(tmp_path):
    """Two slots, the first in use."""
    for slot in Slot:
        (tmp_path / slot).mkdir()
    (tmp_path / "current").symlink_to(Slot.A.value)
    return tmp_path


def test_a_trial_that_never_confirms_is_undone_after_its_boots(folder):
    """Two boots of the new slot, then the old one again, and one roll-back is counted."""
    store = SlotStore(folder)
    assert store.try_other() is Slot.B
    assert [store.choose() for _ in range(TRIAL_BOOTS + 1)] == [Slot.B] * TRIAL_BOOTS + [Slot.A]
    assert (folder / "current").readlink().name == Slot.A
    assert store.load() == SlotState(rolled_back=1)


def test_a_trial_that_holds_stays(folder):
    """Confirmed once, the new slot boots for good, and the next trial is for the other one."""
    store = SlotStore(folder)
    store.try_other()
    store.choose()
    assert store.confirm().confirmed is Slot.B
    assert [store.choose() for _ in range(3)] == [Slot.B] * 3
    assert store.try_other() is Slot.A


def test_hooks_of_the_platform_run_when_something_was_decided(folder):
    """Confirm and roll-back each call theirs; one that fails changes nothing of ours."""
    say = [sys.executable, "-c", f"open({str(folder / 'told')!r}, 'w'); raise SystemExit(3)"]
    store = SlotStore(folder, Hooks(confirm=say, roll_back=("/nowhere",)))
    store.try_other()
    store.choose()
    assert store.confirm().confirmed is Slot.B
    assert (folder / "told").exists()
    store.try_other(boots=1)
    store.choose()
    assert store.choose() is Slot.B


@pytest.mark.parametrize("damage", [b"", b"{", b'{"confirmed":"slot-c"}', b"\xff" * 50])
def test_a_damaged_state_means_what_is_linked(folder, damage):
    """Nothing in the file can keep the board from starting."""
    (folder / "slots.json").write_bytes(damage)
    assert SlotStore(folder).choose() is Slot.A


def test_mistakes_are_refused_by_name(folder):
    """A second trial, and an empty slot."""
    store = SlotStore(folder)
    store.try_other()
    with pytest.raises(UserError, match="slot-b is on trial"):
        store.try_other()
    store.choose()
    store.confirm()
    (folder / Slot.A).rmdir()
    with pytest.raises(UserError, match="nothing there to try"):
        store.try_other()
