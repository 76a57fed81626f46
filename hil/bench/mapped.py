"""Models as a board maps them, for the benches: compiled, staged on tmpfs, loaded live, protected."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flight_sw.inference.live_files import LiveBytes, map_weights, stage
from flight_sw.inference.load import LiveModel, load_live
from flight_sw.inference.manifest import PAGE_BYTES, WEIGHTS_FILE
from flight_sw.radiation.protected import ProtectedRegion

MEMORY = Path("/dev/shm")  # noqa: S108  tmpfs itself is what is wanted


@dataclass(frozen=True, slots=True)
class Mapped:
    """One live model, our view of its weights, and their protection."""

    model: LiveModel
    view: LiveBytes
    region: ProtectedRegion
    live_dir: Path


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on tmpfs that is gone afterwards."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="vanallen-") as name:
        yield Path(name)


def load_mapped(compiled: Path, live_dir: Path) -> Mapped:
    """Stage, map, protect and load one compiled directory."""
    manifest = stage(compiled, live_dir)
    view = map_weights(live_dir)
    golden = (compiled / WEIGHTS_FILE).read_bytes()
    region = ProtectedRegion(
        manifest.name, view, lambda page: golden[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]
    )
    region.encode()
    return Mapped(load_live(live_dir), view, region, live_dir)
