"""The plan of a campaign, fixed and written down before the first fault: classes, numbers, seed, model.

A plan is divided into shards: (cell, range of faults), where a cell is a class under a protection. Which
faults a shard does follows from the plan alone, so a shard can be run anywhere, twice, or after a crash.
"""

import hashlib
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import msgspec

from flight_sw.errors import UserError
from flight_sw.inference.job import Protection
from flight_sw.profile import Section, parse_section
from hil.campaign.trials.bounds import Stop
from hil.faults.classes import CATALOG, Bench, FaultClass

SHARD_TRIALS = 50
BATCH_MAX = 24
VERSION = 5  # raised when the same plan would do other faults
SEED_MAX = 2**63 - 1
N_MAX = 1_000_000
ALL = "all"
KNOWN = frozenset({one.value for one in FaultClass} | {ALL})
_NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
_ID = re.compile(r"([a-z-]+):(\d+):([a-z]+):(.+):([^:]+):(\d+)")


class Plan(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One campaign.

    Args:
        n: faults of each class under each protection.
        batch: faults of a memory class that strike within the same second or seconds, before any
            is looked after; each is judged apart, and one that failed is done again alone.
        brisk: a board loads its models at once instead of in the seconds that its profile tells:
            most of what a recovery lasts, and nothing happens in it.
        port: on a board behind a real port, in real time; the command line sets it.
        stop: when a cell may end before its last fault; None runs all.
    """

    name: Annotated[str, msgspec.Meta(pattern=_NAME)] = "campaign"
    faults: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    n: Annotated[int, msgspec.Meta(ge=1, le=N_MAX)] = 299
    seed: Annotated[int, msgspec.Meta(ge=0, le=SEED_MAX)] = 1
    model: str = "hotspot"
    board: str = "emulated"
    protections: Annotated[tuple[Protection, ...], msgspec.Meta(min_length=1)] = (
        Protection.STANDARD,
    )
    stop: Stop | None = None
    batch: Annotated[int, msgspec.Meta(ge=1, le=BATCH_MAX)] = 1
    brisk: bool = False
    port: bool = False

    @property
    def classes(self) -> tuple[FaultClass, ...]:
        """The classes it names, in the order of the catalog."""
        wanted = set(FaultClass) if ALL in self.faults else {FaultClass(f) for f in self.faults}
        return tuple(one for one in FaultClass if one in wanted)

    @property
    def digest(self) -> str:
        """Names the plan and the way faults are drawn from it."""
        text = msgspec.json.encode([VERSION, msgspec.to_builtins(self)])
        return hashlib.sha256(text).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Cell:
    """A class under a protection."""

    fault: FaultClass
    protection: Protection

    @property
    def name(self) -> str:
        """As tables and files call it."""
        return f"{self.fault.value}.{self.protection.value}"


@dataclass(frozen=True, slots=True)
class Shard:
    """Faults `first` to `first + count - 1` of a cell."""

    cell: Cell
    first: int
    count: int

    @property
    def name(self) -> str:
        """Its file, without the ending."""
        return f"{self.cell.name}.{self.first:07d}"


@dataclass(frozen=True, slots=True)
class FaultId:
    """Everything that a single fault needs to be done again."""

    fault: FaultClass
    seed: int
    protection: Protection
    model: str
    board: str
    index: int

    def __str__(self) -> str:
        parts = (self.fault, self.seed, self.protection.value, self.model, self.board, self.index)
        return ":".join(str(part) for part in parts)


def read_plan(path: Path) -> Plan:
    """Read a plan from YAML.

    Raises:
        UserError: with file, line and field.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error})") from error
    plan = parse_section(text, str(path), Plan)
    unknown = next((name for name in plan.faults if name not in KNOWN), None)
    lines = text.splitlines()
    at = next((n for n, line in enumerate(lines, start=1) if unknown and unknown in line), None)
    return check_plan(plan, f"{path}:{at}" if at else str(path))


def made_plan(faults: tuple[str, ...], protections: tuple[Protection, ...], **given: Any) -> Plan:
    """A plan from a command line.

    Raises:
        UserError: an unknown class, or a number out of range.
    """
    name = "-".join(dict.fromkeys(faults))[:40].strip("-") or "campaign"
    fields = {"name": name, "faults": faults, "protections": protections} | given
    try:
        plan = msgspec.convert(fields, Plan)
    except msgspec.ValidationError as error:
        unknown = [one for one in faults if one not in set(FaultClass) | {ALL}]
        if not unknown:
            raise UserError(f"campaign: {error}") from None
        plan = Plan(faults=faults)
    return check_plan(plan, "--fault")


def check_plan(plan: Plan, source: str) -> Plan:
    """The plan, if every class is known and can be sampled.

    Raises:
        UserError: names the class, and the ones there are.
    """
    for name in plan.faults:
        if name not in KNOWN:
            raise UserError(
                f"{source}: fault class {name!r} is not known; one of: {', '.join(sorted(KNOWN))}"
            )
    if plan.stop is not None and not (0 < plan.stop.bound < 1 and 1 <= plan.stop.looks <= 100):
        raise UserError(f"{source}: stop: bound is between 0 and 1, looks between 1 and 100")
    return plan


def cells_of(plan: Plan) -> tuple[Cell, ...]:
    """Classes times protections; a class without inference is sampled under the first alone."""
    cells = []
    for fault, protection in product(plan.classes, plan.protections):
        bare = CATALOG[fault].bench is Bench.STORE
        if not bare or protection is plan.protections[0]:
            cells.append(Cell(fault, protection))
    return tuple(cells)


def shards_of(plan: Plan) -> tuple[Shard, ...]:
    """All shards, cell after cell."""
    return tuple(
        Shard(cell, first, min(SHARD_TRIALS, plan.n - first))
        for cell in cells_of(plan)
        for first in range(0, plan.n, SHARD_TRIALS)
    )


def parse_id(text: str) -> FaultId:
    """A fault's id as reports print it.

    Raises:
        UserError: it is none.
    """
    match = _ID.fullmatch(text)
    classes, protections = {f.value for f in FaultClass}, {p.value for p in Protection}
    if match is None or match[1] not in classes or match[3] not in protections:
        raise UserError(
            f"{text}: not the id of a fault; write CLASS:SEED:PROTECTION:MODEL:BOARD:NUMBER, "
            "as the report shows it"
        )
    fault, seed, protection, model, board, index = match.groups()
    return FaultId(FaultClass(fault), int(seed), Protection(protection), model, board, int(index))
