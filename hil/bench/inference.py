"""`vanallen bench inference`: what live, protected weights cost, against a default onnxruntime session.

Models of `shapes.py`, one thread. Per model: the live-mapped session over the default one, whether
every output bit is the same, the share of weight bytes proven live; what the standard class adds (a
clipped graph, and a tenth of all page checks with every run) and the summed graph of the high class.
Peers that are not installed are reported absent.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from flight_sw.board_scrub import PAGES_PER_S_MAX
from flight_sw.inference.bundle import Guarding, Part, parts_of
from flight_sw.inference.compiled import compile_bundle
from flight_sw.inference.load import load_live
from flight_sw.inference.prove import prove
from flight_sw.inference.runtime import session_options
from flight_sw.inference.tensors import pack
from flight_sw.inference.text_compile import describe
from flight_sw.inference.worker_messages import LoadFailure
from flight_sw.radiation.native import crc32c
from flight_sw.radiation.outcome import Depth
from hil.bench import peers, replay
from hil.bench.int4_shape import small_decoder, wrong_cpu
from hil.bench.int8_shape import quantised
from hil.bench.mapped import Mapped, load_mapped, scratch
from hil.bench.rounds import ratios, seconds
from hil.bench.shapes import SHAPES, Feed

INT8: Final = "resnet18-int8"
INT4: Final = "decoder-int4"
SHARE: Final = 10  # of the pages are checked with every run of the standard class
GUARDED: Final = ("resnet18", "mobilenet-v2")
LIVE_MAX, LIVE_INT8_MAX = 1.03, 1.05
COVERAGE_MIN, COVERAGE_INT8_MIN = 0.999, 0.95
STANDARD_MAX, DENSE_CHECKSUM_MAX = 1.08, 1.30
REPAIR_MIN = 50.0
CALIBRATION_INPUTS = 4
PASS_S: Final = 1.0  # as the on-board parameter scrub_pass is set unless somebody changes it
SCRUB_SHARE_MAX, SCRUB_PASS_S_MAX = 0.02, 10.0


@dataclass(frozen=True, slots=True)
class Built:
    """A shape, its file and an input."""

    name: str
    source: Path
    feed: Feed


def run() -> dict[str, Any]:
    """All figures, the goals beside them."""
    models: dict[str, Any] = {}
    with scratch() as folder:
        for name, build in SHAPES.items():
            source = folder / f"{name}.onnx"
            models[name] = _measure(Built(name, source, build(source)), folder / name)
            if name == "resnet18":
                feed = build(source)
                small = quantised(source, folder / f"{INT8}.onnx", feed)
                models[INT8] = _measure(Built(INT8, small, feed), folder / INT8)
            for file in folder.glob(f"{name}*.onnx"):
                file.unlink()
        decoder, feed = small_decoder(folder / f"{INT4}-source")
        models[INT4] = _measure(Built(INT4, decoder, feed), folder / INT4)
        elsewhere = wrong_cpu(folder / INT4 / "compiled", folder / "elsewhere")
    return {
        "models": models,
        "wrong_cpu_manifest": elsewhere,
        "onnxruntime": ort.__version__,
        "threads": 1,
        "time": "thread CPU time, median of interleaved rounds",
        "not_run": ["CUDA", "TensorRT", "ARM"],
        "goals": _goals(models) | {"wrong_cpu_refused": elsewhere == LoadFailure.CPU.value},
    }


def _measure(built: Built, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    is_guarded = built.name in GUARDED
    guarding = Guarding(_calibration(built.feed) if is_guarded else ())
    manifest, report = compile_bundle(built.source, folder / "compiled", crc32c, guarding)
    parts = {
        part: load_mapped(directory, folder / part.value)
        for part, directory in parts_of(folder / "compiled", manifest).items()
    }
    live = parts[Part.PLAIN]
    default = _default_session(describe(built.source).path)
    tensors = [built.feed[spec.name] for spec in manifest.inputs]
    names = [spec.name for spec in manifest.outputs]
    feeds = [spec.name for spec in manifest.inputs]
    found: dict[str, Any] = {
        "route": manifest.route.value,
        "live_coverage": prove(live.model, live.live_dir).coverage,
        "outputs_identical": pack(default.run(None, dict(built.feed)))
        == pack(live.model.run(tensors)),
        "live_vs_default": ratios(
            {
                "default": lambda: default.run(names, dict(zip(feeds, tensors, strict=True))),
                "live": lambda: live.model.run(tensors),
            },
            "default",
        )["live"],
        "run_s": seconds(lambda: live.model.run(tensors), 5),
        "page_repair_vs_reload": _repair_ratio(live),
        **_scrub_cost(live),
    }
    if is_guarded:
        found |= _guards(parts, tensors)
        found["layers_summed"] = len(report.checked) if report else 0
        found["layers_not_summed"] = len(report.skipped) if report else 0
    found |= injections(built, live, tensors)
    return found


def _guards(parts: Mapping[Part, Mapped], tensors: list[Any]) -> dict[str, float]:
    """The guarded graphs over the plain one; the standard one with its share of page checks."""
    ranged = parts.get(Part.RANGE, parts[Part.PLAIN])
    pages, turn = ranged.region.pages, itertools.count()
    step = -(-pages // SHARE)

    def standard() -> None:
        ranged.model.run(tensors)
        first = next(turn) * step % pages
        ranged.region.scrub(first, min(step, pages - first), Depth.CRC)

    found = ratios(
        {
            "plain": lambda: parts[Part.PLAIN].model.run(tensors),
            "standard": standard,
            "high": lambda: parts[Part.CHECKSUM].model.run(tensors),
        },
        "plain",
    )
    return {"standard_overhead": found["standard"], "checksum_overhead": found["high"]}


def _scrub_cost(live: Mapped) -> dict[str, float]:
    """One pass over all pages, and the share of this core that the board's scrub takes for it."""
    pass_cpu_s = seconds(live.region.repair_all, 5)
    pass_s = max(PASS_S, live.region.pages / PAGES_PER_S_MAX)
    return {"scrub_pass_s": pass_s, "scrub_core_share": pass_cpu_s / pass_s}


def _repair_ratio(live: Mapped) -> float:
    """Loading the model again over mending one damaged page in place."""
    page = live.region.pages // 2

    def mend() -> None:
        live.view[page * 4096] ^= 1
        live.region.scrub(page, 1)

    found = ratios({"mend": mend, "reload": lambda: load_live(live.live_dir)}, "mend", rounds=5)
    return found["reload"]


def injections(built: Built, live: Mapped, tensors: list[Any]) -> dict[str, Any]:
    """Faults per second: flip, run, flip back; against a peer, and with only the suffix run again."""
    places = itertools.cycle(_places(live))

    def inject() -> None:
        place = next(places)
        live.view[place] ^= 64
        live.model.run(tensors)
        live.view[place] ^= 64

    found: dict[str, Any] = {"injections_per_s": 1 / seconds(inject, 9)}
    peer = peers.injector(built.name, built.feed)
    if peer is None:
        found["injections_vs_pytorchfi"] = "absent"
    else:
        ratio = ratios({"ours": inject, "peer": peer}, "ours", rounds=9)["peer"]
        found["injections_vs_pytorchfi"] = ratio
    if built.name == "resnet18":
        found |= replay.measure(live, tensors, inject, peer)
    return found


def _places(live: Mapped) -> list[int]:
    """Bytes of weights, evenly over all that kernels read."""
    chance = np.random.default_rng(1)
    blobs = live.model.manifest.computing_blobs
    sizes = np.array([blob.length for blob in blobs], float)
    chosen = chance.choice(len(blobs), size=256, p=sizes / sizes.sum())
    return [blobs[i].offset + int(chance.integers(blobs[i].length)) for i in chosen]


def _calibration(feed: Feed) -> tuple[list[Any], ...]:
    chance = np.random.default_rng(3)
    given = [list(feed.values())]
    given += [
        [chance.standard_normal(x.shape, dtype=np.float32) for x in feed.values()]
        for _ in range(CALIBRATION_INPUTS - 1)
    ]
    return tuple(given)


def _default_session(source: Path) -> ort.InferenceSession:
    options = session_options(ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    return ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _goals(models: Mapping[str, Any]) -> dict[str, bool]:
    goals: dict[str, bool] = {}
    for name, found in models.items():
        is_int8 = name == INT8
        limit = LIVE_INT8_MAX if is_int8 else LIVE_MAX
        share = COVERAGE_INT8_MIN if is_int8 else COVERAGE_MIN
        goals[f"{name}_live_vs_default"] = found["live_vs_default"] <= limit
        goals[f"{name}_live_coverage"] = found["live_coverage"] >= share
        goals[f"{name}_outputs_identical"] = found["outputs_identical"]
        goals[f"{name}_scrub_budget"] = (
            found["scrub_core_share"] <= SCRUB_SHARE_MAX
            and found["scrub_pass_s"] <= SCRUB_PASS_S_MAX
        )
        goals[f"{name}_page_repair_vs_reload"] = found["page_repair_vs_reload"] >= REPAIR_MIN
        peer = found["injections_vs_pytorchfi"]
        if not isinstance(peer, str) and name in peers.GOALS:
            goals[f"{name}_injections_vs_pytorchfi"] = peer >= peers.GOALS[name]
    for name in GUARDED:
        goals[f"{name}_standard_overhead"] = models[name]["standard_overhead"] <= STANDARD_MAX
    goals["abft_dense_overhead"] = models["resnet18"]["checksum_overhead"] <= DENSE_CHECKSUM_MAX
    return goals
