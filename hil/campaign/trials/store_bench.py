"""The store bench: `flight_sw.store` works on a disk that loses, tears, reorders or rots.

The store's own code runs on a real folder while its calls are watched; what a power cut may leave
behind is worked out from them, as strictly as POSIX allows. A fresh reader then boots on that disk. A
value that was promised and is not found, or an older one, is a silent error; a failed boot is dead.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from flight_sw.devices.storage import FileStorage
from flight_sw.errors import StoreError
from flight_sw.space_link.keys import KeySet, reserved_test_keys
from flight_sw.store.counters import BootCounter, CeilingState, CeilingStore, ResetCause
from flight_sw.store.records import Record
from hil.campaign.record import Outcome
from hil.campaign.trials.draw import Drawn, draw
from hil.campaign.trials.trial import Trial
from hil.faults.classes import FaultClass
from hil.faults.disk import Disk, Kind, Note
from hil.faults.disk_states import Replay, State, Tree, last_state, lay_out
from hil.kernel import stream

SAVES = 8
PAYLOAD_BYTES_MAX = 600
KEYS: KeySet = reserved_test_keys()
MEMORY = Path("/dev/shm")  # noqa: S108  where there is one: cuts are worked out, not waited for
Values = Mapping[str, object]


def run_store_trials(fault: FaultClass, seed: int, indices: range) -> Iterator[Trial]:
    """Each trial on an empty store of its own."""
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory, prefix="vanallen-store-") as name:
        for index in indices:
            drawn = draw(seed, fault, index)
            chance = stream(seed, f"store:{fault.value}:{index}")
            yield _trial(drawn, chance, Path(name))


def _trial(drawn: Drawn, chance: np.random.Generator, scratch: Path) -> Trial:
    folder, way = scratch / "disk", drawn.variants[0]
    disk, state = _cut(folder, (), way, chance)
    is_rot = way == "rot"
    allowed = allowed_rotten(disk.notes) if is_rot else allowed_after(disk.notes, state.at)
    word = _boot_on(state, folder, allowed)
    if word is None and way == "cut-twice":
        disk, state = _cut(folder, state.tree, way, chance)
        allowed = allowed_after(disk.notes, state.at)
        word = _boot_on(state, folder, allowed)
    outcome, why = word or (Outcome.CORRECTED if state.model else Outcome.MASKED, "promises kept")
    return Trial(drawn.index, way, outcome.value, f"{why}; {state.model} at {state.at}", "store")


def _boot_on(
    state: State, folder: Path, allowed: Mapping[str, list[object]]
) -> tuple[Outcome, str] | None:
    """What is wrong with a boot on this disk, or None."""
    lay_out(state.tree, folder)
    try:
        found = found_in(folder)
    except StoreError as error:
        return Outcome.DEAD, f"no boot: {error}"
    for name, values in allowed.items():
        if found.get(name) not in values:
            return Outcome.SILENT, f"{name} is not what was promised: {found.get(name)!r}"[:120]
    return None


def _cut(folder: Path, start: Tree, way: str, chance: np.random.Generator) -> tuple[Disk, State]:
    """Work on a disk, then cut it somewhere or let it rot."""
    lay_out(start, folder)
    disk = Disk(folder)
    with disk.watching():
        storage = FileStorage(folder / "state")
        for name, value in found_in(folder).items():
            disk.done(name, value)  # what the boot found is what the next one may rely on
        work(storage, disk, chance)
    if way == "rot":
        return disk, _rotten(last_state(disk), chance)
    return disk, _cut_state(disk, reorders=way != "cut", chance=chance)


def work(storage: FileStorage, disk: Disk, chance: np.random.Generator) -> None:
    """Saves as in flight: a boot counted, ceilings raised, a record written again and again."""
    boots = BootCounter(storage)
    before = boots.load()
    after = (before.boots + 1, before.unconfirmed + 1)
    disk.store("boots", after, lambda: boots.begin(ResetCause.UNKNOWN), StoreError)
    record = Record(storage, "thing", 1)
    record.load()
    for _ in range(SAVES):
        which = int(chance.integers(4))
        if which:
            payload = chance.bytes(int(chance.integers(1, PAYLOAD_BYTES_MAX)))
            disk.store("thing", payload, lambda p=payload: record.save(p), StoreError)
            continue
        ceiling = CeilingStore(storage, KEYS.tc)
        value = ceiling.load().value + 256
        disk.store("tc", value, lambda c=ceiling, v=value: c.save(v), StoreError)


def found_in(folder: Path) -> Values:
    """What a fresh reader finds; a lost ceiling is no value that anything allows."""
    if not (folder / "state").is_dir():
        return {}
    storage = FileStorage(folder / "state")
    found: dict[str, object] = {}
    boots = BootCounter(storage).load()
    if boots.boots:
        found["boots"] = (boots.boots, boots.unconfirmed)
    thing = Record(storage, "thing", 1).load().payload
    if thing is not None:
        found["thing"] = thing
    ceiling = CeilingStore(storage, KEYS.tc).load()
    if ceiling.state is not CeilingState.NEVER_SAVED:
        found["tc"] = ceiling.value if ceiling.state is CeilingState.VALID else "LOST"
    return found


def allowed_after(notes: list[Note], at: int) -> dict[str, list[object]]:
    """Values that may be found after a cut: the last one promised, or any offered since."""
    allowed: dict[str, list[object]] = {}
    for note in notes:
        if note.at > at:
            break
        known = allowed.setdefault(note.name, [None])
        allowed[note.name] = [note.value] if note.done else [*known, note.value]
    return allowed


def allowed_rotten(notes: list[Note]) -> dict[str, list[object]]:
    """After rot the newest promised value or the one before; of ceilings, in both slots, the newest."""
    done: dict[str, list[object]] = {}
    for note in notes:
        if note.done:
            done.setdefault(note.name, [None]).append(note.value)
    return {name: values[-1:] if name == "tc" else values[-2:] for name, values in done.items()}


def _cut_state(disk: Disk, *, reorders: bool, chance: np.random.Generator) -> State:
    """The disk after a cut at one operation: a write torn there, and what is unsynced perhaps lost."""
    at = int(chance.integers(len(disk.ops) + 1))
    pending = Replay(disk, dict(disk.base))
    for op in disk.ops[:at]:
        pending.take(op)
    keep = chance.random(len(pending.pending)) < 0.5 if reorders else None
    taken = [op for i, op in enumerate(pending.pending) if keep is None or keep[i]]
    model = "unsynced in any order" if reorders else "cut"
    if at < len(disk.ops) and disk.ops[at].kind is Kind.WRITE:
        op = disk.ops[at]
        size = int(chance.integers(len(op.data) + 1))
        if reorders and chance.random() < 0.5:  # the last sectors came first
            taken.append(replace(op, data=op.data[size:], offset=op.offset + size))
        else:
            taken.append(replace(op, data=op.data[:size]))
        model = f"torn at byte {size}"
    return State(at, model, pending.tree(taken))


def _rotten(state: State, chance: np.random.Generator) -> State:
    """One bit of one file flipped, drawn evenly over all bytes."""
    files = [(i, c) for i, (_, c) in enumerate(state.tree) if isinstance(c, bytes) and c]
    place = int(chance.integers(sum(len(content) for _, content in files)))
    for number, content in files:
        if place < len(content):
            rot = bytearray(content)
            rot[place] ^= 1 << int(chance.integers(8))
            path = state.tree[number][0]
            tree = (*state.tree[:number], (path, bytes(rot)), *state.tree[number + 1 :])
            return State(state.at, f"rot in {path}", tree)
        place -= len(content)
    return state
