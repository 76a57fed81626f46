"""Compile an ONNX model for this CPU and onnxruntime: all its weights then lie in one mapped
file.

Needs the `onnx` package, so it runs on the ground, on the rig, or once at installation. Five
routes are tried, fastest first, until the proof finds one protectable: saved packed blobs (as
fast as a default session), the same with grafts for what is packed on the heap, the same with
shifted 8-bit convolutions, packing off, weights given at every run.
"""

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime as ort

from flight_sw.errors import ModelError
from flight_sw.inference.describe import ModelDescription, describe_model, read_proto
from flight_sw.inference.graft_compile import PageCrc, add_grafts, page_crcs
from flight_sw.inference.int8 import saturates, shift_file
from flight_sw.inference.late_clips import put_back, take_out
from flight_sw.inference.layout import lay_out, make_inputs, weight_specs
from flight_sw.inference.live_files import LoadError
from flight_sw.inference.load import load_live
from flight_sw.inference.manifest import (
    GRAPH_FILE,
    WEIGHTS_FILE,
    Manifest,
    Route,
    cpu_fingerprint,
    sha256_hex,
    write_manifest,
)
from flight_sw.inference.prove import MIN_COVERAGE, prove
from flight_sw.inference.runtime import RUNTIME_ERRORS, one_line, session_options
from flight_sw.inference.worker_messages import TensorSpec

_LEVELS = {Route.DEVICE: ort.GraphOptimizationLevel.ORT_ENABLE_BASIC}
_ROUTES = (Route.PACKED, Route.GRAFTED, Route.SHIFTED, Route.PLAIN, Route.INPUTS)  # fastest first
_UNPACKED = (Route.PLAIN, Route.INPUTS, Route.DEVICE)


@dataclass(frozen=True, slots=True)
class _Task:
    description: ModelDescription
    page_crc: PageCrc
    name: str
    is_guarded: bool = False  # need not have the bits of a default session, only its answers


def compile_model(source: Path, out_dir: Path, page_crc: PageCrc) -> Manifest:
    """Write graph, weights and manifest into `out_dir`, which appears only when complete.

    `page_crc(data, start)` gives the CRC-32C stored per 4 KiB page. ModelError names what is wrong
    with the model: not ONNX, dynamic shapes, operators that this onnxruntime does not have.
    """
    return _compile(_Task(describe_model(source), page_crc, source.stem), out_dir)


def compile_guarded(source: Path, out_dir: Path, page_crc: PageCrc) -> Manifest:
    """As `compile_model`, of a graph with guards: clips go where they cost least."""
    return _compile(_Task(describe_model(source), page_crc, source.stem, is_guarded=True), out_dir)


def compile_by(source: Path, out_dir: Path, page_crc: PageCrc, route: Route) -> Manifest:
    """As `compile_model`, by one route whatever it proves: for a device that may not be here, say."""
    task = _Task(describe_model(source), page_crc, source.stem)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=".compiling-") as temporary:
        directory = Path(temporary) / "fresh"
        manifest = _compile_as(task, directory, route)
        if manifest is None:
            raise ModelError(f"{source}: cannot be compiled by the route {route.value!r}")
        put(directory, out_dir, Path(temporary) / "old")
    return manifest


def compile_described(
    description: ModelDescription, out_dir: Path, page_crc: PageCrc, name: str
) -> Manifest:
    """As `compile_model`, of a model whose inputs are known already."""
    return _compile(_Task(description, page_crc, name), out_dir)


def _compile(task: _Task, out_dir: Path) -> Manifest:
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=".compiling-") as temporary:
        best, manifest = _best(task, Path(temporary))
        put(best, out_dir, Path(temporary) / "old")
    return manifest


def put(fresh: Path, directory: Path, aside: Path) -> None:
    """Give a finished directory its name; what had the name before goes aside."""
    with contextlib.suppress(FileNotFoundError):
        directory.rename(aside)
    fresh.rename(directory)


def _best(task: _Task, folder: Path) -> tuple[Path, Manifest]:
    """The first route that is protectable, fastest first; else the one of highest coverage."""
    tried: list[tuple[float, Path, Manifest]] = []
    dead: tuple[str, ...] = ()
    refusals: list[str] = []
    for route in _ROUTES:
        directory = folder / route.value
        manifest = _compile_as(task, directory, route)
        if manifest is not None and route is Route.GRAFTED:
            manifest = add_grafts(directory, manifest, dead, task.page_crc)
        if manifest is None:
            continue
        try:
            proof = prove(load_live(directory), directory)
        except LoadError as error:
            refusals.append(f"{route.value}: {error}")
            continue
        if proof.coverage >= MIN_COVERAGE:
            return directory, manifest
        dead = dead or proof.dead  # of the first: the next route has the same tensors
        tried.append((proof.coverage, directory, manifest))
    if not tried:
        raise ModelError(f"{task.description.path}: cannot be loaded ({'; '.join(refusals)})")
    _, directory, manifest = max(tried, key=lambda entry: entry[0])
    return directory, manifest


def _compile_as(task: _Task, directory: Path, route: Route) -> Manifest | None:
    directory.mkdir()
    source = task.description.path
    if route is Route.SHIFTED:
        source = directory.with_suffix(".onnx")
        if not shift_file(task.description.path, source) or saturates():
            return None
    found = _with_late_clips(source, directory, route) if task.is_guarded else None
    proto, saved = found or _optimised(source, directory, route)
    layout = lay_out(proto, saved)
    if not layout.weights:
        raise ModelError(f"{task.description.path}: the model has no weights; nothing to protect")
    weights = bytes(layout.weights)
    handed = _handed(proto, route)
    graph = proto.SerializeToString(deterministic=True)
    (directory / GRAPH_FILE).write_bytes(graph)
    (directory / WEIGHTS_FILE).write_bytes(weights)
    manifest = Manifest(
        name=task.name,
        source_sha256=task.description.sha256,
        graph_sha256=sha256_hex(graph),
        weights_sha256=sha256_hex(weights),
        page_crcs=page_crcs(weights, task.page_crc),
        onnxruntime=ort.__version__,
        cpu=cpu_fingerprint(),
        inputs=task.description.inputs,
        outputs=task.description.outputs,
        blobs=tuple(layout.blobs),
        total_bytes=len(weights),
        inline_bytes=layout.inline_bytes,
        route=route,
        handed=handed,
    )
    write_manifest(directory, manifest)
    return manifest


def _handed(proto: Any, route: Route) -> tuple[TensorSpec, ...]:
    if route is Route.DEVICE:
        return weight_specs(proto)
    return make_inputs(proto) if route is Route.INPUTS else ()


def _with_late_clips(source: Path, directory: Path, route: Route) -> tuple[Any, bytes] | None:
    """As `_optimised`, faster where a clip follows a sum; None if that cannot be had."""
    proto = read_proto(source)
    clips = take_out(proto)
    if not clips:
        return None
    late = directory.with_suffix(".late.onnx")
    late.write_bytes(proto.SerializeToString(deterministic=True))
    proto, saved = _optimised(late, directory, route)
    with_bounds = put_back(proto, clips, saved)
    return None if with_bounds is None else (proto, with_bounds)


def _optimised(source: Path, directory: Path, route: Route) -> tuple[Any, bytes]:
    """The graph as onnxruntime optimises it for this machine, and the weights file it writes."""
    import onnx

    is_packed = route not in _UNPACKED
    options = session_options(_LEVELS.get(route, ort.GraphOptimizationLevel.ORT_ENABLE_ALL))
    options.optimized_model_filepath = str(directory / GRAPH_FILE)
    prefix = "session.optimized_model_external_initializers"
    options.add_session_config_entry(f"{prefix}_file_name", WEIGHTS_FILE)
    options.add_session_config_entry(f"{prefix}_min_size_in_bytes", "0")
    if is_packed:
        options.add_session_config_entry(
            "session.save_external_prepacked_constant_initializers", "1"
        )
    else:
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        raise ModelError(f"{source}: onnxruntime refuses it: {one_line(error)}") from error
    weights = directory / WEIGHTS_FILE
    saved = weights.read_bytes() if weights.exists() else b""
    return onnx.load(str(directory / GRAPH_FILE), load_external_data=False), saved
