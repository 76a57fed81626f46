"""Runs a Controller on a real clock and real ports; records and counters are written before all else."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from flight_sw.controller import (
    BOARD_BYTES_MAX,
    BOOT_CONFIRMED,
    TC_CEILING,
    TM_CEILING,
    Boot,
    Controller,
    Inputs,
    Outputs,
)
from flight_sw.devices.board_identity import read_reset_cause
from flight_sw.devices.clock import SystemClock
from flight_sw.devices.machine_boot import machine_boot_id
from flight_sw.devices.reopening_port import ReopeningPort
from flight_sw.devices.storage import FileStorage, read_key_file
from flight_sw.devices.supply import NoSupply, Supply, SysfsSupply
from flight_sw.devices.tcp_port import TcpListener
from flight_sw.devices.udp_port import UdpListener
from flight_sw.errors import DecodeError, KeyFileError, PortError, StoreError
from flight_sw.on_board import RECORD_NAMES, Stored
from flight_sw.profile import Profile
from flight_sw.runner import Loop, draw_session, write_memory_map
from flight_sw.space_link.key_ring import RECORD_NAME, KeyRing, new_ring, restored_ring
from flight_sw.space_link.keys import KeySet, LinkKey, parse_keys
from flight_sw.space_link.sdls import COUNTER_END
from flight_sw.store.counters import (
    BootCounter,
    BootRecord,
    CeilingState,
    CeilingStore,
    RunMarker,
    with_hardware,
)
from flight_sw.store.record_store import RecordStore

MACHINE = Path("/")  # the controller's own, which tells why it last started
SUPPLY_PERIOD_S = 0.1
SERIAL_CONNECTION = 1
Starts = tuple[int, int]  # where the counters of telecommands and telemetry start
SPACE_BACKLOG_MAX = 262_144  # telemetry for a serial ground line that takes none


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """Where the controller finds its board, its ground, its keys and its memory."""

    profile: Profile
    board_port: str
    space_url: str
    keys: Path
    state: Path


def run_controller(options: ControllerOptions) -> int:
    """Run until SIGTERM; returns the exit code, 1 where the service manager has to start it anew.

    Raises:
        UserError: keys, ports or the state folder cannot be used.
    """
    runner = _ControllerRunner(options)
    try:
        runner.run()
        if runner.wants_restart:  # no orderly end: what it believes is not to be written
            return 1
        runner.settle()
    finally:
        runner.close()
    return 0


class _ControllerRunner:
    """The controller and its devices."""

    def __init__(self, options: ControllerOptions) -> None:
        profile = options.profile
        keys = parse_keys(read_key_file(options.keys), str(options.keys))
        if profile.use == "flight":
            keys.require_flight()
        self._clock = SystemClock()
        self._loop = Loop(self._clock)
        self._storage = FileStorage(options.state)
        self._storage.claim()
        self._boots = BootCounter(self._storage)
        self._runs = RunMarker(self._storage)
        self._records = RecordStore(self._storage)
        ring = self._ring(keys)
        waiting = self._counters(ring.pending) if ring.pending else (0, 0)
        counters = (self._counters(ring.active), waiting)
        self._ceilings = {
            TC_CEILING: CeilingStore(self._storage, ring.active.tc),
            TM_CEILING: CeilingStore(self._storage, ring.active.tm),
        }
        self._space = _space_port(options.space_url, profile, self._clock)
        self._board = ReopeningPort.serial(options.board_port, profile.serial.baud, self._clock)
        self._board.check()
        self._supply = _supply(profile, options.board_port)
        boot = self._boot(ring, counters)
        self._controller = Controller(profile, keys, boot)
        write_memory_map(
            options.state / "regions.json", os.getpid(), self._controller.memory_regions()
        )
        self.wants_restart = False
        self._stored: dict[str, int] = {}
        self._saved: frozenset[str] = frozenset()
        self._board_out = bytearray()
        self._opens = self._board.opens
        self._supply_due_s = float("-inf")

    def run(self) -> None:
        """Step until told to stop, or until the controller wants a fresh process."""
        while self._loop.running and not self.wants_restart:
            now = self._clock.monotonic_s()
            outputs, wake_at = self._controller.step(now, self._inputs(now))
            self._carry_out(outputs)
            self.wants_restart = outputs.restart
            readers = [self._board.fileno(), *self._space.filenos()]
            writers = self._space.write_filenos()
            if self._board_out:
                writers += [fd for fd in [self._board.fileno()] if fd is not None]
            self._loop.wait(readers, wake_at, writers)

    def settle(self) -> None:
        """A run that was ended in order counts as good, however short it was."""
        self._records.save(self._controller.settle())
        with suppress(StoreError):
            self._runs.end()
            self._boots.confirm()

    def close(self) -> None:
        """Let go of the ports; the board keeps its power."""
        self._space.close()
        self._board.close()
        self._storage.close()

    def _ring(self, file_keys: KeySet) -> KeyRing:
        """The keys in force: those of the file, or what a change over the link made of them."""
        loaded = self._records.load((RECORD_NAME,))
        if loaded.damaged:
            raise KeyFileError(
                "both copies of the record of keys are lost, so keys out of force could come back; "
                "make a new key with: vanallen keys new"
            )
        if RECORD_NAME not in loaded.payloads:
            return new_ring(file_keys)
        try:
            return restored_ring(file_keys, loaded.payloads[RECORD_NAME])
        except DecodeError as error:
            raise KeyFileError(f"the stored record of keys cannot be used: {error}") from None

    def _boot(self, ring: KeyRing, counters: tuple[Starts, Starts]) -> Boot:
        """Count this boot before anything else can go wrong."""
        record = self._count_boot()
        active, waiting = counters
        loaded = self._records.load(RECORD_NAMES)
        return Boot(
            boots=record.boots if record else 0,
            cause=_cause(record),
            tc_ceiling=active[0],
            tm_ceiling=active[1],
            session=draw_session(),
            unproven=record.unconfirmed if record else None,
            stored=Stored(loaded.payloads, loaded.damaged),
            ring=ring,
            pending_ceilings=waiting,
        )

    def _counters(self, keys: KeySet) -> tuple[int, int]:
        """Where both ends start; one whose record is lost is closed, as if it were used up.

        Fail closed: an old telecommand never passes again and no number is used twice. A payload that
        takes no telecommands still boots into SAFE and says so in telemetry, and one that sends no
        telemetry still takes new keys.

        Raises:
            KeyFileError: both are lost.
        """
        ceilings = (self._ceiling(keys.tc), self._ceiling(keys.tm))
        if ceilings == (COUNTER_END, COUNTER_END):
            raise KeyFileError(
                f"both counters of keys {keys.tc.key_id} are lost, so old frames could pass again; "
                "make a new key with: vanallen keys new"
            )
        return ceilings

    def _ceiling(self, key: LinkKey) -> int:
        stored = CeilingStore(self._storage, key).load()
        if stored.state is not CeilingState.LOST:
            return stored.value
        sys.stderr.write(
            f"vanallen: the {key.direction.value} counter of key {key.key_id} is lost, nothing passes "
            "under it any more; make a new key with: vanallen keys new\n"
        )
        return COUNTER_END

    def _count_boot(self) -> BootRecord | None:
        """None if storage refuses: the payload boots all the same, with its required parts alone."""
        try:
            cause = self._runs.begin(machine_boot_id())
            return self._boots.begin(with_hardware(cause, read_reset_cause(MACHINE)))
        except StoreError:
            return None

    def _inputs(self, now: float) -> Inputs:
        board = self._board.read()
        reopened = self._board.opens != self._opens
        self._opens = self._board.opens
        if reopened:
            self._board_out.clear()
        space = tuple(self._space.read())
        stored, self._stored = self._stored, {}
        saved, self._saved = self._saved, frozenset()
        supply_on, current_a = self._read_supply(now)
        return Inputs(
            utc_s=self._clock.utc_s(),
            space=space,
            connections=self._space.clients,
            board=board,
            board_reopened=reopened,
            space_room=self._space.room,
            board_room=BOARD_BYTES_MAX - len(self._board_out),
            supply_on=supply_on,
            current_a=current_a,
            stored=stored,
            saved=saved,
        )

    def _read_supply(self, now: float) -> tuple[bool | None, float | None]:
        if now < self._supply_due_s:
            return None, None
        self._supply_due_s = now + SUPPLY_PERIOD_S
        reading = self._supply.read()
        return self._supply.is_on(), None if reading is None else reading.current_a

    def _carry_out(self, outputs: Outputs) -> None:
        if outputs.counters:
            self._store(outputs.counters)
        if outputs.records:
            self._saved = self._records.save(outputs.records)
        if outputs.supply.on is not None:
            self._supply.set_on(outputs.supply.on)
        if outputs.supply.pulse_reset:
            self._supply.pulse_reset()
        if outputs.space:
            self._space.broadcast(outputs.space)
        self._board_out += outputs.board
        del self._board_out[: self._board.write(bytes(self._board_out))]

    def _store(self, counters: dict[str, int]) -> None:
        """Only what is durable is confirmed; without that the link stops before a number repeats."""
        for name, value in counters.items():
            try:
                if name == BOOT_CONFIRMED:
                    self._boots.confirm()
                else:
                    self._ceiling_store(name).save(value)
            except StoreError:
                continue
            self._stored[name] = value

    def _ceiling_store(self, name: str) -> CeilingStore:
        """Of the keys in force at boot, or under its own name that of keys loaded since."""
        if name not in self._ceilings:
            self._ceilings[name] = CeilingStore(self._storage, name)
        return self._ceilings[name]


class _SpacePort(Protocol):
    """Where ground connections come from: a TCP port, or one serial line."""

    @property
    def clients(self) -> tuple[int, ...]: ...
    @property
    def room(self) -> int: ...
    def read(self) -> list[tuple[int, bytes]]: ...
    def broadcast(self, data: bytes) -> None: ...
    def filenos(self) -> list[int]: ...
    def write_filenos(self) -> list[int]: ...
    def close(self) -> None: ...


class _SerialSpacePort:
    """A serial line to the ground, always counted as one connection."""

    clients = (SERIAL_CONNECTION,)

    def __init__(self, port: ReopeningPort) -> None:
        self._port = port
        self._out = bytearray()

    @property
    def room(self) -> int:
        return SPACE_BACKLOG_MAX - len(self._out)

    def read(self) -> list[tuple[int, bytes]]:
        data = self._port.read()
        self.broadcast(b"")
        return [(SERIAL_CONNECTION, data)] if data else []

    def broadcast(self, data: bytes) -> None:
        if len(self._out) + len(data) <= SPACE_BACKLOG_MAX:
            self._out += data
        del self._out[: self._port.write(bytes(self._out))]

    def filenos(self) -> list[int]:
        fd = self._port.fileno()
        return [] if fd is None else [fd]

    def write_filenos(self) -> list[int]:
        return self.filenos() if self._out else []

    def close(self) -> None:
        self._port.close()


def _space_port(url: str, profile: Profile, clock: SystemClock) -> _SpacePort:
    parts = urlsplit(url)
    if parts.scheme not in ("tcp", "udp"):
        port = ReopeningPort.serial(url, profile.serial.baud, clock)
        port.check()
        return _SerialSpacePort(port)
    try:
        number = parts.port
    except ValueError:
        number = None
    if not parts.hostname or number is None:
        raise PortError(
            f"{url}: not a space link; write tcp://127.0.0.1:5540, udp://127.0.0.1:5540 or a serial port"
        )
    if parts.scheme == "udp":
        return UdpListener(parts.hostname, number, clock)
    return TcpListener(parts.hostname, number)


def _cause(record: BootRecord | None) -> str:
    if record is None:
        return "unknown, storage fails"
    return "first boot" if record.boots == 1 else record.cause.name.lower().replace("_", " ")


def _supply(profile: Profile, board_port: str) -> Supply:
    """The switch of the profile; `auto` is the folder that an emulated board keeps by its port."""
    if profile.supply.kind == "none":
        return NoSupply()
    path = profile.supply.path
    supply = SysfsSupply(Path(f"{board_port}.supply") if path == "auto" else Path(path))
    supply.check()
    return supply
