"""ST[21] stored sequences: telecommands with delays and conditions, started by one telecommand.

Shall: keep up to 8 sequences of up to 32 steps over a restart; run a step when its delay after the step
before is over, if its condition on a pool parameter holds; run only in the modes of its gate.
How verified: tests/flight_sw/services/test_st21_sequences.py.
Off nominal: a condition that does not hold or has no reading, a mode outside the gate, or a refused
telecommand ends the sequence with `sequence-ended` and the reason. A restart ends what was running,
and nothing of it runs again.
Not provided: branches, loops, sequences that start sequences; critical telecommands.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from flight_sw.dictionary.automation_commands import GATES, SEQUENCES_MAX
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.stored import Condition, Step, unpack_steps
from flight_sw.dictionary.telecommands import find
from flight_sw.errors import DecodeError
from flight_sw.mode import WORKING, Mode
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.images import read_image
from flight_sw.services.report import Report, report
from flight_sw.services.st05_events import Happening, happening
from flight_sw.space_link.packet import Telecommand

SEQUENCE_SERVICE = 21


class Sequence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sequence as stored; `steps` as they came up."""

    number: int
    gate: str
    steps: bytes


@dataclass(slots=True)
class _Run:
    next_step: int
    due_s: float


class SequenceService:
    """Sequences and those of them that run; not `started` if the boot-loop guard left them out."""

    def __init__(self) -> None:
        self.revision = 0
        self.started = True
        self._sequences: dict[int, Sequence] = {}
        self._steps: dict[int, list[Step]] = {}
        self._runs: dict[int, _Run] = {}
        self._events: list[Happening] = []

    @property
    def running(self) -> int:
        """How many are under way."""
        return len(self._runs)

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[21]."""
        return {
            "load-sequence": self._load,
            "delete-sequence": self._delete,
            "run-sequence": self._start,
            "stop-sequence": self._stop,
            "report-sequences": lambda _: [self._state(n) for n in sorted(self._sequences)],
        }

    def due(
        self, now: float, mode: Mode, readings: Mapping[str, float | None]
    ) -> list[tuple[int, Telecommand]]:
        """The steps to carry out now, at most one of each sequence."""
        steps: list[tuple[int, Telecommand]] = []
        for number, run in list(self._runs.items()):
            if now < run.due_s:
                continue
            step = self._steps[number][run.next_step]
            if not _may_run(self._sequences[number].gate, mode):
                self._end(number, f"not in mode {mode.name}")
            elif not _holds(step, readings.get(step.parameter)):
                self._end(number, f"condition of step {run.next_step + 1} does not hold")
            else:
                steps.append((number, Telecommand.unpack(step.packet)))
                self._advance(number, run, now)
        return steps

    def failed(self, number: int, reason: Reason) -> None:
        """The telecommand of a step was refused: the sequence ends."""
        if number in self._runs:
            self._end(number, f"refused: {reason.name}")

    def wake_at(self) -> float:
        """When the next step is due."""
        return min((run.due_s for run in self._runs.values()), default=float("inf"))

    def take_events(self) -> list[Happening]:
        """Sequences that ended since the last call."""
        events, self._events = self._events, []
        return events

    def image(self) -> bytes:
        """The sequences; not how far they have run."""
        return msgspec.msgpack.encode(list(self._sequences.values()))

    def restore(self, image: bytes) -> None:
        """Take sequences over; DecodeError tells of those left out."""
        saved = read_image(image, list[Sequence])
        left_out = sum(self._take(sequence) is not None for sequence in saved)
        if left_out:
            raise DecodeError(f"{left_out} sequences left out")

    def _advance(self, number: int, run: _Run, now: float) -> None:
        run.next_step += 1
        if run.next_step == len(self._steps[number]):
            self._end(number, "complete")
        else:
            run.due_s = now + self._steps[number][run.next_step].delay_s

    def _end(self, number: int, why: str) -> None:
        steps = self._runs.pop(number).next_step
        self._events.append(happening("sequence-ended", sequence=number, steps=steps, why=why))

    def _take(self, sequence: Sequence) -> Reason | None:
        if not 1 <= sequence.number <= SEQUENCES_MAX or sequence.gate not in GATES:
            return Reason.BAD_ARGUMENT
        try:
            steps = unpack_steps(sequence.steps)
        except DecodeError:
            return Reason.BAD_ARGUMENT
        if any(_starts_a_sequence(step.packet) for step in steps):
            return Reason.NOT_ALLOWED
        self._sequences[sequence.number] = sequence
        self._steps[sequence.number] = steps
        return None

    def _load(self, call: Call) -> Outcome:
        number = call.number("sequence")
        if number in self._sequences:
            return Reason.ALREADY_EXISTS
        problem = self._take(Sequence(number, call.text("gate"), call.data("steps")))
        self.revision += problem is None
        return problem

    def _delete(self, call: Call) -> Outcome:
        number = call.number("sequence")
        if number in self._runs:
            return Reason.BUSY
        if self._sequences.pop(number, None) is None:
            return Reason.NO_SUCH_ENTRY
        del self._steps[number]
        self.revision += 1
        return None

    def _start(self, call: Call) -> Outcome:
        number = call.number("sequence")
        if number not in self._sequences:
            return Reason.NO_SUCH_ENTRY
        if not self.started:
            return Reason.NOT_STARTED
        if number in self._runs:
            return Reason.BUSY
        if not _may_run(self._sequences[number].gate, call.mode):
            return Reason.WRONG_MODE
        self._runs[number] = _Run(0, call.now + self._steps[number][0].delay_s)
        return None

    def _stop(self, call: Call) -> Outcome:
        if call.number("sequence") not in self._runs:
            return Reason.NO_SUCH_ENTRY
        self._end(call.number("sequence"), "stopped")
        return None

    def _state(self, number: int) -> Report:
        run = self._runs.get(number)
        return report(
            "sequence-state",
            sequence=number,
            steps=len(self._steps[number]),
            running=run is not None,
            next=0 if run is None else run.next_step + 1,
        )


def _may_run(gate: str, mode: Mode) -> bool:
    return mode in WORKING if gate == "working" else mode is not Mode.BOOT


def _holds(step: Step, reading: float | None) -> bool:
    if step.condition is Condition.ALWAYS:
        return True
    if reading is None:
        return False
    if step.condition is Condition.BELOW:
        return reading < step.value
    return reading > step.value if step.condition is Condition.ABOVE else reading == step.value


def _starts_a_sequence(packet: bytes) -> bool:
    telecommand = Telecommand.unpack(packet)
    command = find(telecommand.service, telecommand.subtype, telecommand.data)
    return command.service == SEQUENCE_SERVICE
