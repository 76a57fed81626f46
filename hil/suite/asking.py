"""Words that the suite's tests share: ask, be refused, arm and fire, make a packet to keep on board."""

from collections.abc import Callable, Mapping

import pytest

from flight_sw.dictionary.field import Value
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import BY_NAME
from flight_sw.space_link.packet import Telecommand
from hil.ground.client import Ground
from hil.ground.reports import Declared, EventReport
from hil.ground.request import CommandFailed, CommandRefused, Request
from hil.rig.running import RunningBoard

ANSWER_S = 5.0
ANY_SOURCE = 0xFFFF_FFFF
FOREVER_S = 1e10
Undo = Callable[..., None]


def told(
    ground: Ground, name: str, within_s: float = ANSWER_S, **values: Value
) -> Mapping[str, Value]:
    """The values of the next report of this name that has these values too."""

    def fits(one: Declared) -> bool:
        return one.name == name and all(one.values[key] == want for key, want in values.items())

    return ground.expect(Declared, where=fits, within_s=within_s).values


def event(ground: Ground, name: str, within_s: float = ANSWER_S, **values: Value) -> EventReport:
    """The next event of this name that has these values too."""

    def fits(one: EventReport) -> bool:
        return all(one.values[key] == want for key, want in values.items())

    found: EventReport = ground.expect(event=name, where=fits, within_s=within_s)
    return found


def no_event(rig: RunningBoard, name: str, for_s: float) -> None:
    """Listen for so long and fail if this event comes."""
    rig.ground.wait_until(lambda: False, for_s)
    heard = [one for one in rig.ground.reports if isinstance(one, EventReport) and one.name == name]
    assert not heard, f"unexpected: {heard[0].sentence}"


def refused(request: Request, reason: Reason) -> None:
    """The payload must answer this telecommand with this reason, at once or when carried out."""
    with pytest.raises((CommandRefused, CommandFailed)) as caught:
        request.done()
    assert caught.value.reason is reason


def fire(ground: Ground, name: str, **values: Value) -> None:
    """Arm a critical telecommand and send it."""
    ground.arm(name, **values).done()
    ground.send(name, **values).done()


def packet(rig: RunningBoard, name: str, **values: Value) -> bytes:
    """A telecommand as a whole packet, to be kept on board."""
    command = BY_NAME[name]
    spacecraft = rig.entry.profile.spacecraft
    data = command.encode(values)
    return Telecommand(spacecraft.apid, 0, command.service, command.subtype, data).pack()


def clock_s(ground: Ground) -> float:
    """The payload's clock, UTC seconds."""
    ground.send("report-time").done()
    return float(told(ground, "time")["clock"])  # type: ignore[arg-type]
