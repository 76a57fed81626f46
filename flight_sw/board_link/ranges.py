"""Ranges of what travels on the board link: numbers and words that fit the telemetry they end up in."""

from typing import Annotated

import msgspec

U8 = Annotated[int, msgspec.Meta(ge=0, le=0xFF)]
U32 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
Address = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
# A tick may be one before the first.
Tick = Annotated[int, msgspec.Meta(ge=-1, le=(1 << 63) - 1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
# What is left of a time; less than nothing, until somebody acts on it.
Left = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
# A part of a file; the channel carries messages of 1 MiB.
PartBytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 16)]
# Longer ones are cut for telemetry; this only keeps a mad board's within bounds.
TEXT_MAX = 1024
Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
Protection = Annotated[str, msgspec.Meta(pattern="^(none|standard|high|vote)\\Z")]
Tier = Annotated[str, msgspec.Meta(pattern="^(CORRECTED|REBUILT|CHECK_REPAIRED|LOST|RETIRED)\\Z")]
State = Annotated[
    str, msgspec.Meta(pattern="^(REFUSED|ON_TRIAL|CONFIRMED|ROLLED_BACK|KEPT|NO_TRIAL)\\Z")
]
TokenCount = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
Words = Annotated[str, msgspec.Meta(max_length=1 << 15)]  # of one part of an answer
