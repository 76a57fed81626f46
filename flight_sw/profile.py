"""A board profile: the one file that says how this board differs from every other.

A profile is YAML, read strictly: an unknown key, a missing key or a wrong type is an error that
names file, line and field. Flight code reads everything but two sections: `emulated` belongs to
`hil.emulator`, `rig` to `hil.rig`; here they are kept as plain data.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
import yaml

from flight_sw.errors import ProfileError

Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]  # an upper bound keeps infinity out
Celsius = Annotated[float, msgspec.Meta(ge=-100, le=200)]
T = TypeVar("T")


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One block of a profile; a key that is not declared here is an error."""


class Spacecraft(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names on the space link (CCSDS 232.0: 10-bit spacecraft id; CCSDS 133.0: 11-bit APID)."""

    id: Annotated[int, msgspec.Meta(ge=0, le=1023)]
    apid: Annotated[int, msgspec.Meta(ge=1, le=2046)]


class Serial(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The board link's port; `auto` means the caller names it."""

    port: str
    baud: Annotated[int, msgspec.Meta(ge=1200, le=4_000_000)]


class SpaceLink(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How frames travel to the ground; `coding: rs` adds RS(255,223) of CCSDS 131.0 to telemetry."""

    framing: Literal["ccsds", "cobs", "slip"]
    tm_frame_bytes: Annotated[int, msgspec.Meta(ge=128, le=2047)]
    coding: Literal["none", "rs"] = "none"


class Frequency(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Clock levels of the processor, slowest first; index 0 is the coolest the board can run.

    `cpufreq` caps the clock, `nvpmodel` chooses among the power modes named in `modes` (one per
    level), `cgroup` grants the worker the level's share of a core where the clock is fixed.
    """

    control: Literal["cpufreq", "nvpmodel", "cgroup", "none"]
    levels_mhz: Annotated[
        tuple[Annotated[int, msgspec.Meta(gt=0)], ...], msgspec.Meta(min_length=1)
    ]
    modes: tuple[str, ...] = ()


class Thermal(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of the governor's staircase, and the thermal zone that feeds it."""

    zone: str
    soft_limit_c: Celsius
    release_c: Celsius
    hard_limit_c: Celsius
    dwell_s: Positive
    debounce_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = (
        0.5  # until a source counts as reached
    )


class LookAhead(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the look-ahead governor believes of the board: watts idle, and busy by frequency level."""

    idle_w: Positive
    busy_w: Annotated[tuple[Positive, ...], msgspec.Meta(min_length=1)]
    resistance_k_per_w: Positive
    time_constant_s: Positive


class LatchUp(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Supply current of a board that does nothing, and the smallest step in it that is a latch-up."""

    idle_a: Positive
    step_a: Positive


class Power(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where supply power is read, and the current above which a latch-up is assumed.

    Without `latch_up` only that limit is watched: it takes a board whose idle current is known.
    """

    rail: str
    current_limit_a: Positive
    latch_up: LatchUp | None = None


class Watchdog(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The board's hardware watchdog; `range_s` is what its driver takes."""

    device: str
    timeout_s: Annotated[int, msgspec.Meta(ge=1, le=255)]
    range_s: tuple[int, int] = (1, 255)


class Identity(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the board says what it is: one of these must be in its device tree's `compatible`."""

    compatible: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class UpsetRate(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How often bits of this board's memory are expected to flip, and who says so."""

    rate_per_bit_day: Annotated[float, msgspec.Meta(ge=0, le=1)]
    source: str


class Heartbeat(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the controller expects of a healthy board, and how long a board may take to boot."""

    period_s: Positive
    timeout_s: Positive
    boot_s: Positive
    settle_s: Positive


class Supply(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The switch that feeds the board, as files like those of the kernel's GPIO and hwmon."""

    kind: Literal["sysfs", "none"]
    path: str
    off_s: Positive


class Scrub(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How often every protected page is read: one full pass each `pass_s`."""

    pass_s: Positive


class Inference(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of the inference worker; below `min_coverage` a model is never called protected."""

    threads: Annotated[int, msgspec.Meta(ge=1, le=64)]
    min_coverage: Annotated[float, msgspec.Meta(ge=0, le=1)]
    job_timeout_s: Positive
    ping_timeout_s: Positive
    start_timeout_s: Positive = 15.0  # first import of onnxruntime on a small board
    self_test_s: Positive = 10.0  # between two known-answer tests of the models
    provider: Literal["cpu", "cuda", "tensorrt"] = "cpu"  # the others serve without protection
    load_timeout_s: Positive = 60.0  # a 0.6 B language model takes 34 s to prove
    load_stall_s: Positive = 10.0  # without processor time, a load stands still


class Profile(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything flight software knows about the board it runs on or talks to."""

    name: str
    description: str
    use: Literal["bench", "flight"]
    evidence: Literal["assumed", "bench", "flight"]
    spacecraft: Spacecraft
    serial: Serial
    space_link: SpaceLink
    frequency: Frequency
    thermal: Thermal
    power: Power
    watchdog: Watchdog
    heartbeat: Heartbeat
    supply: Supply
    scrub: Scrub
    inference: Inference
    identity: Identity | None = None
    upsets: UpsetRate | None = None
    look_ahead: LookAhead | None = None  # without it the staircase governs alone
    emulated: dict[str, Any] | None = None
    rig: dict[str, Any] | None = None


def parse_profile(text: str, source: str) -> Profile:
    """Read a profile from YAML text; `source` is the file's name, for messages.

    Raises:
        ProfileError: with file, line and field, for bad YAML, an unknown or missing key, a value
            of the wrong type or out of range, or limits that cross.
    """
    profile = parse_section(text, source, Profile)
    for problem in _limit_problems(profile, source):
        raise ProfileError(problem)
    return profile


def parse_section(text: str, source: str, kind: type[T]) -> T:
    """Read YAML text strictly as `kind`, a msgspec structure.

    Raises:
        ProfileError: as `parse_profile`.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)  # noqa: TID251 the safe C loader
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist
        raise ProfileError(f"{source}: not valid YAML: {_one_line(error)}") from error
    for problem in _repeated_keys(tree, source):
        raise ProfileError(problem)
    if not isinstance(data, dict):
        raise ProfileError(f"{source}: expected `key: value` lines, found {_kind_of(data)}")
    try:
        return msgspec.convert(data, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ProfileError(_explain(str(error), source, tree, kind)) from error


def profile_problems(text: str, source: str) -> list[str]:
    """Everything that is wrong with a profile, each as `file:line: field: what`; empty if it is sound.

    What depends on several values is looked at only once each of them is right by itself.
    """
    data, found = section_problems(text, source, Profile)
    if not found:
        found = list(_limit_problems(msgspec.convert(data, Profile, strict=True), source))
    return found


def section_problems(text: str, source: str, kind: type) -> tuple[Any, list[str]]:
    """What YAML text holds, and everything that is wrong with it as `kind`, field by field.

    Each problem reads `file:line: field: what`; values are not checked against one another.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)  # noqa: TID251 the safe C loader
    except (yaml.YAMLError, ValueError) as error:
        return None, [f"{source}: not valid YAML: {_one_line(error)}"]
    if not isinstance(data, dict):
        return data, [f"{source}: expected `key: value` lines, found {_kind_of(data)}"]
    found = list(_repeated_keys(tree, source))
    found += [_explain(message, source, tree, kind) for message in _field_problems(data, kind, "$")]
    return data, found


def line_of(text: str, keys: list[str]) -> int:
    """Line (from 1) of the deepest of these nested keys that valid YAML text has."""
    return _line_of(yaml.compose(text, Loader=yaml.CSafeLoader), keys)


def _field_problems(data: dict[Any, Any], kind: type, path: str) -> Iterator[str]:
    """What msgspec says, but of every field by itself and not of the first wrong one alone."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in data:
        if name not in fields:
            yield f"Object contains unknown field `{name}` - at `{path}`"
    for name, field in fields.items():
        if name not in data:
            if field.required:
                yield f"Object missing required field `{name}` - at `{path}`"
            continue
        section = _section_of(field.type)
        if section is not None and isinstance(data[name], dict):
            yield from _field_problems(data[name], section, f"{path}.{name}")
            continue
        section = _section_of_each(field.type)
        if section is not None and isinstance(data[name], dict):
            for key, value in data[name].items():
                yield from _entry_problems(value, section, f"{path}.{name}.{key}")
            continue
        try:
            msgspec.convert(data[name], field.type, strict=True)
        except msgspec.ValidationError as error:
            text, _, inner = str(error).partition(" - at `$")
            yield f"{text} - at `{path}.{name}{inner.rstrip('`')}`"


def _section_of(kind: Any) -> type | None:
    """The section that a field holds, also where it may be left out."""
    if get_origin(kind) is dict:
        return None
    choices = (kind, *get_args(kind))
    return next(
        (one for one in choices if isinstance(one, type) and issubclass(one, Section)), None
    )


def _section_of_each(kind: Any) -> type | None:
    """The section that each entry of a mapping field holds."""
    return _section_of(get_args(kind)[1]) if get_origin(kind) is dict else None


def _entry_problems(value: Any, section: type, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _field_problems(value, section, path)
    else:
        yield f"Expected `object`, got {_kind_of(value)} - at `{path}`"


def _repeated_keys(node: yaml.Node | None, source: str) -> Iterator[str]:
    """YAML itself lets the last of two equal keys win in silence."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        if key.value in seen:
            yield f"{source}:{key.start_mark.line + 1}: {key.value}: given twice; keep one"
        seen.add(key.value)
        if value is not node:
            yield from _repeated_keys(value, source)


def _limit_problems(profile: Profile, source: str) -> Iterator[str]:
    thermal, levels = profile.thermal, profile.frequency.levels_mhz
    if not thermal.release_c < thermal.soft_limit_c < thermal.hard_limit_c:
        yield (
            f"{source}: thermal: limits cross: need release_c < soft_limit_c < hard_limit_c, "
            f"found {thermal.release_c} / {thermal.soft_limit_c} / {thermal.hard_limit_c}"
        )
    if list(levels) != sorted(set(levels)):
        yield f"{source}: frequency.levels_mhz: list each level once, slowest first"
    if profile.frequency.control == "nvpmodel" and len(profile.frequency.modes) != len(levels):
        yield f"{source}: frequency.modes: name one power mode for each level"
    low_s, high_s = profile.watchdog.range_s
    if not low_s <= profile.watchdog.timeout_s <= high_s:
        yield f"{source}: watchdog.timeout_s: this watchdog takes {low_s} to {high_s} s"
    believed = profile.look_ahead
    if believed is not None and len(believed.busy_w) != len(levels):
        raise ProfileError(
            f"{source}: look_ahead.busy_w: give one value for each of the {len(levels)} levels"
        )
    heartbeat = profile.heartbeat
    if heartbeat.timeout_s < 2 * heartbeat.period_s:
        yield f"{source}: heartbeat.timeout_s: give at least two periods"


def _explain(message: str, source: str, tree: yaml.Node | None, kind: type) -> str:
    """Turn msgspec's `… - at `$.a.b`` into `file:line: field: what`, with the nearest known key."""
    message = message.replace("Expected `str` - at `key` in", "A key that is no word - at")
    text, _, path = message.partition(" - at `$")
    keys = [key for key in path.rstrip("`").replace("[", ".[").split(".") if key]
    unknown = text.split("`")[1] if "unknown field" in text else None
    line = _line_of(tree, [*keys, unknown] if unknown else keys)
    field = ".".join([*keys, unknown] if unknown else keys).replace(".[", "[") or "top level"
    if unknown:
        text = "unknown key" + _suggestion(unknown, kind, keys)
    return f"{source}:{line}: {field}: {text[0].lower()}{text[1:]}"


def _suggestion(unknown: str, kind: type, keys: list[str]) -> str:
    each: type | None = None
    for key in keys:
        if each is not None:  # the key is a name of the file's own
            kind, each = each, None
            continue
        field = next((f for f in msgspec.structs.fields(kind) if f.name == key), None)
        inner = None if field is None else _section_of(field.type)
        each = None if field is None or inner is not None else _section_of_each(field.type)
        if inner is None and each is None:
            return "; remove it"
        kind = inner or kind
    known = [field.name for field in msgspec.structs.fields(kind)]
    near = difflib.get_close_matches(unknown, known, n=1)
    return f"; did you mean `{near[0]}`?" if near else f"; known keys: {', '.join(known)}"


def _line_of(node: yaml.Node | None, keys: list[str]) -> int:
    """Line (from 1) of the deepest node on the path that exists in the file."""
    line = 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pairs: Mapping[str, tuple[yaml.Node, yaml.Node]] = {
                k.value: (k, v) for k, v in node.value
            }
            if key not in pairs:
                break
            name, node = pairs[key]
            line = name.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and key.strip("[]").isdigit():
            index = int(key.strip("[]"))
            if index >= len(node.value):
                break
            node = node.value[index]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return where + str(getattr(error, "problem", None) or error).replace("\n", " ")


def _kind_of(data: object) -> str:
    return {type(None): "an empty file", list: "a list", str: "plain text"}.get(
        type(data), "a value"
    )
