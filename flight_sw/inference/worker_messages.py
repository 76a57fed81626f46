"""What the node and its inference worker say to each other over a pipe, and the codec for it.

The worker is a process of its own because onnxruntime fed with flipped bits can crash, hang or eat
memory. The pipe between them is private to one machine, so it needs no checksum; but the worker's
end may die in the middle of a message, so the decoder is incremental and bounded.

A frame is a 4-byte little-endian length and that many bytes of msgpack (a tagged map).
"""

import struct
from collections.abc import Iterator
from enum import Enum, unique
from typing import Literal

import msgspec

from flight_sw.errors import DecodeError

MAX_MESSAGE_BYTES = (
    16 << 20
)  # an ImageNet-sized fp32 input is 0.6 MB; the largest text logits are 2 MB
MAX_SLOTS = 16  # models that can be loaded or stored at once, numbered 1 to 16
MAX_LOADED = 5 * MAX_SLOTS  # each with its guarded forms and copies
_LENGTH = struct.Struct("<I")


@unique
class RunFailure(Enum):
    """Why the worker gave no output for a job."""

    NO_MODEL = "no_model"  # nothing is loaded in that slot
    SHAPE = "shape"  # the input has another size than the model declares
    BAD_INPUT = "bad_input"  # the input holds NaN or infinity
    NONFINITE = "nonfinite"  # the output holds NaN or infinity: suspect the weights
    CHECKSUM = "checksum"  # a guarded layer's sums disagree: suspect the weights
    RUNTIME = "runtime"  # onnxruntime raised
    EMPTY_PROMPT = "empty_prompt"
    PROMPT_TOO_LONG = "prompt_too_long"
    NO_TEXT = (
        "no_text"  # a question to a model that takes tensors, or a tensor to one that takes text
    )
    CANCELLED = "cancelled"


@unique
class LoadFailure(Enum):
    """Why a compiled model was not taken into a slot."""

    FILES = "files"  # a file of the compiled model is missing or unreadable
    DIGEST = "digest"  # weights or graph differ from the manifest: restore them first
    VERSION = "version"  # compiled for another onnxruntime
    CPU = "cpu"  # compiled for another instruction set
    LAYOUT = "layout"  # a blob is misaligned, empty or outside the file
    RUNTIME = "runtime"  # onnxruntime raised


@unique
class UpdateFailure(Enum):
    """Why a model update is refused; the active model stays."""

    EMPTY = "empty"  # no bytes were uploaded
    TOO_LARGE = "too_large"  # uploaded or unpacked
    FORMAT = "format"  # not an update file
    DIGEST = "digest"  # files differ from their manifest, or the upload from its digest
    EXTERNAL_DATA = "external_data"  # the graph points at files other than its own weights
    SHAPE = "shape"  # takes or answers other tensors than the model it replaces
    MACHINE = "machine"  # compiled for another onnxruntime or processor
    RUNTIME = "runtime"  # onnxruntime refuses it
    ANSWER = "answer"  # the known input gives another answer
    UNPROTECTED = "unprotected"  # too little of its weights is proven live
    CRASHED = "crashed"  # the worker died or hung on it
    STORAGE = "storage"  # the board cannot store it
    BUSY = "busy"  # another update is under way, or a model is on trial there
    INTERRUPTED = "interrupted"  # board or controller restarted on the way


class TensorSpec(msgspec.Struct, frozen=True):
    """One input or output: its name, numpy dtype name and fixed shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Node to worker: load and prove the compiled model staged in `model_dir`.

    The proof writes to the weights and restores them, so the node must neither scrub nor damage
    that slot until `Loaded` or `LoadFailed` arrives.
    """

    model_dir: str
    slot: int


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Node to worker: run one job; `input` is all inputs' little-endian bytes, one after the
    other.
    """

    job_id: int
    slot: int
    input: bytes


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Node to worker: answer a question, `input` being an encoded AskInput; pieces come as they do.

    After `within_s` the answer ends where it is.
    """

    job_id: int
    slot: int
    input: bytes
    within_s: float


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Node to worker: end the answer of that job now."""

    job_id: int


class SelfTest(msgspec.Struct, frozen=True, tag="self_test"):
    """Node to worker: run the known input of a slot and look at its mapping."""

    slot: int


class Rehearse(msgspec.Struct, frozen=True, tag="rehearse"):
    """Node to worker: unpack the update in `file` into `folder`, check it, prove it, try it once.

    `active_dir` holds the model that it would replace; empty for none.
    """

    update: int
    file: str
    folder: str
    active_dir: str
    min_coverage: float


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Node to worker: answer with the same number."""

    n: int


# How weights are kept right: pages that are scrubbed; device buffers that were only proven live; an
# engine with weights of its own, of which a known answer is all there is.
Kept = Literal["scrubbed", "proven only", "engine: canary only"]
EndWord = Literal["", "end", "tokens", "deadline"]


class Talk(msgspec.Struct, frozen=True):
    """How an answer in words went: its tokens, the time to the first, why it ended (text.Ended)."""

    tokens: int
    prefill_s: float
    ended: EndWord


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """Worker to node: the slot is ready; `coverage` is the proven-live share of its weight
    bytes.
    """

    slot: int
    coverage: float
    live_bytes: int
    total_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    private_dirty_kib: int
    onnxruntime: str
    protectable: bool
    dead: tuple[str, ...] = ()
    is_text: bool = False
    kept: Kept = "scrubbed"


class LoadFailed(msgspec.Struct, frozen=True, tag="load_failed"):
    """Worker to node: the slot is empty now, with the reason and one line for people."""

    slot: int
    reason: LoadFailure
    detail: str = ""


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Worker to node: all outputs' little-endian bytes in declared order; time of `run()` alone."""

    job_id: int
    output: bytes
    elapsed_s: float
    talk: Talk | None = None


class Piece(msgspec.Struct, frozen=True, tag="piece"):
    """Worker to node: the next part of an answer, from token number `first` on."""

    job_id: int
    first: int
    text: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Worker to node: no output for that job."""

    job_id: int
    reason: RunFailure
    detail: str = ""


class SelfTested(msgspec.Struct, frozen=True, tag="self_tested"):
    """Worker to node: whether the known answer came back bit for bit, and pages split off the file."""

    slot: int
    is_same: bool
    private_dirty_kib: int


class Rehearsed(msgspec.Struct, frozen=True, tag="rehearsed"):
    """Worker to node: the update would work, or why not."""

    update: int
    reason: UpdateFailure | None = None
    detail: str = ""


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """Worker to node: alive and reading its pipe."""

    n: int


Request = Load | Run | Ask | Stop | SelfTest | Rehearse | Ping
Reply = Loaded | LoadFailed | Done | Piece | Failed | SelfTested | Rehearsed | Pong

_ENCODER = msgspec.msgpack.Encoder()


def encode(message: Request | Reply) -> bytes:
    """One frame, ready for the pipe; raises ValueError above `MAX_MESSAGE_BYTES` (a caller's
    bug).
    """
    body = _ENCODER.encode(message)
    if len(body) > MAX_MESSAGE_BYTES:
        raise ValueError(f"message of {len(body)} bytes exceeds {MAX_MESSAGE_BYTES}")
    return _LENGTH.pack(len(body)) + body


class RequestDecoder:
    """Takes pipe bytes in any portions and gives the requests that are complete."""

    def __init__(self) -> None:
        self._frames = _Frames()
        self._decoder: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)

    def feed(self, data: bytes) -> Iterator[Request]:
        """Yield complete requests; DecodeError means the pipe is useless and the peer must
        restart.
        """
        for body in self._frames.feed(data):
            try:
                message = self._decoder.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DecodeError(f"worker request: {error}") from error
            yield message


class ReplyDecoder:
    """Takes pipe bytes in any portions and gives the replies that are complete."""

    def __init__(self) -> None:
        self._frames = _Frames()
        self._decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Yield complete replies; DecodeError means the pipe is useless and the worker must
        restart.
        """
        for body in self._frames.feed(data):
            try:
                message = self._decoder.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DecodeError(f"worker reply: {error}") from error
            yield message


class _Frames:
    """Cuts the byte stream at the length prefixes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_MESSAGE_BYTES:
                raise DecodeError(f"worker frame of {length} bytes exceeds {MAX_MESSAGE_BYTES}")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield body
