"""A small decoder with 4-bit matrices for the bench of the inference, and a manifest of another CPU."""

import shutil
from pathlib import Path
from typing import Final

import msgspec

from flight_sw.inference.live_files import LoadError
from flight_sw.inference.load import load_live
from flight_sw.inference.manifest import TOKENIZER_FILE, read_manifest, write_manifest
from flight_sw.inference.prove import proof_inputs
from flight_sw.inference.text import MODEL_FILE
from flight_sw.inference.text_compile import describe
from hil.applications.decoder_graph import DecoderShape, build_decoder, random_weights
from hil.applications.models import MODELS_DIR, TEXT_MODEL
from hil.bench.shapes import Feed

SMALL: Final = DecoderShape(6, 256, 8, 4, 32, 768, 8192, 1024)


def small_decoder(folder: Path) -> tuple[Path, Feed]:
    """Its folder, and an input."""
    folder.mkdir()
    build_decoder(folder / MODEL_FILE, SMALL, random_weights(1), is_int4=True)
    shutil.copyfile(MODELS_DIR / TEXT_MODEL / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    specs = describe(folder).inputs
    tensors = proof_inputs(specs)[2]
    return folder, {spec.name: tensor for spec, tensor in zip(specs, tensors, strict=True)}


def wrong_cpu(compiled: Path, folder: Path) -> str:
    """Why a model compiled for another processor is not loaded; empty if it is."""
    shutil.copytree(compiled, folder)
    manifest = read_manifest(folder)
    write_manifest(folder, msgspec.structs.replace(manifest, cpu="of another board"))
    try:
        load_live(folder)
    except LoadError as error:
        return error.reason.value
    return ""
