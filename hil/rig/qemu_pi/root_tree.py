"""The board's root file system as a folder: Debian's base, our wheels, the guest's scripts."""

import os
import shutil
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from hil.rig.qemu_pi.sources import PYTHON, Sources
from hil.rig.tools import Where, run_tool

EPOCH = 1_700_000_000  # every file's time, so that the same input gives the same image
GUEST = Path(__file__).parent / "guest"
PACKAGES = f"usr/local/lib/python{PYTHON}/dist-packages"
OURS = "opt/vanallen"
UNUSED = (  # of the wheels: never imported on a board
    "numpy/tests",
    "numpy/*/tests",
    "onnxruntime/transformers",
    "onnxruntime/quantization",
    "onnxruntime/datasets",
    "onnx/backend/test",
    "onnx/test",
    "hil",
)
MOUNT_POINTS = ("proc", "sys", "dev", "tmp", "run", "mnt", "root", "data")
APPLETS = (
    *("cat", "cp", "df", "dmesg", "free", "grep", "head", "hostname", "kill", "ln", "ls"),
    *("mkdir", "mount", "mv", "ps", "reboot", "rm", "sed", "sleep", "sync", "tail", "uname", "vi"),
)
LISTS = {
    "etc/hostname": "vanallen-pi\n",
    "etc/passwd": "root::0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
}


def make(folder: Path, sources: Sources, wheels: Iterable[Path]) -> None:
    """Make the tree anew in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run_tool(["tar", "-C", folder, "-xf", sources.base, "--exclude=./dev/*"], Where(folder))
    packages = folder / PACKAGES
    packages.mkdir(parents=True, exist_ok=True)
    for wheel in sorted(wheels):
        with zipfile.ZipFile(wheel) as content:
            content.extractall(packages)
    for pattern in UNUSED:
        for unused in packages.glob(pattern):
            shutil.rmtree(unused)
    _add_ours(folder)
    _compile_python(folder)
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def _add_ours(folder: Path) -> None:
    scripts = folder / OURS
    scripts.mkdir(parents=True)
    for script in GUEST.iterdir():
        if script.is_file() and script.name not in ("init.sh", "inittab", "__init__.py"):
            shutil.copyfile(script, scripts / script.name)
    shutil.copyfile(GUEST / "inittab", folder / "etc/inittab")
    for name, text in LISTS.items():
        (folder / name).write_text(text)
    for name in MOUNT_POINTS:
        (folder / name).mkdir(exist_ok=True)
    _link(folder / "sbin/init", "/bin/busybox")
    _link(folder / "bin/sh", "busybox")
    for applet in APPLETS:
        if not (folder / "bin" / applet).exists():
            _link(folder / "bin" / applet, "busybox")


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _compile_python(folder: Path) -> None:
    """Byte code made here serves the board if the interpreters agree; else the board makes none."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" != PYTHON:
        return
    shutil.rmtree(folder / "root/.cache", ignore_errors=True)
    places = [folder / f"usr/lib/python{PYTHON}", folder / PACKAGES, folder / OURS]
    options = ["-q", "-j2", "--invalidation-mode", "unchecked-hash", "-s", folder, "-p", "/"]
    command = [sys.executable, "-m", "compileall", *options, *places]
    run_tool(["sh", "-c", '"$@" || true', "sh", *command], Where(folder))
