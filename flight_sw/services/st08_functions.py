"""ST[08] functions: mode, board power, worker, scrub and maps; and ST[17], the are-you-alive test.

Shall: carry each function out at once or hand it to the board in order.
How verified: tests/flight_sw/test_stack.py.
Off nominal: BOARD_AWAY while the board is off or silent; leaving SAFE is refused with NOT_ALLOWED while
the boot-loop guard holds the payload there.
Not provided: functions defined at run time.
"""

from collections.abc import Mapping
from typing import Protocol

from flight_sw.board_link import messages as m
from flight_sw.dictionary.reason import Reason
from flight_sw.mode import WORKING, Mode
from flight_sw.services.board_orders import BoardOrders
from flight_sw.services.calls import Call, Handler, Outcome
from flight_sw.services.report import Report, report


class BoardSupply(Protocol):
    """What these functions move of the board's supply."""

    def power_cycle(self) -> None:
        """Cut and restore the power."""

    def forgive(self) -> None:
        """Start the recovery ladder anew."""


class FunctionService:
    """See the module text; `held_safe` is set by the boot-loop guard."""

    def __init__(self, supply: BoardSupply, orders: BoardOrders) -> None:
        self.wanted_mode: Mode | None = None
        self.held_safe = False
        self.regions: list[Report] = []
        self.models: Mapping[int, m.ModelReady] = {}
        self._supply = supply
        self._orders = orders
        self._scrubs = 0

    def handlers(self) -> Mapping[str, Handler]:
        """Telecommands of ST[08] and ST[17]."""
        return {
            "ping": lambda _: [report("alive")],
            "set-mode": self._set_mode,
            "restart-worker": lambda _: self._orders.tell(m.RestartWorker()),
            "power-cycle-board": lambda _: self._supply.power_cycle(),
            "scrub-now": self._scrub_now,
            "report-regions": lambda _: list(self.regions),
            "report-models": lambda _: [model_report(model) for model in self.models.values()],
        }

    def take_mode(self) -> Mode | None:
        """The mode that a telecommand asked for since the last call."""
        wanted, self.wanted_mode = self.wanted_mode, None
        return wanted

    def _set_mode(self, call: Call) -> Outcome:
        wanted = Mode[call.text("mode")]
        if wanted is Mode.NOMINAL and call.mode in WORKING:
            return None  # already working; whether NOMINAL or DEGRADED is for the payload to say
        if wanted is Mode.NOMINAL:
            if self.held_safe:
                return Reason.NOT_ALLOWED
            self._supply.forgive()
        self.wanted_mode = wanted
        return None

    def _scrub_now(self, _: Call) -> Outcome:
        self._scrubs += 1
        return self._orders.tell(m.ScrubNow(self._scrubs))


def model_report(model: m.ModelReady) -> Report:
    """What the ground learns about a model on the board."""
    return report(
        "model",
        slot=model.slot,
        name=model.name,
        coverage=model.coverage,
        protected=model.protected,
        weight_bytes=model.weight_bytes,
        input_bytes=model.input_bytes,
        output_bytes=model.output_bytes,
        digest=model.digest[:16],
        kept=model.kept,
    )
