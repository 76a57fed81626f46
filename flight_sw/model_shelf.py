"""The board's model store as the node uses it: staging in shared memory, trials, and their time left.

Every step is one that a power cut may interrupt: content first, then one link. A trial without a record
of its time was cut off while it was installed, and is undone at the next start.
"""

import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from flight_sw.board_models import BoardModel, region_name, unlike
from flight_sw.board_updates import STARTS_MAX, Act, ShelfNews, ShelfOrder
from flight_sw.errors import ModelError, StoreError
from flight_sw.inference.bundle import VOTE_COPIES, Part, parts_of
from flight_sw.inference.golden import DATA, PARITY, GoldenCopy
from flight_sw.inference.live_files import LoadError, map_weights, stage
from flight_sw.inference.manifest import (
    PAGE_BYTES,
    WEIGHTS_FILE,
    Manifest,
    read_manifest,
    sha256_hex,
)
from flight_sw.inference.store import ModelStore, TrialTime
from flight_sw.inference.worker_messages import MAX_SLOTS, LoadFailure
from flight_sw.radiation import native
from flight_sw.radiation.protected import ProtectedRegion

SHARDS = DATA + PARITY
UPDATE_FILE, REHEARSAL = "update", "rehearsal"


class ModelShelf:
    """Models by slot; `left_out` says why a slot that is filled serves nothing.

    Args:
        store: folder of the model store.
        memory: folder on tmpfs, for what the worker maps.
    """

    def __init__(self, store: Path, memory: Path) -> None:
        self.trials: dict[int, float] = {}
        self.left_out: dict[int, LoadFailure] = {}
        self._store = ModelStore(store)
        self._memory = memory
        self._staged: dict[int, tuple[BoardModel, ...]] = {}
        self._golden: dict[int, dict[Path, tuple[int, Path]]] = {}
        self._turn = -1
        self._generation = 0

    def stage_all(self) -> tuple[BoardModel, ...]:
        """Count the start of each trial, then stage every slot; a damaged model is left out."""
        for slot in range(1, MAX_SLOTS + 1):
            self._begin_trial(slot)
        for slot in self._store.filled():
            self._stage(slot)
        return self.models

    @property
    def models(self) -> tuple[BoardModel, ...]:
        """All staged parts."""
        return tuple(part for parts in self._staged.values() for part in parts)

    def carry_out(self, order: ShelfOrder) -> tuple[ShelfNews, tuple[BoardModel, ...] | None]:
        """Do it; how it ended, and the parts that are in the slot now if that has changed."""
        try:
            match order.act:
                case Act.LAY_OUT:
                    return ShelfNews(order.act, order.slot, places=self._lay_out(order)), None
                case Act.INSTALL:
                    self._store.install_on_trial(self._memory / REHEARSAL, order.slot)
                    shutil.rmtree(self._memory / REHEARSAL, ignore_errors=True)
                    return ShelfNews(order.act, order.slot), self._stage(order.slot)
                case Act.CONFIRM:
                    self._store.confirm(order.slot)
                case Act.ROLL_BACK:
                    self._store.roll_back(order.slot)
                    return ShelfNews(order.act, order.slot), self._stage(order.slot)
                case Act.KEEP_TIME:
                    self._keep_time(order)
                case Act.CHECK_GOLDEN:
                    return self._check_golden(), None
        except (ModelError, OSError) as error:
            return ShelfNews(order.act, order.slot, " ".join(str(error).split())), None
        return ShelfNews(order.act, order.slot), None

    def _begin_trial(self, slot: int) -> None:
        if not self._store.on_trial(slot):
            return
        time = self._store.trial_time(slot)
        if time is None or time.left_s <= 0 or time.starts >= STARTS_MAX:
            self._store.roll_back(slot)
            _say(f"model in slot {slot} was not confirmed: rolled back")
            return
        self.trials[slot] = time.left_s
        self._store.keep_trial_time(slot, TrialTime(time.left_s, time.starts + 1))

    def _check_golden(self) -> ShelfNews:
        """Look at the next shard; a damaged one brings a look at its whole copy."""
        copies = [copy for slot in sorted(self._golden) for copy in self._golden[slot].items()]
        if not copies:
            return ShelfNews(Act.CHECK_GOLDEN, 0)
        self._turn = (self._turn + 1) % (len(copies) * SHARDS)
        stored, (slot, live) = copies[self._turn // SHARDS]
        golden = GoldenCopy(stored, _NativeCode())
        if golden.is_whole(self._turn % SHARDS):
            return ShelfNews(Act.CHECK_GOLDEN, slot)
        try:
            return ShelfNews(Act.CHECK_GOLDEN, slot, mended=golden.mend(_sound(golden, live)))
        except (LoadError, OSError) as error:
            return ShelfNews(Act.CHECK_GOLDEN, slot, " ".join(str(error).split()))

    def _keep_time(self, order: ShelfOrder) -> None:
        known = self._store.trial_time(order.slot)
        starts = known.starts if known else 1
        self._store.keep_trial_time(order.slot, TrialTime(order.left_s, starts))

    def _lay_out(self, order: ShelfOrder) -> tuple[str, str, str]:
        file, folder = self._memory / UPDATE_FILE, self._memory / REHEARSAL
        shutil.rmtree(folder, ignore_errors=True)
        file.write_bytes(order.data)
        active = self._store.directory(order.slot)
        is_there = order.slot in self._store.catalogue()
        return str(file), str(folder), str(active) if is_there else ""

    def _stage(self, slot: int) -> tuple[BoardModel, ...]:
        """Copy each part of a slot's model to shared memory; none if it is empty or damaged."""
        old = [Path(part.directory) for part in self._staged.pop(slot, ())]
        self._golden.pop(slot, None)
        self.left_out.pop(slot, None)
        self._generation += 1
        names = {part.region.name for part in self.models}
        parts: list[BoardModel] = []
        try:
            stored_parts = self._stored_parts(slot)
            for part, stored in stored_parts.items():
                live = self._memory / f"slot-{slot:02d}-{part.value}-{self._generation}"
                parts.append(_stage_part(slot, part, (stored, live), names))
        except (LoadError, OSError) as error:
            parts = []
            failure = error.reason if isinstance(error, LoadError) else LoadFailure.FILES
            self.left_out[slot] = failure
            _say(f"model in slot {slot} left out: {error}")
        for directory in old:  # whoever has it mapped keeps its pages
            shutil.rmtree(directory, ignore_errors=True)
        if parts:
            self._staged[slot] = tuple(parts)
            places = zip(stored_parts.values(), parts, strict=True)
            self._golden[slot] = {stored: (slot, Path(part.directory)) for stored, part in places}
        return tuple(parts)

    def _stored_parts(self, slot: int) -> dict[Part, Path]:
        """Folders of what the slot holds; none if it is empty.

        Raises:
            LoadError: it is filled, and its manifest cannot be read, or it leads elsewhere.
        """
        if slot not in self._store.filled():
            return {}
        if self._store.leads_out(slot):
            raise LoadError(LoadFailure.FILES, f"slot {slot} leads out of the store")
        folder = self._store.directory(slot)
        try:
            return parts_of(folder, read_manifest(folder))
        except ModelError as error:
            raise LoadError(LoadFailure.FILES, str(error)) from error


class _NativeCode:
    """The erasure code of the native core, as the golden copy takes it."""

    def encode(self, data: Sequence[bytearray], parity: Sequence[bytearray]) -> None:
        """Fill the parity shards."""
        native.storage_encode(data, parity)

    def rebuild(self, shards: Sequence[bytearray], present: Sequence[bool], data: int) -> None:
        """Fill the shards that are not present."""
        if not all(present):
            native.storage_rebuild(shards, present, data)


def _stage_part(
    slot: int, part: Part, places: tuple[Path, Path], names: Iterable[str]
) -> BoardModel:
    """One part, from where it is stored to where it lives, under a name that no other slot has."""
    stored, live = places
    golden = GoldenCopy(stored, _NativeCode())
    manifest = _stage_or_mend(stored, live, golden)
    name = region_name(unlike(names, manifest.name, slot), part)
    pages = _GoldenPages(golden, manifest)
    region = ProtectedRegion(name, map_weights(live), pages)
    region.encode()
    if manifest.copies < VOTE_COPIES:
        pages.held = None  # jobs that vote pay for a second golden copy in memory
    live_bytes = tuple((blob.offset, blob.length) for blob in manifest.computing_blobs)
    digest = manifest.digest.hex()
    return BoardModel(slot, manifest.name, str(live), digest, region, part, live_bytes)


def _stage_or_mend(stored: Path, live: Path, golden: GoldenCopy) -> Manifest:
    """Stage a part; weights that have rotted on storage come back from the golden copy."""
    try:
        manifest = stage(stored, live)
    except LoadError as error:
        if error.reason is not LoadFailure.DIGEST or not golden.exists:
            raise
        (stored / WEIGHTS_FILE).write_bytes(golden.read(read_manifest(stored)))
        manifest = stage(stored, live)
        _say(f"{stored}: weights rebuilt from the golden copy")
    if golden.damaged:  # not made yet, cut off while it was made, or rotten
        try:
            golden.mend((live / WEIGHTS_FILE).read_bytes())
        except OSError as error:  # what is left is enough, or `_GoldenPages` refuses the model
            _say(f"{stored}: golden copy not mended: {error.strerror}")
    return manifest


def _sound(golden: GoldenCopy, live: Path) -> bytes:
    """The weights from what is left of the golden copy, else the live ones if nothing is wrong there."""
    manifest = read_manifest(live)
    try:
        return golden.read(manifest)
    except LoadError:
        weights = (live / WEIGHTS_FILE).read_bytes()
        if sha256_hex(weights) != manifest.weights_sha256:
            raise
        return weights


class _GoldenPages:
    """Pages of the golden copy: read anew from storage for each repair, unless they are held."""

    def __init__(self, golden: GoldenCopy, manifest: Manifest) -> None:
        self.held: bytes | None = golden.read(manifest)  # encoding looks at every page
        self._golden = golden
        self._manifest = manifest

    def __call__(self, page: int) -> bytes:
        try:
            weights = self.held or self._golden.read(self._manifest)
        except LoadError as error:
            raise StoreError(str(error)) from error
        return weights[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]


def _say(line: str) -> None:
    print(line, file=sys.stderr)
