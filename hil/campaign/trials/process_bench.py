"""The process bench: a real inference worker, one bit of its private memory flipped from outside.

Bits are drawn evenly over the resident pages of a kind of mapping. Then a job runs, and the self-test
of the board. A crash, a hang or nonsense on the pipe ends with a fresh worker, as on the board; a wrong
answer that no check sees is silent, also where the self-test notices the damage later.
"""

import select
import shutil
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flight_sw.board_models import BoardModel, region_name
from flight_sw.devices.worker_process import WorkerProcess
from flight_sw.errors import DecodeError, VanAllenError
from flight_sw.inference.bundle import VOTE_COPIES, parts_for
from flight_sw.inference.live_files import map_weights, stage
from flight_sw.inference.worker_messages import (
    Done,
    Failed,
    Load,
    Loaded,
    Reply,
    ReplyDecoder,
    Request,
    Run,
    SelfTest,
    SelfTested,
    encode,
)
from flight_sw.radiation.protected import ProtectedRegion
from hil.campaign.record import Outcome
from hil.campaign.trials.draw import Drawn, draw
from hil.campaign.trials.kit import SLOT, StackKit
from hil.campaign.trials.trial import Trial
from hil.faults.classes import FaultClass
from hil.faults.memory import flip_bit

ANSWER_S = 2.0  # the profile's job_timeout_s
START_S = 60.0
PAGE = 4096
PRESENT = 1 << 63  # linux pagemap.rst
ENTRY = struct.Struct("<Q")
SPAN_MAX = 1 << 32  # a mapping beyond this is a reservation, not memory
TRIALS_PER_WORKER = 100


@dataclass(frozen=True, slots=True)
class _End:
    """Why no reply came: the worker crashed, hung or spoke nonsense."""

    why: str


def run_process_trials(
    kit: StackKit, fault: FaultClass, seed: int, indices: range
) -> Iterator[Trial]:
    """One after another on one worker; a fresh one after a crash, and now and then.

    Raises:
        VanAllenError: an unharmed worker does not come up.
    """
    worker = Target(kit, f"process-{seed}-{indices.start}")
    try:
        for number, index in enumerate(indices):
            if number % TRIALS_PER_WORKER == 0 or not worker.is_whole:
                worker.start()
            yield _trial(worker, draw(seed, fault, index), kit)
    finally:
        worker.end()


class Target:
    """The worker that is hit, its models loaded from files of its own."""

    def __init__(self, kit: StackKit, name: str) -> None:
        self.is_whole = False
        self._kit = kit
        self._live = kit.parts.memory / name
        self._process = WorkerProcess()
        self._decoder = ReplyDecoder()
        self._models: tuple[BoardModel, ...] = ()
        self._pages: dict[str, list[int]] = {}

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the worker calls the parts of this class, in the order of their runs."""
        wanted = parts_for(self._kit.protection, frozenset(self._kit.stored))
        by_part = {model.part: model.number for model in self._models}
        return tuple(by_part[part] for part in wanted)

    def start(self) -> None:
        """A fresh worker with its models loaded and proven."""
        self.end()
        self._models = tuple(self._stage(part) for part in self._kit.stored)
        self._process.start()
        self._decoder = ReplyDecoder()
        for model in self._models:
            reply = self.ask(Load(model.directory, model.number), START_S)
            if not isinstance(reply, Loaded):
                raise VanAllenError(f"the unharmed worker does not load {model.name}: {reply}")
        self._pages = _resident(self._process.pid or 0)
        self.is_whole = True

    def end(self) -> None:
        """Let go of process and memory."""
        self._process.kill()
        self.is_whole = False
        shutil.rmtree(self._live, ignore_errors=True)

    def hit(self, drawn: Drawn) -> tuple[str, int, int]:
        """Flip one bit; why it did not land, its address and bit."""
        pages = self._pages.get(drawn.variants[0], [])
        if not pages:
            return "no such memory", 0, 0
        place = int(drawn.place[0] * len(pages) * PAGE)
        address, bit = pages[place // PAGE] + place % PAGE, int(drawn.second[0] * 8)
        return flip_bit(self._process.pid or 0, address, bit).reason, address, bit

    def mend(self, address: int, bit: int) -> None:
        """Flip it back, so that faults do not add up."""
        if self._process.alive():
            flip_bit(self._process.pid or 0, address, bit)

    def ask(self, request: Request, limit_s: float = ANSWER_S) -> Reply | _End:
        """One request and its reply."""
        data, until_s = encode(request), time.monotonic() + limit_s
        while time.monotonic() < until_s:
            data = data[self._process.write(data) :]
            fd = self._process.fileno()
            if fd is None or not self._process.alive():
                return self._broken("crash")
            select.select([fd], [], [], 0.0 if data else 0.05)
            try:
                for reply in self._decoder.feed(self._process.read()):
                    return reply
            except DecodeError:
                return self._broken("nonsense on its pipe")
        return self._broken("hang")

    def _broken(self, why: str) -> _End:
        self.is_whole = False
        self._process.kill()
        return _End(why)

    def _stage(self, part: object) -> BoardModel:
        stored = self._kit.stored[part]  # type: ignore[index]
        here = self._live / str(part.value)  # type: ignore[attr-defined]
        manifest = stage(stored, here)
        name = region_name(manifest.name, part)  # type: ignore[arg-type]
        region = ProtectedRegion(name, map_weights(here), lambda _: b"")
        return BoardModel(SLOT, manifest.name, str(here), "", region, part)  # type: ignore[arg-type]


def _trial(worker: Target, drawn: Drawn, kit: StackKit) -> Trial:
    void, address, bit = worker.hit(drawn)
    way = drawn.variants[0]
    if void:
        return Trial(drawn.index, way, Outcome.VOID.value, void)
    job = drawn.index % len(kit.inputs)
    started_s = time.monotonic()
    given = _run(worker, job, kit)
    told_s = time.monotonic() - started_s
    tests = [] if isinstance(given, _End) else [worker.ask(SelfTest(n)) for n in worker.numbers]
    outcome, why, wrong, changed = _judged(kit, job, given, tests)
    if worker.is_whole:
        worker.mend(address, bit)
        same = [worker.ask(SelfTest(n)) for n in worker.numbers]
        worker.is_whole = all(isinstance(one, SelfTested) and one.is_same for one in same)
    is_told = outcome is Outcome.RECOVERED
    detect_s = round(told_s, 1) if is_told and isinstance(given, _End) else None
    return Trial(
        drawn.index, way, outcome.value, why, f"process:{way}", "", bit, wrong, changed, detect_s
    )


def _run(worker: Target, job: int, kit: StackKit) -> bytes | _End | None:
    """A job as the board runs it: its answer, None for a failed one, or the worker's end."""
    answers: list[bytes | None] = []
    needed = 2 if len(worker.numbers) == VOTE_COPIES else 1
    for number in worker.numbers:
        reply = worker.ask(Run(1, number, kit.inputs[job]))
        if isinstance(reply, _End):
            return reply
        if not isinstance(reply, Done | Failed):
            return _End("nonsense on its pipe")
        answers.append(reply.output if isinstance(reply, Done) else None)
        agreed = [a for a in answers if a is not None and answers.count(a) >= needed]
        if agreed:
            return agreed[0]
    return None


def _judged(
    kit: StackKit, job: int, given: bytes | _End | None, tests: list[Reply | _End]
) -> tuple[Outcome, str, int, int]:
    if isinstance(given, _End):
        return Outcome.RECOVERED, f"{given.why}: a fresh worker", 0, 0
    golden = kit.golden[job]
    if given is not None and given != golden:
        changed = int(kit.decides(given) != kit.decides(golden))
        return Outcome.SILENT, "a wrong answer went down", 1, changed
    ends = [one for one in tests if isinstance(one, _End)]
    if ends:
        return Outcome.RECOVERED, f"{ends[0].why} in the self-test: a fresh worker", 0, 0
    if any(not isinstance(one, SelfTested) or not one.is_same for one in tests):
        return Outcome.RECOVERED, "self-test failed: a fresh worker", 0, 0
    if given is None:
        return Outcome.RECOVERED, "the job failed and ran again", 0, 0
    return Outcome.MASKED, "answer and self-test as before", 0, 0


def _resident(pid: int) -> dict[str, list[int]]:
    """Addresses of the private pages in memory, by kind of mapping."""
    pages: dict[str, list[int]] = {}
    with (Path("/proc") / str(pid) / "pagemap").open("rb", buffering=0) as map_file:
        for line in (Path("/proc") / str(pid) / "maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            start, end = (int(part, 16) for part in fields[0].split("-"))
            kind = _kind(fields[1], fields[5] if len(fields) > 5 else "")
            if not kind or end - start > SPAN_MAX:
                continue
            map_file.seek(start // PAGE * ENTRY.size)
            entries = map_file.read((end - start) // PAGE * ENTRY.size)
            present = (i for i, (one,) in enumerate(ENTRY.iter_unpack(entries)) if one & PRESENT)
            pages.setdefault(kind, []).extend(start + i * PAGE for i in present)
    return pages


def _kind(rights: str, name: str) -> str:
    """Which way to strike a mapping belongs to; empty for what is shared or the kernel's own."""
    if not rights.endswith("p") or name.startswith(("[v", "[vsyscall")):
        return ""
    if name == "[stack]":
        return "stack"
    if rights[2] == "x":
        return "code"
    if name == "[heap]" or not name:
        return "heap" if rights[1] == "w" else ""
    return "data" if rights[1] == "w" else "mapped"
