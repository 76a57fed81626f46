"""Telemetry to reports: every kind is decoded, and nothing that arrives can crash the ground."""

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.dictionary.events import EVENT_NAMES, Severity
from flight_sw.dictionary.field import Value, encode
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telemetry import BY_CODE, BY_NAME, HOUSEKEEPING, REPORTS
from flight_sw.errors import DecodeError
from flight_sw.space_link.packet import Telemetry
from hil.ground.reports import (
    Alive,
    Declared,
    EventReport,
    Housekeeping,
    JobConfirmed,
    JobFailed,
    ModelReport,
    ParameterReport,
    RegionReport,
    Report,
    Result,
    Stage,
    Unknown,
    Verification,
    Withdrawal,
    decode_report,
)

TIME = 1_000_000_000.0


def telemetry(service: int, subtype: int, data: bytes) -> Telemetry:
    """A packet with this content."""
    return Telemetry(100, 0, service, subtype, data, TIME)


def report(name: str, /, **values: Value) -> Report:
    """The report decoded from the declared packet `name` with these values."""
    declared = BY_NAME[name]
    data = encode(declared.fields, values)
    return decode_report(telemetry(declared.service, declared.subtype, data))


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("alive", {}, Alive(TIME)),
        ("accepted", {"request": 7}, Verification(TIME, 7, Stage.ACCEPTED)),
        ("started", {"request": 7}, Verification(TIME, 7, Stage.STARTED)),
        ("done", {"request": 7}, Verification(TIME, 7, Stage.DONE)),
        (
            "not-accepted",
            {"request": 7, "reason": 3},
            Verification(TIME, 7, Stage.NOT_ACCEPTED, Reason.WRONG_MODE),
        ),
        (
            "failed",
            {"request": 7, "reason": 8},
            Verification(TIME, 7, Stage.FAILED, Reason.BOARD_AWAY),
        ),
        (
            "parameter",
            {"parameter": 1, "value": 2.5},
            ParameterReport(TIME, "scrub_pass", 2.5),
        ),
        ("withdrawal", {"job": 9, "attempt": 2}, Withdrawal(TIME, 9, 2)),
        ("job-confirmed", {"job": 9, "attempt": 2}, JobConfirmed(TIME, 9, 2)),
        ("job-failed", {"job": 9, "reason": 15}, JobFailed(TIME, 9, Reason.ATTEMPTS_SPENT)),
        (
            "region",
            {"name": "weights-1", "address": 4096, "length": 8192},
            RegionReport(TIME, "weights-1", 4096, 8192),
        ),
    ],
)
def test_declared_reports(name: str, values: dict[str, Value], expected: Report) -> None:
    """Every short report comes out as its dataclass with the values that were sent."""
    assert report(name, **values) == expected


def test_results_and_models() -> None:
    """Results and model reports carry every field of their declaration."""
    answer = report(
        "result",
        job=1,
        attempt=1,
        model=2,
        protection="standard",
        epoch=2**40,
        elapsed=0.5,
        frequency=1800,
        digest="0" * 16,
        output=b"\0\1",
    )
    assert answer == Result(TIME, 1, 1, 2, "standard", 2**40, 0.5, 1800, "0" * 16, b"\0\1")
    model = report(
        "model",
        slot=1,
        name="hotspot",
        coverage=1.0,
        protected=True,
        weight_bytes=8,
        input_bytes=4,
        output_bytes=4,
        digest="0" * 16,
        kept="scrubbed",
    )
    assert model == ModelReport(TIME, 1, "hotspot", 1.0, True, 8, 4, 4, "0" * 16, "scrubbed")


def test_a_class_has_every_field_of_its_report() -> None:
    """A field added to a report fails here until its class has it too."""
    classes = {
        "result": Result,
        "withdrawal": Withdrawal,
        "job-confirmed": JobConfirmed,
        "model": ModelReport,
        "region": RegionReport,
        "alive": Alive,
        "job-failed": JobFailed,
        "parameter": ParameterReport,
        **{stage.value: Verification for stage in Stage},
    }
    for name, kind in classes.items():
        names = {field.name for field in fields(kind)}
        assert {field.name for field in BY_NAME[name].fields} <= names


def test_a_declared_report_without_a_class_keeps_its_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A report that the dictionary gains is decoded at once, by name."""
    new = replace(BY_NAME["withdrawal"], name="brand-new", service=200)
    monkeypatch.setitem(BY_CODE, (200, new.subtype), new)
    data = encode(new.fields, {"job": 9, "attempt": 2})
    decoded = decode_report(telemetry(200, new.subtype, data))
    assert decoded == Declared(TIME, "brand-new", {"job": 9, "attempt": 2})


def test_an_event_has_severity_values_and_a_sentence() -> None:
    """An event is told in words, with the severity of its packet's subtype."""
    number = EVENT_NAMES.index("throttled").to_bytes(2, "big")
    data = number + (1000).to_bytes(4, "big") + bytes.fromhex("42a20000")
    assert decode_report(telemetry(5, 2, data)) == EventReport(
        TIME,
        "throttled",
        Severity.LOW,
        {"mhz": 1000, "temp": 81.0},
        "Throttled to 1000 MHz at 81.0 °C",
    )
    with pytest.raises(DecodeError, match="severity 4"):
        decode_report(telemetry(5, 4, data))


def test_housekeeping_names_its_structure() -> None:
    """A housekeeping packet opens with its structure's number."""
    names = [field.name for field in HOUSEKEEPING[2]]
    data = b"\x02" + encode(HOUSEKEEPING[2], dict.fromkeys(names, 3))
    assert decode_report(telemetry(3, 25, data)) == Housekeeping(TIME, 2, dict.fromkeys(names, 3))


@pytest.mark.parametrize(
    ("service", "subtype", "data"),
    [
        (3, 25, b""),
        (3, 25, b"\x09"),
        (3, 25, b"\x01\x00"),
        (5, 1, b""),
        (5, 1, b"\x00"),
        (5, 1, b"\xff\xff"),
        (1, 1, b"\0\0\0"),
        (1, 8, b"\0\0\0\0\xff\xff"),
        (20, 2, b"\xff" + bytes(8)),
        (130, 131, b"\0\0\0\0\0\0"),
    ],
)
def test_what_does_not_fit_is_a_decode_error(service: int, subtype: int, data: bytes) -> None:
    """Short data, an unknown structure, event, reason or parameter are decode errors."""
    with pytest.raises(DecodeError):
        decode_report(telemetry(service, subtype, data))


def test_an_undeclared_packet_is_kept_as_unknown() -> None:
    """A sound packet that this version does not know is kept, not lost."""
    assert decode_report(telemetry(200, 1, b"x")) == Unknown(TIME, 200, 1, b"x")


@settings(max_examples=200)
@given(
    st.sampled_from([(3, 25), (5, 1), (5, 2), *((r.service, r.subtype) for r in REPORTS)]),
    st.binary(max_size=90),
)
def test_any_data_is_a_report_or_a_decode_error(code: tuple[int, int], data: bytes) -> None:
    """Whatever a packet holds, the ground gets a report or DecodeError."""
    try:
        decoded = decode_report(telemetry(*code, data))
    except DecodeError:
        return
    assert decoded.time == TIME
