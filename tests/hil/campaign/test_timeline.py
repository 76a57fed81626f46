"""Faults and surroundings go in at their time, and are named as the payload's reports name them."""

import pytest

from hil.campaign.plan import to_inject
from hil.campaign.record import Planned
from hil.campaign.timeline import Timeline, injection_of, place_of
from hil.faults.rig_messages import EnvironmentReport, Hit, Injected
from hil.scenario import Surroundings


class Rig:
    """Notes what it is asked to do."""

    def __init__(self):
        self.done = []

    def inject(self, fault):
        self.done.append(("inject", fault.id))
        return Injected(len(self.done), fault, 0.0, 0.0, landed=True, reason="")

    def environment(self, *, mount_c, extra_load_w):
        self.done.append(("mount", mount_c))
        return EnvironmentReport(mount_c, extra_load_w, 0.0)


class Notes:
    """Stands where the recorder does; its clock is five seconds ahead of the timeline's."""

    now_s = 5.0

    def __init__(self):
        self.injections = []
        self.lines = []

    def rig(self, sentence):
        self.lines.append(sentence)

    def injected(self, injection, sentence):
        self.injections.append(injection)
        self.lines.append(sentence)


def hit(region, offset, landed=True):
    return Hit(region, 1, 0x1000, offset, offset // 4096, 3, 0, 8, landed, "")


def planned(fault_id, at_s, kind="worker-crash"):
    return Planned(fault_id, at_s, kind, 0.5, 0.5, "scenario")


@pytest.mark.parametrize(
    ("region", "offset", "place"),
    [
        ("weights:hotspot", 8200, ("hotspot", 2)),
        ("check:hotspot", 1030, ("hotspot", 2)),  # 512 check bytes a page
        ("crc:hotspot", 11, ("hotspot", 2)),  # 4 bytes a page
        ("voted-b:node", 11, ("node", -1)),
    ],
)
def test_a_place_is_named_as_event_reports_name_it(region, offset, place):
    """Weights, check bytes and checksums of one page all speak of that page."""
    assert place_of(hit(region, offset)) == place


def test_what_is_due_is_done_once_and_in_order():
    """Surroundings first, then faults; nothing early."""
    rig, notes = Rig(), Notes()
    changes = (
        Surroundings(at_s=0, mount_c=20),
        Surroundings(at_s=2, mount_c=50, expect="throttled"),
    )
    timeline = Timeline(rig, notes, (planned(0, 1.0), planned(1, 1.5)), changes)
    timeline.step(0.5)
    assert rig.done == [("mount", 20)]
    assert timeline.next_s == 1.0
    timeline.step(1.7)
    timeline.step(1.7)
    assert rig.done[1:] == [("inject", 0), ("inject", 1)]
    timeline.step(2.0)
    assert rig.done[3:] == [("mount", 50)]
    assert timeline.next_s == float("inf")
    assert [one.change.expect for one in timeline.expectations] == ["throttled"]
    assert timeline.numbers == {0: 2, 1: 3}


def test_an_injection_carries_mission_time_and_whether_it_landed():
    """A fault that did not land is void with its reason, from the first to the last page."""
    rig, notes = Rig(), Notes()
    Timeline(rig, notes, (planned(0, 1.0),), ()).step(1.0)
    assert [(one.at_s, one.landed) for one in notes.injections] == [(5.0, True)]
    fault = planned(3, 1.0, "weight-flip")
    missed = Injected(0, to_inject(fault), 0.0, 0.0, landed=False, reason="process gone")
    injection = injection_of(fault, missed, 4.0)
    assert (injection.landed, injection.why, injection.bits) == (False, "process gone", 0)
