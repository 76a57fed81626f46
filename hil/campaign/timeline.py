"""What is done to the stack during a flight: faults and surroundings, each at its time.

Times count from the start of the timeline: the moment when the board is up and its models are proven.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flight_sw.radiation.native import CHECK_BYTES
from hil.campaign.plan import to_inject
from hil.campaign.record import Injection, Planned
from hil.campaign.recorder import Recorder
from hil.campaign.residue import VOTED_PREFIX, name_of
from hil.faults.catalog import Fault
from hil.faults.rig_messages import EnvironmentReport, Hit, Injected
from hil.scenario import Surroundings

CRC_BYTES = 4


class Rig(Protocol):
    """What a timeline needs of the rig's port into the emulated board."""

    def inject(self, fault: Fault) -> Injected:
        """Put a fault in now."""
        ...

    def environment(self, *, mount_c: float, extra_load_w: float) -> EnvironmentReport:
        """Change what acts on the board."""
        ...


@dataclass(slots=True)
class _Expectation:
    """A change of surroundings that must show in an event."""

    change: Surroundings
    since_s: float


class Timeline:
    """Faults and surroundings of one flight; `numbers` gives the board's log entry of each fault."""

    def __init__(
        self, rig: Rig, recorder: Recorder, plan: Sequence[Planned], changes: Sequence[Surroundings]
    ) -> None:
        self.numbers: dict[int, int] = {}
        self.expectations: list[_Expectation] = []
        self._rig = rig
        self._recorder = recorder
        self._faults = deque(plan)
        self._changes = deque(changes)

    @property
    def next_s(self) -> float:
        """When something is due, on the timeline; infinity when all is done."""
        times = [queue[0].at_s for queue in (self._faults, self._changes) if queue]
        return min(times, default=float("inf"))

    def step(self, now_s: float) -> None:
        """Do what is due at `now_s` of the timeline."""
        while self._changes and self._changes[0].at_s <= now_s:
            self._surround(self._changes.popleft())
        while self._faults and self._faults[0].at_s <= now_s:
            self._inject(self._faults.popleft())

    def _surround(self, change: Surroundings) -> None:
        self._rig.environment(mount_c=change.mount_c, extra_load_w=change.extra_load_w)
        load = f", {change.extra_load_w:g} W of other work" if change.extra_load_w else ""
        self._recorder.rig(f"The board's mount is at {change.mount_c:g} °C now{load}")
        if change.expect != "nothing":
            self.expectations.append(_Expectation(change, self._recorder.now_s))

    def _inject(self, fault: Planned) -> None:
        at_s = self._recorder.now_s  # before, so that a latency is never too short
        done = self._rig.inject(to_inject(fault))
        self.numbers[fault.id] = done.number
        injection = injection_of(fault, done, at_s)
        self._recorder.injected(injection, _sentence(fault, done, injection))


def injection_of(fault: Planned, done: Injected, at_s: float) -> Injection:
    """What the rig did, in the judge's words."""
    if not done.hits:
        return Injection(fault.id, at_s, done.landed, why=done.reason)
    first = done.hits[0]
    region, page = place_of(first)
    return Injection(fault.id, at_s, done.landed, region, page, len(done.hits), done.reason)


def place_of(hit: Hit) -> tuple[str, int]:
    """Region and page as event reports name them; page -1 for a voted record."""
    kind = hit.region.partition(":")[0]
    if kind.startswith(VOTED_PREFIX):
        return name_of(hit.region), -1
    size = {"check": CHECK_BYTES, "crc": CRC_BYTES}.get(kind)
    return name_of(hit.region), hit.page if size is None else hit.offset // size


def _sentence(fault: Planned, done: Injected, injection: Injection) -> str:
    cause = "Radiation" if fault.origin == "upset" else "Injected"
    if not done.landed:
        return f"{cause}: {fault.kind} did not land: {done.reason}"
    what = _SENTENCES[fault.kind]
    where = ""
    if done.hits:
        bits = ", ".join(f"byte {hit.offset} bit {hit.bit}" for hit in done.hits)
        page = f" page {injection.page}" if injection.page >= 0 else ""
        where = f" in {done.hits[0].region}{page} ({bits})"
    return f"{cause}: {what}{where}"


_SENTENCES = {
    "weight-flip": "a bit flips",
    "weight-double-flip": "two bits of one codeword flip",
    "weight-burst": "neighbouring bits flip",
    "check-flip": "a check bit flips",
    "crc-flip": "a checksum bit flips",
    "vote-flip": "a bit of one copy flips",
    "worker-crash": "the inference worker crashes",
    "worker-hang": "the inference worker hangs",
    "node-crash": "the board's software crashes",
    "board-hang": "the board hangs and does not heed its reset line",
}
