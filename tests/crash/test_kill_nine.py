"""kill -9 of the real processes at random times: what was promised before is there afterwards."""

import random
import threading
import time
from dataclasses import dataclass, field

import pytest

from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.space_link.packet import Telecommand
from hil.ground.client import Ground
from hil.ground.reports import Declared, ParameterReport
from tests.crash.payload_process import PayloadProcess, attempt, connected
from tests.figures.scale import KILLS

LATEST_KILL_S = 2.5  # after the start: from the first import to well into service
KILLS_IN_A_ROW = 2  # then an orderly end, or the boot-loop guard rightly leaves parts out
FAR_S = 1e6  # entries that are never released
ANSWER_S = 3.0  # of one that may be killed meanwhile
PATIENT_S = 60.0  # of one that lives, on a busy machine

pytestmark = pytest.mark.figure("F5")


@dataclass
class Promises:
    """What the payload said was done, and what it may have done besides."""

    rates: list[float] = field(default_factory=lambda: [20.0])
    entries: set[int] = field(default_factory=set)
    maybe: set[int] = field(default_factory=set)
    number: int = 0
    boots: int = 0

    def work(self, ground: Ground, within_s: float) -> None:
        """One parameter and one entry, each noted before it is sent and again when it is done."""
        self.number += 1
        number, rate = self.number, 10.0 + self.number % 80
        self.rates.append(rate)
        ground.send("set-parameter", parameter="event_rate", value=rate).done(within_s)
        self.rates = [rate]
        if len(self.maybe) < 900:
            self.maybe.add(number)
            values = {"entry": number, "group": 0, "release": time.time() + FAR_S}
            ground.send("insert-entry", packet=_ping(), **values).done(within_s)
            self.entries.add(number)

    def broken(self, ground: Ground) -> list[str]:
        """Those that a fresh boot does not keep; a frame sent before is not executed again."""
        found = []
        ground.send("report-housekeeping", structure=2).done(PATIENT_S)
        link = ground.housekeeping(2).values
        if link["boots"] <= self.boots:
            found.append(f"boot {link['boots']} after boot {self.boots}")
        self.boots = max(self.boots, link["boots"])
        ground.send("report-parameter", parameter="event_rate").done(PATIENT_S)
        rate = ground.expect(ParameterReport, within_s=PATIENT_S).value
        if rate not in self.rates:
            found.append(f"event_rate {rate} is none of {self.rates}")
        ground.send("report-schedule").done(PATIENT_S)
        state = ground.expect(Declared, within_s=PATIENT_S, where=_is_schedule).values
        if not len(self.entries) <= state["entries"] <= len(self.entries | self.maybe):
            found.append(f"{state['entries']} entries, {len(self.entries)} promised")
        ground.replay_last()
        ground.send("report-housekeeping", structure=2).done(PATIENT_S)
        if ground.housekeeping(2).values["frames_refused"] <= link["frames_refused"]:
            found.append("a replayed frame was not refused")
        return found


def _is_schedule(report: Declared) -> bool:
    return report.name == "schedule-state"


def _ping() -> bytes:
    command = BY_NAME["ping"]
    return Telecommand(0x64, 1, command.service, command.subtype, b"").pack()


def live_and_be_killed(payload: PayloadProcess, promises: Promises, after_s: float) -> None:
    """One life, ended by SIGKILL so long after its start, whatever goes on then."""
    payload.start()
    timer = threading.Timer(after_s, payload.kill)
    timer.start()
    ground = payload.ground()
    try:
        while timer.is_alive() and not attempt(lambda: ground.connect(0.2)):
            pass
        while timer.is_alive() and attempt(lambda: promises.work(ground, ANSWER_S)):
            pass
    finally:
        timer.join()
        ground.close()


def live_and_end_in_order(payload: PayloadProcess, promises: Promises) -> list[str]:
    """One life that is looked at closely; what is broken of the promises made before."""
    payload.start()
    ground = connected(payload)
    try:
        found = promises.broken(ground)
        promises.work(ground, PATIENT_S)
    finally:
        ground.close()
        payload.stop()
    return found


@pytest.mark.parametrize("kills", [4, pytest.param(KILLS.value, marks=pytest.mark.long)])
def test_the_controller_keeps_its_promises_through_kill_nine(kills, scratch, figure):
    """Parameters, schedule, boot count and anti-replay counter, whenever the process is killed."""
    chance, promises = random.Random(9), Promises()
    found: list[str] = []
    with PayloadProcess(scratch) as payload:
        for kill in range(kills):
            live_and_be_killed(payload, promises, chance.uniform(0.0, LATEST_KILL_S))
            if kill % KILLS_IN_A_ROW == KILLS_IN_A_ROW - 1:
                found += live_and_end_in_order(payload, promises)
    figure("F5.kills", kills)
    figure("F5.kill_failures", len(found))
    assert not found, found[:5]
    assert promises.number > kills / 4, "the payload was never alive long enough to work"
