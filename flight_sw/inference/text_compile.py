"""Compiles a language model for the board: a folder with model.onnx, tokenizer.json, configuration.

A decoder's shapes are open: the length of the text and of what it has seen. Only the proof needs fixed
ones, so the manifest names a short text without a past; every other size is read from the graph.
"""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from flight_sw.errors import ModelError
from flight_sw.inference.compile import compile_described, put
from flight_sw.inference.describe import (
    ModelDescription,
    describe_model,
    described,
    read_proto,
    source_digest,
)
from flight_sw.inference.graft_compile import PageCrc
from flight_sw.inference.manifest import (
    TOKENIZER_FILE,
    Manifest,
    TextFacts,
    sha256_hex,
    write_manifest,
)
from flight_sw.inference.text import CONFIG_FILES, MODEL_FILE, TextModel, read_ends
from flight_sw.inference.worker_messages import TensorSpec

PROOF_TOKENS = 8


def is_text_model(path: Path) -> bool:
    """Whether this is a folder with a decoder and its tokenizer."""
    return (path / MODEL_FILE).is_file() and (path / TOKENIZER_FILE).is_file()


def compile_text(folder: Path, out_dir: Path, page_crc: PageCrc) -> Manifest:
    """Write graph, weights, tokenizer and manifest into `out_dir`, which appears when complete.

    Raises:
        ModelError: a file is missing, or it is no decoder with a cache.
    """
    TextModel(folder)  # it must speak before it is worth compiling
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=".compiling-") as temporary:
        fresh = Path(temporary) / "fresh"
        manifest = compile_described(describe_text(folder), fresh, page_crc, folder.name)
        shutil.copyfile(folder / TOKENIZER_FILE, fresh / TOKENIZER_FILE)
        digest = sha256_hex((fresh / TOKENIZER_FILE).read_bytes())
        facts = TextFacts(digest, tuple(sorted(read_ends(folder))))
        manifest = msgspec.structs.replace(manifest, text=facts)
        write_manifest(fresh, manifest)
        put(fresh, out_dir, Path(temporary) / "old")
    return manifest


def describe(source: Path) -> ModelDescription:
    """Of an ONNX file, or of a folder with a decoder."""
    return describe_text(source) if is_text_model(source) else describe_model(source)


def describe_text(folder: Path) -> ModelDescription:
    """The decoder of a folder, its open dimensions those of the proof: batch 1, no past."""
    path = folder / MODEL_FILE
    proto = read_proto(path)
    own = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in own]
    others = (folder / name for name in (TOKENIZER_FILE, *CONFIG_FILES))
    texts = [sha256_hex(other.read_bytes()) for other in others if other.is_file()]
    digest = sha256_hex("".join([source_digest(path, proto), *texts]).encode())
    specs = _specs(inputs, past=0), _specs(proto.graph.output, past=PROOF_TOKENS)
    return replace(described(path, proto, *specs), sha256=digest)


def _specs(values: Iterable[Any], past: int) -> tuple[TensorSpec, ...]:
    """An open second dimension is the text, an open third one of four the past."""
    import onnx

    specs = []
    for value in values:
        tensor = value.type.tensor_type
        if not tensor.shape.dim:
            raise ModelError(f"{value.name!r} has no shape; export the decoder with named axes")
        shape = []
        for axis, dim in enumerate(tensor.shape.dim):
            is_open = not dim.HasField("dim_value") or dim.dim_value <= 0
            length = past if len(tensor.shape.dim) == 4 else PROOF_TOKENS
            shape.append((1 if axis == 0 else length) if is_open else dim.dim_value)
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        specs.append(TensorSpec(value.name, str(dtype), tuple(shape)))
    return tuple(specs)
