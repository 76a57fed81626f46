"""Messages of the board link: msgspec structures, MessagePack on the wire.

The first group goes from controller to node, the second from node to controller. Times are seconds,
temperatures degrees Celsius. `tick` is the node's scrub counter: pages checked since it booted.
"""

import msgspec

from flight_sw.errors import DecodeError


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Anything that travels on the board link."""


class Order(Message, frozen=True):
    """Controller to node: where the board should be; repeated as a note, so a lost one heals."""

    level: int
    scrub_enabled: bool
    scrub_pass_s: float


class SubmitJob(Message, frozen=True):
    """Run the model in `slot` on `input`, raw little-endian tensor bytes, in a protection class."""

    job: int
    attempt: int
    slot: int
    input: bytes
    protection: str


class CancelJob(Message, frozen=True):
    """Forget a job that is waiting on the node."""

    job: int


class RestartWorker(Message, frozen=True):
    """Restart the inference worker."""


class ScrubNow(Message, frozen=True):
    """Check every protected page once, at once; answered by ScrubDone with the same number."""

    request: int


class ReadRegion(Message, frozen=True):
    """Read bytes of a named memory region; answered by RegionData or RegionRefused."""

    name: str
    offset: int
    length: int


class CheckRegion(Message, frozen=True):
    """Sum up bytes of a named memory region; answered by RegionChecked or RegionRefused."""

    name: str
    offset: int
    length: int


class MendRegion(Message, frozen=True):
    """Scrub a named region now, or rebuild it from its golden copy; answered by RegionMended."""

    name: str
    rebuild: bool


class OfferUpdate(Message, frozen=True):
    """A model update for a slot is ready; the node asks for its parts with WantPart.

    `digest` is its SHA-256; installed, it stays `confirm_s` seconds on trial.
    """

    update: int
    slot: int
    size: int
    digest: bytes
    confirm_s: float


class UpdatePart(Message, frozen=True):
    """Answer to WantPart; without data: there is no such update any more."""

    update: int
    offset: int
    data: bytes


class SettleTrial(Message, frozen=True):
    """End the trial in a slot: keep what is on trial, or put back what was there before."""

    slot: int
    keep: bool


class Identity(Message, frozen=True):
    """The first message of a node's session."""

    board: str
    serial_number: str
    boots: int
    slots: int


class ModelReady(Message, frozen=True):
    """A model is loaded; `protected` only if enough of its weights were proven live.

    `classes` are the protection classes that it can keep.
    """

    slot: int
    name: str
    coverage: float
    protected: bool
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    digest: str
    classes: tuple[str, ...]


class ModelRefused(Message, frozen=True):
    """A model did not load."""

    slot: int
    why: str


class ModelGone(Message, frozen=True):
    """The model in a slot is being replaced: ModelReady or ModelRefused follows, if it `returns`."""

    slot: int
    returns: bool


class WantPart(Message, frozen=True):
    """The node is ready for this part of an update."""

    update: int
    offset: int
    length: int


class UpdateTold(Message, frozen=True):
    """Where an update or a trial stands; `state` is one of `dictionary.service_reports.UPDATE_STATES`.

    `reason` is a value of `inference.worker_messages.UpdateFailure`, or empty.
    """

    slot: int
    state: str
    reason: str
    detail: str
    left_s: float


class Heartbeat(Message, frozen=True):
    """A note, several a second: the node lives, and this is how it feels. None: no fresh reading."""

    sequence: int
    temp_c: float | None
    power_w: float | None
    frequency_mhz: float | None
    level: int
    worker_up: bool
    tick: int


class JobResult(Message, frozen=True):
    """A model's answer; it may be withdrawn until a Clean with a tick not below `tick_end`."""

    job: int
    attempt: int
    output: bytes
    elapsed_s: float
    tick_start: int
    tick_end: int


class JobRefused(Message, frozen=True):
    """A job ended without an answer; `reason` is a name of `dictionary.reason.Reason`."""

    job: int
    attempt: int
    reason: str


class PageHit(Message, frozen=True):
    """The scrubber found damage at `found_tick`; answers given from `since_tick` on are suspect.

    Only jobs of these protection classes compute with that region.
    """

    region: str
    slot: int
    page: int
    tier: str
    bits: int
    since_tick: int
    found_tick: int
    classes: tuple[str, ...]


class Clean(Message, frozen=True):
    """Every page of the slot's model was found clean after each answer up to `tick`."""

    slot: int
    tick: int


class ScrubDone(Message, frozen=True):
    """Answer to ScrubNow."""

    request: int
    pages: int


class WorkerRestarted(Message, frozen=True):
    """The inference worker was started again."""

    why: str


class VoteRepaired(Message, frozen=True):
    """A voted record of the node was outvoted and repaired; `lost` if even the vote was wrong."""

    record: str
    bits: int
    lost: bool


class Region(Message, frozen=True):
    """One line of the node's memory map."""

    name: str
    address: int
    length: int


class RegionData(Message, frozen=True):
    """Answer to ReadRegion."""

    name: str
    offset: int
    data: bytes


class RegionChecked(Message, frozen=True):
    """Answer to CheckRegion; `crc` is CRC-32C."""

    name: str
    offset: int
    length: int
    crc: int


class RegionMended(Message, frozen=True):
    """Answer to MendRegion: pages looked at, and how many of them were not clean."""

    name: str
    pages: int
    hits: int


class RegionRefused(Message, frozen=True):
    """There is no such region, or the range leaves it, or it cannot be mended now."""

    name: str


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
    | JobResult
    | JobRefused
    | PageHit
    | Clean
    | ScrubDone
    | WorkerRestarted
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
