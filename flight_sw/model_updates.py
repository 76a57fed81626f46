"""Model updates as the controller handles them: from a file slot to the board, part by part.

Shall: offer a complete file to the board for a model slot, hand out the parts that it asks for, end a
    trial on order, and say of every update and trial how it stands, with one reason where it is refused.
How verified: tests/flight_sw/test_model_updates.py, through both links with the real runtime.
Off nominal: NO_SUCH_ENTRY for an empty file slot, EMPTY for a file of no bytes, BUSY while another
    update is handed out, BOARD_AWAY; a board that restarts meanwhile ends it with INTERRUPTED, and the
    file is still in its slot for another try. The model that serves stays in every case.
Not provided: making updates, which needs the model compiled: `vanallen model upload` on the ground.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from flight_sw.board_link import messages as m
from flight_sw.dictionary.reason import Reason
from flight_sw.inference.worker_messages import UpdateFailure
from flight_sw.services.board_orders import BoardOrders
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.report import Report, report
from flight_sw.services.st05_events import EventService, happening

_REASONS = {
    UpdateFailure.EMPTY: Reason.EMPTY,
    UpdateFailure.TOO_LARGE: Reason.TOO_LARGE,
    UpdateFailure.FORMAT: Reason.BAD_FORMAT,
    UpdateFailure.DIGEST: Reason.BAD_DIGEST,
    UpdateFailure.EXTERNAL_DATA: Reason.FOREIGN_DATA,
    UpdateFailure.SHAPE: Reason.WRONG_SHAPE,
    UpdateFailure.MACHINE: Reason.WRONG_MACHINE,
    UpdateFailure.RUNTIME: Reason.MODEL_FAILED,
    UpdateFailure.ANSWER: Reason.WRONG_ANSWER,
    UpdateFailure.UNPROTECTED: Reason.UNPROTECTED,
    UpdateFailure.CRASHED: Reason.MODEL_FAILED,
    UpdateFailure.STORAGE: Reason.STORAGE_FAILED,
    UpdateFailure.BUSY: Reason.BUSY,
    UpdateFailure.INTERRUPTED: Reason.INTERRUPTED,
}
_CODES: Mapping[str, Reason] = {failure.value: reason for failure, reason in _REASONS.items()}


@dataclass(frozen=True, slots=True)
class _Going:
    number: int
    slot: int
    content: bytes


class ModelUpdates:
    """See the module text.

    Args:
        content_of: the verified file in a file slot, or None.
        orders: messages to the board.
    """

    def __init__(self, content_of: Callable[[int], bytes | None], orders: BoardOrders) -> None:
        self._content_of = content_of
        self._orders = orders
        self._going: _Going | None = None
        self._count = 0

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of service 130."""
        return {
            "install-model": self._install,
            "confirm-model": lambda call: self._settle(call, keep=True),
            "roll-back-model": lambda call: self._settle(call, keep=False),
        }

    def on_want(self, message: m.WantPart) -> None:
        """The board asks for the next part; none of a file that is not handed out any more."""
        going = self._going
        data = b""
        if going is not None and going.number == message.update:
            data = going.content[message.offset : message.offset + message.length]
        self._orders.tell(m.UpdatePart(message.update, message.offset, data))

    def on_told(self, message: m.UpdateTold, events: EventService) -> list[Report]:
        """What the board says of an update or a trial, as report and event."""
        if self._going is not None and self._going.slot == message.slot:
            self._going = None
        reason = _CODES.get(message.reason)
        slot, why = message.slot, reason.name if reason else message.detail
        if message.state == "ON_TRIAL":
            events.put(happening("model-on-trial", slot=slot, left=message.left_s))
        elif message.state == "CONFIRMED":
            events.put(happening("model-confirmed", slot=slot))
        elif message.state == "ROLLED_BACK":
            events.put(happening("model-rolled-back", slot=slot))
        elif message.state in ("REFUSED", "KEPT"):
            events.put(happening("update-refused", slot=slot, why=why))
        return [
            report(
                "model-update",
                slot=slot,
                state=message.state,
                reason=reason.value if reason else 0,
                detail=message.detail,
                left=max(0.0, message.left_s),
            )
        ]

    def on_board_lost(self, events: EventService) -> list[Report]:
        """The board restarted: what was handed out has to be offered again."""
        if self._going is None:
            return []
        reason = UpdateFailure.INTERRUPTED.value
        told = m.UpdateTold(self._going.slot, "REFUSED", reason, "the board restarted", 0.0)
        return self.on_told(told, events)

    def _install(self, call: Call) -> Outcome:
        content = self._content_of(call.number("file"))
        if content is None:
            return Reason.NO_SUCH_ENTRY
        if not content:
            return Reason.EMPTY
        if self._going is not None:
            return Reason.BUSY
        number, slot = self._count + 1, call.number("model")
        digest = sha256(content).digest()
        offer = m.OfferUpdate(number, slot, len(content), digest, call.real("within"))
        refused = self._orders.tell(offer)
        if refused is None:
            self._count, self._going = number, _Going(number, slot, content)
        return refused

    def _settle(self, call: Call, *, keep: bool) -> Outcome:
        return self._orders.tell(m.SettleTrial(call.number("model"), keep))
