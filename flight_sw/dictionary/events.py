"""Every event report (ST[05]): what is told, how severe it is, and the sentence a person reads."""

from dataclasses import dataclass
from enum import Enum, unique

from flight_sw.dictionary.field import Field, Kind, Value


@unique
class Severity(Enum):
    """PUS severities; the value is the message subtype of the report (ECSS-E-ST-70-41C, 6.5)."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4


@dataclass(frozen=True, slots=True)
class EventDefinition:
    """One kind of event; its position in EVENTS is its id on the wire."""

    name: str
    severity: Severity
    text: str
    fields: tuple[Field, ...] = ()

    def sentence(self, values: dict[str, Value]) -> str:
        """What a person reads."""
        return self.text.format(**values)


def _u8(name: str) -> Field:
    return Field(name, Kind.U8)


def _u32(name: str) -> Field:
    return Field(name, Kind.U32)


def _text(name: str) -> Field:
    return Field(name, Kind.TEXT)


def _f32(name: str, unit: str = "") -> Field:
    return Field(name, Kind.F32, unit=unit)


_PAGE = (_text("region"), _u32("page"), _u32("bits"))

EVENTS: tuple[EventDefinition, ...] = (
    EventDefinition(
        "booted",
        Severity.INFO,
        "Controller booted, boot {boots}, cause {cause}",
        (_u32("boots"), _text("cause")),
    ),
    EventDefinition(
        "mode-changed",
        Severity.INFO,
        "Mode {before} → {after}: {why}",
        (_text("before"), _text("after"), _text("why")),
    ),
    EventDefinition(
        "self-test-failed", Severity.HIGH, "Self-test failed: {what}", (_text("what"),)
    ),
    EventDefinition(
        "board-up",
        Severity.INFO,
        "Board answers: {name}, boot {boots}",
        (_text("name"), _u32("boots")),
    ),
    EventDefinition(
        "board-silent", Severity.MEDIUM, "No heartbeat for {age:.1f} s", (_f32("age", "s"),)
    ),
    EventDefinition("supply-off", Severity.MEDIUM, "Board supply found off, switched on again", ()),
    EventDefinition("recovery-step", Severity.MEDIUM, "Recovery: {rung}", (_text("rung"),)),
    EventDefinition(
        "recovered", Severity.INFO, "Board recovered after {time:.1f} s", (_f32("time", "s"),)
    ),
    EventDefinition(
        "worker-restarted", Severity.MEDIUM, "Inference worker restarted: {why}", (_text("why"),)
    ),
    EventDefinition(
        "model-protected",
        Severity.INFO,
        "Model {slot} {name}: {coverage:.4%} of the weights proven live, protected",
        (_u8("slot"), _text("name"), Field("coverage", Kind.F64)),
    ),
    EventDefinition(
        "model-unprotected",
        Severity.MEDIUM,
        "Model {slot} {name}: only {coverage:.2%} of the weights proven live, NOT protected",
        (_u8("slot"), _text("name"), Field("coverage", Kind.F64)),
    ),
    EventDefinition(
        "model-refused",
        Severity.MEDIUM,
        "Model {slot} does not load: {why}",
        (_u8("slot"), _text("why")),
    ),
    EventDefinition(
        "page-corrected",
        Severity.LOW,
        "Bit flip corrected in {region} page {page} ({bits} bit)",
        _PAGE,
    ),
    EventDefinition(
        "page-rebuilt",
        Severity.LOW,
        "{region} page {page} rebuilt from the golden copy ({bits} bits)",
        _PAGE,
    ),
    EventDefinition(
        "check-repaired", Severity.LOW, "Check bytes of {region} page {page} repaired", _PAGE
    ),
    EventDefinition("page-lost", Severity.HIGH, "{region} page {page} cannot be repaired", _PAGE),
    EventDefinition(
        "vote-repaired",
        Severity.LOW,
        "Voted record {record} repaired, {bits} bits",
        (_text("record"), _u32("bits")),
    ),
    EventDefinition(
        "vote-lost", Severity.HIGH, "Voted record {record} lost its vote", (_text("record"),)
    ),
    EventDefinition(
        "throttled",
        Severity.LOW,
        "Throttled to {mhz} MHz at {temp:.1f} °C",
        (_u32("mhz"), _f32("temp", "degC")),
    ),
    EventDefinition(
        "released",
        Severity.INFO,
        "Released to {mhz} MHz at {temp:.1f} °C",
        (_u32("mhz"), _f32("temp", "degC")),
    ),
    EventDefinition(
        "throttled-blind",
        Severity.MEDIUM,
        "Throttled to {mhz} MHz: no believable temperature",
        (_u32("mhz"),),
    ),
    EventDefinition(
        "too-hot",
        Severity.HIGH,
        "Board at {temp:.1f} °C, above its hard limit",
        (_f32("temp", "degC"),),
    ),
    EventDefinition(
        "frames-refused",
        Severity.LOW,
        "{count} frames refused: {reason}",
        (_u32("count"), _text("reason")),
    ),
    EventDefinition(
        "events-dropped", Severity.MEDIUM, "{count} event reports dropped", (_u32("count"),)
    ),
    EventDefinition(
        "storage-failed", Severity.HIGH, "Storage refused record {name}", (_text("name"),)
    ),
    EventDefinition(
        "over-current", Severity.HIGH, "Board draws {current:.2f} A", (_f32("current", "A"),)
    ),
)

EVENT_NAMES: tuple[str, ...] = tuple(event.name for event in EVENTS)
BY_NAME: dict[str, EventDefinition] = {event.name: event for event in EVENTS}
