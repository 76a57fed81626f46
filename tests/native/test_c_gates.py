"""The gates of the C core: sanitizers, random patterns, valgrind, fuzzing, MC/DC, and 64-bit Arm.

Each tool is a Debian package; a machine without it skips that gate and says which package it is.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flight_sw.radiation import native
from flight_sw.radiation.outcome import Isa
from tests.figures.scale import C_INPUTS

NATIVE = Path(__file__).parents[2] / "native"
CLANG = next((name for name in ("clang-19", "clang-18", "clang") if shutil.which(name)), None)
PROGRAMS = ("crc", "isa", "page", "parity", "rs", "self_test", "storage", "stuck", "tmr", "word")
FUZZ_LIMIT_S = 24 * 3600
FUZZERS = {"pages": 1, "rs": 3, "storage": 3, "words": 8}  # and how much faster than the slowest
# Kernels of levels that this machine lacks cannot run, and count as not covered.
MCDC_GOAL_PERCENT = 100.0 if Isa.AVX512 in native.supported_isas() else 90.0


def needs(*tools: str, package: str):
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {missing}: apt install {package}")


def command(*words: object, timeout_s: float = 600, **env: str) -> str:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=timeout_s, check=False,
        env=os.environ | env,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def build(folder: Path, *options: str) -> Path:
    python = f"-DPython_EXECUTABLE={sys.executable}"
    generator = ("-G", "Ninja") if shutil.which("ninja") else ()
    command("cmake", "-S", NATIVE, "-B", folder, python, *generator, *options)
    command("cmake", "--build", folder, "-j2")
    return folder


@pytest.fixture(scope="session")
def optimised(tmp_path_factory):
    return build(tmp_path_factory.mktemp("optimised"), "-DCMAKE_BUILD_TYPE=Release")


@pytest.fixture(scope="session")
def fuzzers(tmp_path_factory):
    options = ("-DVANALLEN_FUZZ=ON", "-DVANALLEN_SANITIZE=ON", f"-DCMAKE_C_COMPILER={CLANG}")
    return build(tmp_path_factory.mktemp("fuzz"), "-DCMAKE_C_FLAGS=-O2", *options)


@pytest.mark.figure("F7")
@needs("cmake", "cc", package="cmake gcc")
def test_c_tests_pass_under_sanitizers(tmp_path, figure):
    """ctest is green with ASan, UBSan, -Wall -Wextra -Wconversion -Werror, on every level."""
    build(tmp_path, "-DVANALLEN_SANITIZE=ON", "-DCMAKE_C_FLAGS=-O1 -g")
    command("ctest", "--test-dir", tmp_path, "--output-on-failure", "-j2")
    figure("F7.sanitizer", 0)  # each finding ends its program with an error
    figure("F7.warnings", 0)  # each warning is an error


def count_patterns(folder: Path, count: int, seed: int) -> dict[str, dict[str, int]]:
    counts = json.loads(command(folder / "tests" / "montecarlo", count, seed, timeout_s=1800))
    assert sum(sum(kinds.values()) for kinds in counts.values()) == count
    return counts


@needs("cmake", "cc", package="cmake gcc")
def test_random_patterns_are_never_silent(optimised):
    """10^5 bursts, bytes, words, lines, stuck columns and the like: none passes unseen."""
    counts = count_patterns(optimised, 100_000, 11)
    assert not any(kinds["silent"] for kinds in counts.values())
    assert counts["random 64-byte line"]["detected"] == 0  # a whole dead line is always mended


@pytest.mark.long
@needs("cmake", "cc", package="cmake gcc")
def test_ten_million_random_patterns_are_never_silent(optimised):
    """The same for 10^7 patterns."""
    counts = count_patterns(optimised, 10_000_000, 12)
    assert not any(kinds["silent"] for kinds in counts.values())


@needs("cmake", "cc", package="cmake gcc")
def test_every_single_flip_on_every_level(optimised):
    """All 36,864 flips of a page, on each instruction set, not only on the fastest."""
    command(optimised / "tests" / "test_page", "all")


@pytest.mark.figure("F7")
@needs("valgrind", "cmake", "cc", package="valgrind cmake gcc")
@pytest.mark.parametrize("program", ["crc", "rs", "self_test", "storage", "tmr", "word"])
def test_valgrind_finds_nothing(optimised, program, figure):
    """Memcheck is clean: no uninitialised byte decides anything (up to AVX2, valgrind's limit)."""
    options = ("--error-exitcode=9", "--quiet", "--leak-check=full")
    command("valgrind", *options, optimised / "tests" / f"test_{program}")
    figure("F7.valgrind", 0)


def fuzz(folder: Path, target: str, level: Isa, runs: int) -> int:
    """Runs that libFuzzer says it made; any find ends it with an error that names the input."""
    options = (f"-runs={runs}", "-max_len=96", "-seed=1", "-verbosity=0", "-print_final_stats=1")
    done = subprocess.run(
        [str(folder / "fuzz" / f"fuzz_{target}"), *options], cwd=folder, capture_output=True,
        text=True, timeout=FUZZ_LIMIT_S, check=False, env=os.environ | {"VANALLEN_ISA": level.name.lower()},
    )  # fmt: skip
    assert done.returncode == 0, f"{target} on {level.name}: {done.stderr[-4000:]}"
    made = re.search(r"stat::number_of_executed_units: +(\d+)", done.stderr)
    return int(made[1]) if made else 0


def fuzz_all(folder: Path, runs: Mapping[str, int]) -> dict[str, int]:
    """Every decoder on every level this machine has, most runs on the best, two at a time."""
    *others, best = native.supported_isas()
    work = [(target, level, count // 40) for target, count in runs.items() for level in others]
    rest = {target: count - len(others) * (count // 40) for target, count in runs.items()}
    work = [*((target, best, count) for target, count in rest.items()), *work]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        made = list(pool.map(lambda job: (job[0], fuzz(folder, *job)), work))
    return {target: sum(n for name, n in made if name == target) for target in FUZZERS}


@pytest.mark.figure("F6")
@pytest.mark.skipif(CLANG is None, reason="needs clang: apt install clang-19")
def test_fuzzing_a_million_inputs_finds_nothing(fuzzers, figure):
    """libFuzzer with ASan and UBSan: 10^6 inputs for every decoder of the C core."""
    made = fuzz_all(fuzzers, dict.fromkeys(FUZZERS, 1_000_000))
    figure("F6.c_inputs", sum(made.values()))
    figure("F6.foreign", 0)
    assert min(made.values()) >= 1_000_000


@pytest.mark.long
@pytest.mark.figure("F6")
@pytest.mark.skipif(CLANG is None, reason="needs clang: apt install clang-19")
def test_fuzzing_for_hours_finds_nothing(fuzzers, figure):
    """10^10 inputs to all decoders together."""
    unit = -(-C_INPUTS.value // sum(FUZZERS.values()))
    made = fuzz_all(fuzzers, {target: unit * share for target, share in FUZZERS.items()})
    figure("F6.c_inputs", sum(made.values()))
    figure("F6.foreign", 0)
    assert min(made.values()) >= unit


@pytest.mark.figure("F7")
@pytest.mark.skipif(
    shutil.which("clang-19") is None or shutil.which("llvm-cov-19") is None,
    reason="needs clang 18 or later: apt install clang-19 llvm-19",
)
def test_every_condition_decides(tmp_path, figure):
    """MC/DC of the C core, tests and tables left out, reaches the goal; the figure is recorded."""
    coverage = ("-DVANALLEN_COVERAGE=ON", "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_BUILD_TYPE=Debug")
    build(tmp_path, *coverage)
    command("ctest", "--test-dir", tmp_path, "-j2", LLVM_PROFILE_FILE=f"{tmp_path}/%p.profraw")
    merged = tmp_path / "all.profdata"
    command("llvm-profdata-19", "merge", "-o", merged, *tmp_path.glob("*.profraw"))
    first, *rest = (tmp_path / "tests" / f"test_{name}" for name in (*PROGRAMS, "guard_pages"))
    objects = [word for program in rest for word in ("-object", program)]
    summary = command(
        "llvm-cov-19", "export", "-summary-only", "-show-mcdc-summary", f"-instr-profile={merged}",
        first, *objects, "-ignore-filename-regex=tests/|tables",
    )  # fmt: skip
    percent = json.loads(summary)["data"][0]["totals"]["mcdc"]["percent"]
    figure("F7.mcdc_percent", percent)
    assert percent >= MCDC_GOAL_PERCENT


@needs(
    "aarch64-linux-gnu-gcc", "qemu-aarch64-static", package="gcc-aarch64-linux-gnu qemu-user-static"
)
def test_c_tests_pass_on_64_bit_arm(tmp_path):
    """Cross-built with NEON kernels, the C tests pass under qemu-user."""
    build(tmp_path, f"-DCMAKE_TOOLCHAIN_FILE={NATIVE}/aarch64.cmake", "-DCMAKE_BUILD_TYPE=Release")
    command("ctest", "--test-dir", tmp_path, "--output-on-failure", "-j2")


def test_reed_solomon_shuffles_no_bytes_by_table():
    """No PSHUFB or TBL look-up multiplies in the Reed-Solomon or erasure kernels (patent caution)."""
    for name in ("rs/rs_kernel.h", "erasure/storage_kernel.h"):
        source = (NATIVE / "src" / name).read_text("utf-8")
        assert not re.search(r"shuffle_epi8|vqtbl|pshufb(?!\))", source), name
