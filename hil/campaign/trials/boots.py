"""Faults of a payload as a whole: its profile, its records, boots that fail, too much heat."""

from collections.abc import Iterator
from os import getpid

import msgspec

from hil.campaign.trials.stack import RESTART_S, TrialStack
from hil.campaign.trials.strike import CROWDED, Strike, between
from hil.faults.catalog import Fault, FaultKind
from hil.faults.flip import flip_fault
from hil.faults.regions import Region, choose_bits
from hil.kernel import stream

FLOAT_AT, FLOAT_BYTES = 16, 8  # of a CPython float: its value follows count and type
CRASHES = (2, 6)  # after the boot that is cut short first
CRASH_AFTER_S = (0.2, 3.0)
MOUNT_C = (40.0, 42.0)  # with the load below, the firmware alone would not hold the die
LOAD_CORES = (3.6, 4.0)
HOT_FOR_S = (400.0, 600.0)
HOLD_EVERY_S = 5.0


def profile_flip(stack: TrialStack, one: Strike) -> str:
    """One bit of one number of the controller's profile."""
    if not stack.controller_up:
        return "controller not running"
    numbers = list(numbers_of(stack.profile_in_use, "profile"))
    one.kept = stack.profile_in_use
    fault = Fault(one.number, FaultKind.PROFILE_FLIP, one.at_s, one.place, one.second)
    places = {(bit.region.name, 0) for bit in choose_bits(fault, numbers)}
    if places & one.taken:
        return CROWDED
    one.taken |= places
    void, one.hits = flip_fault(fault, numbers)
    return void


def numbers_of(value: object, name: str) -> Iterator[Region]:
    """Where each number of a profile lies; whole numbers are shared by Python and left alone."""
    if isinstance(value, float):
        yield Region(name, getpid(), id(value) + FLOAT_AT, FLOAT_BYTES)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from numbers_of(item, f"{name}:{index}")
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from numbers_of(getattr(value, field), f"{name}:{field}")


def both_slots(stack: TrialStack, one: Strike) -> str:
    """The controller dies, and of one record both copies rot before it boots again."""
    names = sorted({name.rpartition(".")[0] for name in stack.storage.blobs})
    if not names:
        return "nothing stored"
    name = names[int(one.place * len(names))]
    chance = stream(int(one.second * 2**31), "rot")
    slots = [slot for slot in stack.storage.blobs if slot.rpartition(".")[0] == name]
    for slot in slots:
        held = bytearray(stack.storage.blobs[slot])
        if held:
            held[int(chance.integers(len(held)))] ^= 1 << int(chance.integers(8))
            stack.storage.blobs[slot] = bytes(held)
    one.place_name = name
    stack.kill_controller()
    stack.restart_controller()
    return ""


def boot_loop(stack: TrialStack, one: Strike) -> str:
    """The controller dies again and again, each time soon after its boot, and is then left alone."""
    crashes = CRASHES[0] + int(one.place * (CRASHES[1] - CRASHES[0] + 1))
    after_s = between(*CRASH_AFTER_S, one.level)
    one.ends_s = one.at_s + RESTART_S + crashes * (after_s + RESTART_S)
    one.place_name = f"{crashes + 1} crashes"

    def crash(left: int) -> None:
        stack.kill_controller()
        stack.restart_controller()
        if left:
            again_s = stack.timeline.now_s + RESTART_S + after_s
            stack.timeline.call(again_s, "crash", lambda _: crash(left - 1))

    crash(crashes)
    return ""


def hot_mount(stack: TrialStack, one: Strike) -> str:
    """The mount is held hot while cores are busy: only a lower clock keeps the die below its limit."""
    physics = stack.board.physics
    if not physics.powered:
        return "board off"
    before = list(physics.heat.state.temps_c)
    mount_c = between(*MOUNT_C, one.level)
    stack.board.load_cores = between(*LOAD_CORES, one.place)
    physics.max_temp_c = physics.temp_c
    one.ends_s = one.at_s + between(*HOT_FOR_S, one.span)
    one.place_name = f"mount {mount_c:.0f} °C, {stack.board.load_cores:.1f} cores"

    def hold(now: float) -> None:
        physics.advance_to(now)
        if now >= one.ends_s:
            stack.board.load_cores = 0.0
            physics.heat.state.temps_c[1:] = before[1:]
            return
        physics.heat.state.temps_c[1:] = [mount_c, mount_c]
        stack.timeline.call(min(now + HOLD_EVERY_S, one.ends_s), "heat", hold)

    hold(one.at_s)
    return ""
