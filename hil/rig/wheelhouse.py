"""An offline wheelhouse for a 64-bit Arm board: our own wheel, cross built, and what it needs.

Our native core is one abi3 extension, so a cross compiler and any CPython's headers are enough; the
dependencies come as ready wheels, but for `cobs`, which has none for Arm and is cross built too.
"""

import base64
import hashlib
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from flight_sw.errors import UserError
from hil.board_files import REPOSITORY
from hil.rig.tools import Where, require_tools, run_tool

COMPILER = "aarch64-linux-gnu-gcc"
MACHINE = "aarch64"
# glibc of Debian 12 is 2.36 and of JetPack 6 (Ubuntu 22.04) 2.35; wheels built for older ones run.
PLATFORMS = (
    "manylinux_2_34",
    "manylinux_2_28",
    "manylinux_2_27",
    "manylinux_2_17",
    "manylinux2014",
)
SOURCE_ONLY = ("cobs",)
NODE_NEEDS = (  # what the board's side imports; the controller's libraries come on top
    "numpy",
    "onnxruntime",
    "cffi",
    "pycparser",
    "pyserial",
    "protobuf",
    "flatbuffers",
    "packaging",
    "msgspec",
    "pyyaml",
    "typing_extensions",
)
CONTROLLER_NEEDS = ("cryptography", "spacepackets", "deprecated", "wrapt")
COMPILE_NEEDS = ("onnx", "ml_dtypes")
EPOCH = (2023, 11, 14, 22, 13, 20)  # = SOURCE_DATE_EPOCH 1700000000: the same wheel twice


def cross_wheel(folder: Path) -> Path:
    """Build our own wheel for Arm into `folder` and return it.

    Raises:
        UserError: no source tree, or no cross compiler.
        ToolError: the build failed.
    """
    if not (REPOSITORY / "pyproject.toml").is_file():
        raise UserError("a wheel for another machine is built from the source tree; clone it first")
    require_tools([COMPILER], "a cross build")
    folder.mkdir(parents=True, exist_ok=True)
    built = folder / "cross"
    built.mkdir(exist_ok=True)
    for old in [*built.glob("*.whl"), *folder.glob("vanallen-*.whl")]:
        old.unlink()
    toolchain = REPOSITORY / "native/aarch64.cmake"
    environment = {"CMAKE_ARGS": f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"}
    command = [*_pip("wheel"), "--no-deps", "--wheel-dir", built.absolute(), REPOSITORY]
    run_tool(command, Where(built, environment))
    return retag(next(built.glob("*.whl")), folder)


def dependency_wheels(folder: Path, names: Sequence[str], python: str = "3.11") -> list[Path]:
    """Bring the wheels of `names` for Arm and that Python into `folder`.

    Raises:
        ToolError: the package index cannot be reached or has no such wheel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    platforms = [word for tag in PLATFORMS for word in ("--platform", f"{tag}_{MACHINE}")]
    target = ["--python-version", python, "--implementation", "cp", *platforms]
    command = [*_pip("download"), "--no-deps", "--only-binary=:all:", "--dest", folder.absolute()]
    constraints = REPOSITORY / "constraints.txt"
    pins = ["-c", constraints] if constraints.is_file() else []
    run_tool([*command, *target, *pins, *names], Where(folder))
    for name in SOURCE_ONLY:
        if not list(folder.glob(f"{name}-*.whl")):
            _cross_build(name, folder, python)
    return sorted(folder.glob("*.whl"))


def retag(wheel: Path, folder: Path) -> Path:
    """Write the wheel anew with an Arm tag: the build names the machine it ran on."""
    _, _, python, abi, _ = wheel.stem.split("-")
    return _rewrite(wheel, folder, f"{python}-{abi}-linux_{MACHINE}")


def without_extension(wheel: Path, folder: Path) -> Path:
    """The same wheel in plain Python, where the package has a fallback for its compiled half."""
    return _rewrite(wheel, folder, "py3-none-any", dropped=".so")


def _rewrite(wheel: Path, folder: Path, tag: str, dropped: str | None = None) -> Path:
    name, version = wheel.stem.split("-")[:2]
    out = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel) as source:
        names = [one for one in sorted(source.namelist()) if not dropped or dropped not in one]
        content = {entry: source.read(entry) for entry in names}
    lines = content[f"{info}/WHEEL"].decode().splitlines()
    kept = [line for line in lines if line and not line.startswith("Tag:")]
    content[f"{info}/WHEEL"] = ("\n".join([*kept, f"Tag: {tag}"]) + "\n").encode()
    record = f"{info}/RECORD"
    content[record] = _record(content, record)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry, data in content.items():
            target.writestr(zipfile.ZipInfo(entry, EPOCH), data, zipfile.ZIP_DEFLATED)
    return out


def _record(content: dict[str, bytes], record: str) -> bytes:
    rows = []
    for entry, data in content.items():
        if entry != record:
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{entry},sha256={digest},{len(data)}")
    return ("\n".join([*rows, f"{record},,"]) + "\n").encode()


def _cross_build(name: str, folder: Path, python: str) -> None:
    """With our own Python's headers, so for another version only the plain half is kept."""
    version = python.replace(".", "")
    environment = {
        "CC": COMPILER,
        "LDSHARED": f"{COMPILER} -shared",
        "_PYTHON_HOST_PLATFORM": f"linux-{MACHINE}",
        "SETUPTOOLS_EXT_SUFFIX": f".cpython-{version}-{MACHINE}-linux-gnu.so",
    }
    # Whole paths: the tool runs in the folder, and a person names it from another one.
    with tempfile.TemporaryDirectory(dir=folder.absolute(), prefix="cross-") as temporary:
        command = [*_pip("wheel"), "--no-deps", "--no-binary", name, "--wheel-dir", temporary]
        run_tool([*command, name], Where(folder, environment))
        wheel = next(Path(temporary).glob("*.whl"))
        if python == f"{sys.version_info.major}.{sys.version_info.minor}":
            retag(wheel, folder)
        else:
            without_extension(wheel, folder)


def _pip(verb: str) -> list[str]:
    return [sys.executable, "-m", "pip", verb, "--quiet", "--disable-pip-version-check"]
