"""Who computes for the payload tells nobody: onnxruntime's own telemetry is off before it is loaded."""

import os
from pathlib import Path

import pytest

from flight_sw.devices.worker_process import WorkerProcess
from flight_sw.inference import worker_messages as w
from flight_sw.inference.live_files import stage

SUPPRESSES = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")  # with any, it is off anyway


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own for the worker, and an environment in which onnxruntime would call."""
    home = tmp_path / "home"
    home.mkdir()
    for name in (name for name in os.environ if name in SUPPRESSES or name.endswith("_CI")):
        monkeypatch.delenv(name)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    return home


def test_a_worker_opens_no_socket_and_keeps_no_file(compiled, tmp_path, home, eventually):
    """While it holds a model it has its pipes and the weights open, and its home stays empty."""
    stage(compiled("hotspot"), tmp_path / "live")
    worker, replies, decoder = WorkerProcess(), [], w.ReplyDecoder()
    worker.start()
    try:
        worker.write(w.encode(w.Load(str(tmp_path / "live"), 1)))
        eventually(lambda: replies.extend(decoder.feed(worker.read())) or replies, "loaded")
        opened = [str(fd.readlink()) for fd in Path(f"/proc/{worker.pid}/fd").iterdir()]
    finally:
        worker.kill()
    assert isinstance(replies[0], w.Loaded)
    assert [name for name in opened if name.startswith("socket:")] == []
    assert [name for name in opened if name.startswith(str(home))] == []
    assert list(home.iterdir()) == []
