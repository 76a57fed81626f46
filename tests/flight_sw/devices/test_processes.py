"""Shared memory and the worker process survive what flight does to them: kills, hangs, crashes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flight_sw.devices.shared_memory import SharedFile, SharedMemory, remove_stale
from flight_sw.devices.worker_process import WorkerProcess
from flight_sw.errors import StoreError
from hil.faults.process import read_stat

ECHO = """
import os, sys
while data := os.read(0, 65536):
    os.write(1, data)
    if data == b"work":
        sum(range(10_000_000))
"""


def test_a_flip_by_one_process_is_seen_by_the_other(tmp_path):
    """Both see the same bytes, in the same memory."""
    memory = SharedMemory(tmp_path)
    shared = memory.put("weights", b"\x00" * 8192)
    other = SharedFile(shared.path, 8192)
    other.view[5000] ^= 0x40
    assert shared.view[5000] == 0x40
    assert other.address != shared.address
    other.close()
    memory.close()


def test_the_directory_is_private_and_goes_away(tmp_path):
    """Nobody else may look, and nothing is left behind."""
    memory = SharedMemory(tmp_path)
    memory.put("weights", b"abc")
    assert memory.directory.stat().st_mode & 0o777 == 0o700
    memory.close()
    memory.close()
    assert list(tmp_path.iterdir()) == []


def test_the_default_place_is_memory():
    """Weights are not written to a disk where there is a tmpfs."""
    memory = SharedMemory()
    assert memory.directory.parent in (Path("/dev/shm"), Path("/tmp"))  # noqa: S108
    memory.close()


def test_what_a_killed_process_left_is_cleared_and_a_living_ones_stays(tmp_path):
    """Directories of dead owners go, those of living ones stay."""
    script = (
        "import sys; from pathlib import Path; from flight_sw.devices.shared_memory import *\n"
        "m = SharedMemory(Path(sys.argv[1])); print(m.directory, flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    left = Path(child.stdout.readline().strip())
    assert remove_stale(tmp_path) == 0
    assert left.is_dir()
    child.kill()
    child.communicate()
    memory = SharedMemory(tmp_path)
    assert not left.exists()
    memory.close()


@pytest.mark.parametrize("name", ["../x", "a/b", "", "."])
def test_only_plain_names_are_taken(tmp_path, name):
    """No name leads out of the directory."""
    memory = SharedMemory(tmp_path)
    with pytest.raises(StoreError):
        memory.put(name, b"x")
    memory.close()


def test_a_name_is_given_once_until_removed(tmp_path):
    """Nothing overwrites bytes that someone maps."""
    memory = SharedMemory(tmp_path)
    first = memory.put("a", b"x")
    with pytest.raises(StoreError):
        memory.put("a", b"y")
    memory.remove(first)
    assert memory.put("a", b"y").view[0] == ord("y")
    memory.close()


def test_a_view_still_held_outlives_the_close(tmp_path):
    """Closing with a slice in someone's hands is no error."""
    memory = SharedMemory(tmp_path)
    piece = memory.put("a", b"hello").view[1:3]
    memory.close()
    assert bytes(piece) == b"el"


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A worker that echoes, in place of the inference worker."""
    (tmp_path / "echo_worker.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = WorkerProcess(module="echo_worker")
    yield worker
    worker.kill()


def test_processor_time_rises_with_work_and_stands_still_with_the_process(worker, eventually):
    """It is the kernel's own count; without a process there is none."""
    assert worker.cpu_s() is None
    worker.start()
    worker.write(b"work")
    eventually(lambda: worker.cpu_s() > 0, "work takes some")
    eventually(lambda: worker.read() == b"work", "it has answered")
    os.kill(worker.pid, signal.SIGSTOP)
    eventually(lambda: read_stat(worker.pid).state == "T", "stopped")
    stopped_with_s = worker.cpu_s()
    assert stopped_with_s == read_stat(worker.pid).cpu_s
    worker.write(bytes(1000))
    time.sleep(0.2)  # in which it would have answered and used some
    assert worker.cpu_s() == stopped_with_s
    assert worker.read() == b""
    worker.kill()
    assert worker.cpu_s() is None


def test_bytes_go_to_the_worker_and_back(worker, eventually):
    """The pipes carry every byte and never block."""
    worker.start()
    assert worker.read() == b""
    data = bytes(range(256)) * 64
    assert worker.write(data) == len(data)
    got = bytearray()
    eventually(lambda: got.extend(worker.read()) or len(got) == len(data), "the echo")
    assert bytes(got) == data


def test_a_worker_that_does_not_read_fills_up_instead_of_blocking(worker):
    """Writing to a stopped worker ends in 0, not in a wait."""
    worker.start()
    os.kill(worker.pid, signal.SIGSTOP)
    sizes = [worker.write(bytes(65_536)) for _ in range(8)]
    assert sizes[-1] == 0
    assert worker.alive()


def test_a_stopped_worker_is_killed_and_started_again(worker, eventually):
    """A hang costs a kill and a start, nothing else."""
    worker.start()
    first = worker.pid
    os.kill(first, signal.SIGSTOP)
    worker.start()
    assert worker.pid != first
    assert not Path(f"/proc/{first}").exists()
    worker.write(b"again")
    assert eventually(worker.read, "the echo") == b"again"
    assert worker.starts == 2
    assert worker.last_exit == -signal.SIGKILL


def test_a_crash_is_noticed_and_everything_then_answers_nothing(worker, eventually):
    """After a crash no call raises, and the signal is known."""
    worker.start()
    os.kill(worker.pid, signal.SIGSEGV)
    eventually(lambda: not worker.alive(), "the crash is noticed")
    assert worker.last_exit == -signal.SIGSEGV
    assert worker.read() == b""
    assert worker.fileno() is None
    assert worker.write(b"x") == 0
    worker.kill()
    assert worker.pid is None
    assert not worker.alive()


def test_a_child_with_a_lifeline_dies_with_its_parent(eventually):
    """Killing the parent with SIGKILL ends the child too."""
    child = (
        "from flight_sw.devices.lifeline import die_with_parent; import os, sys, signal\n"
        "die_with_parent(int(sys.argv[1])); print(os.getpid(), flush=True); signal.pause()"
    )
    parent = (
        "import os, subprocess, sys, signal\n"
        "subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())]); signal.pause()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent, child], stdout=subprocess.PIPE, text=True
    )
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()

    def gone():
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        return state == "Z"

    eventually(gone, "the child is gone")
