"""Fuzzes a target, here or in a process of its own; looks for growth by running its seeds again."""

import gc
import importlib
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.fuzz import engine

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).with_name("data")
NAMES = tuple(sorted(path.stem for path in Path(__file__).with_name("targets").glob("*.py")))
TIMEOUT_S = 4 * 3600
GROWTH_SEEDS = 12  # at most so many of them
_MADE = re.compile(r"stat::number_of_executed_units: +(\d+)")


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """One session with one target; `find` is None or what the process said at its end."""

    name: str
    engine: str
    inputs: int
    find: str | None


def target(name: str) -> ModuleType:
    """The module with the `seeds` and the `run` of a target."""
    return importlib.import_module(f"{engine.TARGETS}.{name}")


def guided() -> bool:
    """Whether atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def fuzz(name: str, runs: int, *, seed: int = 1, corpus: Path | None = None) -> Fuzzed:
    """Run a target on `runs` inputs in a process of its own; what it finds stays in runs/fuzz."""
    kind = "atheris" if guided() else "mutation"
    artifacts = ROOT / "runs" / "fuzz" / name
    artifacts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        place = corpus or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(seeds(name)):
            (place / f"seed-{number:03}").write_bytes(data)
        command = [sys.executable, "-m", "tests.fuzz.engine", name, kind, str(runs), str(seed)]
        done = subprocess.run(
            [*command, str(place), str(artifacts)], cwd=ROOT, capture_output=True, text=True,
            errors="replace", timeout=TIMEOUT_S, check=False, env=os.environ | {"PYTHONHASHSEED": "0"},
        )  # fmt: skip
    made = _MADE.search(done.stderr)
    find = None if done.returncode == 0 and made else done.stderr[-6000:]
    return Fuzzed(name, kind, int(made[1]) if made else 0, find)


def seeds(name: str) -> list[bytes]:
    """Where mutation starts: what the target gives, and every input that once was a find."""
    return [*target(name).seeds(), *finds(name)]


def finds(name: str) -> list[bytes]:
    """Inputs that once made this target fail."""
    return [path.read_bytes() for path in sorted((DATA / name).glob("*"))]


def fuzz_here(name: str, runs: int, seed: int = 1) -> None:
    """Run the seeds and `runs` mutations of them in this process; what is a find is raised as it is."""
    given, rng = seeds(name), random.Random(seed)
    with engine.timed(target(name).run) as run:
        for data in given:
            _named(run, data)
        for _ in range(runs):
            _named(run, engine.mutated(rng, given))


def growth_bytes(name: str, rounds: int) -> int:
    """How much more Python memory is held after `rounds` over the seeds, once everything is warm."""
    run = target(name).run
    inputs = seeds(name)
    inputs = inputs[:: -(-len(inputs) // GROWTH_SEEDS)]
    tracemalloc.start()
    try:
        held = [_held(run, inputs * rounds) for _ in range(2)]
    finally:
        tracemalloc.stop()
    return held[1] - held[0]


def _held(run: Callable[[bytes], None], inputs: list[bytes]) -> int:
    for data in inputs:
        run(data)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _named(run: Callable[[bytes], None], data: bytes) -> None:
    try:
        run(data)
    except BaseException as error:
        error.add_note(f"the input: {data.hex()}")
        raise
