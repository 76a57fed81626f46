"""The pipe between node and worker: any bytes in any portions."""

from flight_sw.errors import DecodeError
from flight_sw.inference import worker_messages as w
from tests.fuzz.inputs import Input

SPEC = (w.TensorSpec("x", "float32", (1, 8)),)
MESSAGES = (
    w.Load("/live/1", 1), w.Run(1, 1, b"input"), w.SelfTest(1), w.Ping(7),
    w.Loaded(1, 1.0, 8, 8, SPEC, SPEC, 0, "1.31", True), w.LoadFailed(1, w.LoadFailure.DIGEST),
    w.Done(1, b"output", 0.1), w.Failed(1, w.RunFailure.SHAPE), w.SelfTested(1, True, 0), w.Pong(7),
)  # fmt: skip


def seeds() -> list[bytes]:
    """Every message in its frame, and all of them in portions."""
    frames = [w.encode(message) for message in MESSAGES]
    return [b"\0" + frame for frame in frames] + [b"\5" + b"".join(frames), b"\1" + frames[0][4:]]


def run(data: bytes) -> None:
    """Messages, or DecodeError."""
    given = Input(data)
    portion = given.byte()
    stream = given.rest()
    if portion & 1:  # a sound length, so that the body is what is looked at
        stream = len(stream).to_bytes(4, "little") + stream
    for decoder in (w.RequestDecoder(), w.ReplyDecoder()):
        for at in range(0, len(stream), portion or 4096):
            try:
                list(decoder.feed(stream[at : at + (portion or 4096)]))
            except DecodeError:
                break
