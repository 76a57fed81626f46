"""Board profiles are found in an editable install and in a wheel, by name and by path."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from flight_sw.errors import ProfileError
from hil.board_files import board_names, find_board, read_board

ROOT = Path(__file__).resolve().parents[2]


def test_shipped_names_are_those_of_the_repository() -> None:
    """Every profile in boards/ is known by its name."""
    assert board_names() == sorted(path.stem for path in (ROOT / "boards").glob("*.yaml"))


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    """A file of one's own needs no place in the package."""
    own = tmp_path / "own.yaml"
    own.write_bytes(find_board("emulated").read_bytes())
    assert find_board(str(own)) == own
    assert read_board(str(own)).name == "emulated"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("emulatd", "did you mean `emulated`?"),
        ("own.yaml", "own.yaml: no such board profile; check the path"),
        ("../emulated", "../emulated: no such board profile"),
    ],
)
def test_what_is_no_board_is_named(name: str, says: str) -> None:
    """A misspelt name gives the nearest one, a missing file its path."""
    with pytest.raises(ProfileError) as error:
        find_board(name)
    assert says in str(error.value)


def test_a_binary_file_is_no_profile(tmp_path: Path) -> None:
    """A file that is not text is refused in one line."""
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="not a text file"):
        read_board(str(tmp_path / "x.yaml"))


@pytest.mark.long
def test_a_wheel_carries_the_profiles(tmp_path: Path) -> None:
    """A wheel in an environment of its own finds its boards without the repository."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT], check=True
    )
    venv.create(tmp_path / "venv", with_pip=False)
    paths = {"base": str(tmp_path / "venv"), "platbase": str(tmp_path / "venv")}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    wheel = next(tmp_path.glob("vanallen-*.whl"))
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, packages], check=True)
    # A line in a .pth file lends our dependencies without starting the editable install's finder.
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shown = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-m", "hil", "doctor", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"emulated in {packages / 'hil' / 'boards'}" in shown.stdout
    assert "self-test passed" in shown.stdout
