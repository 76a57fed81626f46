"""ST[01] request verification: what became of each telecommand.

Shall: report acceptance and completion of every authenticated telecommand that asks for it, and every
failure whether asked for or not, with one reason.
How verified: tests/flight_sw/services/test_st01_verification.py; system tests wait on these reports.
Off nominal: a telecommand that cannot be decoded is reported as not accepted under its own request id.
Not provided: progress reports (1,5); routing reports (1,10), there is one application process.
"""

from flight_sw.dictionary.reason import Reason
from flight_sw.services.report import Report, report

_ACCEPTED, _STARTED, _DONE = 0b1000, 0b0100, 0b0001  # acknowledgement flags, 7.4.4.1


class VerificationService:
    """Builds the reports and keeps the counts."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected = 0

    def on_accepted(self, request: bytes, acknowledge: int) -> list[Report]:
        """(1,1), if asked for."""
        self.accepted += 1
        return _wanted("accepted", request, acknowledge & _ACCEPTED)

    def on_rejected(self, request: bytes, reason: Reason) -> list[Report]:
        """(1,2), always."""
        self.rejected += 1
        return [report("not-accepted", request=_number(request), reason=reason.value)]

    def on_done(self, request: bytes, acknowledge: int) -> list[Report]:
        """(1,3) and (1,7), if asked for."""
        return [
            *_wanted("started", request, acknowledge & _STARTED),
            *_wanted("done", request, acknowledge & _DONE),
        ]

    def on_failed(self, request: bytes, reason: Reason) -> list[Report]:
        """(1,8), always."""
        return [report("failed", request=_number(request), reason=reason.value)]


def _wanted(name: str, request: bytes, flag: int) -> list[Report]:
    return [report(name, request=_number(request))] if flag else []


def _number(request: bytes) -> int:
    return int.from_bytes(request, "big")
