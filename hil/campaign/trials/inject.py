"""Doing a fault to a stack in virtual time: memory, processes, power, sensors, storage, clocks, lines.

Each way to strike is one function of `STRIKES`: it says why it did not land, or an empty text, and
undoes by itself what is meant to pass. The stack's software is reached from outside only: its memory by
address through /proc/self/mem, the rest through the devices around it.
"""

from collections.abc import Callable, Mapping
from math import copysign
from os import getpid
from typing import Final

from hil.campaign.residue import name_of
from hil.campaign.trials.boots import boot_loop, both_slots, hot_mount, profile_flip
from hil.campaign.trials.forgery import forged
from hil.campaign.trials.line_strikes import LINE_STRIKES
from hil.campaign.trials.stack import TrialStack
from hil.campaign.trials.strike import (
    CROWDED,
    Strike,
    between,
    is_free,
    lasting,
    place_of,
    until,
)
from hil.faults.catalog import Fault, FaultKind
from hil.faults.flip import flip_fault, state_of
from hil.faults.memory import flip_bit
from hil.faults.regions import Region, choose_bits

FLIPS: Final[Mapping[str, FaultKind]] = {
    "weight-flip": FaultKind.WEIGHT_FLIP,
    "weight-burst": FaultKind.WEIGHT_BURST,
    "stuck-bit": FaultKind.WEIGHT_FLIP,
    "check-flip": FaultKind.CHECK_FLIP,
    "crc-flip": FaultKind.CRC_FLIP,
    "parity-flip": FaultKind.PARITY_FLIP,
    "vote-flip": FaultKind.VOTE_FLIP,
    "vote-two-bits": FaultKind.VOTE_TWO_BITS,
    "vote-same-bit": FaultKind.VOTE_DOUBLE_FLIP,
}
BURST_LEAST, BURST_MOST = 2, 8
WAIT_S, WAIT_MAX_S = 0.05, 10.0  # for another fault of the batch to be mended and told
STUCK_EVERY_S = 0.05
STUCK_FOR_S = 4.5
LATCH_A = (2.2, 4.0)  # on top of some 0.5 A: above the limit of 2.5 A
SPIKE_K = 90.0
GARBAGE_C = (1e3, 1e6)  # of either sign, and nothing that a sensor could have read
Y2038_S = 2**31


def strike(stack: TrialStack, one: Strike) -> None:
    """Do it now; what became of it is in `one`."""
    now = stack.timeline.now_s
    one.at_s = one.ends_s = now
    one.due_s = min(one.due_s, now)
    stack.board.physics.advance_to(now)
    act = STRIKES.get(one.variant)
    if act is not None:
        one.void = act(stack, one)
    elif is_free_for(stack, one):
        one.void = flip(stack, one)
    elif now - one.due_s < WAIT_MAX_S:
        stack.timeline.call(now + WAIT_S, "strike", lambda _: strike(stack, one))
        return
    else:
        one.void = CROWDED
    one.struck, one.events_before = True, len(stack.notes.events)
    stack.wake()


def memory_map(stack: TrialStack) -> list[Region]:
    """Every named region of board and controller, weights limited to what the class computes with."""
    pid = getpid()
    regions: list[Region] = []
    node = stack.board.node
    if node is not None and stack.board.running:
        live = {f"weights:{model.region.name}": model.live for model in stack.board.models}
        regions += [
            Region(r.name, pid, r.address, r.length, live.get(r.name, ()))
            for r in node.memory_regions()
        ]
    if stack.controller_up:
        regions += [
            Region(r.name, pid, r.address, r.length) for r in stack.controller.memory_regions()
        ]
    return regions


def is_free_for(stack: TrialStack, one: Strike) -> bool:
    """Whether every other hit of the batch where this one is to strike was told of since."""
    if not one.others:
        return True
    bits = choose_bits(*_fault(stack, one))
    return all(is_free(stack, place, one.others) for place in {place_of(bit) for bit in bits})


def flip(stack: TrialStack, one: Strike) -> str:
    """Flip the bits of a memory fault."""
    fault, regions = _fault(stack, one)
    pages = {place_of(bit) for bit in choose_bits(fault, regions)}
    if pages & one.taken:
        return CROWDED
    one.taken |= pages
    void, one.hits = flip_fault(fault, regions)
    if one.variant == "stuck-bit" and not void:
        _keep_stuck(stack, one)
    return void


def _fault(stack: TrialStack, one: Strike) -> tuple[Fault, list[Region]]:
    """What to flip, and the regions that it is drawn from."""
    kind = FLIPS[one.variant]
    regions = memory_map(stack)
    if kind in (FaultKind.WEIGHT_FLIP, FaultKind.WEIGHT_BURST):
        computing = stack.kit.computing
        regions = [r for r in regions if name_of(r.name) in computing]
    level = float(BURST_LEAST + int(one.level * (BURST_MOST - BURST_LEAST + 1)))
    return Fault(one.number, kind, one.at_s, one.place, one.second, level=level), regions


def _keep_stuck(stack: TrialStack, one: Strike) -> None:
    """The cell falls back as soon as anybody has mended it."""
    one.ends_s = one.at_s + STUCK_FOR_S
    boots = stack.board.boots

    def fall_back(now: float) -> None:
        if now >= one.ends_s or stack.board.boots != boots or not stack.board.running:
            return
        for hit in one.hits:
            if state_of(hit) == "restored":
                flip_bit(hit.pid, hit.address, hit.bit)
        stack.timeline.call(now + STUCK_EVERY_S, "stuck", fall_back)

    stack.timeline.call(one.at_s + STUCK_EVERY_S, "stuck", fall_back)


def _board_hang(stack: TrialStack, one: Strike) -> str:
    board = stack.board
    if not board.running:
        return "board not running"
    board.hung, board.sticky = True, one.variant.endswith("sticky")
    boots = board.boots

    def bite(now: float) -> None:  # the board's own watchdog, which its software no longer feeds
        if board.hung and board.boots == boots:
            board.reset(now)
            stack.wake()

    stack.timeline.call(one.at_s + stack.kit.profile.watchdog.timeout_s, "watchdog", bite)
    return ""


def _node_crash(stack: TrialStack, one: Strike) -> str:
    if not stack.board.running:
        return "board not running"
    stack.board.crash(one.at_s)
    return ""


def _worker_hang(stack: TrialStack, _: Strike) -> str:
    worker = stack.board.worker
    if not stack.board.running or not worker.alive or worker.hung:
        return "worker not running"
    worker.hang(stack.timeline.now_s)
    return ""


def _worker_crash(stack: TrialStack, _: Strike) -> str:
    if not stack.board.running or not stack.board.worker.alive:
        return "worker not running"
    stack.board.worker.crash()
    return ""


def _latch_up(stack: TrialStack, one: Strike) -> str:
    physics = stack.board.physics
    if not physics.powered:
        return "board off"
    physics.latch_up_a = between(*LATCH_A, one.level)
    return ""


def _sensor(stack: TrialStack, one: Strike) -> str:
    board = stack.board
    if one.variant == "spike":
        left = 1 + int(one.second * 2)
        step_k = between(-SPIKE_K, SPIKE_K, one.level)

        def spike(_: float, temp_c: float | None) -> float | None:
            nonlocal left
            left -= 1
            if left < 0 or temp_c is None:
                return temp_c
            return temp_c + step_k

        board.sensor = spike
        return until(stack, one, 0.6, lambda: setattr(board, "sensor", None))
    held_c = board.physics.temp_c
    said: dict[str, float | None] = {
        "dead": None,
        "garbage": copysign(between(*GARBAGE_C, abs(2 * one.level - 1)), one.level - 0.5),
        "stuck": held_c,
    }
    board.sensor = lambda _now, _true: said[one.variant]
    return until(stack, one, lasting(2.0, 15.0, one.span), lambda: setattr(board, "sensor", None))


def _sensor_hang(stack: TrialStack, one: Strike) -> str:
    """The sensor's bus hangs, nothing is read at all, until the board starts anew or is given up."""
    board = stack.board
    if not board.running:
        return "board not running"
    board.sensor_hangs, boots = True, board.boots
    one.ends_s = float("inf")

    def look(now: float) -> None:
        if board.boots != boots or not board.physics.powered or one.ends_s != float("inf"):
            one.ends_s = min(one.ends_s, now)
        else:
            stack.timeline.call(now + 0.1, "sensor", look)

    look(one.at_s)
    return ""


def _storage(stack: TrialStack, one: Strike) -> str:
    stack.storage.refuses = one.variant
    stack.order("set-parameter", parameter="event_rate", value=20 + int(one.level * 10))
    if one.variant == "gone" and one.second < 0.5:
        stack.kill_controller()
        stack.restart_controller()
    undo: Callable[[], None] = lambda: setattr(stack.storage, "refuses", "")  # noqa: E731
    return until(stack, one, lasting(0.3, 6.0, one.span), undo)


def _clock(stack: TrialStack, one: Strike) -> str:
    if one.variant == "clock-stop":
        stack.clock_stopped_at_s = one.at_s
        undo: Callable[[], None] = lambda: setattr(stack, "clock_stopped_at_s", None)  # noqa: E731
        return until(stack, one, lasting(2.5, 8.0, one.span), undo)
    year_s = 366 * 86_400.0
    by_s = {
        "clock-jump": between(2.0, year_s, one.level**4),
        "clock-back": -between(2.0, year_s, one.level**4),
        "clock-2038": Y2038_S - stack.wall_s + between(-5.0, 5.0, one.level),
    }[one.variant]
    stack.clock_offset_s = by_s
    return until(
        stack, one, lasting(0.3, 6.0, one.span), lambda: setattr(stack, "clock_offset_s", 0.0)
    )


def _dip(stack: TrialStack, one: Strike) -> str:
    """The rail falls for a moment: the board starts anew, the switch is still closed."""
    if not stack.board.running:
        return "board not running"
    stack.board.reset(one.at_s)
    return ""


def _outage(stack: TrialStack, one: Strike) -> str:
    if not stack.board.physics.powered:
        return "board off"
    stack.board.physics.lock_out(locked=True)
    stack.board.fall()
    undo: Callable[[], None] = lambda: stack.board.physics.lock_out(locked=False)  # noqa: E731
    return until(stack, one, lasting(0.3, 3.0, one.span), undo)


STRIKES: Final[Mapping[str, Callable[[TrialStack, Strike], str]]] = {
    "board-hang": _board_hang,
    "board-hang-sticky": _board_hang,
    "node-crash": _node_crash,
    "worker-hang": _worker_hang,
    "worker-crash": _worker_crash,
    "latch-up": _latch_up,
    **LINE_STRIKES,
    "spike": _sensor,
    "dead": _sensor,
    "garbage": _sensor,
    "stuck": _sensor,
    "sensor-hang": _sensor_hang,
    "forged": forged,
    "full": _storage,
    "read-only": _storage,
    "gone": _storage,
    "clock-jump": _clock,
    "clock-back": _clock,
    "clock-2038": _clock,
    "clock-stop": _clock,
    "dip": _dip,
    "outage": _outage,
    "profile-flip": profile_flip,
    "both-slots": both_slots,
    "boot-loop": boot_loop,
    "hot-mount": hot_mount,
}
