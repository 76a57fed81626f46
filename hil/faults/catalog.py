"""What can go wrong, as plain data: a fault says *what* and *when*; *where* is a fraction.

Fractions are mapped onto whatever memory exists at the moment of the injection, so that a plan can
be fixed before the flight, and the same plan means the same thing on every board.
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Annotated

import msgspec

Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Duration = Annotated[float, msgspec.Meta(ge=0, le=86_400)]


@unique
class FaultKind(StrEnum):
    """Fault classes of the emulated board; memory classes say which regions they may hit."""

    WEIGHT_FLIP = "weight-flip"  # one bit of a model's live weights
    WEIGHT_DOUBLE_FLIP = "weight-double-flip"  # two bits that a single-error code cannot mend
    WEIGHT_BURST = "weight-burst"  # `level` neighbouring bits (3 if 0): one particle, several cells
    CHECK_FLIP = "check-flip"  # one bit of the check bytes themselves
    CRC_FLIP = "crc-flip"  # one bit of the page checksums
    PARITY_FLIP = "parity-flip"  # one bit of the parity pages or of their checksums
    VOTE_FLIP = "vote-flip"  # one bit of one replica of a voted record
    VOTE_DOUBLE_FLIP = "vote-double-flip"  # the same bit of two replicas: the vote is wrong
    VOTE_TWO_BITS = "vote-two-bits"  # different bits of two replicas: the vote is still right
    PROFILE_FLIP = "profile-flip"  # one bit of a number of the controller's profile
    REGISTER_FLIP = "register-flip"  # one bit of a processor register, where a debugger reaches it
    WORKER_HANG = "worker-hang"
    WORKER_CRASH = "worker-crash"
    NODE_CRASH = "node-crash"
    BOARD_HANG = "board-hang"
    LATCH_UP = "latch-up"  # `level` amperes more on the supply, until it is cut
    HOT_MOUNT = "hot-mount"  # mount at `level` °C for `duration_s`
    LOAD = "load"  # `level` watts of other work for `duration_s`
    LINE_NOISE = "line-noise"  # bit error rate `level` both ways for `duration_s`
    LINE_CUT = "line-cut"  # nothing passes for `duration_s`
    UNPLUG = "unplug"  # the controller's port vanishes for `duration_s`


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault to inject.

    Args:
        id: number in its plan.
        at_s: time in the plan; who injects waits for it.
        place: where among all bits of the regions that this kind may hit.
        second: which of the possible partners a second bit has; unused by single flips.
        sticky: a board hang that survives a reset and ends only without power.
        level: strength, in the unit of its kind.
        duration_s: how long it lasts; 0 is until taken back.
    """

    id: int
    kind: FaultKind
    at_s: float = 0.0
    place: Fraction = 0.0
    second: Fraction = 0.0
    sticky: bool = False
    level: float = 0.0
    duration_s: Duration = 0.0


# Beginnings of the region names that each memory class may hit.
REGIONS_OF: dict[FaultKind, str] = {
    FaultKind.WEIGHT_FLIP: "weights:",
    FaultKind.WEIGHT_DOUBLE_FLIP: "weights:",
    FaultKind.WEIGHT_BURST: "weights:",
    FaultKind.CHECK_FLIP: "check:",
    FaultKind.CRC_FLIP: "crc:",
    FaultKind.PARITY_FLIP: "parity",
    FaultKind.VOTE_FLIP: "voted-",
    FaultKind.VOTE_TWO_BITS: "voted-",
    FaultKind.VOTE_DOUBLE_FLIP: "voted-",
    FaultKind.PROFILE_FLIP: "profile:",
}
