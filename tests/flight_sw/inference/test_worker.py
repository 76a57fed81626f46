"""The worker process: it answers over its pipes, and dying is all it can do to the node."""

import os
import select
import signal
import subprocess
import sys

import numpy as np
import pytest

from flight_sw.inference import worker_messages as wm
from flight_sw.inference.job import Admission, Job, JobState, Protection, RunReport, SlotOffer
from flight_sw.inference.ledger import JobLedger, LedgerLimits
from flight_sw.inference.live_files import map_weights, stage
from flight_sw.inference.tensors import packed_bytes

DEADLINE_S = 20.0
COMMAND = [sys.executable, "-m", "flight_sw.inference.worker"]


class Peer:
    """The node's side of the pipes, for one worker process."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._decoder = wm.ReplyDecoder()
        self._received = []

    def send(self, message):
        self.process.stdin.write(wm.encode(message))

    def receive(self):
        """The next reply, or None at the end of the pipe."""
        while not self._received:
            ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE_S)
            assert ready, "the worker did not answer in time"
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                return None
            self._received += self._decoder.feed(data)
        return self._received.pop(0)

    def ask(self, message):
        self.send(message)
        return self.receive()

    def close(self):
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def peer():
    worker = Peer()
    yield worker
    worker.close()


@pytest.fixture
def loaded(peer, compiled, live_dir):
    """A worker with telemetry-anomaly in slot 3: (peer, its Loaded reply)."""
    stage(compiled("telemetry-anomaly"), live_dir)
    reply = peer.ask(wm.Load(str(live_dir), 3))
    assert isinstance(reply, wm.Loaded)
    return peer, reply


def _features(value=1.0):
    return np.full(18, value, "<f4").tobytes()


def test_a_loaded_model_reports_its_proof(loaded):
    """Coverage, size, shapes and version come with every load."""
    _, reply = loaded
    assert reply.slot == 3
    assert reply.protectable
    assert reply.coverage == 1.0
    assert reply.live_bytes == reply.total_bytes > 20_000
    assert reply.private_dirty_kib == 0
    assert packed_bytes(reply.inputs) == 72
    assert reply.outputs[0].shape == (1, 1)


def test_jobs_and_pings_are_answered_in_order(loaded):
    """Messages sent in one go are answered one by one."""
    peer, _ = loaded
    peer.process.stdin.write(
        wm.encode(wm.Run(7, 3, _features())) + wm.encode(wm.Ping(5)) + wm.encode(wm.Run(8, 3, b""))
    )
    first, second, third = peer.receive(), peer.receive(), peer.receive()
    assert (first.job_id, len(first.output)) == (7, 4)
    assert first.elapsed_s > 0
    assert second == wm.Pong(5)
    assert (third.job_id, third.reason) == (8, wm.RunFailure.SHAPE)


def test_a_flip_from_this_process_reaches_the_worker(loaded, live_dir):
    """The shared mapping crosses the process boundary both ways: damage and repair."""
    peer, _ = loaded
    golden = peer.ask(wm.Run(1, 3, _features())).output
    view = map_weights(live_dir)
    before = view.copy()
    view[4096:8192] ^= 0x55  # the page of the normalisation's centres
    assert peer.ask(wm.Run(2, 3, _features())).output != golden
    view[:] = before
    assert peer.ask(wm.Run(3, 3, _features())).output == golden


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (wm.Run(1, 9, _features()), wm.RunFailure.NO_MODEL),
        (wm.Run(1, 3, b"abc"), wm.RunFailure.SHAPE),
        (wm.Run(1, 3, _features(np.nan)), wm.RunFailure.BAD_INPUT),
        (wm.Run(1, 3, _features(np.inf)), wm.RunFailure.BAD_INPUT),
    ],
)
def test_a_job_that_cannot_run_fails_with_its_reason(loaded, request_, reason):
    """The reason is an enum value; the worker lives on."""
    peer, _ = loaded
    reply = peer.ask(request_)
    assert (reply.job_id, reply.reason) == (1, reason)
    assert peer.ask(wm.Ping(1)) == wm.Pong(1)


def test_an_output_that_is_no_number_is_not_an_answer(loaded, live_dir):
    """Damaged weights that make NaN are reported as such, not sent down."""
    peer, _ = loaded
    view = map_weights(live_dir)
    view[4096:4100] = np.frombuffer(np.float32(np.nan).tobytes(), np.uint8)
    assert peer.ask(wm.Run(1, 3, _features())).reason is wm.RunFailure.NONFINITE


def test_damaged_weights_are_not_loaded(peer, compiled, live_dir):
    """After a crash the node must restore before it loads again; the digest insists on it."""
    stage(compiled("telemetry-anomaly"), live_dir)
    map_weights(live_dir)[0] ^= 1
    reply = peer.ask(wm.Load(str(live_dir), 1))
    assert (reply.slot, reply.reason) == (1, wm.LoadFailure.DIGEST)


def test_a_missing_model_is_a_reply(peer, tmp_path):
    """A wrong path never ends the worker."""
    reply = peer.ask(wm.Load(str(tmp_path / "nothing"), 1))
    assert (reply.slot, reply.reason) == (1, wm.LoadFailure.FILES)


def test_the_worker_ends_when_its_input_closes(peer):
    """No worker outlives a node that closed the pipe."""
    peer.process.stdin.close()
    assert peer.process.wait(DEADLINE_S) == 0
    assert peer.receive() is None


def test_rubbish_on_the_pipe_ends_the_worker(capfd):
    """A length that no message has means that the pipe is useless: one line, exit code 1."""
    worker = Peer()
    worker.process.stdin.write(b"\xff" * 8)
    assert worker.process.wait(DEADLINE_S) == 1
    worker.close()
    assert "exceeds" in capfd.readouterr().err


def test_the_worker_dies_with_its_parent():
    """A node that is killed leaves no worker behind, even if someone else holds the pipe open."""
    reader, writer = os.pipe()
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import subprocess, sys, os\n"
                f"p = subprocess.Popen({COMMAND!r}, stdin={reader}, stdout=subprocess.PIPE)\n"
                "os.read(p.stdout.fileno(), 1)\n"
                "print(p.pid, flush=True)\n"
                "os.read(0, 1)\n"
            ),
        ],
        pass_fds=[reader],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    os.write(writer, wm.encode(wm.Ping(1)))
    worker = os.pidfd_open(int(parent.stdout.readline()))
    parent.kill()
    parent.wait(DEADLINE_S)
    ready, _, _ = select.select([worker], [], [], DEADLINE_S)
    for fd in (reader, writer, worker):
        os.close(fd)
    parent.stdin.close()
    parent.stdout.close()
    assert ready, "the worker outlived its parent"


def test_memory_without_bound_fails_the_job_and_not_the_board(hungry_model, live_dir):
    """A worker that wants more than its limit gets an error, and goes on answering."""
    stage(hungry_model, live_dir)
    worker = Peer("--memory-mib", "256")
    reply = worker.ask(wm.Load(str(live_dir), 1))
    assert (reply.slot, reply.reason) == (1, wm.LoadFailure.RUNTIME)
    assert worker.ask(wm.Ping(1)) == wm.Pong(1)
    worker.close()


def test_a_worker_killed_in_mid_job_loses_no_job(compiled, live_dir):
    """The ledger runs the job again on a fresh worker, and the answer is the same."""
    _kill_and_rerun(compiled, live_dir, kills=2)


@pytest.mark.long
def test_a_worker_killed_a_hundred_times_in_mid_job_loses_no_job(compiled, live_dir):
    """No job is lost and none is answered twice."""
    _kill_and_rerun(compiled, live_dir, kills=100)


def _kill_and_rerun(compiled, live_dir, kills):
    manifest = stage(compiled("telemetry-anomaly"), live_dir)
    ledger = JobLedger(LedgerLimits(attempts=kills + 1))
    admission = Admission(True, True, {1: SlotOffer(72, frozenset(Protection))})
    assert ledger.submit(Job(1, 1, _features(), 1e9), admission, 0.0) is None
    for _ in range(kills):
        worker = _fresh(live_dir)
        attempt = ledger.started(1, manifest.digest)
        worker.process.send_signal(signal.SIGSTOP)  # it cannot answer before it is killed
        worker.send(wm.Run(1, 1, _features()))
        worker.process.kill()
        assert worker.receive() is None
        worker.close()
        assert ledger.board_lost() == []
    worker = _fresh(live_dir)
    attempt = ledger.started(1, manifest.digest)
    done = worker.ask(wm.Run(1, 1, _features()))
    worker.close()
    answer = ledger.result(RunReport(1, attempt, done.output, 1, 1))
    assert answer.attempt == kills + 1
    assert ledger.result(RunReport(1, attempt, done.output, 1, 1)) is None
    assert ledger.state(1) is JobState.PROVISIONAL


def _fresh(live_dir):
    worker = Peer()
    assert isinstance(worker.ask(wm.Load(str(live_dir), 1)), wm.Loaded)
    return worker
