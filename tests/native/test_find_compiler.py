"""A machine without a C compiler gets a usable one, or is told the exact package."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "native" / "find_compiler.sh"
PLAIN_TOOLS = ("sh", "mktemp", "rm", "chmod", "env")


@pytest.fixture
def bare_path(tmp_path):
    """A PATH with the plain tools and no compiler."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for tool in PLAIN_TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def find(venv: Path, path: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPT), str(venv)], capture_output=True, text=True, check=False,
        env={"PATH": str(path), **env},
    )  # fmt: skip


def fake(folder: Path, name: str, body: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def test_compiler_of_the_machine_is_preferred(tmp_path, bare_path):
    """A working gcc is printed; $CC goes before it; a broken cc is passed over."""
    fake(bare_path, "gcc", "exit 0")
    fake(bare_path, "cc", "exit 1")
    fake(bare_path, "mine", "exit 0")
    assert find(tmp_path, bare_path).stdout.strip() == "gcc"
    assert find(tmp_path, bare_path, CC="mine -m64").stdout.strip() == "mine -m64"


@pytest.mark.parametrize("argument", [".", "bin/python"])
def test_without_compiler_the_ziglang_wheel_is_wrapped(tmp_path, bare_path, argument):
    """With no compiler the wheel is installed into the venv and a wrapper usable as CC is printed."""
    fake(tmp_path / "bin", "python", "exit 0")
    done = find(tmp_path / argument, bare_path)
    assert done.stdout.strip() == str(tmp_path.resolve() / "bin" / "zig-cc")
    assert "ziglang cc" in (tmp_path / "bin" / "zig-cc").read_text("utf-8")


def test_without_anything_the_package_is_named(tmp_path, bare_path):
    """When the wheel cannot be had either, one line names what to install, exit code 1."""
    fake(tmp_path / "bin", "python", "exit 1")
    done = find(tmp_path, bare_path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("apt install gcc")
