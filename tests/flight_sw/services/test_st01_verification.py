"""ST[01]: what became of each telecommand."""

from flight_sw.dictionary.reason import Reason
from flight_sw.services.st01_verification import VerificationService

REQUEST = b"\x18\x64\xc0\x07"


def codes(reports):
    return [(item.service, item.subtype) for item in reports]


def test_verification_sends_what_was_asked_for():
    """Acceptance and completion are reported only if the acknowledge flags ask for them."""
    service = VerificationService()
    assert codes(service.on_accepted(REQUEST, 0b1000)) == [(1, 1)]
    assert codes(service.on_accepted(REQUEST, 0b0111)) == []
    assert codes(service.on_done(REQUEST, 0b0101)) == [(1, 3), (1, 7)]
    assert codes(service.on_done(REQUEST, 0b1000)) == []


def test_verification_always_reports_a_failure_with_its_reason():
    """A failure goes down even if no acknowledgement was asked for."""
    service = VerificationService()
    (rejected,) = service.on_rejected(REQUEST, Reason.WRONG_MODE)
    assert (rejected.service, rejected.subtype) == (1, 2)
    assert rejected.data == REQUEST + Reason.WRONG_MODE.value.to_bytes(2, "big")
    assert codes(service.on_failed(REQUEST, Reason.QUEUE_FULL)) == [(1, 8)]
    assert (service.accepted, service.rejected) == (0, 1)
