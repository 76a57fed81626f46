"""ST[20]: values within their ranges, against their limits, and over a restart."""

from flight_sw.dictionary.reason import Reason
from flight_sw.services.st20_parameters import ParameterService


def test_parameter_limits_only_tighten():
    """No telecommand raises the thermal limit above the profile's."""
    service = ParameterService({"soft_limit": 80.0, "release": 74.0})
    assert service.set("soft_limit", 90.0) is Reason.NOT_ALLOWED
    assert service.set("soft_limit", 76.0) is None
    assert service["soft_limit"] == 76.0
    assert service.set("soft_limit", 80.0) is None


def test_parameter_out_of_range_changes_nothing():
    """A refused value leaves the old one in place."""
    service = ParameterService({})
    before = service["scrub_pass"]
    assert service.set("scrub_pass", 1e9) is Reason.BAD_ARGUMENT
    assert service.set("scrub_pass", float("nan")) is Reason.BAD_ARGUMENT
    assert service["scrub_pass"] == before


def test_release_never_reaches_the_soft_limit():
    """Hysteresis cannot be commanded away."""
    service = ParameterService({})
    assert service.set("release", 80.0) is Reason.NOT_ALLOWED
    assert service.set("soft_limit", 70.0) is Reason.NOT_ALLOWED
