"""`vanallen put` and `vanallen get`: a file to a slot of the payload and back, with a progress bar."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from flight_sw.errors import PortError, UserError
from hil.ground.cfdp_requests import Progress as Told
from hil.ground.cfdp_requests import unwatched
from hil.ground.request import GroundError
from hil.ground.send_command import CONNECT_S, NOBODY, OK, REJECTED, Bench


def put(bench: Bench, slot: int, file: Path, *, as_json: bool) -> int:
    """Send a file to an empty slot; 0 stored, 1 not, 69 nobody there.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; check the path") from error

    return _tell(bench, slot, len(content), as_json=as_json, file=file, content=content)


def get(bench: Bench, slot: int, file: Path, *, as_json: bool) -> int:
    """Bring a slot's file down; 0 written, 1 not, 69 nobody there.

    Raises:
        UserError: the file exists, or cannot be written.
    """
    if file.exists():
        raise UserError(f"{file}: exists; name another file")
    return _tell(bench, slot, 0, as_json=as_json, file=file, content=None)


def _tell(
    bench: Bench, slot: int, size: int, *, as_json: bool, file: Path, content: bytes | None
) -> int:
    ground = bench.ground()
    start_s = time.monotonic()
    try:
        ground.connect(CONNECT_S)
        with _bar(size, hidden=as_json or not sys.stdout.isatty()) as progress:
            if content is None:
                content = ground.get_file(slot, progress=progress)
                _write(file, content)
            else:
                ground.put_file(slot, content, progress=progress)
    except PortError as error:
        return _failed(error, NOBODY, as_json=as_json)
    except GroundError as error:
        return _failed(error, REJECTED, as_json=as_json)
    finally:
        ground.close()
    elapsed_s = time.monotonic() - start_s
    if as_json:
        told = {"slot": slot, "file": str(file), "bytes": len(content), "seconds": elapsed_s}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write(f"slot {slot}: {len(content)} bytes in {elapsed_s:.1f} s, {file}\n")
    return OK


@contextmanager
def _bar(size: int, *, hidden: bool) -> Iterator[Told]:
    if hidden:
        yield unwatched
        return
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(), transient=True) as shown:
        task = shown.add_task("", total=size or None)
        yield lambda so_far, total: shown.update(task, completed=so_far, total=total or None)


def _write(file: Path, content: bytes) -> None:
    try:
        with file.open("xb") as out:
            out.write(content)
    except OSError as error:
        raise UserError(f"{file}: cannot write ({error.strerror}); name another file") from error


def _failed(error: Exception, code: int, *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
    else:
        sys.stderr.write(f"vanallen: {error}\n")
    return code
