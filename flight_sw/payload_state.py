"""What the payload reports of itself: the values of every housekeeping structure, from all its parts."""

from dataclasses import dataclass

from flight_sw.board_side import BoardSide
from flight_sw.board_watch import BoardWatch
from flight_sw.dictionary.field import Value
from flight_sw.dictionary.telemetry import HOUSEKEEPING
from flight_sw.downlink import Downlink
from flight_sw.mode import Mode
from flight_sw.on_board import OnBoard, Readings
from flight_sw.services.report import Report
from flight_sw.services.st03_housekeeping import housekeeping_report, own_report
from flight_sw.space_link.link import TcReceiver


@dataclass(frozen=True, slots=True)
class Glance:
    """What changes from step to step: monotonic time, mode, clock ordered from the board in MHz."""

    now: float
    mode: Mode
    mhz: int


@dataclass(frozen=True, slots=True)
class PayloadState:
    """The parts that are asked; `boots` since the first."""

    services: OnBoard
    board: BoardSide
    watch: BoardWatch
    uplink: TcReceiver
    downlink: Downlink
    boots: int

    def reports(self, glance: Glance) -> list[Report]:
        """The structures that are due now."""
        housekeeping = self.services.housekeeping
        reports = []
        for number in housekeeping.due(glance.now):
            names = housekeeping.names(number)
            if names:
                reports.append(own_report(number, names, self.readings(glance)()))
            else:
                reports.append(housekeeping_report(number, self.values(number, glance)))
        return reports

    def readings(self, glance: Glance) -> Readings:
        """Everything that housekeeping knows, for whoever asks in this step."""

        def read() -> dict[str, Value]:
            values: dict[str, Value] = dict(self.services.parameters.values())
            for structure in HOUSEKEEPING:
                values |= self.values(structure, glance)
            return values

        return read

    def values(self, structure: int, glance: Glance) -> dict[str, Value]:
        """The fields of one built-in structure."""
        if structure == 1:
            return self._health(glance)
        if structure == 2:
            return self._traffic()
        if structure == 4:
            counts = self.uplink.refusals.as_mapping()
            return {f"frames_refused_{reason.name.lower()}": n for reason, n in counts.items()}
        return self.services.values() | {"tm_dropped": self.downlink.dropped}

    def _health(self, glance: Glance) -> dict[str, Value]:
        jobs, temp_c = self.services.jobs, self.board.temp_c(glance.now)
        counts, beat = self.board.counts, self.board.beat
        return {
            "mode": glance.mode.name,
            "board": self.watch.state.name,
            "temp_known": temp_c is not None,
            "temp": temp_c or 0.0,
            "power": self.board.power_w(glance.now) or 0.0,
            "frequency": glance.mhz,
            "jobs_queued": jobs.queued,
            "jobs_done": jobs.done,
            "jobs_unconfirmed": jobs.unconfirmed,
            "jobs_withdrawn": jobs.withdrawn,
            "jobs_failed": jobs.failed,
            "pages_checked": beat.tick,
            "flips_corrected": counts.corrected,
            "pages_rebuilt": counts.rebuilt,
            "votes_repaired": counts.votes,
        }

    def _traffic(self) -> dict[str, Value]:
        verification = self.services.commanding.verification
        return {
            "boots": self.boots,
            "tc_accepted": verification.accepted,
            "tc_rejected": verification.rejected,
            "frames_refused": self.uplink.refusals.total(),
            "tc_counter_next": self.uplink.security.next_counter,
            "board_resets": self.watch.resets,
            "board_power_cycles": self.watch.power_cycles,
            "worker_restarts": self.board.counts.worker_restarts,
            "link_resyncs": self.board.channel.damaged,
            "link_resends": self.board.channel.resends,
        }
