"""Slots for software and for models: a trial that a power cut interrupts never becomes permanent."""

from collections.abc import Mapping
from pathlib import Path

from flight_sw.devices.slots import CURRENT, Slot, SlotState, SlotStore
from flight_sw.errors import ModelError, StoreError
from flight_sw.inference.bundle import verify_bundle
from flight_sw.inference.manifest import (
    GRAPH_FILE,
    PAGE_BYTES,
    WEIGHTS_FILE,
    Blob,
    BlobKind,
    Manifest,
    Route,
    sha256_hex,
    write_manifest,
)
from flight_sw.inference.store import ModelStore
from hil.faults.disk import Disk

DAMAGED = "damaged, and known to be"


class SoftwareCase:
    """The state of the software slots, replaced whole with every change."""

    name = "software slots"
    rot_old, rot_also = True, ()

    def prepare(self, folder: Path) -> None:
        """Two slots, the first one in use."""
        for slot in Slot:
            (folder / slot).mkdir()
        (folder / CURRENT).symlink_to(Slot.A)

    def work(self, folder: Path, disk: Disk) -> None:
        """A trial that holds, then one that does not."""
        self._step(folder, disk, SlotState(Slot.A, Slot.B, 2), "try_other")
        self._step(folder, disk, SlotState(Slot.A, Slot.B, 1), "choose")
        self._step(folder, disk, SlotState(Slot.B), "confirm")
        self._step(folder, disk, SlotState(Slot.B, Slot.A, 2), "try_other")
        for left in (1, 0):
            self._step(folder, disk, SlotState(Slot.B, Slot.A, left), "choose")
        self._step(folder, disk, SlotState(Slot.B, rolled_back=1), "choose")

    def found(self, folder: Path) -> Mapping[str, object]:
        """The state; a link that leads nowhere would be a board that does not start."""
        if not (folder / CURRENT).is_dir():
            raise AssertionError("`current` leads nowhere")
        state = SlotStore(folder).load()
        return {"state": None if state == SlotState() else state}

    def carry_on(self, folder: Path, disk: Disk) -> None:
        """The next boot chooses."""
        store = SlotStore(folder)
        before = store.load()
        after = _after_boot(before)
        self._step(folder, disk, after, "choose", before)

    def _step(
        self, folder: Path, disk: Disk, after: SlotState, verb: str, before: SlotState | None = None
    ) -> None:
        """One verb, if the state is what it starts from: after a failure it need not be."""
        store = SlotStore(folder)
        if before is None and _after(store.load(), verb) != after:
            return
        value = None if after == SlotState() else after
        disk.store("state", value, getattr(store, verb), StoreError)


def _after(state: SlotState, verb: str) -> SlotState | None:
    if verb == "choose":
        return _after_boot(state)
    if verb == "confirm":
        return None if state.trial is None else SlotState(state.trial, None, 0, state.rolled_back)
    if state.trial is not None:
        return None
    return SlotState(state.confirmed, state.confirmed.other, 2, state.rolled_back)


def _after_boot(state: SlotState) -> SlotState:
    if state.trial is None:
        return state
    if state.boots_left == 0:
        return SlotState(state.confirmed, None, 0, state.rolled_back + 1)
    return SlotState(state.confirmed, state.trial, state.boots_left - 1, state.rolled_back)


class ModelCase:
    """The board's model store: install, trial, confirmation, roll-back, removal."""

    name = "model store"
    rot_old, rot_also = False, (None, DAMAGED)

    def prepare(self, folder: Path) -> None:
        """Four models to install, and the first one in slot 1."""
        for name in ("one", "two", "three", "four"):
            _bundle(folder / "uploads" / name, name)
        ModelStore(folder / "models").install(folder / "uploads/one", 1)

    def work(self, folder: Path, disk: Disk) -> None:
        """Each verb once; a trial counts only once it is confirmed."""
        store, uploads = ModelStore(folder / "models"), folder / "uploads"
        disk.done("slot 1", "one")
        self._trial(store, uploads / "two", 1)
        disk.store("slot 1", "two", lambda: _confirm(store, 1), OSError, ModelError)
        self._trial(store, uploads / "three", 1)
        self._try(lambda: store.roll_back(1))
        disk.store("slot 2", "four", lambda: store.install(uploads / "four", 2), OSError)
        disk.store("slot 2", None, lambda: store.remove(2), OSError)
        self._trial(store, uploads / "four", 3)

    def found(self, folder: Path) -> Mapping[str, object]:
        """As a node boots: trials are rolled back, then every model is checked before it is used."""
        store = ModelStore(folder / "models")
        values: dict[str, object] = {}
        for slot in (1, 2, 3):
            store.roll_back(slot)
        for slot, manifest in store.catalogue().items():
            try:
                verify_bundle(store.directory(slot))
                values[f"slot {slot}"] = manifest.name
            except ModelError:
                values[f"slot {slot}"] = DAMAGED
        return values

    def carry_on(self, folder: Path, disk: Disk) -> None:
        """A boot, then another trial in slot 1, confirmed."""
        self.found(folder)
        store = ModelStore(folder / "models")
        self._trial(store, folder / "uploads/three", 1)
        disk.store("slot 1", "three", lambda: _confirm(store, 1), OSError, ModelError)

    def _trial(self, store: ModelStore, upload: Path, slot: int) -> None:
        self._try(lambda: store.install_on_trial(upload, slot))

    def _try(self, act: object) -> None:
        try:
            act()
        except (OSError, ModelError):
            return


def _confirm(store: ModelStore, slot: int) -> None:
    if not store.confirm(slot):
        raise ModelError("nothing on trial")


def _bundle(folder: Path, name: str) -> None:
    """A compiled model as far as the store looks at it, with a guarded part below."""
    for part in (folder, folder / "range"):
        part.mkdir(parents=True)
        weights, graph = name.encode().ljust(PAGE_BYTES, b"."), b"graph of " + name.encode()
        (part / WEIGHTS_FILE).write_bytes(weights)
        (part / GRAPH_FILE).write_bytes(graph)
        manifest = Manifest(
            name=name,
            source_sha256=sha256_hex(b"source"),
            graph_sha256=sha256_hex(graph),
            weights_sha256=sha256_hex(weights),
            page_crcs=(0,),
            onnxruntime="1",
            cpu="any",
            inputs=(),
            outputs=(),
            blobs=(Blob("w", 0, PAGE_BYTES, BlobKind.TENSOR),),
            total_bytes=PAGE_BYTES,
            inline_bytes=0,
            route=Route.PLAIN,
        )
        write_manifest(part, manifest)
