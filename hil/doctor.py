"""What works on this machine: every part that a flight needs, tried and not guessed.

Each check gives one line: ok, warn (something works less well or is not needed today) or fail
(a flight cannot work), with what was found and what to do about it.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import Enum, unique
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flight_sw.errors import ModelError, VanAllenError

PYTHON_MINIMUM = (3, 11)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 the kernel's own place
SHARED_BYTES_MIN = 64 * 1024 * 1024
COMPILERS = ("cc", "gcc", "clang")
PTY_WORD = b"van allen"


@unique
class Status(Enum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `cure` is empty where nothing is to be done."""

    check: str
    status: str
    found: str
    cure: str = ""


def run_doctor(*, as_json: bool) -> int:
    """Try everything and tell; 1 if something that a flight needs does not work."""
    findings = []
    with Console(stderr=True).status("") as status:
        for name, check in CHECKS.items():
            status.update(f"checking {name} …")
            findings += list(examine(name, check))
    if as_json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings]) + "\n")
    else:
        _tell(findings)
    return int(any(finding.status == Status.FAIL.value for finding in findings))


def examine(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The check's findings; a check that cannot run at all is a failure of its own."""
    try:
        yield from check()
    except (OSError, ImportError, VanAllenError, subprocess.SubprocessError) as error:
        words = str(error).splitlines() or [type(error).__name__]
        yield _finding(name, Status.FAIL, words[0], "run `make setup` again")


def _python() -> Iterator[Finding]:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    good = sys.version_info >= PYTHON_MINIMUM
    yield _finding("python", _ok(good), found, "" if good else "install Python 3.11 or newer")


def _native_core() -> Iterator[Finding]:
    from flight_sw.radiation import native, self_test

    failed = self_test.run()
    found = f"instruction set {native.isa()}"
    if failed:
        cure = "build it again with `make setup`; if it fails again, the machine is at fault"
        yield _finding("native core", Status.FAIL, f"self-test fails: {', '.join(failed)}", cure)
    else:
        yield _finding("native core", Status.OK, f"{found}, self-test passed")


def _onnxruntime() -> Iterator[Finding]:
    import onnxruntime

    wanted = next(r for r in metadata.requires("vanallen") or () if r.startswith("onnxruntime"))
    yield _finding("onnxruntime", Status.OK, f"{onnxruntime.__version__} (wanted: {wanted})")


def _pty() -> Iterator[Finding]:
    from flight_sw.devices.serial_port import SerialPort

    master, slave = os.openpty()
    try:
        port = SerialPort(os.ttyname(slave), 921_600)
        os.write(master, PTY_WORD + b"\n")
        heard = port.read()
        port.close()
    finally:
        os.close(master)
        os.close(slave)
    good = heard.startswith(PTY_WORD)
    cure = "" if good else "mount devpts: mount -t devpts devpts /dev/pts"
    yield _finding("pseudo-terminals", _ok(good), "a serial port on a pty carries bytes", cure)


def _serial_ports() -> Iterator[Finding]:
    from serial.tools import list_ports

    ports = sorted(list_ports.comports(), key=lambda port: port.device)
    if not ports:
        yield _finding("serial ports", Status.OK, "none here; the emulated board needs none")
    for port in ports:
        usable = os.access(port.device, os.R_OK | os.W_OK)
        found = f"{port.device} ({port.description})"
        cure = "" if usable else "sudo usermod -aG dialout $USER, then log in again"
        yield _finding("serial ports", Status.OK if usable else Status.WARN, found, cure)


def _shared_memory() -> Iterator[Finding]:
    free_bytes = shutil.disk_usage(SHARED_MEMORY).free
    with tempfile.TemporaryFile(dir=SHARED_MEMORY) as file:
        file.write(bytes(4096))
    good = free_bytes >= SHARED_BYTES_MIN
    cure = "" if good else "give it more: mount -o remount,size=256M /dev/shm"
    found = f"{SHARED_MEMORY} takes files, {free_bytes / 1e6:.0f} MB free"
    yield _finding("shared memory", Status.OK if good else Status.WARN, found, cure)


def _fault_injection() -> Iterator[Finding]:
    """The rig writes into processes that it started; this asks the kernel to let us, once."""
    from hil.faults.memory import ProcessMemory

    code = (
        "import ctypes,sys;b=ctypes.create_string_buffer(b'A');"
        "print(ctypes.addressof(b),flush=True);sys.stdin.readline();print(b.raw[:1])"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        address = int(child.stdout.readline()) if child.stdout else 0
        with ProcessMemory(child.pid) as memory:
            memory.write(address, b"B")
        answer, _ = child.communicate("\n", timeout=10)
    finally:
        child.kill()
        child.wait()
    good = "B" in answer
    cure = "" if good else "allow it: sudo sysctl kernel.yama.ptrace_scope=1"
    yield _finding("fault injection", _ok(good), "a flipped byte of a child process lands", cure)


def _compiler() -> Iterator[Finding]:
    found = [path for name in COMPILERS if (path := shutil.which(name))]
    if found:
        yield _finding("C compiler", Status.OK, found[0])
    else:
        cure = "only needed to build: apt install gcc, or pip install ziglang"
        yield _finding("C compiler", Status.WARN, "none", cure)


def _boards() -> Iterator[Finding]:
    from hil.board_files import board_names, boards_folder, read_board

    names = board_names()
    for name in names:
        read_board(name)
    good = bool(names)
    found = f"{', '.join(names) or 'none'} in {boards_folder()}"
    yield _finding("board profiles", _ok(good), found, "" if good else "install the package again")


def _keys() -> Iterator[Finding]:
    from flight_sw.devices.storage import read_key_file
    from flight_sw.space_link.keys import parse_keys
    from hil.places import key_file

    path = key_file()
    if not path.exists():
        cure = "only fly, send and watch need one: vanallen keys new"
        yield _finding("key file", Status.OK, f"none at {path}", cure)
        return
    try:
        keys = parse_keys(read_key_file(path), str(path))
    except VanAllenError as error:
        yield _finding("key file", Status.WARN, str(error), "vanallen keys new --force")
    else:
        yield _finding("key file", Status.OK, f"{path}, board {keys.board}, readable by you alone")


def _models() -> Iterator[Finding]:
    """Each model is proven in a process of its own, as in flight: the proof writes into weights."""
    from hil.applications.models import find_model, shipped_models
    from hil.model_proof import prove_model

    for name in shipped_models():
        try:
            proof = prove_model(find_model(name))[0]
        except ModelError as error:
            cure = "the other models work all the same"
            yield _finding(f"model {name}", Status.FAIL, str(error), cure)
            continue
        found = f"{proof.live_bytes} of {proof.total_bytes} weight bytes proven live"
        found += f" ({proof.coverage:.2%})"
        cure = "" if proof.protectable else "runs, but its answers are never called protected"
        status = Status.OK if proof.protectable else Status.WARN
        yield _finding(f"model {name}", status, found, cure)


CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "python": _python,
    "native core": _native_core,
    "onnxruntime": _onnxruntime,
    "pseudo-terminals": _pty,
    "serial ports": _serial_ports,
    "shared memory": _shared_memory,
    "fault injection": _fault_injection,
    "C compiler": _compiler,
    "board profiles": _boards,
    "key file": _keys,
    "models": _models,
}


def _finding(check: str, status: Status, found: str, cure: str = "") -> Finding:
    return Finding(check, status.value, found, cure)


def _ok(good: bool) -> Status:
    return Status.OK if good else Status.FAIL


def _tell(findings: list[Finding]) -> None:
    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        style = styles[finding.status]
        cure = f"\n[dim]→ {finding.cure}[/]" if finding.cure else ""
        table.add_row(f"[{style}]{finding.status}[/]", finding.check, finding.found + cure)
    console = Console(highlight=False)
    console.print(table)
    failed = sum(finding.status == Status.FAIL.value for finding in findings)
    console.print("everything a flight needs works" if not failed else f"{failed} checks failed")
