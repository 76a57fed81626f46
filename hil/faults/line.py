"""What a cable does to bytes: flip bits, lose bytes, pass nothing.

Pure but for its stream of chance. On a quiet line the cost is one comparison per chunk.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

BITS = 8
Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class LineNoise:
    """State of one direction: chance of each bit to flip, of each byte to vanish, or all gone."""

    bit_error_rate: Rate = 0.0
    drop_rate: Rate = 0.0
    cut: bool = False

    @property
    def quiet(self) -> bool:
        """True if every byte passes unchanged."""
        return not (self.bit_error_rate or self.drop_rate or self.cut)


def pass_through(data: bytes, noise: LineNoise, chance: np.random.Generator) -> bytes:
    """Return what arrives of `data`; may be shorter, never longer."""
    if noise.quiet or not data:
        return data
    if noise.cut:
        return b""
    values = np.frombuffer(data, dtype=np.uint8)
    if noise.bit_error_rate:
        hits = chance.random((len(values), BITS)) < noise.bit_error_rate
        values = values ^ np.packbits(hits, axis=1).ravel()
    if noise.drop_rate:
        values = values[chance.random(len(values)) >= noise.drop_rate]
    return values.tobytes()
