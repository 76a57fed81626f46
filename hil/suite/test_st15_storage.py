"""ST[15]: telemetry is kept on board and comes down again by time."""

import pytest

from flight_sw.dictionary.reason import Reason
from hil.ground.reports import EventReport
from hil.rig.running import RunningBoard
from hil.suite.asking import FOREVER_S, Undo, event, refused, told

pytestmark = pytest.mark.needs(feature="commanding")

STORES = ("events", "housekeeping", "results")


def packets_in(rig: RunningBoard, store: str) -> int:
    """How many packets a store holds now."""
    rig.ground.forget()
    rig.ground.send("report-stores").done()
    return int(told(rig.ground, "store-state", store=store)["packets"])


def test_every_store_is_reported(nominal: RunningBoard) -> None:
    """Three stores, all of them keeping telemetry."""
    nominal.ground.send("report-stores").done()
    for store in STORES:
        assert told(nominal.ground, "store-state", store=store)["enabled"]


def test_stored_events_come_down_again(nominal: RunningBoard) -> None:
    """What was told before comes a second time, in order, and its number is told at the end."""
    nominal.to_safe()
    nominal.to_nominal()
    nominal.ground.forget()
    nominal.ground.send("retrieve-store", store="events", since=0.0, until=FOREVER_S).done()
    done = event(nominal.ground, "retrieval-done", nominal.within(20.0), store="events")
    heard = [one for one in nominal.ground.reports if isinstance(one, EventReport)]
    assert done.values["count"] > 0
    assert any(one.name == "mode-changed" for one in heard)


def test_disabled_store_keeps_nothing_further(nominal: RunningBoard, undo: Undo) -> None:
    """With the store of housekeeping off its number of packets stands still."""
    undo("enable-store", store="housekeeping")
    nominal.ground.send("disable-store", store="housekeeping").done()
    before = packets_in(nominal, "housekeeping")
    nominal.until(lambda: False, 0.8)
    assert packets_in(nominal, "housekeeping") == before
    nominal.ground.send("enable-store", store="housekeeping").done()
    nominal.until(lambda: False, 0.6)
    assert packets_in(nominal, "housekeeping") > before


def test_store_is_not_deleted_without_arming(nominal: RunningBoard) -> None:
    """Stored telemetry is forgotten only on an armed telecommand."""
    wrong = nominal.ground.send("delete-store", store="results", until=FOREVER_S)
    refused(wrong, Reason.NOT_ARMED)


def test_retrieval_can_be_stopped_only_while_it_runs(nominal: RunningBoard) -> None:
    """There is nothing to stop when nothing is being sent."""
    refused(nominal.ground.send("stop-retrieval"), Reason.NO_SUCH_ENTRY)
