"""A payload of a few lines on a real socket: real link stack, answers as told by the test."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flight_sw.devices.tcp_port import TcpListener
from flight_sw.dictionary.events import EVENT_NAMES, EVENTS
from flight_sw.dictionary.field import Value, encode
from flight_sw.dictionary.telecommands import find
from flight_sw.dictionary.telemetry import BY_NAME, HOUSEKEEPING
from flight_sw.link_profile import link_settings
from flight_sw.profile import Profile, parse_profile
from flight_sw.space_link.keys import KeySet, new_keys
from flight_sw.space_link.link import TcReceiver, TmSender
from flight_sw.space_link.packet import Telecommand, Telemetry
from flight_sw.space_link.sdls import CEILING_BLOCK
from hil.ground.client import Ground

BOARDS = Path(__file__).resolve().parents[3] / "boards"
Packet = tuple[int, int, bytes]
Answer = Callable[[Telecommand], list[Packet]]
TM_CEILING = 1 << 20  # more than a test sends


def report(name: str, /, **values: Value) -> Packet:
    """One declared report as service, subtype and data."""
    declared = BY_NAME[name]
    return declared.service, declared.subtype, encode(declared.fields, values)


def event(name: str, /, **values: Value) -> Packet:
    """One event report."""
    number = EVENT_NAMES.index(name)
    data = number.to_bytes(2, "big") + encode(EVENTS[number].fields, values)
    return 5, EVENTS[number].severity.value, data


def housekeeping(structure: int, **values: Value) -> Packet:
    """One sample, zeros and first choices besides what is given."""
    fields = HOUSEKEEPING[structure]
    plain = {field.name: field.choices[0] if field.choices else 0 for field in fields}
    return 3, 25, bytes([structure]) + encode(fields, {**plain, **values})


def obey(_: "Payload", telecommand: Telecommand) -> list[Packet]:
    """Accept and carry out; a ping is answered too."""
    request = int.from_bytes(telecommand.request_id, "big")
    alive = [report("alive")] if telecommand.service == 17 else []
    return [report("accepted", request=request), *alive, report("done", request=request)]


class Payload:
    """What the ground talks to, until `stop`; `commands` are the names that got through."""

    report = staticmethod(report)
    event = staticmethod(event)
    housekeeping = staticmethod(housekeeping)
    obey = obey

    def __init__(
        self,
        keys: KeySet,
        profile: Profile,
        *,
        port: int = 0,
        tc_ceiling: int = 0,
        tm_ceiling: int = 0,
    ) -> None:
        settings = link_settings(profile)
        self.answer: Answer = self.obey
        self.commands: list[str] = []
        self.uplink = TcReceiver(keys.tc, settings, tc_ceiling)
        self.downlink = TmSender(keys.tm, settings, tm_ceiling)
        self.uplink.security.ceiling_confirmed(tc_ceiling + CEILING_BLOCK)
        self.downlink.security.ceiling_confirmed(tm_ceiling + TM_CEILING)
        self._listener = TcpListener("127.0.0.1", port)
        self.port = self._listener.address[1]
        self.url = f"tcp://127.0.0.1:{self.port}"
        self._apid = settings.apid
        self._known: frozenset[int] = frozenset()
        self._sent = 0
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def tell(self, *packets: Packet) -> None:
        """Send these down now."""
        with self._lock:
            for service, subtype, data in packets:
                packet = Telemetry(self._apid, self._sent & 0x3FFF, service, subtype, data, 1e9)
                self._sent += 1
                self.downlink.add(0, packet.pack())
            self._listener.broadcast(self.downlink.flush(self.uplink.clcw()))

    def tell_health(self) -> None:
        """Both structures, with the link's counters as they are."""
        counter = self.uplink.security.next_counter
        refused = self.uplink.refusals.total()
        link = housekeeping(2, tc_counter_next=counter, frames_refused=refused, boots=1)
        self.tell(housekeeping(1, mode="SAFE"), link)

    def stop(self) -> None:
        """Hang up and free the port."""
        self._stopping.set()
        self._thread.join(timeout=5)
        self._listener.close()

    def _run(self) -> None:
        while not self._stopping.wait(0.001):
            with self._lock:
                self._step()

    def _step(self) -> None:
        received = self._listener.read()
        new = frozenset(self._listener.clients)
        if new - self._known:
            self.tell_health()
        for gone in self._known - new:
            self.uplink.disconnect(gone)
        self._known = new
        for connection, data in received:
            self._obey(self.uplink.feed(connection, data))
        wanted = self.uplink.security.wanted_ceiling()
        if wanted is not None:
            self.uplink.security.ceiling_confirmed(wanted)

    def _obey(self, items: list) -> None:
        for item in items:
            if not isinstance(item, Telecommand):
                self.tell(event("frames-refused", count=1, reason=item.reason.name))
                continue
            command = find(item.service, item.subtype, item.data)
            self.commands.append(command.name)
            answer = self.answer(item)
            if answer:
                self.tell(*answer)


@pytest.fixture
def keys() -> KeySet:
    """Keys of board 1."""
    return new_keys(1, bytes(range(64)))


@pytest.fixture
def profile() -> Profile:
    """The emulated board's profile."""
    return parse_profile((BOARDS / "emulated.yaml").read_text("utf-8"), "emulated.yaml")


@pytest.fixture
def start(keys: KeySet, profile: Profile) -> Iterator[Callable[..., Payload]]:
    """Starts payloads, and stops them in the end."""
    running: list[Payload] = []

    def start_payload(**options: int) -> Payload:
        running.append(Payload(keys, profile, **options))
        return running[-1]

    yield start_payload
    for payload in running:
        payload.stop()


@pytest.fixture
def connect(keys: KeySet, profile: Profile, tmp_path: Path) -> Iterator[Callable[..., Ground]]:
    """Connects grounds to payloads, all with one state folder, and closes them in the end."""
    grounds: list[Ground] = []

    def connect_ground(payload: Payload, **options: object) -> Ground:
        ground = Ground(payload.url, keys, tmp_path / "state", profile, **options)  # type: ignore[arg-type]
        grounds.append(ground)
        ground.connect()
        return ground

    yield connect_ground
    for ground in grounds:
        ground.close()
