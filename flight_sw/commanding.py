"""Carries out telecommands: decode, check mode and arming, call the one handler, answer with one reason.

Adding a telecommand touches its line in the dictionary and one handler in its service. Two bounded
queues: telecommands of large transfers wait in one of their own, so that an upload never holds
commanding up; whatever finds no room is answered BUSY, and a step does a bounded share of both.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flight_sw.dictionary.command import Command
from flight_sw.dictionary.field import Value
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import COMMANDS, find
from flight_sw.errors import DecodeError
from flight_sw.mode import Mode
from flight_sw.services.arming import Arming
from flight_sw.services.calls import Call, Handler, Outcome, Service
from flight_sw.services.refusals import Refusals
from flight_sw.services.report import Report
from flight_sw.services.st01_verification import VerificationService
from flight_sw.space_link.packet import Telecommand

WAITING_MAX = 64
BULK_WAITING_MAX = 16
PER_STEP = 16
BULK_PER_STEP = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """When and in which mode telecommands are carried out."""

    now: float
    clock_s: float
    mode: Mode
    pending_key: bool = False  # whether the telecommand came under keys that are not in force


class Commanding:
    """Queues, checks and handlers; `add` brings in the services.

    Args:
        on_fault: hears which telecommand's handler raised what.
    """

    def __init__(self, on_fault: Callable[[str, str], None]) -> None:
        self._on_fault = on_fault
        self.verification = VerificationService()
        self.refusals = Refusals()
        self.held: frozenset[int] = frozenset()  # services that the boot-loop guard left out
        self._arming = Arming()
        self._waiting: deque[Telecommand] = deque()
        self._bulk: deque[Telecommand] = deque()
        self._handlers: dict[str, Handler] = {"arm": self._arm}

    @property
    def waiting(self) -> int:
        """Telecommands in both queues."""
        return len(self._waiting) + len(self._bulk)

    @property
    def has_room(self) -> bool:
        """Whether another telecommand of any kind would be taken."""
        return len(self._waiting) < WAITING_MAX and len(self._bulk) < BULK_WAITING_MAX

    def add(self, services: Iterable[Service]) -> None:
        """Take the handlers of these services; ValueError if any telecommand has none or two."""
        for service in services:
            for name, handler in service.handlers().items():
                if name in self._handlers:
                    raise ValueError(f"two handlers for telecommand {name}")
                self._handlers[name] = handler
        different = {command.name for command in COMMANDS} ^ set(self._handlers)
        if different:
            raise ValueError(f"telecommands and handlers differ: {', '.join(sorted(different))}")

    def receive(self, telecommand: Telecommand, now: float) -> list[Report]:
        """Queue an authenticated telecommand, or refuse it with BUSY."""
        bulk = _is_bulk(telecommand)
        queue, limit = (self._bulk, BULK_WAITING_MAX) if bulk else (self._waiting, WAITING_MAX)
        if len(queue) >= limit:
            return self._reject(telecommand, Reason.BUSY, now)
        queue.append(telecommand)
        return []

    def take(self) -> list[Telecommand]:
        """What to carry out in this step."""
        few = [self._waiting.popleft() for _ in range(min(PER_STEP, len(self._waiting)))]
        return few + [self._bulk.popleft() for _ in range(min(BULK_PER_STEP, len(self._bulk)))]

    def carry_out(self, telecommand: Telecommand, moment: Moment) -> list[Report]:
        """Everything that one authenticated telecommand causes, verification included."""
        request, acknowledge = telecommand.request_id, telecommand.acknowledge
        checked = self._check(telecommand, moment)
        if isinstance(checked, Reason):
            return self._reject(telecommand, checked, moment.now)
        reports = self.verification.on_accepted(request, acknowledge)
        outcome = self._call(*checked, moment)
        if isinstance(outcome, Reason):
            told = self.refusals.add(outcome, moment.now)
            return reports + (self.verification.on_failed(request, outcome) if told else [])
        return reports + (outcome or []) + self.verification.on_done(request, acknowledge)

    def run(self, telecommand: Telecommand, moment: Moment) -> Outcome:
        """The outcome alone, for a telecommand that came inside another one."""
        checked = self._check(telecommand, moment)
        return checked if isinstance(checked, Reason) else self._call(*checked, moment)

    def perform(self, telecommand: Telecommand, moment: Moment) -> Outcome:
        """A telecommand that the payload kept for later: no verification, refusals counted."""
        outcome = self.run(telecommand, moment)
        if isinstance(outcome, Reason):
            self.refusals.add(outcome, moment.now)
        return outcome

    def _check(
        self, telecommand: Telecommand, moment: Moment
    ) -> "Reason | tuple[Command, dict[str, Value]]":
        data = telecommand.data
        try:
            command = find(telecommand.service, telecommand.subtype, data)
        except DecodeError:
            return Reason.UNKNOWN_COMMAND
        try:
            arguments = command.decode(data)
        except DecodeError:
            return Reason.BAD_ARGUMENT
        if command.pending_key is not moment.pending_key:
            return Reason.NOT_ALLOWED
        if moment.mode not in command.modes:
            return Reason.WRONG_MODE
        if command.service in self.held:
            return Reason.NOT_STARTED
        if command.critical:
            refused = self._arming.fire(command, data, moment.now)
            if refused is not None:
                return refused
        return command, arguments

    def _call(self, command: Command, arguments: dict[str, Value], moment: Moment) -> Outcome:
        call = Call(arguments, moment.now, moment.clock_s, moment.mode)
        try:
            return self._handlers[command.name](call)
        except Exception as error:  # noqa: BLE001  no telecommand may end the payload: refused, counted, told
            self._on_fault(command.name, type(error).__name__)
            return Reason.HANDLER_FAILED

    def _reject(self, telecommand: Telecommand, reason: Reason, now: float) -> list[Report]:
        reports = self.verification.on_rejected(telecommand.request_id, reason)
        return reports if self.refusals.add(reason, now) else []

    def _arm(self, call: Call) -> Outcome:
        self._arming.arm(call.text("command"), call.number("digest"), call.now)
        return None


def _is_bulk(telecommand: Telecommand) -> bool:
    try:
        return find(telecommand.service, telecommand.subtype, telecommand.data).bulk
    except DecodeError:
        return False
