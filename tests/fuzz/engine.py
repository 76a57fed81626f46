"""Runs one target in this process: coverage-guided by atheris, or by plain mutation where it is absent.

Started by `drive`; the last lines on stderr are libFuzzer's statistics in either case. Any exception
that the target lets through ends the process with an error and leaves the input in the artifact folder.
"""

import importlib
import random
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TARGETS = "tests.fuzz.targets"
SLOW_S = 1.0  # of CPU time for one input: longer counts as a hang
INPUT_BYTES_MAX = 4096
INSTRUMENTED = ["flight_sw", "hil.rig", "spacepackets", "cfdppy"]
PRESENT = ("atheris", "mutation")
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


class TooSlow(Exception):
    """One input took longer than SLOW_S."""


def main(arguments: Sequence[str]) -> int:
    """`engine NAME ENGINE RUNS SEED CORPUS ARTIFACTS`."""
    name, engine, runs, seed, corpus, artifacts = arguments
    if engine == "atheris":
        return _guided(name, int(runs), int(seed), Path(corpus), Path(artifacts))
    target = importlib.import_module(f"{TARGETS}.{name}")
    seeds = [path.read_bytes() for path in sorted(Path(corpus).iterdir())]
    rng = random.Random(int(seed))
    with timed(target.run) as run:
        for _ in range(int(runs)):
            data = mutated(rng, seeds)
            try:
                run(data)
            except BaseException:
                (Path(artifacts) / "crash-mutation").write_bytes(data)
                raise
    sys.stderr.write(f"stat::number_of_executed_units: {runs}\n")
    return 0


@contextmanager
def timed(run: Callable[[bytes], None]) -> Iterator[Callable[[bytes], None]]:
    """The target, ended by TooSlow when one input takes too long, even if it would never end.

    A timer runs through all inputs and looks whether the input is still the one of the look before, so
    watching costs an input nothing, and a hang is seen after one to two times SLOW_S.
    """
    begun = seen = 0

    def one(data: bytes) -> None:
        nonlocal begun
        begun += 1
        run(data)

    def look(*_: object) -> None:
        nonlocal seen
        if seen == begun:
            raise TooSlow(f"one input took more than {SLOW_S} s of computing")
        seen = begun

    before = signal.signal(signal.SIGVTALRM, look)
    signal.setitimer(signal.ITIMER_VIRTUAL, SLOW_S, SLOW_S)
    try:
        yield one
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One to six changes to a seed."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1 if data:
                data[at % len(data)] = rng.choice(_NUMBERS)
            case 2:
                data[at:at] = rng.randbytes(rng.randint(1, 8))
            case 3:
                del data[at : at + rng.randint(1, 8)]
            case 4:
                data[at:at] = data[rng.randrange(len(data) + 1) :][: rng.randint(1, 64)]
            case _:
                other = rng.choice(seeds)
                data[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(data[:INPUT_BYTES_MAX])


def _guided(name: str, runs: int, seed: int, corpus: Path, artifacts: Path) -> int:
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        target = importlib.import_module(f"{TARGETS}.{name}")
    options = [
        "engine", f"-runs={runs}", f"-seed={seed}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=30",
        f"-artifact_prefix={artifacts}/", "-print_final_stats=1", "-verbosity=0", str(corpus),
    ]  # fmt: skip
    with timed(target.run) as run:
        atheris.Setup(options, run)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
