"""Carries out telecommands: decode, check the mode, call the one handler, answer with one reason.

Adding a telecommand touches its line in the dictionary and one handler here.
"""

from collections.abc import Callable, Mapping

from flight_sw.board_link import messages as m
from flight_sw.board_watch import BoardState, BoardWatch
from flight_sw.dictionary.field import Value
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import find
from flight_sw.errors import DecodeError
from flight_sw.job_flow import JobFlow
from flight_sw.mode import WORKING, Mode
from flight_sw.services.report import Report, report
from flight_sw.services.st01_verification import VerificationService
from flight_sw.services.st03_housekeeping import HousekeepingService
from flight_sw.services.st05_events import EventService
from flight_sw.services.st20_parameters import ParameterService
from flight_sw.space_link.packet import Telecommand

Arguments = dict[str, Value]
Handler = Callable[[Arguments, float], "Reason | None"]


class Commanding:
    """All services of the payload and the handlers that reach them.

    Args:
        board: the heartbeat watch and supply of the board.
    """

    def __init__(self, board: BoardWatch, parameters: ParameterService) -> None:
        self.verification = VerificationService()
        self.housekeeping = HousekeepingService()
        self.events = EventService()
        self.parameters = parameters
        self.jobs = JobFlow()
        self.regions: list[Report] = []
        self.wanted_mode: Mode | None = None
        self.to_board: list[m.Message] = []
        self._board = board
        self._mode = Mode.BOOT
        self._reports: list[Report] = []
        self._scrubs = 0
        self._handlers: Mapping[str, Handler] = {
            "ping": self._ping,
            "start-housekeeping": self._start_housekeeping,
            "stop-housekeeping": self._stop_housekeeping,
            "report-housekeeping": self._report_housekeeping,
            "set-housekeeping-period": self._set_housekeeping_period,
            "enable-event": self._enable_event,
            "disable-event": self._disable_event,
            "set-mode": self._set_mode,
            "restart-worker": self._restart_worker,
            "power-cycle-board": self._power_cycle_board,
            "scrub-now": self._scrub_now,
            "report-regions": self._report_regions,
            "report-models": self._report_models,
            "report-parameter": self._report_parameter,
            "set-parameter": self._set_parameter,
            "submit-job": self._submit_job,
            "cancel-job": self._cancel_job,
        }

    def carry_out(self, telecommand: Telecommand, mode: Mode, now: float) -> list[Report]:
        """Everything that one authenticated telecommand causes, verification included."""
        request, acknowledge = telecommand.request_id, telecommand.acknowledge
        try:
            command = find(telecommand.service, telecommand.subtype, telecommand.data)
        except DecodeError:
            return self.verification.on_rejected(request, Reason.UNKNOWN_COMMAND)
        try:
            arguments = command.decode(telecommand.data)
        except DecodeError:
            return self.verification.on_rejected(request, Reason.BAD_ARGUMENT)
        if mode not in command.modes:
            return self.verification.on_rejected(request, Reason.WRONG_MODE)
        self._mode = mode
        accepted = self.verification.on_accepted(request, acknowledge)
        reason = self._handlers[command.name](arguments, now)
        own, self._reports = self._reports, []
        if reason is not None:
            return accepted + own + self.verification.on_failed(request, reason)
        return accepted + own + self.verification.on_done(request, acknowledge)

    def _ping(self, _: Arguments, __: float) -> None:
        self._reports.append(report("alive"))

    def _start_housekeeping(self, arguments: Arguments, _: float) -> None:
        self.housekeeping.enable(int(arguments["structure"]))

    def _stop_housekeeping(self, arguments: Arguments, _: float) -> None:
        self.housekeeping.disable(int(arguments["structure"]))

    def _report_housekeeping(self, arguments: Arguments, _: float) -> None:
        self.housekeeping.request(int(arguments["structure"]))

    def _set_housekeeping_period(self, arguments: Arguments, _: float) -> None:
        self.housekeeping.set_period(int(arguments["structure"]), float(arguments["period"]))

    def _enable_event(self, arguments: Arguments, _: float) -> None:
        self.events.enable(str(arguments["event"]))

    def _disable_event(self, arguments: Arguments, _: float) -> None:
        self.events.disable(str(arguments["event"]))

    def _set_mode(self, arguments: Arguments, _: float) -> None:
        wanted = Mode[str(arguments["mode"])]
        if wanted is Mode.NOMINAL and self._mode in WORKING:
            return  # already working; whether NOMINAL or DEGRADED is for the payload to say
        if wanted is Mode.NOMINAL:
            self._board.forgive()
        self.wanted_mode = wanted

    def _restart_worker(self, _: Arguments, __: float) -> Reason | None:
        return self._tell_board(m.RestartWorker())

    def _power_cycle_board(self, _: Arguments, __: float) -> None:
        self._board.power_cycle()

    def _scrub_now(self, _: Arguments, __: float) -> Reason | None:
        self._scrubs += 1
        return self._tell_board(m.ScrubNow(self._scrubs))

    def _report_regions(self, _: Arguments, __: float) -> None:
        self._reports += self.regions

    def _report_models(self, _: Arguments, __: float) -> None:
        self._reports += [model_report(model) for model in self.jobs.models.values()]

    def _report_parameter(self, arguments: Arguments, _: float) -> None:
        self._reports.append(self.parameters.report(str(arguments["parameter"])))

    def _set_parameter(self, arguments: Arguments, _: float) -> Reason | None:
        return self.parameters.set(str(arguments["parameter"]), float(arguments["value"]))

    def _submit_job(self, arguments: Arguments, now: float) -> Reason | None:
        return self.jobs.submit(arguments, working=self._mode in WORKING, now=now)

    def _cancel_job(self, arguments: Arguments, _: float) -> Reason | None:
        return self.jobs.cancel(int(arguments["job"]))

    def _tell_board(self, message: m.Message) -> Reason | None:
        if self._board.state is not BoardState.UP:
            return Reason.BOARD_AWAY
        self.to_board.append(message)
        return None


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
    )
