"""The router of file transfer as a state machine: whatever happens, no wrong file and no open end."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flight_sw.services.cfdp import (
    ANSWERS_MAX,
    INBOX_MAX,
    PAST_MAX,
    RECEIVING_MAX,
    SENDING_MAX,
    FileTransfer,
)
from flight_sw.services.cfdp_transfer import Outcome
from tests.flight_sw.services.test_cfdp import content, end

STEP_S = 0.25
SILENCE_S = 60.0
UNITS = 6
PAST_UNITS = 200
SIDES = st.sampled_from([0, 1])
FATES = st.lists(st.sampled_from(["pass", "pass", "pass", "lose", "twice"]), min_size=1, max_size=9)


class Router(RuleBasedStateMachine):
    """Two ends that both send, a line that loses, repeats and replays, outages, restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.boots = [0, 0]
        self.sides = [self.fresh(0), self.fresh(1)]
        self.sent: dict[tuple[int, int], bytes] = {}
        self.past: list[tuple[int, bytes]] = []
        self.told: set[tuple[int, int, bool, int]] = set()
        self.arrived: set[tuple[int, int]] = set()
        self.disturbed = False

    def fresh(self, side: int) -> FileTransfer:
        """An end after a boot: its numbers are new."""
        self.boots[side] += 1
        return end(side + 1, 2 - side, self.boots[side] << 16, silence_s=SILENCE_S)

    @rule(side=SIDES, size=st.integers(0, 6000), slot=st.integers(1, 8))
    def send(self, side: int, size: int, slot: int) -> None:
        """A new file; refused only when there are too many."""
        busy = self.sending(side)
        file = content(size, len(self.sent))
        number = self.sides[side].send(slot, file)
        assert (number is None) is (busy >= SENDING_MAX)
        if number is not None:
            self.sent[side, number] = file

    @rule(fates=FATES)
    def exchange(self, fates: list[str]) -> None:
        """Some units both ways, each with its fate."""
        self.now += STEP_S
        for side in (0, 1):
            self.sides[side].step(self.now)
            for n, unit in enumerate(self.sides[side].take(UNITS)):
                self.past = [*self.past[-PAST_UNITS:], (1 - side, unit)]
                fate = fates[n % len(fates)]
                for _ in range({"lose": 0, "pass": 1, "twice": 2}[fate]):
                    self.sides[1 - side].receive(unit)
        self.settle()

    @rule(place=st.integers(0, 10_000))
    def replay(self, place: int) -> None:
        """A unit from long ago comes again."""
        if self.past:
            side, unit = self.past[place % len(self.past)]
            self.sides[side].receive(unit)
            self.settle()

    @rule(side=SIDES, away=st.booleans())
    def outage(self, side: int, away: bool) -> None:
        """The link goes for one end, or comes back."""
        (self.sides[side].suspend if away else self.sides[side].resume)()

    @precondition(lambda self: len(self.sent) > 2)
    @rule(side=SIDES)
    def restart(self, side: int) -> None:
        """An end forgets everything."""
        self.disturbed = True
        self.sides[side] = self.fresh(side)

    @precondition(lambda self: len(self.sent) > 2)
    @rule(side=SIDES)
    def cancel(self, side: int) -> None:
        """The oldest transfer of an end is given up."""
        self.disturbed = True
        for number, _, receiving in self.sides[side].listed()[:1]:
            assert self.sides[side].cancel(number, receiving=receiving)
            self.settle()

    @precondition(lambda self: len(self.sent) > 2)
    @rule(seconds=st.floats(0, 2 * SILENCE_S))
    def wait(self, seconds: float) -> None:
        """Nothing passes for a while."""
        self.disturbed = True
        self.now += seconds
        for side in self.sides:
            side.step(self.now)
        self.settle()

    def sending(self, side: int) -> int:
        """Transfers that an end sends."""
        return sum(not receiving for _, _, receiving in self.sides[side].listed())

    def settle(self) -> None:
        """A transfer ends once, and whatever is handed on is what was sent under that number."""
        for side in (0, 1):
            for one in self.sides[side].ended():
                key = side, self.boots[side], one.receiving, one.number
                assert key not in self.told
                self.told.add(key)
                if one.receiving and one.outcome is Outcome.DELIVERED:
                    assert one.content == self.sent[1 - side, one.number]
                    self.arrived.add((1 - side, one.number))
                else:
                    assert one.content is None

    @invariant()
    def is_bounded(self) -> None:
        """No queue and no table grows beyond its limit."""
        for side in self.sides:
            receiving = sum(receiving for _, _, receiving in side.listed())
            assert side.under_way - receiving <= SENDING_MAX
            assert receiving <= RECEIVING_MAX
            assert len(side._answers) <= ANSWERS_MAX
            assert len(side._past) <= PAST_MAX
            assert all(len(transfer.inbox) <= INBOX_MAX for transfer in side._active.values())

    def teardown(self) -> None:
        """On a good line both ends close everything; undisturbed, every file arrives."""
        for side in self.sides:
            side.resume()
        end_s = self.now + 4 * SILENCE_S
        while self.now < end_s and any(side.under_way for side in self.sides):
            self.exchange(["pass"])
        assert [side.under_way for side in self.sides] == [0, 0]
        assert self.disturbed or self.arrived == set(self.sent)


TestRouter = Router.TestCase
TestRouter.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
