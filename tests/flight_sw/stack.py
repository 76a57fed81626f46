"""Controller and node joined in virtual time: no process, no port, no clock, a storage that may fail.

The worker is scripted: its answer is a digest of the input and of the live weight bytes, so a flip
in the weights changes the next answer just as it would change a model's.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from flight_sw.board_watch import SupplyOrder
from flight_sw.controller import TC_CEILING, TM_CEILING, Boot, Controller, Inputs
from flight_sw.devices.storage import Storage
from flight_sw.dictionary import events, telecommands, telemetry
from flight_sw.dictionary.field import decode
from flight_sw.errors import StoreError
from flight_sw.inference import worker_messages as w
from flight_sw.link_profile import link_settings
from flight_sw.node import BoardFacts, BoardModel, Node, NodeInputs, Readings
from flight_sw.on_board import RECORD_NAMES, Stored
from flight_sw.profile import Profile, parse_profile
from flight_sw.radiation.native import PAGE_BYTES
from flight_sw.radiation.protected import ProtectedRegion
from flight_sw.space_link.key_ring import RECORD_NAME, new_ring, restored_ring
from flight_sw.space_link.keys import KeySet, reserved_test_keys
from flight_sw.space_link.link import TcSender, TmReceiver
from flight_sw.space_link.packet import Telecommand, Telemetry
from flight_sw.store.counters import ceiling_name
from flight_sw.store.record_store import RecordStore

TICK_S = 0.02
PAGES = 8
INPUT_BYTES = 8
BOARDS = Path(__file__).parents[2] / "boards"


def emulated_profile() -> Profile:
    """The profile of the emulated board."""
    return parse_profile((BOARDS / "emulated.yaml").read_text(), "emulated.yaml")


class PowerCut(Exception):
    """The payload stops here, in the middle of a write."""


@dataclass
class StackStorage:
    """Blobs that survive the controller; `cut_in` writes from now the power goes, `fails` all refuse.

    A cut comes before the write took effect, or after it (`cut_after`) but before anyone knew.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    cut_in: int | None = None
    cut_after: bool = False
    fails: bool = False
    writes: int = 0

    def read(self, name: str) -> bytes | None:
        if self.fails:
            raise StoreError(f"cannot read {name}")
        return self.blobs.get(name)

    def write(self, name: str, content: bytes) -> None:
        self.writes += 1
        if self.fails:
            raise StoreError(f"cannot write {name}")
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                self.cut_in = None
                if self.cut_after:
                    self.blobs[name] = content
                raise PowerCut(name)
        self.blobs[name] = content


class ScriptedWorker:
    """Answers like the worker process does; `stopped` is a SIGSTOP, `alive` its life."""

    def __init__(self, weights: np.ndarray, coverage: float, sizes: tuple[int, int]) -> None:
        self.weights = weights
        self.sizes = sizes
        self.alive = False
        self.stopped = False
        self.coverage = coverage
        self._requests = w.RequestDecoder()
        self._out = b""

    def start(self) -> None:
        """A fresh process."""
        self.alive, self.stopped = True, False
        self._requests, self._out = w.RequestDecoder(), b""

    def exchange(self, data: bytes) -> bytes:
        """Take requests and give replies, unless it is stopped or dead."""
        if not self.alive or self.stopped:
            return b""
        for request in self._requests.feed(data):
            self._out += w.encode(self._reply(request))
        out, self._out = self._out, b""
        return out

    def answer(self, data: bytes) -> bytes:
        """What the model gives for this input with the weights as they are."""
        digest = hashlib.sha256(data + self.weights.tobytes()).digest()
        return digest * (self.sizes[1] * 4 // len(digest))

    def _reply(self, request: w.Request) -> w.Reply:
        if isinstance(request, w.Ping):
            return w.Pong(request.n)
        if isinstance(request, w.SelfTest):
            return w.SelfTested(request.slot, is_same=True, private_dirty_kib=0)
        if isinstance(request, w.Run):
            return w.Done(request.job_id, self.answer(request.input), 0.001)
        spec = (w.TensorSpec("x", "float32", (self.sizes[0],)),)
        out = (w.TensorSpec("y", "float32", (self.sizes[1],)),)
        return w.Loaded(
            slot=request.slot,
            coverage=self.coverage,
            live_bytes=self.weights.size,
            total_bytes=self.weights.size,
            inputs=spec,
            outputs=out,
            private_dirty_kib=0,
            onnxruntime="scripted",
            protectable=True,
        )


class Stack:
    """Ground, controller, node and worker on one virtual clock."""

    reset_cause = "unknown"  # what the board says of its own start

    def __init__(
        self, storage: Storage | None = None, now: float = 0.0, profile: Profile | None = None
    ) -> None:
        self.profile = emulated_profile() if profile is None else profile
        self.keys = reserved_test_keys()
        self.now = now
        self.connections: tuple[int, ...] = (1,)
        self.temp_c: float | None = 45.0
        self.sensors_hang = False
        self.coverage = 1.0
        self.sizes = (INPUT_BYTES // 4, 8)  # floats in and out of the scripted model
        self.golden = np.random.default_rng(1).integers(0, 256, PAGES * PAGE_BYTES, np.uint8)
        self.weights = np.zeros(0, np.uint8)
        self.board_on = False
        self.board_frozen = False
        self.boots = 0
        self.supply: list[SupplyOrder] = []
        self.events: list[str] = []
        self.endures_defects = False
        self.sentences: list[str] = []
        self.reports: list[tuple[str, dict]] = []
        self.housekeeping: dict[int, dict] = {}
        self.counters = {TC_CEILING: 0, TM_CEILING: 0}
        self.storage = StackStorage() if storage is None else storage
        self.counters_fail = False
        self.unproven: int | None = 1
        self.wall_by_s = 0.0
        settings = link_settings(self.profile)
        self.sender = TcSender(self.keys.tc, settings, 0)
        self.receiver = TmReceiver(self.keys.tm, settings, 0)
        self._sequence = 0
        self._uplink = b""
        self._to_node = self._to_controller = self._to_worker = b""
        self.boot_controller()

    def boot_controller(self) -> None:
        """A controller that knows only what was stored."""
        self.boots += 1
        self._records = RecordStore(self.storage)
        loaded = self._records.load((*RECORD_NAMES, RECORD_NAME))
        image = loaded.payloads.pop(RECORD_NAME, None)
        ring = new_ring(self.keys) if image is None else restored_ring(self.keys, image)
        tc_ceiling, tm_ceiling = self._ceilings(ring.active)
        boot = Boot(
            boots=self.boots,
            cause="test",
            tc_ceiling=tc_ceiling,
            tm_ceiling=tm_ceiling,
            session=1000 + self.boots,
            unproven=self.unproven,
            stored=Stored(loaded.payloads, loaded.damaged),
            ring=ring,
            pending_ceilings=self._ceilings(ring.pending) if ring.pending else (0, 0),
        )
        self.controller = Controller(self.profile, self.keys, boot)
        # A handler that raises is told and survived in flight; a test is to see it.
        self.controller._services.commanding._on_fault = self._on_defect
        self._stored: dict[str, int] = {}
        self._saved: frozenset[str] = frozenset()

    def _ceilings(self, keys: KeySet) -> tuple[int, int]:
        """As the runner does: the keys of the file under fixed names, all others under their own."""
        if keys.tc.key_id == self.keys.tc.key_id:
            return self.counters[TC_CEILING], self.counters[TM_CEILING]
        return tuple(self.counters.get(ceiling_name(key), 0) for key in (keys.tc, keys.tm))

    def _keep(self, counters: dict[str, int]) -> dict[str, int]:
        """Make counters durable; those that are."""
        self.counters.update(counters)
        return counters

    def boot_board(self) -> None:
        """A node with fresh weights from the golden copy, and a worker not started yet."""
        self.weights = np.frombuffer(bytearray(self.golden.tobytes() + bytes(64)), np.uint8)
        offset = -self.weights.ctypes.data % 64
        self.weights = self.weights[offset : offset + self.golden.size]
        self.weights[:] = self.golden
        region = ProtectedRegion("model", self.weights, self._golden_page)
        region.encode()
        self.worker = ScriptedWorker(self.weights, self.coverage, self.sizes)
        model = BoardModel(1, "model", "/live/slot-01", "ab" * 32, region)
        session = round(self.now * 1000) + 7
        facts = BoardFacts("0001", 1, session, reset_cause=self.reset_cause)
        self.node = Node(self.profile, (model,), facts)
        self._to_node = self._to_controller = self._to_worker = b""

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK_S)):
            self.now = round(self.now + TICK_S, 6)
            self._step_controller()
            if self.board_on and not self.board_frozen:
                self._step_node()

    def send(self, name: str, **values: object) -> bytes:
        """One telecommand; returns its bytes, so that a test can replay them."""
        self._store(self.sender.security)
        data = self.sender.encode(self.telecommand(name, **values))
        self.inject(data)
        return data

    def telecommand(self, name: str, **values: object) -> Telecommand:
        """The next telecommand, not sent."""
        command = telecommands.BY_NAME[name]
        self._sequence = (self._sequence + 1) & 0x3FFF
        return Telecommand(
            self.profile.spacecraft.apid,
            self._sequence,
            command.service,
            command.subtype,
            command.encode(values),
        )

    def fire(self, name: str, **values: object) -> None:
        """Arm and fire a critical telecommand."""
        self.send("arm", **telecommands.arming(name, values))
        self.send(name, **values)

    def reboot(self) -> None:
        """The controller restarts, and the ground jumps to the counter that it names."""
        self.boot_controller()
        self._uplink = b""
        self.run(0.2)
        self.sender.security.jump_to(self.housekeeping[2]["tc_counter_next"])

    @property
    def clock_s(self) -> float:
        """What the payload clock should show."""
        return 1_800_000_000 + self.now

    def inject(self, data: bytes) -> None:
        """Raw bytes on the uplink."""
        self._uplink += data

    def submit(
        self, job: int, data: bytes = b"\1" * INPUT_BYTES, protection: str = "standard"
    ) -> None:
        """One job for the scripted model."""
        self.send(
            "submit-job",
            job=job,
            model=1,
            protection=protection,
            priority=1,
            deadline=60.0,
            input=data,
        )

    def fly(self) -> None:
        """To NOMINAL with the model loaded."""
        self.run(0.5)
        self.send("set-mode", mode="NOMINAL")
        self.run(2.0)

    def told(self, name: str) -> list[dict]:
        """All reports of one kind so far."""
        return [values for kind, values in self.reports if kind == name]

    def flip(self, byte: int, bit: int = 0) -> None:
        """A single event upset in the live weights."""
        self.weights[byte] ^= 1 << bit

    def _step_controller(self) -> None:
        uplink, self._uplink = self._uplink, b""
        board, self._to_controller = self._to_controller, b""
        inputs = Inputs(
            utc_s=1_800_000_000 + self.now + self.wall_by_s,
            space=((1, uplink),) if uplink else (),
            connections=self.connections,
            board=board,
            stored=self._stored,
            saved=self._saved,
        )
        outputs, wake_at = self.controller.step(self.now, inputs)
        assert wake_at >= self.now
        self._saved = self._records.save(outputs.records)
        self._stored = {} if self.counters_fail else self._keep(outputs.counters)
        self._to_node += outputs.board
        if outputs.supply != SupplyOrder():
            self.supply.append(outputs.supply)
        if outputs.supply.on is not None:
            self._switch(on=outputs.supply.on)
        if outputs.supply.pulse_reset and self.board_on:
            self.boot_board()
        self._hear(outputs.space)

    def _switch(self, *, on: bool) -> None:
        if on and not self.board_on:
            self.board_frozen = False
            self.boot_board()
        self.board_on = on

    def _step_node(self) -> None:
        serial, self._to_node = self._to_node, b""
        inputs = NodeInputs(
            serial=serial,
            worker=self.worker.exchange(self._to_worker),
            worker_alive=self.worker.alive,
            readings=None if self.sensors_hang else Readings(self.temp_c, 2.5, 1800.0),
        )
        outputs, wake_at = self.node.step(self.now, inputs)
        assert wake_at >= self.now
        if outputs.start_worker:
            self.worker.start()
        self._to_worker = outputs.worker
        self._to_controller += outputs.serial

    def _hear(self, data: bytes) -> None:
        self._store(self.receiver.security)
        for _, packet in self.receiver.feed(data):
            self._take(Telemetry.unpack(packet))

    def _on_defect(self, name: str, error: str) -> None:
        if not self.endures_defects:
            raise  # noqa: PLE0704  called where it is handled
        self.controller._services._handler_failed(name, error)

    def _take(self, packet: Telemetry) -> None:
        if packet.service == 5 and packet.subtype <= 4:
            definition = events.EVENTS[int.from_bytes(packet.data[:2], "big")]
            self.events.append(definition.name)
            self.sentences.append(definition.sentence(decode(definition.fields, packet.data[2:])))
        elif (packet.service, packet.subtype) == (3, 25):
            fields = telemetry.HOUSEKEEPING[packet.data[0]]
            self.housekeeping[packet.data[0]] = decode(fields, packet.data[1:])
        else:
            kind = telemetry.BY_CODE[packet.service, packet.subtype]
            self.reports.append((kind.name, decode(kind.fields, packet.data)))

    def _golden_page(self, page: int) -> bytes:
        return self.golden[page * PAGE_BYTES : (page + 1) * PAGE_BYTES].tobytes()

    @staticmethod
    def _store(security) -> None:
        wanted = security.wanted_ceiling()
        if wanted is not None:
            security.ceiling_confirmed(wanted)
