"""Compiles bundles, and keeps them in a cache by model, machine and options.

Needs the `onnx` package: for the ground, the rig, or once at installation.
"""

import hashlib
import tempfile
from pathlib import Path

import onnxruntime as ort

from flight_sw.errors import ModelError
from flight_sw.inference.bundle import FOLDERS, Guarding, Part, verify_bundle, with_copies
from flight_sw.inference.compile import compile_guarded, compile_model, put
from flight_sw.inference.graft_compile import PageCrc
from flight_sw.inference.guard import GuardReport, guard_model
from flight_sw.inference.manifest import Manifest, cache_key, cpu_fingerprint, read_manifest
from flight_sw.inference.text_compile import compile_text, describe, is_text_model

_GUARDS = ((Part.RANGE, False), (Part.CHECKSUM, True))


def compile_cached(
    source: Path, cache: Path, page_crc: PageCrc, guarding: Guarding | None = None
) -> Path:
    """The compiled directory of `source` under `cache`, made now if it is not there yet.

    `source` is an ONNX file, or a folder with a decoder and its tokenizer.
    The key is the model's digest, the onnxruntime version, the CPU's instruction sets and the
    guards.
    """
    guarding = guarding or Guarding()
    digest = describe(source).sha256
    key = digest if not guarding.key else digest + hashlib.sha256(guarding.key).hexdigest()
    directory = _place(cache, key)
    if not _holds(directory, digest):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".compiling-") as temporary:
            fresh = Path(temporary) / "fresh"
            compile_bundle(source, fresh, page_crc, guarding)
            if not _holds(directory, digest):  # another process may have been faster
                put(fresh, directory, Path(temporary) / "old")
    return directory


def find_cached(source: Path, cache: Path) -> Manifest | None:
    """The manifest of the plain `source` compiled for this machine, if it is in the cache."""
    digest = describe(source).sha256
    directory = _place(cache, digest)
    return read_manifest(directory) if _holds(directory, digest) else None


def compile_bundle(
    source: Path, out_dir: Path, page_crc: PageCrc, guarding: Guarding
) -> tuple[Manifest, GuardReport | None]:
    """Write the plain model and the parts that `guarding` asks for; nothing unless all succeed.

    The report says what the checksums cover; None without calibration. A model without a dense
    layer that can be summed gets no checksum part: `high` would promise what nothing keeps.
    """
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=".bundling-") as temporary:
        work, report = Path(temporary), None
        fresh = work / "fresh"
        if is_text_model(source):  # with no guarded graphs: `standard` runs on the plain one
            manifest = compile_text(source, fresh, page_crc)
        else:
            manifest = compile_model(source, fresh, page_crc)
        if guarding.calibration:
            for part, with_checksums in _GUARDS[: 1 + guarding.is_summed]:
                guarded = work / part.value / source.name
                guarded.parent.mkdir()
                report = guard_model(
                    source, guarded, guarding.calibration, with_checksums=with_checksums
                )
                if report.checked if with_checksums else report.clipped:
                    compile_guarded(guarded, fresh / FOLDERS[part], page_crc)
        if guarding.is_voted:
            manifest = with_copies(fresh, manifest)
        verify_bundle(fresh)
        put(fresh, out_dir, work / "old")
    return manifest, report


def _place(cache: Path, key: str) -> Path:
    return cache / cache_key(key, ort.__version__, cpu_fingerprint())


def _holds(directory: Path, digest: str) -> bool:
    """Whether a whole, undamaged bundle of that source is there."""
    try:
        return verify_bundle(directory).source_sha256 == digest
    except ModelError:
        return False
