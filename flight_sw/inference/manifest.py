"""The manifest of a compiled model: what it was made from, for which machine, and where every
weight lies.

A compiled model is a directory of three files: the graph, the weights file whose pages are
protected, and this manifest. The manifest is what makes corruption, a foreign CPU and a foreign
onnxruntime visible before a single wrong answer is computed.
"""

import hashlib
import platform
import zlib
from enum import Enum, unique
from pathlib import Path

import msgspec

from flight_sw.errors import ModelError
from flight_sw.inference.worker_messages import TensorSpec

GRAPH_FILE = "o.onnx"
WEIGHTS_FILE = "w.bin"
MANIFEST_FILE = "manifest.json"
TOKENIZER_FILE = "tokenizer.json"
PAGE_BYTES = 4096  # unit of alignment, check bytes and repair
FORMAT = 3
RESIDUAL_OUTPUT = "va_checksum_residual"  # output of guarded graphs; above 1 is an alarm
# What MLAS, onnxruntime's kernel library, chooses its packed layouts by.
_CPU_FLAGS = frozenset(
    """
    avx avx2 fma f16c avx512f avx512bw avx512dq avx512vl avx512_vnni avx_vnni avx512_bf16
    avx512_fp16 amx_tile amx_int8 amx_bf16 asimd asimddp asimdhp fphp i8mm bf16 sve sve2
    """.split()  # noqa: SIM905  a list literal would take 25 lines
)


@unique
class BlobKind(Enum):
    """How a stretch of the weights file is used."""

    TENSOR = "tensor"  # read by kernels as it is
    SOURCE = "source"  # read once at load; a packed blob stands in for it afterwards
    PREPACKED = "prepacked"  # the kernel's own layout
    GRAFT = "graft"  # the same, of a kernel that keeps it on the heap: mapped there at every load


@unique
class Route(Enum):
    """How the weights file comes to be what kernels read; the fastest that can be proven is taken."""

    PACKED = "packed"  # saved packed blobs
    GRAFTED = "grafted"  # the same, and pages mapped over what kernels packed on the heap
    SHIFTED = "shifted"  # saved packed blobs, after making 8-bit convolutions use other kernels
    PLAIN = "plain"  # packing off
    INPUTS = "inputs"  # weights are inputs, given at every run: no kernel can keep others
    DEVICE = "device"  # for a GPU: without what only the processor's kernels know


class Blob(msgspec.Struct, frozen=True):
    """One stretch of the weights file; offset and length in bytes."""

    name: str
    offset: int
    length: int
    kind: BlobKind


class TextFacts(msgspec.Struct, frozen=True):
    """What makes a decoder speak: digest of the tokenizer beside it, tokens that end an answer."""

    tokenizer_sha256: str
    ends: tuple[int, ...]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything known about one compiled model; digests are SHA-256 in hex."""

    name: str
    source_sha256: str
    graph_sha256: str
    weights_sha256: str
    page_crcs: tuple[int, ...]
    onnxruntime: str
    cpu: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    blobs: tuple[Blob, ...]
    total_bytes: int
    inline_bytes: int  # small shape constants that must stay inside the graph, unprotected
    route: Route
    format: int = FORMAT
    copies: int = 1  # independent copies of the weights that a board maps, for voting
    text: TextFacts | None = None  # of a language model
    handed: tuple[TensorSpec, ...] = ()  # weights handed over by name: to a device, or at each run

    @property
    def digest(self) -> bytes:
        """SHA-256 over graph, weights and tokenizer digests: names the exact bytes that compute."""
        words = self.text.tokenizer_sha256 if self.text else ""
        return hashlib.sha256(f"{self.graph_sha256}{self.weights_sha256}{words}".encode()).digest()

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files of this model."""
        extra = (TOKENIZER_FILE,) if self.text else ()
        return (GRAPH_FILE, WEIGHTS_FILE, MANIFEST_FILE, *extra)

    @property
    def answer_outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs that make up an answer: all but the checksum residual."""
        return tuple(spec for spec in self.outputs if spec.name != RESIDUAL_OUTPUT)

    @property
    def is_packed(self) -> bool:
        """Whether kernels use packed weights, saved or grafted."""
        return self.route in (Route.PACKED, Route.GRAFTED, Route.SHIFTED)

    @property
    def computing_blobs(self) -> tuple[Blob, ...]:
        """The blobs that kernels read at every run: where a fault can matter."""
        return tuple(blob for blob in self.blobs if blob.kind is not BlobKind.SOURCE)


class _Stored(Manifest, frozen=True, forbid_unknown_fields=True):
    """As it lies on storage: with a check sum, for a rotten bit could give a model another name."""

    check: int | None = None  # CRC-32 of the rest; manifests compiled before have none


def read_manifest(compiled: Path) -> Manifest:
    """The manifest of a compiled directory; ModelError if it is missing or malformed."""
    path = compiled / MANIFEST_FILE
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); compile the model again"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not a manifest ({error}); compile the model again") from error
    if stored.format != FORMAT:
        raise ModelError(
            f"{path}: format {stored.format}, expected {FORMAT}; compile the model again"
        )
    manifest = _plain(stored)
    if stored.check not in (None, _check(manifest)):
        raise ModelError(f"{path}: damaged, its check sum is wrong; install the model again")
    return manifest


def write_manifest(compiled: Path, manifest: Manifest) -> None:
    """Write the manifest as readable JSON."""
    text = msgspec.json.format(msgspec.json.encode(_stored(manifest)), indent=1)
    (compiled / MANIFEST_FILE).write_bytes(text)


def _check(manifest: Manifest) -> int:
    return zlib.crc32(msgspec.json.encode(manifest))


def _stored(manifest: Manifest) -> _Stored:
    return _Stored(**msgspec.structs.asdict(manifest), check=_check(manifest))


def _plain(stored: _Stored) -> Manifest:
    fields = msgspec.structs.asdict(stored)
    del fields["check"]
    return Manifest(**fields)


def cache_key(source_sha256: str, onnxruntime: str, cpu: str) -> str:
    """Directory name under which a compiled model can be found again: same source, version and
    CPU.
    """
    return hashlib.sha256(f"{source_sha256}|{onnxruntime}|{cpu}|{FORMAT}".encode()).hexdigest()[:32]


def cpu_fingerprint(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Machine type and the instruction sets that decide onnxruntime's packed layouts, as readable
    text.
    """
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    words: set[str] = set()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            words = set(value.split()) & _CPU_FLAGS
            break
    return "+".join([platform.machine(), *sorted(words)])


def sha256_hex(data: bytes | memoryview) -> str:
    """SHA-256 as hex text."""
    return hashlib.sha256(data).hexdigest()
