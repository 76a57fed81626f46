"""The process that runs onnxruntime: `python -m flight_sw.inference.worker`, spoken to over its
pipes.

It is apart because a flipped pointer inside onnxruntime may crash it, a flipped loop bound may
hang it and a flipped size may eat the memory. The node starts it, kills it and starts it again;
nothing here needs to be saved. Requests come on stdin, replies go to stdout (see
worker_messages), text goes to stderr.
"""

import argparse
import ctypes
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import assert_never

import numpy as np
import onnxruntime as ort

from flight_sw.errors import DecodeError, ModelError
from flight_sw.inference.device_load import DeviceModel, load_on
from flight_sw.inference.live_files import LoadError
from flight_sw.inference.load import LiveModel, split_off_kib, split_residual
from flight_sw.inference.manifest import read_manifest
from flight_sw.inference.prove import UNPROVEN, Prover, proof_inputs, prove
from flight_sw.inference.provider import KEPT, Provider
from flight_sw.inference.runtime import RUNTIME_ERRORS, one_line
from flight_sw.inference.talk import TalkTurns, speaker
from flight_sw.inference.tensors import Tensor, pack, unpack
from flight_sw.inference.text import TextModel
from flight_sw.inference.update import UpdateRefused, rehearse
from flight_sw.inference.worker_messages import (
    MAX_LOADED,
    MAX_MESSAGE_BYTES,
    Ask,
    Done,
    Failed,
    Load,
    Loaded,
    LoadFailed,
    LoadFailure,
    Ping,
    Pong,
    Rehearse,
    Rehearsed,
    Reply,
    Request,
    RequestDecoder,
    Run,
    RunFailure,
    SelfTest,
    SelfTested,
    Stop,
    UpdateFailure,
    encode,
)

MAX_DEAD_NAMES = 32  # names of dead blobs reported, enough to see the pattern
_READ_BYTES = 1 << 16
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> int:
    """Answer requests until stdin closes; 0 at the end of input, 1 if the pipe carries rubbish."""
    parser = argparse.ArgumentParser(description="inference worker; started by the node")
    parser.add_argument("--memory-mib", type=int, help="limit of this process' private memory")
    names = [provider.value for provider in Provider]
    parser.add_argument("--provider", choices=names, default="cpu", help="who computes")
    arguments = parser.parse_args()
    if arguments.memory_mib is not None:
        limit = arguments.memory_mib << 20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    if not _die_with_parent():
        return 0
    replies = _claim_stdout()
    try:
        return _serve(Worker(Provider(arguments.provider)), replies)
    except BrokenPipeError:
        return 0


class Worker:
    """Slots with live models; one request in, one reply out."""

    def __init__(self, provider: Provider = Provider.CPU, prover: Prover = prove) -> None:
        self._provider, self._prove = provider, prover
        self._models: dict[int, LiveModel | DeviceModel] = {}
        self._known: dict[int, tuple[list[Tensor], bytes, Path]] = {}
        self._speakers: dict[int, TextModel] = {}
        self._talk: TalkTurns | None = None

    @property
    def talks(self) -> bool:
        """Whether an answer is on its way: then `turn` has something to do."""
        return self._talk is not None

    def answer(self, request: Request) -> list[Reply]:
        """All replies to one request; what a talk has to say comes from `turn`."""
        if isinstance(request, Ask):
            return [*self._ask(request)]
        if isinstance(request, Stop):
            return [*self._stop(request)]
        return [self.handle(request)]

    def handle(self, request: Load | Run | SelfTest | Rehearse | Ping) -> Reply:
        """The reply to one request; a failing model is a reply, never an exception."""
        match request:
            case Load():
                return self._load(request)
            case Run():
                return self._run(request)
            case SelfTest():
                return self._self_test(request)
            case Rehearse():
                return _rehearse(request)
            case Ping():
                return Pong(request.n)
            case _:
                assert_never(request)

    def turn(self) -> list[Reply]:
        """Speak for a moment."""
        if self._talk is None:
            return []
        replies = self._talk.turn()
        if self._talk.ended:
            self._talk = None
        return [*replies]

    def _ask(self, request: Ask) -> list[Failed]:
        speaker = self._speakers.get(request.slot)
        if request.slot not in self._models:
            return [Failed(request.job_id, RunFailure.NO_MODEL)]
        if speaker is None:
            return [Failed(request.job_id, RunFailure.NO_TEXT)]
        self._talk = TalkTurns(request, speaker, time.perf_counter)
        return []

    def _stop(self, request: Stop) -> list[Reply]:
        if self._talk is None or self._talk.job_id != request.job_id:
            return []
        talk, self._talk = self._talk, None
        return [talk.stop()]

    def _load(self, request: Load) -> Loaded | LoadFailed:
        self._models.pop(request.slot, None)
        self._speakers.pop(request.slot, None)
        if len(self._models) >= MAX_LOADED:
            return LoadFailed(
                request.slot, LoadFailure.RUNTIME, f"all {MAX_LOADED} places are used"
            )
        live_dir = Path(request.model_dir)
        try:
            model = load_on(self._provider, live_dir)
            # A TensorRT engine holds weights of its own: there is nothing of ours to turn over.
            is_engine = self._provider is Provider.TENSORRT
            proof = UNPROVEN if is_engine else self._prove(model, live_dir)
            known_input = proof_inputs(model.manifest.inputs)[0]
            known_answer = pack(model.run(known_input))
            voice = speaker(model, live_dir)
        except LoadError as error:
            return LoadFailed(request.slot, error.reason, str(error))
        except ModelError as error:  # a tokenizer that cannot be used
            return LoadFailed(request.slot, LoadFailure.RUNTIME, one_line(error))
        except RUNTIME_ERRORS as error:
            return LoadFailed(request.slot, LoadFailure.RUNTIME, one_line(error))
        self._models[request.slot] = model
        if voice is not None:
            self._speakers[request.slot] = voice
        self._known[request.slot] = known_input, known_answer, live_dir
        return Loaded(
            slot=request.slot,
            coverage=proof.coverage,
            live_bytes=proof.live_bytes,
            total_bytes=proof.total_bytes,
            inputs=model.manifest.inputs,
            outputs=model.manifest.answer_outputs,
            private_dirty_kib=proof.split_off_kib,
            onnxruntime=ort.__version__,
            protectable=proof.protectable and self._provider is Provider.CPU,
            kept=KEPT[self._provider],
            dead=proof.dead[:MAX_DEAD_NAMES],
            is_text=voice is not None,
        )

    def _self_test(self, request: SelfTest) -> SelfTested:
        """Flips in the graph or in the runtime's own memory show here, where no scrub comes by."""
        model = self._models.get(request.slot)
        if model is None:
            return SelfTested(request.slot, is_same=False, private_dirty_kib=0)
        inputs, expected, live_dir = self._known[request.slot]
        try:
            is_same = pack(model.run(inputs)) == expected
            if isinstance(model, DeviceModel):
                is_same = is_same and not model.damaged()
        except RUNTIME_ERRORS:
            is_same = False
        return SelfTested(request.slot, is_same, split_off_kib(live_dir))

    def _run(self, request: Run) -> Done | Failed:
        model = self._models.get(request.slot)
        if model is None:
            return Failed(request.job_id, RunFailure.NO_MODEL)
        if request.slot in self._speakers:
            return Failed(request.job_id, RunFailure.NO_TEXT)
        try:
            inputs = unpack(model.manifest.inputs, request.input)
        except ValueError as error:
            return Failed(request.job_id, RunFailure.SHAPE, str(error))
        if not _is_finite(inputs):
            return Failed(request.job_id, RunFailure.BAD_INPUT, "input holds NaN or infinity")
        started_s = time.perf_counter()
        try:
            outputs = model.run(inputs)
        except RUNTIME_ERRORS as error:
            return Failed(request.job_id, RunFailure.RUNTIME, one_line(error))
        elapsed_s = time.perf_counter() - started_s
        answer, residual = split_residual(model.manifest, outputs)
        if not _is_finite(answer):
            return Failed(request.job_id, RunFailure.NONFINITE, "output holds NaN or infinity")
        if not residual <= 1.0:  # so that NaN is an alarm too
            return Failed(request.job_id, RunFailure.CHECKSUM, f"residual {residual:.3g}")
        data = pack(answer)
        if len(data) > MAX_MESSAGE_BYTES // 2:
            return Failed(request.job_id, RunFailure.RUNTIME, f"output of {len(data)} bytes")
        return Done(request.job_id, data, elapsed_s)


def _rehearse(request: Rehearse) -> Rehearsed:
    """An update is tried beside the models that serve; it takes no place among them."""
    folder = Path(request.folder)
    try:
        active = read_manifest(Path(request.active_dir)) if request.active_dir else None
        rehearse(Path(request.file).read_bytes(), folder, active, request.min_coverage)
    except UpdateRefused as error:
        return Rehearsed(request.update, error.reason, str(error))
    except (OSError, ModelError) as error:
        return Rehearsed(request.update, UpdateFailure.STORAGE, one_line(error))
    except RUNTIME_ERRORS as error:
        return Rehearsed(request.update, UpdateFailure.RUNTIME, one_line(error))
    return Rehearsed(request.update)


def _serve(worker: Worker, replies: int) -> int:
    decoder, source = RequestDecoder(), sys.stdin.fileno()
    while True:
        if worker.talks and not select.select([source], [], [], 0)[0]:
            _send(replies, worker.turn())
            continue
        data = os.read(source, _READ_BYTES)
        if not data:
            return 0
        try:
            for request in decoder.feed(data):
                _send(replies, worker.answer(request))
        except DecodeError as error:
            print(f"inference worker: {error}", file=sys.stderr)
            return 1


def _send(replies: int, messages: list[Reply]) -> None:
    for message in messages:
        _write_all(replies, encode(message))


def _is_finite(tensors: list[Tensor]) -> bool:
    return all(bool(np.isfinite(t).all()) for t in tensors if t.dtype.kind == "f")


def _claim_stdout() -> int:
    """Keep the pipe for replies and let whatever libraries print go to stderr."""
    replies = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return replies


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _die_with_parent() -> bool:
    """Ask Linux to kill this process with its parent; False if the parent is gone already."""
    if not sys.platform.startswith("linux"):
        return True
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent and parent != 1


if __name__ == "__main__":
    sys.exit(main())
