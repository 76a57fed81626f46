"""Counters that survive, shared by several programs: no telecommand counter is ever used twice."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from flight_sw.errors import UserError
from flight_sw.space_link.keys import new_keys
from flight_sw.space_link.sdls import CEILING_BLOCK, SdlsSender
from hil.ground.history import History
from hil.ground.link_state import Counters, LinkState
from hil.ground.reports import Alive

KEYS = new_keys(1, bytes(range(64)))


class SharedCounters(RuleBasedStateMachine):
    """Up to three ground programs start, send, follow the payload, end in order or are killed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.running: dict[int, tuple[LinkState, SdlsSender]] = {}
        self.used: list[int] = []

    def teardown(self) -> None:
        """Take the folder away."""
        self.folder.cleanup()

    @rule(program=st.integers(0, 2))
    def start(self, program: int) -> None:
        """Start, or be killed and started again."""
        state = LinkState(Path(self.folder.name), KEYS)
        self.running[program] = state, SdlsSender(KEYS.tc, state.counters().tc_ceiling)

    @rule(program=st.integers(0, 2), count=st.integers(1, 200), skip=st.integers(0, 300))
    def send(self, program: int, count: int, skip: int) -> None:
        """Send telecommands; the payload may have named a counter that is ahead of ours."""
        if program not in self.running:
            return
        state, sender = self.running[program]
        named = self.used[-1] + 1 + skip if self.used else skip
        for _ in range(count):
            if named > sender.next_counter or sender.wanted_ceiling() is not None:
                state.reserve(sender, named)
            self.used.append(sender.next_counter)
            sender.protect(b"", b"")

    @rule(program=st.integers(0, 2))
    def end(self, program: int) -> None:
        """End in order, giving back what was not used."""
        if program in self.running:
            state, sender = self.running.pop(program)
            state.settle(sender)

    @invariant()
    def never_twice(self) -> None:
        """One key, one counter, one frame."""
        assert len(set(self.used)) == len(self.used)


TestSharedCounters = SharedCounters.TestCase
TestSharedCounters.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_a_clean_end_skips_nothing(tmp_path: Path) -> None:
    """After an orderly end the next program goes on with the very next counter."""
    state = LinkState(tmp_path, KEYS)
    sender = SdlsSender(KEYS.tc, 0)
    state.reserve(sender)
    sender.protect(b"", b"")
    assert state.counters().tc_ceiling == CEILING_BLOCK
    state.settle(sender)
    assert state.counters().tc_ceiling == 1


def test_other_keys_have_counters_of_their_own(tmp_path: Path) -> None:
    """A new key starts at zero beside the old one."""
    old = LinkState(tmp_path, KEYS)
    old.reserve(SdlsSender(KEYS.tc, 0))
    assert LinkState(tmp_path, new_keys(1, bytes(64 * [9]))).counters() == Counters()


def test_telemetry_counter_only_rises(tmp_path: Path) -> None:
    """What was seen stays seen."""
    state = LinkState(tmp_path, KEYS)
    state.seen(70)
    state.seen(5)
    assert state.counters().tm_seen == 70


@pytest.mark.parametrize("content", [b"", b"{}x", b'{"tc_ceiling": -1, "x": 2}', b"\xff"])
def test_damaged_counters_stop_the_ground(tmp_path: Path, content: bytes) -> None:
    """Unreadable counters are never taken for zero: that would use a counter twice."""
    state = LinkState(tmp_path, KEYS)
    state.reserve(SdlsSender(KEYS.tc, 0))
    next(tmp_path.glob("*.json")).write_bytes(content)
    with pytest.raises(UserError, match="make new ones with `vanallen keys new --force`"):
        state.counters()


def test_a_folder_that_cannot_be_made_is_a_user_error(tmp_path: Path) -> None:
    """A state folder below a file is refused in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot keep counters here"):
        LinkState(tmp_path / "file" / "state", KEYS)


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 10))
def test_history_drops_the_oldest_and_claims_once(claims: list[bool], limit: int) -> None:
    """However reports and claims mix, memory is bounded and no report is claimed twice."""
    history = History(limit)
    claimed: list[float] = []
    for time, claim in enumerate(claims):
        history.add(Alive(float(time)))
        if claim:
            found, _ = history.claim(lambda _: True, 0)
            claimed += [found.time] if found else []
    assert len(history.since(0)) <= limit
    assert len(set(claimed)) == len(claimed)
