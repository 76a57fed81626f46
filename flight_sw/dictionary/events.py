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


def _u16(name: str) -> Field:
    return Field(name, Kind.U16)


def _u32(name: str) -> Field:
    return Field(name, Kind.U32)


def _i32(name: str, unit: str = "") -> Field:
    return Field(name, Kind.I32, unit=unit)


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
        "Board answers: {name}, serial number {serial_number}, boot {boots} by {cause}",
        (_text("name"), _text("serial_number"), _u32("boots"), _text("cause")),
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
    EventDefinition(
        "boot-plan",
        Severity.MEDIUM,
        "Boot {count} in a row that is not yet proven good: starting {plan}",
        (_u8("count"), _text("plan")),
    ),
    EventDefinition("boot-proven", Severity.INFO, "This boot has held: all parts started", ()),
    EventDefinition(
        "record-unreadable",
        Severity.MEDIUM,
        "Stored record {name} cannot be used: {why}",
        (_text("name"), _text("why")),
    ),
    EventDefinition(
        "storage-works", Severity.INFO, "Storage keeps record {name} again", (_text("name"),)
    ),
    EventDefinition(
        "schedule-released",
        Severity.INFO,
        "Schedule entry {entry} released, {late:.1f} s after its time",
        (_u32("entry"), _f32("late", "s")),
    ),
    EventDefinition(
        "schedule-missed",
        Severity.MEDIUM,
        "Schedule entry {entry} is {late:.0f} s late and left out",
        (_u32("entry"), _f32("late", "s")),
    ),
    EventDefinition(
        "schedule-interrupted",
        Severity.MEDIUM,
        "Schedule entry {entry} was released when the payload stopped: it will not run again",
        (_u32("entry"),),
    ),
    EventDefinition(
        "stored-command-failed",
        Severity.LOW,
        "Telecommand of {source} {number} refused: {reason}",
        (_text("source"), _u32("number"), _text("reason")),
    ),
    EventDefinition(
        "monitor-violated",
        Severity.MEDIUM,
        "Monitor {monitor}: {parameter} is {value:g}, {state}",
        (_u8("monitor"), _text("parameter"), Field("value", Kind.F64), _text("state")),
    ),
    EventDefinition(
        "monitor-cleared",
        Severity.INFO,
        "Monitor {monitor}: {parameter} is {value:g}, within limits",
        (_u8("monitor"), _text("parameter"), Field("value", Kind.F64)),
    ),
    EventDefinition(
        "action-run",
        Severity.INFO,
        "Event-action {action} on event {event}",
        (_u8("action"), _text("event")),
    ),
    EventDefinition(
        "actions-held",
        Severity.LOW,
        "{count} event-actions not carried out: too many at once",
        (_u32("count"),),
    ),
    EventDefinition(
        "sequence-ended",
        Severity.INFO,
        "Sequence {sequence} ended after {steps} steps: {why}",
        (_u8("sequence"), _u8("steps"), _text("why")),
    ),
    EventDefinition(
        "file-complete", Severity.INFO, "File slot {slot} complete, digest right", (_u8("slot"),)
    ),
    EventDefinition(
        "file-damaged", Severity.MEDIUM, "File slot {slot}: digest wrong, emptied", (_u8("slot"),)
    ),
    EventDefinition(
        "transfer-dropped",
        Severity.LOW,
        "Large packet {transaction} dropped: {why}",
        (Field("transaction", Kind.U16), _text("why")),
    ),
    EventDefinition("time-set", Severity.INFO, "Clock set by {by} s", (_i32("by", "s"),)),
    EventDefinition(
        "time-suspect",
        Severity.MEDIUM,
        "Wall clock and payload clock differ by {by} s",
        (_i32("by", "s"),),
    ),
    EventDefinition(
        "retrieval-done",
        Severity.INFO,
        "{count} packets of store {store} sent",
        (_u32("count"), _text("store")),
    ),
    EventDefinition(
        "file-sent",
        Severity.INFO,
        "File slot {slot} is on the ground, transfer {transfer}",
        (_u8("slot"), _u32("transfer")),
    ),
    EventDefinition(
        "transfer-failed",
        Severity.LOW,
        "File transfer {transfer} of slot {slot} ended: {why}",
        (_u8("slot"), _u32("transfer"), _text("why")),
    ),
    EventDefinition(
        "keys-loaded", Severity.MEDIUM, "Keys {key} are loaded and wait", (_u16("key"),)
    ),
    EventDefinition(
        "keys-dropped", Severity.MEDIUM, "Keys that waited are dropped; {key} stay", (_u16("key"),)
    ),
    EventDefinition(
        "keys-changed",
        Severity.MEDIUM,
        "Keys {key} are in force, older ones no more",
        (_u16("key"),),
    ),
    EventDefinition(
        "latch-up",
        Severity.HIGH,
        "Latch-up: the idle board draws {above:.2f} A too much; its power is cut",
        (_f32("above", "A"),),
    ),
    EventDefinition(
        "page-retired",
        Severity.HIGH,
        "{region} page {page} is stuck: it keeps no repair, so nothing computed with it is confirmed",
        _PAGE,
    ),
    EventDefinition(
        "model-on-trial",
        Severity.INFO,
        "Model {slot} serves on trial: confirm it within {left:.0f} s, or it is undone",
        (_u8("slot"), _f32("left", "s")),
    ),
    EventDefinition("model-confirmed", Severity.INFO, "Model {slot} is kept", (_u8("slot"),)),
    EventDefinition(
        "model-rolled-back",
        Severity.MEDIUM,
        "Model {slot} on trial undone: what was there before is back",
        (_u8("slot"),),
    ),
    EventDefinition(
        "update-refused",
        Severity.MEDIUM,
        "Update of model {slot} refused, the model there stays: {why}",
        (_u8("slot"), _text("why")),
    ),
    EventDefinition(
        "key-worn-out",
        Severity.HIGH,
        "A counter of keys {key} is lost or nears its end: change the keys",
        (_u16("key"),),
    ),
    EventDefinition(
        "profile-damaged",
        Severity.HIGH,
        "The profile in memory was changed: the controller starts anew",
        (),
    ),
    EventDefinition(
        "golden-mended",
        Severity.LOW,
        "Golden copy of model {slot}: {count} damaged shards on storage written anew",
        (_u8("slot"), _u8("count")),
    ),
    EventDefinition(
        "golden-lost",
        Severity.HIGH,
        "Golden copy of model {slot} on storage is lost: {why}; upload the model again",
        (_u8("slot"), _text("why")),
    ),
    EventDefinition(
        "board-refused",
        Severity.HIGH,
        "Board refused: {name}, serial number {serial_number}, answers; expected: {expected}",
        (_text("name"), _text("serial_number"), _text("expected")),
    ),
    EventDefinition(
        "line-garbled",
        Severity.MEDIUM,
        "{bytes} bytes came on the board's line and no frame: is it at {baud} baud, without a console?",
        (_u32("bytes"), _u32("baud")),
    ),
    EventDefinition(
        "memory-errors",
        Severity.MEDIUM,
        "The board's memory controller counts {corrected} corrected and {uncorrected} lost errors",
        (_u32("corrected"), _u32("uncorrected")),
    ),
    EventDefinition(
        "firmware-limits",
        Severity.MEDIUM,
        "The board's firmware limits it: {why}",
        (_text("why"),),
    ),
    EventDefinition(
        "handler-failed",
        Severity.HIGH,
        "Telecommand {name} raised {error}: a defect, please report it",
        (_text("name"), _text("error")),
    ),
)

EVENT_NAMES: tuple[str, ...] = tuple(event.name for event in EVENTS)
BY_NAME: dict[str, EventDefinition] = {event.name: event for event in EVENTS}
