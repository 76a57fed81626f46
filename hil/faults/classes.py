"""The catalog of fault classes: what each one is, how it is noticed, and by when all is well again.

Rows 1 to 23 are the fault table of the reliability note; the rest is what a rig meets besides. A class
is sampled by a *bench*: the whole stack in virtual time, the store on an emulated disk, or a real worker
process. Times are upper limits in seconds at the profile's own periods, from the injection to the report
on the ground; where ours is wider than the note's, `note_s` tells both.
"""

from dataclasses import dataclass
from enum import StrEnum, unique

HEAT_CI = 8  # bounds the rate of failures below a third
DEAR_CI = 99  # below 3 %


@unique
class FaultClass(StrEnum):
    """The name that plans and command lines use."""

    SEU_STATE = "seu-state"
    SEU_STATE_TWO = "seu-state-two"
    SEU_STATE_SAME = "seu-state-same"
    SEU = "seu"
    MBU = "mbu"
    SEU_PROCESS = "seu-process"
    SEU_PROFILE = "seu-profile"
    SEFI = "sefi"
    SEL = "sel"
    STUCK_BIT = "stuck-bit"
    STORE = "store"
    STORE_BOTH = "store-both"
    STORE_IO = "store-io"
    BOOT_LOOP = "boot-loop"
    CLOCK = "clock"
    LATE_SAMPLE = "late-sample"
    SPIKE = "spike"
    SENSOR = "sensor"
    BROWN_OUT = "brown-out"
    HEAT = "heat"
    PROTECTION = "protection"
    RECOVERY = "recovery"
    PAIR = "pair"
    ACTIVATION = "activation"
    LINK = "link"
    FORGERY = "forgery"


@unique
class Bench(StrEnum):
    """Where a class is sampled."""

    STACK = "stack"  # controller, node, worker and both links in virtual time
    STORE = "store"  # flight_sw.store on an emulated disk
    PROCESS = "process"  # a real worker process, hit through /proc/PID/mem
    GRAPH = "graph"  # a live model whose activations are hit between two layers


@dataclass(frozen=True, slots=True)
class ClassEntry:
    """One class.

    Args:
        row: row of the note's table; None for what the note does not list.
        variants: ways in which it strikes, drawn evenly.
        detect_s, recover_s: upper limits that the judge holds the payload to.
        note_s: the note's own (detect, recover) where ours differ, and why they may.
        ci, long: faults per class in the two tiers: 299 bound the rate below 1 % at 95 % confidence,
            2,995 below 0.1 %. Every commit pays for fewer where a fault costs over 100 ms of processor
            time (99), and of heat, which takes ten minutes of flight for each: there the long tier
            has 299.
        light: what it strikes has nothing to do with answers, so it may be sampled with a model whose
            answers take four bytes of the links and not thousands.
        promised: the protection under which no failure is promised, and which the tiers sample. A worker
            that was hit itself cannot vouch for one run: of 2,649 such hits under `standard` 5 gave a
            wrong answer before the self-test, of 2,995 under `vote` none.
    """

    row: int | None
    what: str
    variants: tuple[str, ...]
    noticed_by: str
    mended_by: str
    detect_s: float
    recover_s: float
    bench: Bench = Bench.STACK
    note_s: str = ""
    ci: int = 299
    long: int = 2995
    promised: str = "standard"
    light: bool = True


FC = FaultClass
CATALOG: dict[FaultClass, ClassEntry] = {
    FC.SEU_STATE: ClassEntry(
        1,
        "one bit of one copy of a voted record",
        ("vote-flip",),
        "vote at each read",
        "voted value rewritten, event",
        0.5,
        0.5,
        note_s="one tick of 0.1 s: a quiet controller wakes five times a second",
    ),
    FC.SEU_STATE_TWO: ClassEntry(
        2,
        "different bits of two copies of a voted record",
        ("vote-two-bits",),
        "vote at each read",
        "voted value rewritten, event",
        0.5,
        0.5,
        note_s="one tick of 0.1 s: as seu-state",
    ),
    FC.SEU_STATE_SAME: ClassEntry(
        3,
        "the same bit of two copies of a voted record",
        ("vote-same-bit",),
        "CRC over the voted record",
        "controller: SAFE; node: defaults, then the next order",
        1.0,
        1.0,
    ),
    FC.SEU: ClassEntry(
        4,
        "one bit of live weights",
        ("weight-flip",),
        "check lines and CRC of the scrub",
        "bit mended in place, results withdrawn and run again",
        3.0,
        3.0,
        note_s="1 s: the profile's scrub pass takes 1 s, and its report waits for telemetry",
        light=False,
    ),
    FC.MBU: ClassEntry(
        5,
        "2 to 8 neighbouring bits of live weights",
        ("weight-burst",),
        "CRC-32C of the page",
        "parity pages, golden copy",
        3.0,
        3.0,
        note_s="one scrub pass",
        light=False,
    ),
    FC.SEU_PROCESS: ClassEntry(
        6,
        "one bit of the worker's code, stack, heap or libraries",
        ("code", "data", "heap", "stack", "mapped"),
        "crash, hang or a wrong known answer of the self-test",
        "the worker starts afresh",
        60.0,
        65.0,
        Bench.PROCESS,
        note_s="2 s for a crash; a quiet corruption waits for the self-test",
        ci=DEAR_CI,
        promised="vote",
        light=False,
    ),
    FC.SEU_PROFILE: ClassEntry(
        7,
        "one bit of the profile that the controller works with",
        ("profile-flip",),
        "digest of the profile, each 60 s",
        "profile read anew from its golden bytes",
        61.0,
        61.0,
    ),
    FC.SEFI: ClassEntry(
        8,
        "something stops answering: board, node, worker or line",
        (
            "board-hang",
            "board-hang-sticky",
            "node-crash",
            "worker-hang",
            "worker-crash",
            "line-cut",
        ),
        "missing heartbeats, late answers",
        "worker restart, reset line, power cycle, in this order",
        3.0,
        25.0,
        note_s="2 s and 10 s: a hung worker is given 2 s for its job; models are loaded and proven anew",
    ),
    FC.SEL: ClassEntry(
        9,
        "a current step above the limit",
        ("latch-up",),
        "three readings of the supply current above the limit",
        "power cycle",
        1.5,
        20.0,
        note_s="0.05 s: software polls; a switch in hardware has to be faster than that",
    ),
    FC.STUCK_BIT: ClassEntry(
        10,
        "one bit of live weights that falls back after every repair",
        ("stuck-bit",),
        "the same page hit again after its repair",
        "the page is retired: said once, its results are not confirmed",
        5.0,
        8.0,
        ci=DEAR_CI,
        light=False,
    ),
    FC.STORE: ClassEntry(
        11,
        "rot, torn, lost and reordered writes in the store",
        ("rot", "cut", "cut-reordered", "cut-twice"),
        "CRC and generation of each slot",
        "the other slot, then both anew",
        0.0,
        0.0,
        Bench.STORE,
    ),
    FC.STORE_BOTH: ClassEntry(
        12,
        "both slots of records lost at boot",
        ("both-slots",),
        "no slot is whole",
        "defaults; a lost counter refuses its key",
        10.0,
        10.0,
    ),
    FC.STORE_IO: ClassEntry(
        13,
        "storage full, read-only or gone",
        ("full", "read-only", "gone"),
        "each refused write",
        "works on from memory; told once",
        3.0,
        5.0,
    ),
    FC.BOOT_LOOP: ClassEntry(
        14,
        "the controller dies again and again soon after boot",
        ("boot-loop",),
        "count of boots not proven good",
        "optional parts left out, then SAFE alone",
        10.0,
        10.0,
    ),
    FC.CLOCK: ClassEntry(
        15,
        "the wall clock jumps, stops or passes 2038",
        ("clock-jump", "clock-back", "clock-2038", "clock-stop"),
        "wall clock against the monotonic one",
        "stamps marked suspect; control never used it",
        2.5,
        2.5,
        note_s="1 s; a stopped clock is a second off after a second",
    ),
    FC.LATE_SAMPLE: ClassEntry(
        16,
        "frames with samples late, lost or twice",
        ("late", "lost", "twice"),
        "sequence numbers and times of their own",
        "dropped or held, never paired wrongly; a silent board is reset",
        3.0,
        20.0,
    ),
    FC.SPIKE: ClassEntry(
        17,
        "one or two readings of the temperature far off",
        ("spike",),
        "median of three and physical range",
        "ignored",
        1.0,
        1.0,
    ),
    FC.SENSOR: ClassEntry(
        18,
        "the temperature sensor stuck or dead",
        ("dead", "garbage", "stuck", "sensor-hang"),
        "age of the last believable reading; a board without readings starves its watchdog",
        "one step down at a time, never up; released when it returns",
        10.0,
        15.0,
        ci=DEAR_CI,
    ),
    FC.BROWN_OUT: ClassEntry(
        19,
        "the board's supply dips or falls away",
        ("dip", "outage"),
        "supply read back, missing heartbeats",
        "switched on again; ladder",
        3.0,
        20.0,
    ),
    FC.HEAT: ClassEntry(
        20,
        "the mount under the board grows too hot",
        ("hot-mount",),
        "filtered temperature above the soft limit",
        "clock down in steps; peak at most 2 °C over the limit",
        900.0,
        900.0,
        note_s="times follow the plant, not the software; sampled at heartbeats of 1 s",
        ci=HEAT_CI,
        long=299,
    ),
    FC.PROTECTION: ClassEntry(
        21,
        "one bit of check lines, checksums or parity pages",
        ("check-flip", "crc-flip", "parity-flip"),
        "CRC and check lines name each other wrong",
        "protection made anew from confirmed data",
        3.0,
        3.0,
        light=False,
    ),
    FC.RECOVERY: ClassEntry(
        22,
        "a second fault of any class while the payload recovers from the first",
        ("during-recovery",),
        "as its parts",
        "the ladder is bounded: NOMINAL or SAFE",
        60.0,
        60.0,
        ci=DEAR_CI,
    ),
    FC.PAIR: ClassEntry(
        23,
        "two faults of different classes at once",
        ("pair",),
        "as its parts",
        "as its parts",
        60.0,
        60.0,
    ),
    FC.ACTIVATION: ClassEntry(
        None,
        "one bit of an activation between two layers, in one run",
        ("activation-flip",),
        "vote of two runs, checksums, ranges",
        "third run decides",
        0.0,
        0.0,
        Bench.GRAPH,
        promised="vote",
        light=False,
    ),
    FC.LINK: ClassEntry(
        None,
        "noise, loss, stall on the board line or the space link",
        ("board-noise", "board-loss", "board-stall", "space-noise", "space-loss", "space-stall"),
        "CRC-32 and MAC of each frame",
        "frames sent again; a silent board is reset",
        10.0,
        20.0,
    ),
    FC.FORGERY: ClassEntry(
        None,
        "a frame that was held back on its way up, changed in one bit, and its checksum made right",
        ("forged",),
        "MAC of each frame",
        "refused, counted, told at a limited rate",
        3.0,
        3.0,
    ),
}
