"""Protection classes from telecommand to answer, with the real runtime behind the node.

Ground, controller and node on a virtual clock; the worker is the real one, in this process.
"""

import importlib.util
import shutil
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from flight_sw.board_models import BoardModel, region_name
from flight_sw.inference import worker_messages as w
from flight_sw.inference.bundle import Guarding, Part, parts_of
from flight_sw.inference.compiled import compile_bundle
from flight_sw.inference.live_files import map_weights, stage
from flight_sw.inference.manifest import PAGE_BYTES, WEIGHTS_FILE, read_manifest
from flight_sw.inference.worker import Worker
from flight_sw.node import BoardFacts, Node
from flight_sw.radiation.protected import ProtectedRegion
from hil.applications.models import find_model

_spec = importlib.util.spec_from_file_location("stack", Path(__file__).with_name("stack.py"))
stack_module = importlib.util.module_from_spec(_spec)
sys.modules["stack"] = stack_module
_spec.loader.exec_module(stack_module)

SOURCE = find_model("telemetry-anomaly")
CLASSES = ("none", "standard", "high", "vote")


class RealWorker:
    """The worker's own code on the far side of the pipe's codec."""

    def __init__(self) -> None:
        self.alive = False
        self.start()
        self.alive = False

    def start(self) -> None:
        """A fresh worker."""
        self.alive = True
        self._worker, self._requests = Worker(), w.RequestDecoder()

    def exchange(self, data: bytes) -> bytes:
        """Take requests and give replies."""
        if not self.alive:
            return b""
        requests = self._requests.feed(data)
        return b"".join(w.encode(self._worker.handle(request)) for request in requests)


class RealStack(stack_module.Stack):
    """Slot 1 holds the bundle."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self._bundle = bundle
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self.parts: dict[Part, BoardModel] = {}
        self.views: dict[Part, np.ndarray] = {}
        rng = np.random.default_rng(5)
        self.input = rng.normal(0, 30, 18).astype("<f4").tobytes()
        super().__init__()

    def boot_board(self) -> None:
        """Stage every part anew and start with a fresh node."""
        manifest = read_manifest(self._bundle)
        for part, stored in parts_of(self._bundle, manifest).items():
            live = self._folder / part.value
            shutil.rmtree(live, ignore_errors=True)
            found = stage(stored, live)
            view = map_weights(live)
            golden = (stored / WEIGHTS_FILE).read_bytes()
            region = ProtectedRegion(
                region_name(found.name, part),
                view,
                lambda page, golden=golden: golden[page * PAGE_BYTES : (page + 1) * PAGE_BYTES],
            )
            region.encode()
            self.views[part] = view
            self.parts[part] = BoardModel(
                1, found.name, str(live), found.digest.hex(), region, part
            )
        self.worker = RealWorker()
        facts = BoardFacts("0001", 1, round(self.now * 1000) + 7)
        self.node = Node(self.profile, tuple(self.parts.values()), facts)
        self._to_node = self._to_controller = self._to_worker = b""

    def spoil(self, part: Part) -> None:
        """Turn over the top exponent bit of some weights of the last dense layer."""
        manifest = read_manifest(Path(self.parts[part].directory))
        names = [b for b in manifest.computing_blobs if b.name.startswith("layers.4.weight")]
        start = names[-1].offset
        self.views[part][start + 3 : start + 67 : 4] ^= 0x40

    def nudge(self, part: Part) -> None:
        """Turn over one low bit."""
        self.views[part][0] ^= 1


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    """The shipped telemetry model with all its parts."""
    rng = np.random.default_rng(1)
    inputs = [[rng.normal(0, 30, (1, 18)).astype(np.float32)] for _ in range(16)]
    target = tmp_path_factory.mktemp("bundle") / "compiled"
    compile_bundle(SOURCE, target, zlib.crc32, Guarding(inputs, is_voted=True))
    return target


@pytest.fixture
def flying(bundle, tmp_path):
    """In NOMINAL with the bundle in slot 1."""
    stack = RealStack(bundle, tmp_path)
    stack.fly()
    return stack


def test_every_class_is_answered_alike_on_unharmed_weights(flying):
    """Guards and votes cost time, not answers."""
    for job, protection in enumerate(CLASSES, start=1):
        flying.submit(job, flying.input, protection)
    flying.run(3.0)
    answers = {r["job"]: np.frombuffer(r["output"], "<f4")[0] for r in flying.told("result")}
    assert sorted(answers) == [1, 2, 3, 4]
    assert answers[1] == answers[2] == answers[4]
    assert answers[3] == pytest.approx(answers[1], rel=1e-5)


@pytest.mark.parametrize("protection", ["high", "vote"])
def test_a_wild_weight_changes_no_answer_of_the_strong_classes(flying, protection):
    """Even before the scrub comes by: the alarm or the vote brings it, and the job runs again."""
    flying.submit(1, flying.input, protection)
    flying.run(2.0)
    flying.send("set-parameter", parameter="scrub_pass", value=3600.0)
    flying.run(0.5)
    flying.spoil(Part.CHECKSUM if protection == "high" else Part.PLAIN)
    flying.submit(2, flying.input, protection)
    flying.run(2.0)
    first, second = [r["output"] for r in flying.told("result") if r["job"] in (1, 2)]
    assert first == second
    assert {"page-corrected", "page-rebuilt"} & set(flying.events)


def test_the_same_wild_weight_does_change_an_unprotected_answer(flying):
    """The test above can fail."""
    flying.send("set-parameter", parameter="scrub_enabled", value=0)
    flying.run(0.5)
    flying.submit(1, flying.input, "none")
    flying.run(1.0)
    flying.spoil(Part.PLAIN)
    flying.submit(2, flying.input, "none")
    flying.run(1.0)
    first, second = (r["output"] for r in flying.told("result"))
    assert first != second


def test_a_hit_in_one_part_withdraws_only_the_class_that_used_it(flying):
    """Damage in the summed graph says nothing about answers of the clipped one."""
    flying.send("set-parameter", parameter="scrub_pass", value=3600.0)
    flying.run(0.5)
    for job, protection in enumerate(("standard", "high"), start=1):
        flying.submit(job, flying.input, protection)
    flying.run(1.0)
    flying.nudge(Part.CHECKSUM)
    flying.send("scrub-now")
    flying.run(2.0)
    assert [w["job"] for w in flying.told("withdrawal")] == [2]
    assert sorted(r["job"] for r in flying.told("result")) == [1, 2, 2]


def test_a_fault_outside_the_weights_is_found_by_the_known_input(flying):
    """No scrub sees the runtime's own memory; the self-test does, and the worker starts afresh."""
    runtime = flying.worker._worker
    inputs, answer, folder = runtime._known[1]
    runtime._known[1] = ([inputs[0] + 1], answer, folder)  # as if the kernels had gone wrong
    flying.run(70.0)
    assert "worker-restarted" in flying.events
    assert not {"page-corrected", "page-rebuilt", "page-lost"} & set(flying.events)
    assert flying.worker._worker is not runtime
    flying.submit(1, flying.input)
    flying.run(2.0)
    assert [r["job"] for r in flying.told("result")] == [1]


def test_unharmed_models_pass_their_self_tests(flying):
    """A minute of flight restarts nothing."""
    flying.run(60.0)
    assert "worker-restarted" not in flying.events
    assert flying.node._self_test.done >= 5
    assert flying.node._self_test.failed == 0
