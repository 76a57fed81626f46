"""ST[20]: values within their ranges, against their limits, and over a restart."""

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from flight_sw.dictionary.parameters import BY_NAME, PARAMETER_NAMES
from flight_sw.dictionary.reason import Reason
from flight_sw.errors import DecodeError
from flight_sw.services.st20_parameters import ParameterService

CEILINGS = {"soft_limit": 80.0, "release": 74.0}


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


class ParameterMachine(RuleBasedStateMachine):
    """Sets, resets and restarts against a dict."""

    def __init__(self, ask, read):
        super().__init__()
        self.ask, self.read = ask, read
        self.service = ParameterService(CEILINGS)
        self.model = dict(self.service.values())

    @rule(name=st.sampled_from(PARAMETER_NAMES), value=st.floats(-10, 5000))
    def set(self, name, value):
        outcome = self.ask(self.service, "set-parameter", parameter=name, value=value)
        if outcome is None:
            self.model[name] = value
        else:
            assert outcome in (Reason.BAD_ARGUMENT, Reason.NOT_ALLOWED)

    @rule()
    def reset(self):
        self.ask(self.service, "reset-parameters")
        self.model = dict(ParameterService(CEILINGS).values())

    @rule()
    def restart(self):
        again = ParameterService(CEILINGS)
        again.restore(self.service.image())
        self.service = again

    @invariant()
    def reports_the_model_within_all_limits(self):
        outcome = self.ask(self.service, "report-parameters")
        values = [values["value"] for _, values in self.read(outcome)]
        assert values == [self.model[name] for name in PARAMETER_NAMES]
        assert self.model["release"] < self.model["soft_limit"] <= CEILINGS["soft_limit"]
        for name, value in self.model.items():
            assert BY_NAME[name].minimum <= value <= BY_NAME[name].maximum


def test_parameters_behave_as_a_dict(ask, read):
    """Any sets, resets and restarts: values stay within range and limit, and survive."""
    run_state_machine_as_test(
        lambda: ParameterMachine(ask, read),
        settings=settings(max_examples=30, stateful_step_count=20),
    )


@pytest.mark.parametrize(
    ("saved", "kept"),
    [
        ({"soft_limit": 99.0}, {}),  # wider than this board's profile
        ({"event_rate": 1e9, "scrub_pass": 5.0}, {"scrub_pass": 5.0}),
        ({"of-another-version": 1.0, "event_rate": 30.0}, {"event_rate": 30.0}),
        ({"release": 73.0, "soft_limit": 70.0}, {}),
        ({"release": 10.0, "soft_limit": 50.0}, {}),  # without its own release it stands alone
    ],
)
def test_stored_value_that_does_not_fit_is_left_out(saved, kept):
    """Each unusable value costs that value alone, and is told."""
    service = ParameterService(CEILINGS)
    with pytest.raises(DecodeError):
        service.restore(msgspec.msgpack.encode(saved))
    assert service.values() == {**ParameterService(CEILINGS).values(), **kept}


@given(st.binary(max_size=60))
def test_no_record_breaks_the_parameters(image):
    """Whatever storage gives, the values stay usable."""
    service = ParameterService(CEILINGS)
    with contextlib.suppress(DecodeError):
        service.restore(image)
    assert service["release"] < service["soft_limit"]
