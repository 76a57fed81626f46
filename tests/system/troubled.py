"""The whole payload in virtual time, both of its links through `hil.faults.link`; and what to watch.

Every telecommand that the payload carries out is recorded, and the processor time of every step.
"""

import time
from collections import Counter

import msgspec

from flight_sw.controller import BOARD_BYTES_MAX, Inputs
from flight_sw.controller_runner import SPACE_BACKLOG_MAX
from flight_sw.node import NodeInputs, Readings
from flight_sw.space_link.packet import Telecommand
from hil.faults.link import QUIET, FaultyLink, LinkFaults
from hil.kernel import stream
from tests.flight_sw.stack import INPUT_BYTES, TICK_S, Stack, emulated_profile

PIECE_S = 1e-4  # between two reads of one step
PIECES_MAX = 256  # reads that one tick of the virtual clock has time for
STEP_S_MAX = 0.1  # the 10 Hz step
SERVICE_S = 5.0


class Reads:
    """Reads that a program has not got round to; all are one read when the line is quiet."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def take(self, pieces: list[bytes], link: FaultyLink) -> list[bytes]:
        """What is read in this tick."""
        self._waiting += pieces
        if link.faults.hung_up:
            self._waiting.clear()
        if link.faults.read_bytes is None:
            whole, self._waiting = b"".join(self._waiting), []
            return [whole] if whole else []
        now, self._waiting = self._waiting[:PIECES_MAX], self._waiting[PIECES_MAX:]
        return now


class TroubledStack(Stack):
    """Ground == space == payload == cable == board, each `==` a faulty link."""

    def __init__(self, framing: str = "ccsds", seed: int = 1) -> None:
        profile = emulated_profile()
        link = msgspec.structs.replace(profile.space_link, framing=framing)
        self.space = FaultyLink(stream(seed, "space"))
        self.cable = FaultyLink(stream(seed, "cable"))
        self.sent: Counter[bytes] = Counter()
        self.executed: Counter[bytes] = Counter()
        self.slowest_step_s = 0.0
        self._to_payload = self._down = self._board_out = self._node_out = b""
        self._reopened = False
        self._to_controller_pieces = {"space": Reads(), "board": Reads()}
        self._to_node_pieces = Reads()
        self.connections_so_far = 1
        super().__init__(profile=msgspec.structs.replace(profile, space_link=link))

    def boot_controller(self) -> None:
        super().boot_controller()
        commanding = self.controller._services.commanding
        carry_out = commanding.carry_out

        def recorded(telecommand: Telecommand, moment: object) -> object:
            self.executed[telecommand.pack()] += 1
            return carry_out(telecommand, moment)

        commanding.carry_out = recorded  # type: ignore[method-assign]

    def telecommand(self, name: str, **values: object) -> Telecommand:
        made = super().telecommand(name, **values)
        self.sent[made.pack()] += 1
        return made

    def disturb(self, where: str, faults: LinkFaults) -> None:
        """Change what a link does; `where` is space or board."""
        link = self.space if where == "space" else self.cable
        was, link.faults = link.faults, faults
        if was.hung_up == faults.hung_up:
            return
        if where == "board":
            self._reopened = was.hung_up
            self._board_out = self._node_out = b""
        else:
            self.connections = () if faults.hung_up else (self.connections_so_far + 1,)
            self.connections_so_far += not faults.hung_up
            self._to_payload = self._down = b""
            self.receiver.reset()

    def expected(self, job: int) -> bytes:
        """What this job's answer must be, whatever happened on the way."""
        return self.worker.answer(self.input_of(job))

    @staticmethod
    def input_of(job: int) -> bytes:
        """An input like no other job's."""
        return job.to_bytes(INPUT_BYTES, "big")

    def wrong(self) -> list[str]:
        """What was carried out and should not have been, and answers that are not the model's."""
        found = [f"executed {count} x {packet.hex()}" for packet, count in self.executed.items()
                 if count > self.sent[packet]]  # fmt: skip
        results = [(one["job"], one["output"]) for one in self.told("result")]
        return found + [f"job {job}" for job, output in results if output != self.expected(job)]

    def _step_controller(self) -> None:
        uplink, self._uplink = self._to_payload + self._uplink, b""
        self._to_payload = uplink[self.space.send_far(uplink) :]
        up = self._to_controller_pieces["space"].take(self.space.at_far(), self.space)
        board = self._to_controller_pieces["board"].take(self.cable.at_near(), self.cable)
        for n in range(max(len(up), len(board), 1)):
            inputs = Inputs(
                utc_s=1_800_000_000 + self.now,
                space=((self.connections[0], up[n]),) if n < len(up) and self.connections else (),
                connections=self.connections,
                board=board[n] if n < len(board) else b"",
                board_reopened=self._reopened and n == 0,
                board_room=BOARD_BYTES_MAX - len(self._board_out),
                space_room=min(SPACE_BACKLOG_MAX - len(self._down), self.space.room),
                stored=self._stored,
                saved=self._saved,
            )
            self._step_once(inputs, self.now + n * PIECE_S)
        for piece in self.space.at_near():
            self._hear(piece)

    def _step_once(self, inputs: Inputs, now: float) -> None:
        start_s = time.thread_time()
        outputs, _ = self.controller.step(now, inputs)
        self.slowest_step_s = max(self.slowest_step_s, time.thread_time() - start_s)
        self._saved = self._records.save(outputs.records)
        self._stored = self._keep(outputs.counters)
        self._board_out += outputs.board
        self._board_out = self._board_out[self.cable.send_far(self._board_out) :]
        if outputs.supply.on is not None:
            self._switch(on=outputs.supply.on)
        if outputs.supply.pulse_reset and self.board_on:
            self.boot_board()
        if self.connections and len(self._down) + len(outputs.space) <= SPACE_BACKLOG_MAX:
            self._down += outputs.space
        self._down = self._down[self.space.send_near(self._down) :]

    def _step_node(self) -> None:
        pieces = self._to_node_pieces.take(self.cable.at_far(), self.cable) or [b""]
        for n, piece in enumerate(pieces):
            inputs = NodeInputs(
                serial=piece,
                serial_reopened=self._reopened and n == 0,
                serial_room=BOARD_BYTES_MAX - len(self._node_out),
                worker=self.worker.exchange(self._to_worker),
                worker_alive=self.worker.alive,
                readings=Readings(self.temp_c, 2.5, 1800.0),
            )
            outputs, _ = self.node.step(self.now + n * PIECE_S, inputs)
            if outputs.start_worker:
                self.worker.start()
            self._to_worker = outputs.worker
            self._node_out += outputs.serial
        self._node_out = self._node_out[self.cable.send_near(self._node_out) :]
        self._reopened = False


def trouble(stack: TroubledStack, where: str, faults: LinkFaults, seconds: float) -> None:
    """Disturb one link for a while, with commands and jobs going on all the time."""
    stack.disturb(where, faults)
    ticks = round(seconds / TICK_S)
    for tick in range(ticks):
        if tick % 10 == 0:
            stack.send("set-parameter", parameter="event_rate", value=1.0 + tick % 50)
        if tick % 50 == 25:
            job = 1000 + tick
            stack.submit(job, stack.input_of(job))
        stack.run(TICK_S)
    stack.disturb(where, QUIET)
    assert (stack.space if where == "space" else stack.cable).landed > 0, (
        "void: nothing was disturbed"
    )


def back_after_s(stack: TroubledStack, where: str) -> float:
    """How long until the ground is served again: a ping answered, and from the board a job."""
    start_s, job = stack.now, 1_000_000
    alive = len(stack.told("alive"))
    while stack.now < start_s + 4 * SERVICE_S:
        if round((stack.now - start_s) / TICK_S) % 10 == 0:
            stack.send("ping")
            if where == "board":
                job += 1
                stack.send("set-mode", mode="NOMINAL")
                stack.submit(job, stack.input_of(job))
        stack.run(TICK_S)
        served = len(stack.told("alive")) > alive
        if where == "board":
            served = served and any(one["job"] > 1_000_000 for one in stack.told("result"))
        if served:
            return stack.now - start_s
    return float("inf")
