"""A mistake of the user is one clear line with place and remedy, exit code 2, and no traceback."""

import fcntl
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
LIMIT_S = 60


def cut_image(folder):
    """A two-band image whose second half was lost on the way."""
    frames = [Image.fromarray(np.full((64, 64), 300.0, np.float32)) for _ in range(2)]
    whole = folder / "whole.tiff"
    frames[0].save(whole, save_all=True, append_images=frames[1:])
    (folder / "cut.tiff").write_bytes(whole.read_bytes()[:9000])
    return "cut.tiff"


def misspelt_profile(folder):
    """The emulated board's profile with a key that does not exist."""
    text = (ROOT / "boards" / "emulated.yaml").read_text()
    (folder / "mine.yaml").write_text(text.replace("dwell_s:", "dwel_s:"))
    return "mine.yaml"


def text_as_model(folder):
    """A text file with a model's name."""
    (folder / "notes.onnx").write_text("this is not a model\n")
    return "notes.onnx"


def wrong_shape(folder):
    """An array that no model of ours takes."""
    np.save(folder / "wrong.npy", np.zeros((3, 7), np.float32))
    return "wrong.npy"


def new_keys(folder):
    """A sound key file, so that only the port is wrong."""
    words = [sys.executable, "-m", "hil", "keys", "new", "keys.json"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, env=environment())
    return "keys.json"


def fly_on(folder, port):
    """A controller on that port; any free space port, for another flight may hold the usual one."""
    keys = ("--keys", new_keys(folder), "--space", "tcp://127.0.0.1:0")
    return ("fly", "--board-port", str(port), *keys)


def held_port():
    """A pty that this process has locked, as every program of ours does."""
    _, slave = pty.openpty()
    fcntl.flock(slave, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return os.ttyname(slave)


def environment():
    """Ours, with this checkout on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


NO_MODEL = ("--model", "telemetry-anomaly", "--input")
CASES = {
    "unknown board": (lambda _: ["run", "--board", "emulatd"], ["emulatd", "emulated"]),
    "unknown key in a profile": (
        lambda folder: ["run", "--board", misspelt_profile(folder)],
        ["mine.yaml:", "thermal.dwel_s", "dwell_s"],
    ),
    "unknown scenario": (lambda _: ["run", "--scenario", "first-lihgt"], ["first-light"]),
    "text file as model": (
        lambda folder: ["run", "--model", text_as_model(folder)],
        ["notes.onnx", "ONNX"],
    ),
    "unknown model": (lambda _: ["run", "--model", "hotspott"], ["hotspott", "hotspot"]),
    "input of the wrong shape": (
        lambda folder: ["run", *NO_MODEL, wrong_shape(folder)],
        ["wrong.npy", "3x7", "1x18"],
    ),
    "truncated image": (
        lambda folder: ["run", "--model", "hotspot", "--input", cut_image(folder)],
        ["cut.tiff", "image"],
    ),
    "missing input": (lambda _: ["run", *NO_MODEL, "none.csv"], ["none.csv"]),
    "input without a model": (
        lambda folder: ["run", "--scenario", "first-light", "--input", wrong_shape(folder)],
        ["wrong.npy", "--model"],
    ),
    "missing key file": (
        lambda _: ["fly", "--board-port", "/dev/null", "--keys", "none.json"],
        ["none.json", "vanallen keys new"],
    ),
    "port that does not exist": (
        lambda folder: [*fly_on(folder, "/dev/ttyNONE")],
        ["/dev/ttyNONE"],
    ),
    "port that is a directory": (
        lambda folder: [*fly_on(folder, folder)],
        ["is a directory", "name a device"],
    ),
    "port that somebody has": (
        lambda folder: [*fly_on(folder, held_port())],
        [f"in use by process {os.getpid()} (", "stop that program"],
    ),
    "folder that is not empty": (
        lambda folder: ["run", "--out", str(Path(wrong_shape(folder)).parent)],
        ["--out", "not an empty folder"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_gets_one_line_that_names_it(case, tmp_path):
    """Which file, line or field it is, and what to do; nothing is started."""
    make, words = CASES[case]
    done = subprocess.run(
        [sys.executable, "-m", "hil", *make(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**environment(), "XDG_STATE_HOME": str(tmp_path / "state")},
    )
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(lines) == 1, done.stderr
    assert all(word in lines[0] for word in words), lines[0]
    assert "Traceback" not in done.stdout + done.stderr
