"""Ways to strike a board behind a real port, and which fault classes can be sampled on it at all.

The rig reaches into an emulated board by its rig port and cuts any board's power by its hook. What it
cannot reach is refused by name before the first fault; a single way that it cannot do is void.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from flight_sw.errors import UserError
from hil.campaign.trials.draw import Drawn
from hil.campaign.trials.strike import between
from hil.faults.catalog import Fault, FaultKind
from hil.faults.classes import CATALOG, FaultClass
from hil.faults.rig_client import RigClient
from hil.faults.rig_messages import Injected
from hil.rig.inventory import BoardEntry
from hil.rig.running import RunningBoard

BURST = (2, 8)  # neighbouring bits
LATCH_A = (2.2, 4.0)  # as on the stack bench
NOISE_S = (0.2, 4.0)
# By way: what the rig port is asked for, and whether only the loss of power ends it.
BY_HAND: Final[Mapping[str, tuple[FaultKind, bool]]] = {
    "weight-flip": (FaultKind.WEIGHT_FLIP, False),
    "weight-burst": (FaultKind.WEIGHT_BURST, False),
    "check-flip": (FaultKind.CHECK_FLIP, False),
    "crc-flip": (FaultKind.CRC_FLIP, False),
    "parity-flip": (FaultKind.PARITY_FLIP, False),
    "vote-flip": (FaultKind.VOTE_FLIP, False),
    "vote-two-bits": (FaultKind.VOTE_TWO_BITS, False),
    "worker-hang": (FaultKind.WORKER_HANG, False),
    "worker-crash": (FaultKind.WORKER_CRASH, False),
    "node-crash": (FaultKind.NODE_CRASH, False),
    "board-hang": (FaultKind.BOARD_HANG, False),
    "board-hang-sticky": (FaultKind.BOARD_HANG, True),
}
LINE: Final[Mapping[str, Callable[[float], dict[str, float]]]] = {
    "board-noise": lambda level: {"bit_error_rate": 2e-2 * 10 ** between(-1.0, 0.0, level)},
    "board-loss": lambda level: {"drop_rate": 0.3 * 10 ** between(-1.0, 0.0, level)},
    "line-cut": lambda _: {"cut": True},
}
QUIET: Final = {"bit_error_rate": 0.0, "drop_rate": 0.0, "cut": False}
OUTAGE = "outage"
BOOT_S, LOOK_S = 10.0, 0.1
CUTS_MAX = 3


@dataclass(frozen=True, slots=True)
class Struck:
    """What became of a strike; `injected` where the rig port flipped or stopped something."""

    void: str = ""
    injected: Injected | None = None


def ways_of(entry: BoardEntry) -> frozenset[str]:
    """Every way that this board can be struck in."""
    ways = {OUTAGE} if entry.is_emulated or entry.section.power is not None else set()
    if entry.is_emulated:
        ways |= {*BY_HAND, *LINE, "latch-up"}
    return frozenset(ways)


def check_reach(entry: BoardEntry, classes: tuple[FaultClass, ...]) -> None:
    """See that every class has a way on this board.

    Raises:
        UserError: names the class and those that can be had.
    """
    ways = ways_of(entry)
    possible = [one.value for one in FaultClass if ways & set(CATALOG[one].variants)]
    for fault in classes:
        if fault.value not in possible:
            raise UserError(
                f"--fault {fault.value}: cannot be injected on board {entry.name}: the rig has no "
                f"way to reach it; possible there: {', '.join(possible) or 'none'}"
            )


def strike(board: RunningBoard, drawn: Drawn) -> Struck:
    """Do it now; returns when its cause is over, except where power has to end it."""
    way, hand = drawn.variants[0], board.hand
    if way not in ways_of(board.entry):
        return Struck(f"{way}: the rig has no injector for it on this board")
    if way == OUTAGE:
        return _cut(board, hand)
    if hand is None:
        return Struck("no rig port")
    if way in BY_HAND:
        done = hand.inject(_fault(drawn, way))
        return Struck(done.reason if not done.landed else "", done)
    if way == "latch-up":
        if not hand.plant().powered:
            return Struck("latch-up: no power on the board")
        hand.environment(latch_up_a=between(*LATCH_A, drawn.level[0]))
        return Struck()
    return _disturb(hand, LINE[way](drawn.level[0]), between(*NOISE_S, drawn.span[0]))


def _fault(drawn: Drawn, way: str) -> Fault:
    kind, sticky = BY_HAND[way]
    level = float(BURST[0] + int(drawn.level[0] * (BURST[1] - BURST[0] + 1)))
    return Fault(
        drawn.index,
        kind,
        place=drawn.place[0],
        second=drawn.second[0],
        sticky=sticky,
        level=level if kind is FaultKind.WEIGHT_BURST else 0.0,
    )


def _cut(board: RunningBoard, hand: RigClient | None) -> Struck:
    """Without a rig port the hook's word counts, and the judge wants the outage told.

    The controller closes an open switch within a tenth of a second: on a busy computer the emulator
    may not have looked at it meanwhile, and then the cut is made again.
    """
    if hand is None:
        board.power_cycle()
        return Struck()
    boots = hand.plant().boots
    for _ in range(CUTS_MAX):
        board.power_cycle()
        if _starts_anew(hand, boots):
            return Struck()
    return Struck("outage: the board did not start anew")


def _starts_anew(hand: RigClient, boots: int) -> bool:
    end_s = time.monotonic() + BOOT_S
    while hand.plant().boots == boots:
        if time.monotonic() > end_s:
            return False
        time.sleep(LOOK_S)
    return True


def _disturb(hand: RigClient, changes: dict[str, float], span_s: float) -> Struck:
    harmed = hand.plant().harmed_bytes
    hand.noise(**changes)
    try:
        time.sleep(span_s)
    finally:
        hand.noise(**QUIET)
    landed = hand.plant().harmed_bytes > harmed
    return Struck("" if landed else "the noise met no byte on the line")
