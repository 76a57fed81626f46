"""Messages of the board link: msgspec structures, MessagePack on the wire.

The first group goes from controller to node, the second from node to controller. Times are seconds,
temperatures degrees Celsius. `tick` is the node's scrub counter: pages checked since it booted.

Nearly every number has its range here: the board is a computer that radiation hits, and whatever it says
must fit the telemetry that it ends up in. What does not fit is no message.
"""

from typing import Annotated, Literal

import msgspec

from flight_sw.board_link.health import BoardHealth
from flight_sw.board_link.message import Message as Message  # noqa: PLC0414 known from here
from flight_sw.board_link.ranges import (
    U8,
    U32,
    Address,
    Left,
    PartBytes,
    Protection,
    Seconds,
    Share,
    State,
    Text,
    Tick,
    Tier,
    TokenCount,
    Words,
)
from flight_sw.errors import DecodeError


class Order(Message, frozen=True):
    """Controller to node: where the board should be; repeated as a note, so a lost one heals."""

    level: U8
    scrub_enabled: bool
    scrub_pass_s: Annotated[float, msgspec.Meta(ge=0.01, le=1e6)]


class SubmitJob(Message, frozen=True):
    """Run the model in `slot` on `input`, raw little-endian tensor bytes, in a protection class.

    With `is_text` the input is an encoded `inference.talk.AskInput`, answered within `within_s`.
    """

    job: U32
    attempt: U8
    slot: U8
    input: bytes
    protection: Protection
    is_text: bool = False
    within_s: Seconds = 0.0


class CancelJob(Message, frozen=True):
    """Forget a job that is waiting on the node, and end an answer in words that is on its way."""

    job: U32


class RestartWorker(Message, frozen=True):
    """Restart the inference worker."""


class ScrubNow(Message, frozen=True):
    """Check every protected page once, at once; answered by ScrubDone with the same number."""

    request: Address


class ReadRegion(Message, frozen=True):
    """Read bytes of a named memory region; answered by RegionData or RegionRefused."""

    name: Text
    offset: U32
    length: U32


class CheckRegion(Message, frozen=True):
    """Sum up bytes of a named memory region; answered by RegionChecked or RegionRefused."""

    name: Text
    offset: U32
    length: U32


class MendRegion(Message, frozen=True):
    """Scrub a named region now, or rebuild it from its golden copy; answered by RegionMended."""

    name: Text
    rebuild: bool


class OfferUpdate(Message, frozen=True):
    """A model update for a slot is ready; the node asks for its parts with WantPart.

    `digest` is its SHA-256; installed, it stays `confirm_s` seconds on trial.
    """

    update: U32
    slot: U8
    size: U32
    digest: bytes
    confirm_s: Seconds


class UpdatePart(Message, frozen=True):
    """Answer to WantPart; without data: there is no such update any more."""

    update: U32
    offset: U32
    data: bytes


class SettleTrial(Message, frozen=True):
    """End the trial in a slot: keep what is on trial, or put back what was there before."""

    slot: U8
    keep: bool


class Identity(Message, frozen=True):
    """The first message of a node's session; `cause` is why boot number `boots` came about."""

    board: Text
    serial_number: Text
    boots: U32
    slots: U8
    cause: Text = "unknown"


class ModelReady(Message, frozen=True):
    """A model is loaded; `protected` only if enough of its weights were proven live.

    `classes` are the protection classes that it can keep. A language model (`is_text`) takes questions
    of at most `input_bytes`.
    """

    slot: U8
    name: Text
    coverage: Share
    protected: bool
    weight_bytes: U32
    input_bytes: U32
    output_bytes: U32
    digest: Text
    classes: tuple[Protection, ...]
    is_text: bool = False
    kept: Literal["scrubbed", "proven only", "engine: canary only"] = "scrubbed"


class ModelRefused(Message, frozen=True):
    """A model did not load."""

    slot: U8
    why: Text


class ModelGone(Message, frozen=True):
    """The model in a slot is being replaced: ModelReady or ModelRefused follows, if it `returns`."""

    slot: U8
    returns: bool


class WantPart(Message, frozen=True):
    """The node is ready for this part of an update."""

    update: U32
    offset: U32
    length: PartBytes


class UpdateTold(Message, frozen=True):
    """Where an update or a trial stands; `state` is one of `dictionary.service_reports.UPDATE_STATES`.

    `reason` is a value of `inference.worker_messages.UpdateFailure`, or empty.
    """

    slot: U8
    state: State
    reason: Text
    detail: Text
    left_s: Left


class Heartbeat(Message, frozen=True):
    """A note, several a second: the node lives, and this is how it feels. None: no fresh reading.

    Readings have no range: a mad sensor must not make its board look dead. `at_rest`: since the last
    beat the worker was there and neither loaded, ran, tested nor rehearsed anything.
    """

    sequence: Address
    temp_c: float | None
    power_w: float | None
    frequency_mhz: float | None
    level: U8
    at_rest: bool
    tick: Address


class JobResult(Message, frozen=True):
    """A model's answer; it may be withdrawn until a Clean with a tick not below `tick_end`.

    `digest` names the bytes that computed it, guards included. Of an answer in words: tokens, time to
    the first, and why it ended.
    """

    job: U32
    attempt: U8
    output: bytes
    elapsed_s: Seconds
    tick_start: Tick
    tick_end: Tick
    digest: Text = ""
    tokens: TokenCount = 0
    prefill_s: Seconds = 0.0
    ended: Literal["", "end", "tokens", "deadline"] = ""


class AnswerPart(Message, frozen=True):
    """The next words of an answer on its way, from token number `first` on."""

    job: U32
    attempt: U8
    first: TokenCount
    text: Words


class JobRefused(Message, frozen=True):
    """A job ended without an answer; `reason` is a name of `dictionary.reason.Reason`."""

    job: U32
    attempt: U8
    reason: Text


class PageHit(Message, frozen=True):
    """The scrubber found damage at `found_tick`; answers given from `since_tick` on are suspect.

    Only jobs of these protection classes compute with that region.
    """

    region: Text
    slot: U8
    page: U32
    tier: Tier
    bits: U32
    since_tick: Tick
    found_tick: Tick
    classes: tuple[Protection, ...]


class Clean(Message, frozen=True):
    """Every page of the slot's model was found clean after each answer up to `tick`."""

    slot: U8
    tick: Tick


class ScrubDone(Message, frozen=True):
    """Answer to ScrubNow."""

    request: Address
    pages: U32


class WorkerRestarted(Message, frozen=True):
    """The inference worker was started again."""

    why: Text


class GoldenMended(Message, frozen=True):
    """Shards of a golden copy on storage were damaged: `mended` of them are whole again.

    With `why`, too few were left: the next damage to live weights may be for good.
    """

    slot: U8
    mended: U8
    why: Text = ""


class VoteRepaired(Message, frozen=True):
    """A voted record of the node was outvoted and repaired; `lost` if even the vote was wrong."""

    record: Text
    bits: U32
    lost: bool


class Region(Message, frozen=True):
    """One line of the node's memory map."""

    name: Text
    address: Address
    length: U32


class RegionData(Message, frozen=True):
    """Answer to ReadRegion."""

    name: Text
    offset: U32
    data: bytes


class RegionChecked(Message, frozen=True):
    """Answer to CheckRegion; `crc` is CRC-32C."""

    name: Text
    offset: U32
    length: U32
    crc: U32


class RegionMended(Message, frozen=True):
    """Answer to MendRegion: pages looked at, and how many of them were not clean."""

    name: Text
    pages: U32
    hits: U32


class RegionRefused(Message, frozen=True):
    """There is no such region, or the range leaves it, or it cannot be mended now."""

    name: Text


ToNode = (
    Order
    | SubmitJob
    | CancelJob
    | RestartWorker
    | ScrubNow
    | ReadRegion
    | CheckRegion
    | MendRegion
    | OfferUpdate
    | UpdatePart
    | SettleTrial
)
ToController = (
    Identity
    | ModelReady
    | ModelRefused
    | ModelGone
    | WantPart
    | UpdateTold
    | Heartbeat
    | BoardHealth
    | JobResult
    | AnswerPart
    | JobRefused
    | PageHit
    | Clean
    | ScrubDone
    | WorkerRestarted
    | GoldenMended
    | VoteRepaired
    | Region
    | RegionData
    | RegionChecked
    | RegionMended
    | RegionRefused
)

_ENCODER = msgspec.msgpack.Encoder()
_TO_NODE: msgspec.msgpack.Decoder[ToNode] = msgspec.msgpack.Decoder(ToNode)
_TO_CONTROLLER: msgspec.msgpack.Decoder[ToController] = msgspec.msgpack.Decoder(ToController)


def encode(message: Message) -> bytes:
    """MessagePack bytes of a message."""
    return _ENCODER.encode(message)


def decode_for_node(data: bytes) -> ToNode:
    """A message from the controller; DecodeError if it is none."""
    try:
        return _TO_NODE.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DecodeError(f"not a message to the node: {error}") from error


def decode_for_controller(data: bytes) -> ToController:
    """A message from the node; DecodeError if it is none."""
    try:
        return _TO_CONTROLLER.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DecodeError(f"not a message to the controller: {error}") from error
