"""`vanallen bench native`: the C core against memory and against its peers, measured, never typed in.

The C part builds native/bench and runs it once for each instruction set: kernels interleaved in one
process, thread CPU time, ratios taken round by round and then their median. The Python part does the
same for peers that live in Python. A peer that is not installed is reported absent.
"""

import importlib
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from flight_sw.errors import UserError
from flight_sw.radiation import native
from flight_sw.radiation.outcome import Isa
from flight_sw.radiation.protected import ProtectedRegion
from flight_sw.radiation.scrub import Scrubber

NATIVE: Final = Path(__file__).resolve().parents[2] / "native"
ROUNDS: Final = 21
PYTHON_ROUNDS: Final = 9
SMALL: Final = 256 << 10
PYTHON_TMR_BYTES: Final = 64 << 20

# key: kernel, reference kernel, goals (by instruction set, "" for every one)
RATIOS: Final[Mapping[str, tuple[str, str, Mapping[str, float]]]] = {
    "tmr_scrub_vs_read3": ("tmr", "read3", {"": 0.90}),
    "tmr_scrub_hits_vs_read3": ("tmr_hits", "read3", {"": 0.75}),
    "tmr_scrub_256k_vs_read3": ("tmr_small", "read3_small", {"avx512": 0.80, "avx2": 0.80}),
    "tmr_vs_naive_c": ("tmr", "tmr_naive", {"": 3.0}),
    "tmr_vs_naive_c_bound": ("read3", "tmr_naive", {}),  # memory's: nothing reads faster than reading
    "tmr_vs_naive_c_256k": ("tmr_small", "tmr_naive_small", {}),
    "secded_scrub_vs_read": (
        "secded", "read",
        {"avx512": 0.80, "avx2": 0.70, "sse2": 0.65, "portable": 0.65, "neon": 0.65},
    ),
    "secded_word_vs_read": ("word", "read", {"avx512": 0.75, "avx2": 0.50}),
    "light_scrub_vs_read": ("light", "read", {"avx512": 0.75, "avx2": 0.75}),
    "both_scrub_vs_read": ("both", "read", {}),
    "crc32c_vs_isal": ("crc32c", "isal_crc32c", {}),
    "rs_encode_vs_libfec": (
        "rs_encode", "libfec_encode", {"avx512": 70, "avx2": 18, "": 12},
    ),
    "rs_decode16_vs_libfec": (
        "rs_decode16", "libfec_decode16", {"avx512": 15, "": 4},
    ),
    "rs_decode0_vs_libfec": ("rs_decode0", "libfec_decode0", {}),
    "erasure_10_4_vs_isal": ("erasure_10_4", "isal_10_4", {"avx512": 1.0}),
    "erasure_10_4_32k_vs_isal": ("erasure_10_4_small", "isal_10_4_small", {}),
}  # fmt: skip

PYTHON_GOALS: Final[Mapping[str, float]] = {
    "tmr_vs_numpy": 25,
    "crc32c_vs_best_peer": 0.95,
    "rs_encode_vs_reedsolo": 1200,
}
AT_MOST: Final[Mapping[str, float]] = {
    "call_overhead_us": 2.0,
    "slice_longest_ms": 1.0,
    "slice_damaged_longest_ms": 1.0,
}


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure everything; takes about a minute. UserError when the sources or a compiler are missing."""
    if not (NATIVE / "bench").is_dir():
        raise UserError(f"{NATIVE}/bench is not here: run the bench from a source checkout")
    if shutil.which("cmake") is None:
        raise UserError("the bench needs cmake: apt install cmake")
    with tempfile.TemporaryDirectory() as folder:
        binary = _build(Path(folder))
        levels = {
            level.name.lower(): _measure(binary, level, rounds) for level in native.supported_isas()
        }
        compiler = _compiler(Path(folder))
    python = _python_figures()
    best = levels[list(levels)[-1]]["ratios"]
    figures = {key: entry["ratio"] for key, entry in best.items()} | python
    figures["tmr_vs_numpy_bound"] = round(
        figures["tmr_vs_numpy"] / figures["tmr_scrub_vs_read3"], 2
    )
    against = (figures["crc32c_vs_isal"], figures["crc32c_vs_fastcrc"])
    figures["crc32c_vs_best_peer"] = min((x for x in against if x is not None), default=None)
    return {
        "machine": _machine(),
        "compiler": compiler,
        "isa": list(levels)[-1],
        "rounds": rounds,
        "absent": sorted(key for key, value in figures.items() if value is None),
        **figures,
        "goals": _goals(best, figures),
        "levels": levels,
    }


def _goals(best: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, bool]:
    """Which goals the best instruction set of this machine meets; what was not measured has no entry."""
    goals = {key: entry["met"] for key, entry in best.items() if entry["met"] is not None}
    for key, at_least in PYTHON_GOALS.items():
        if figures[key] is not None:
            goals[key] = figures[key] >= at_least
    for key, at_most in AT_MOST.items():
        goals[key] = figures[key] <= at_most
    return goals


def _build(folder: Path) -> Path:
    options = ["-DCMAKE_BUILD_TYPE=Release", f"-DPython_EXECUTABLE={sys.executable}"]
    for command in (
        ["cmake", "-S", str(NATIVE), "-B", str(folder), *options],
        ["cmake", "--build", str(folder), "--target", "bench"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise UserError(f"building {NATIVE}/bench failed: {' '.join(reason)}")
    return folder / "bench" / "bench"


def _measure(binary: Path, level: Isa, rounds: int) -> dict[str, Any]:
    """Ratios with their goals, and GB/s for orientation, of one instruction set."""
    command = [str(binary), str(int(level)), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    raw = json.loads(done.stdout)
    name = level.name.lower()
    ratios = {}
    for key, (kernel, reference, goals) in RATIOS.items():
        goal = goals.get(name, goals.get(""))
        ratios[key] = _ratio(raw.get(kernel), raw.get(reference)) | {"goal": goal}
        value = ratios[key]["ratio"]
        ratios[key]["met"] = None if goal is None or value is None else value >= goal
    rates = {
        key: round(entry["bytes"] / min(entry["seconds"]) / 1e9, 3) for key, entry in raw.items()
    }
    return {"ratios": ratios, "gb_per_s_best": rates}


def _ratio(ours: Any, theirs: Any) -> dict[str, Any]:
    if ours is None or theirs is None:
        return {"ratio": None, "absent": True}
    pairs = zip(ours["seconds"], theirs["seconds"], strict=True)
    scale = ours["bytes"] / theirs["bytes"]
    return {"ratio": round(statistics.median(scale * b / a for a, b in pairs), 3)}


def _python_figures() -> dict[str, Any]:
    """Peers that live in Python, and what a call costs; same buffers, interleaved."""
    data = np.random.default_rng(1).integers(0, 256, SMALL, np.uint8).tobytes()
    fastcrc, isal, reedsolo = (_peer(name) for name in ("fastcrc", "isal.isal_zlib", "reedsolo"))
    figures: dict[str, Any] = {
        "call_overhead_us": _call_overhead_us(),
    }
    for key, times in (("tmr_vs_numpy", PYTHON_TMR_BYTES // SMALL), ("tmr_vs_numpy_256k", 1)):
        figures[key] = _numpy_ratio(
            [np.frombuffer(data * times, np.uint8).copy() for _ in range(3)]
        )
    crcs: dict[str, tuple[Callable[[], Any], Callable[[], Any] | None]] = {
        "crc32c_vs_fastcrc": (
            lambda: native.crc32c(data),
            None if fastcrc is None else lambda: fastcrc.crc32.iscsi(data),
        ),
        "crc16_vs_fastcrc": (
            lambda: native.crc16(data),
            None if fastcrc is None else lambda: fastcrc.crc16.ibm_3740(data),
        ),
        "crc32_vs_isal": (
            lambda: native.crc32(data),
            None if isal is None else lambda: isal.crc32(data),
        ),
    }
    for key, (ours, theirs) in crcs.items():
        figures[key] = None if theirs is None else _versus(ours, theirs, 40)
    figures["rs_encode_vs_reedsolo"] = None if reedsolo is None else _reedsolo_ratio(reedsolo)
    figures["slice_longest_ms"] = _slice_ms()
    figures["slice_damaged_longest_ms"] = _slice_ms(damaged=True)
    return figures


def _numpy_ratio(replicas: list[Any]) -> float:
    repeat = max(1, SMALL * 20 // replicas[0].size)
    return _versus(lambda: native.tmr_scrub(*replicas), lambda: _numpy_scrub(replicas), repeat)


def _numpy_scrub(replicas: list[Any]) -> int:
    a, b, c = replicas
    voted = (a & b) | (a & c) | (b & c)
    count = sum(int(np.count_nonzero(replica != voted)) for replica in replicas)
    for replica in replicas:
        replica[:] = voted
    return count


def _reedsolo_ratio(reedsolo: ModuleType) -> float:
    codec = reedsolo.RSCodec(32, nsize=255, fcr=112, prim=0x187, generator=2)
    message = bytes(range(223))
    block = bytearray(message + bytes(32)) * 100
    ours = _best_s(lambda: native.rs_encode(block), 20) / 100
    theirs = _best_s(lambda: codec.encode(message), 3)
    return round(theirs / ours, 1)


def _call_overhead_us() -> float:
    buffers = [bytearray(64) for _ in range(3)]

    def thousand() -> None:
        for _ in range(1000):
            native.tmr_scrub(*buffers)

    return round(_best_s(thousand, 1) * 1000, 3)


def _slice_ms(*, damaged: bool = False) -> float:
    """Longest slice of a scrub, clean or with a flip in each page: what a pause may wait for."""
    pages = native.SLICE_PAGES
    live = native.aligned_bytes(pages * native.PAGE_BYTES)
    region = ProtectedRegion("bench", memoryview(live), lambda _: bytes(native.PAGE_BYTES))
    region.encode()
    scrubber = Scrubber([region])
    times: list[float] = []

    def stop() -> bool:
        times.append(time.thread_time())
        return False

    longest = []
    for _ in range(50):
        for page in range(pages if damaged else 0):
            live[page * native.PAGE_BYTES] ^= 1
        times.clear()
        scrubber.advance(pages, stop)
        stop()
        longest.append(max(after - before for before, after in itertools.pairwise(times)))
    return round(max(longest) * 1000, 3)


def _versus(ours: Callable[[], Any], theirs: Callable[[], Any], repeat: int = 1) -> float:
    """Median over rounds of (their time / our time)."""
    ratios = [_once_s(theirs, repeat) / _once_s(ours, repeat) for _ in range(PYTHON_ROUNDS)]
    return round(statistics.median(ratios), 2)


def _best_s(work: Callable[[], Any], repeat: int) -> float:
    return min(_once_s(work, repeat) for _ in range(PYTHON_ROUNDS)) / repeat


def _once_s(work: Callable[[], Any], repeat: int) -> float:
    start = time.thread_time()
    for _ in range(repeat):
        work()
    return time.thread_time() - start


def _peer(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "last_cache_bytes": native.cache_bytes(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _compiler(folder: Path) -> str:
    cache = (folder / "CMakeCache.txt").read_text("utf-8")
    path = next(
        (x.split("=", 1)[1] for x in cache.splitlines() if x.startswith("CMAKE_C_COMPILER:")), "cc"
    )
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0] if done.stdout else path
