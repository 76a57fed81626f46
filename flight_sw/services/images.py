"""Records of services as MessagePack: what comes back has the declared types, or is a DecodeError."""

from typing import TypeVar

import msgspec

from flight_sw.errors import DecodeError

T = TypeVar("T")


def read_image(image: bytes, kind: type[T]) -> T:
    """The stored state; DecodeError for anything but an image of just this kind."""
    try:
        return msgspec.msgpack.decode(image, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DecodeError("not readable") from error
