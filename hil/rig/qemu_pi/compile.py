"""Compiles models on the emulated Pi itself: packed weights hold for one kind of processor only.

The card boots with the models on its data partition, compiles them with the same program as any
board, and switches itself off. What comes out is kept by model and image.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from flight_sw.errors import ModelError, VanAllenError
from flight_sw.inference.describe import describe_model
from flight_sw.inference.live_files import verify
from flight_sw.inference.manifest import FORMAT
from hil.emulator.cable import Terminal
from hil.emulator.settings import serial_number
from hil.rig.qemu_pi.board import PiBoard
from hil.rig.qemu_pi.image import Image, copy_card, read_data, write_data
from hil.rig.qemu_pi.ram import Request

COMPILE_S_MAX = 900.0
LOOK_S = 0.02
FOLDER = "compile"


def compile_on_pi(
    sources: Iterable[Path], image: Image, cache: Path, say: Callable[[str], None]
) -> dict[Path, Path]:
    """By source, the folder of the compiled model; made now where the cache has none.

    Raises:
        ModelError: the Pi refuses a model.
        VanAllenError: the Pi did not come to an end.
    """
    kept = {source: cache / _key(source, image) for source in sources}
    missing = [source for source, folder in kept.items() if not _holds(folder)]
    if missing:
        say(f"Compiling {', '.join(path.stem for path in missing)} on the emulated Pi")
        before_s = time.monotonic()
        _compile(missing, image, kept)
        say(f"Compiled in {time.monotonic() - before_s:.0f} s (kept in {cache})")
    return kept


def _compile(missing: list[Path], image: Image, kept: dict[Path, Path]) -> None:
    cache = next(iter(kept.values())).parent
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="compiling-") as temporary:
        work = Path(temporary)
        inbox = work / "data" / FOLDER
        inbox.mkdir(parents=True)
        names = {source: f"m{number:02d}" for number, source in enumerate(missing)}
        for source, name in names.items():
            (inbox / name).mkdir()
            shutil.copyfile(source, inbox / name / source.name)
        card = work / "sd.img"
        copy_card(image, card)
        write_data(card, work / "data")
        _run(card, work)
        read_data(card, FOLDER, work)
        for source, name in names.items():
            _keep(work / FOLDER / name, source, kept[source])


def _run(card: Path, work: Path) -> None:
    """Power on, and wait until the board has switched itself off."""
    line = Terminal()
    board = PiBoard(card, work, serial_number(0))
    end_s = time.monotonic() + COMPILE_S_MAX
    try:
        board.boot(line.device)
        while board.tick(time.monotonic()) is not Request.HALT:
            if board.exited() or time.monotonic() > end_s:
                raise VanAllenError(f"compiling on the Pi did not end: {board.console_tail(3)}")
            time.sleep(LOOK_S)
    finally:
        board.close()
        line.close()


def _keep(folder: Path, source: Path, target: Path) -> None:
    if not (folder / "out").is_dir():
        refusal = folder / "error"
        why = refusal.read_text().strip() if refusal.is_file() else "it left nothing behind"
        raise ModelError(f"{source}: the Pi does not compile it: {why}")
    shutil.rmtree(target, ignore_errors=True)
    verify(folder / "out")
    (folder / "out").replace(target)


def _holds(folder: Path) -> bool:
    try:
        verify(folder)
    except ModelError:
        return False
    return True


def _key(source: Path, image: Image) -> str:
    text = f"{describe_model(source).sha256}|{source.stem}|{image.runtime}|{FORMAT}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
