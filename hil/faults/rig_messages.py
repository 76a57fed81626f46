"""What rig and emulated board say to each other: one JSON object a line, `op` names the request.

A reply is `{"ok": true, "reply": …}` or `{"ok": false, "error": "one line"}`. Requests are read
strictly: an unknown key is an error, so that a typo never passes for "nothing to change".
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from flight_sw.profile import Celsius
from hil.emulator.plant import Amperes, Watts
from hil.faults.catalog import Fault
from hil.faults.line import Rate

MAX_LINE_BYTES = 65_536
MAX_LOG_RECORDS = 500  # in one reply; ask again with `since`


class Regions(msgspec.Struct, tag_field="op", tag="regions", forbid_unknown_fields=True):
    """Ask for the memory map that the node published."""


class Inject(msgspec.Struct, tag_field="op", tag="inject", forbid_unknown_fields=True):
    """Inject one fault now, whatever its `at_s` says."""

    fault: Fault


class Environment(msgspec.Struct, tag_field="op", tag="environment", forbid_unknown_fields=True):
    """Change what is given, leave the rest; the reply is what now holds."""

    mount_c: Celsius | msgspec.UnsetType = msgspec.UNSET
    extra_load_w: Watts | msgspec.UnsetType = msgspec.UNSET
    latch_up_a: Amperes | msgspec.UnsetType = msgspec.UNSET


class Plant(msgspec.Struct, tag_field="op", tag="plant", forbid_unknown_fields=True):
    """Ask for the true state of the board, which its own sensors only estimate."""


class Log(msgspec.Struct, tag_field="op", tag="log", forbid_unknown_fields=True):
    """Ask for injections from number `since` on."""

    since: int = 0


class Noise(msgspec.Struct, tag_field="op", tag="noise", forbid_unknown_fields=True):
    """Change the line; the reply is what now holds."""

    bit_error_rate: Rate | msgspec.UnsetType = msgspec.UNSET
    drop_rate: Rate | msgspec.UnsetType = msgspec.UNSET
    cut: bool | msgspec.UnsetType = msgspec.UNSET
    unplugged: bool | msgspec.UnsetType = msgspec.UNSET


class Verify(msgspec.Struct, tag_field="op", tag="verify", forbid_unknown_fields=True):
    """Look again at the bits of one injection: still flipped, or back as they were?"""

    number: int


Request = Regions | Inject | Environment | Plant | Log | Noise | Verify


@dataclass(frozen=True, slots=True)
class Hit:
    """One bit that was aimed at.

    Args:
        offset: bytes from the region's start.
        page: 4 KiB page within the region.
        before, after: the byte; equal if it did not land.
        reason: why it did not land; empty if it did.
    """

    region: str
    pid: int
    address: int
    offset: int
    page: int
    bit: int
    before: int
    after: int
    landed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Injected:
    """What became of one fault.

    Args:
        number: position in the board's log, from 0.
        monotonic_s: this machine's monotonic clock before the first bit was touched, comparable
            between processes; `utc_s` is the wall clock at the same moment.
        landed: every part of it was seen to take effect.
        reason: why it is void; empty if it landed.
        hits: for memory faults, the bits.
    """

    number: int
    fault: Fault
    monotonic_s: float
    utc_s: float
    landed: bool
    reason: str
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """What acts on the board now."""

    mount_c: float
    extra_load_w: float
    latch_up_a: float


@dataclass(frozen=True, slots=True)
class NoiseReport:
    """State of the line now."""

    bit_error_rate: float
    drop_rate: float
    cut: bool
    unplugged: bool


@dataclass(frozen=True, slots=True)
class PlantReport:
    """The true state of the board.

    Args:
        limit_mhz: clock limit that software set; `clock_mhz` is what the firmware left of it.
        busy_cores: load of node and worker, in cores.
        hung: a hang lasts that only a power cut ends.
        broken: a latch-up lasted too long, and nothing brings this board back.
        resets: starts beyond the first, whatever their cause.
        watchdog_left_s: until it bites; None while it is not armed.
        heat_s: scaled time that has passed for the physics.
        overrun_bytes: bytes lost because nobody took them.
        harmed_bytes: bytes that noise on the line changed or lost.
    """

    temp_c: float
    max_temp_c: float
    mount_c: float
    power_w: float
    current_a: float
    energy_j: float
    limit_mhz: float
    clock_mhz: float
    busy_cores: float
    throttled: int
    powered: bool
    hung: bool
    node_pid: int | None
    worker_pid: int | None
    boots: int
    resets: int
    reset_cause: str
    watchdog_left_s: float | None
    time_scale: float
    up_s: float
    heat_s: float
    to_board_bytes: int
    to_controller_bytes: int
    overrun_bytes: int
    broken: bool = False
    harmed_bytes: int = 0


def decode_request(line: bytes) -> Request:
    """Read one request.

    Raises:
        msgspec.DecodeError: not JSON, no such operation, a wrong or unknown field.
    """
    request: Request = msgspec.json.decode(line, type=Request)
    return request


def encode_reply(reply: Any) -> bytes:
    """Write one answer that is good news."""
    return msgspec.json.encode({"ok": True, "reply": reply}) + b"\n"


def encode_error(text: str) -> bytes:
    """Write one answer that is not."""
    return msgspec.json.encode({"ok": False, "error": text.replace("\n", " ")}) + b"\n"
