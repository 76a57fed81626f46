"""Jobs go up in a bounded window, each until the payload has it, and none twice."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.dictionary.reason import Reason
from hil.campaign.feeder import IN_FLIGHT_MAX, OPEN_MAX, Feeder, JobToFly
from hil.ground.reports import Stage


@dataclass
class Told:
    """A request whose end the test decides."""

    values: dict
    stage: Stage | None = None
    reason: Reason | None = None
    sent_s: float = field(default=float("inf"))  # never counts as lost

    @property
    def is_final(self):
        return self.stage is not None

    def end(self, reason=None):
        self.stage = Stage.FAILED if reason else Stage.DONE
        self.reason = reason


class Link:
    """Takes telecommands and keeps them."""

    is_connected = True

    def __init__(self):
        self.sent = []

    def send(self, name, **values):
        assert name == "submit-job"
        self.sent.append(Told(values))
        return self.sent[-1]


def jobs(count):
    return [JobToFly(i + 1, 0.1 * i, "m", 1, b"x", 60.0) for i in range(count)]


def test_a_job_goes_up_at_its_time_and_not_before():
    """The scenario's pace is kept."""
    link = Link()
    feeder = Feeder(link, jobs(3), "standard", lambda _: False)
    feeder.step(0.05)
    assert [one.values["job"] for one in link.sent] == [1]
    feeder.step(0.15)
    assert [one.values["job"] for one in link.sent] == [1, 2]
    assert link.sent[0].values["protection"] == "standard"


def test_a_job_refused_for_a_passing_reason_goes_up_again():
    """A board that boots costs time and no job."""
    link = Link()
    feeder = Feeder(link, jobs(1), "standard", lambda _: False)
    feeder.step(0.0)
    link.sent[0].end(Reason.BOARD_AWAY)
    feeder.step(0.1)
    assert len(link.sent) == 1
    feeder.step(1.0)
    assert [one.values["job"] for one in link.sent] == [1, 1]
    link.sent[1].end()
    feeder.step(1.1)
    assert feeder.admitted == {1}
    assert feeder.done


def test_a_job_refused_for_good_is_kept_with_its_reason():
    """Nothing is asked for ever."""
    link = Link()
    feeder = Feeder(link, jobs(1), "standard", lambda _: False)
    feeder.step(0.0)
    link.sent[0].end(Reason.WRONG_SHAPE)
    feeder.step(1.0)
    feeder.step(2.0)
    assert feeder.refused == {1: Reason.WRONG_SHAPE}
    assert len(link.sent) == 1


def test_a_job_that_the_payload_has_already_is_admitted():
    """The answer to the first telecommand was lost, its effect was not."""
    link = Link()
    feeder = Feeder(link, jobs(1), "standard", lambda _: False)
    feeder.step(0.0)
    link.sent[0].end(Reason.DUPLICATE_JOB)
    feeder.step(0.1)
    assert feeder.admitted == {1}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
@settings(max_examples=40)
def test_the_window_holds_whatever_the_payload_answers(ends):
    """Never more telecommands in flight, nor more open jobs, than the limits say."""
    link = Link()
    answered = set()
    feeder = Feeder(link, jobs(200), "standard", answered.__contains__)
    for now_s, end in enumerate(ends):
        feeder.step(30.0 + now_s)
        waiting = [one for one in link.sent if not one.is_final]
        assert len(waiting) <= IN_FLIGHT_MAX
        assert feeder.open <= OPEN_MAX
        for one in waiting[: 2 * end]:
            one.end(Reason.QUEUE_FULL if end == 3 else None)
        answered |= set(list(feeder.admitted - answered)[:end])
