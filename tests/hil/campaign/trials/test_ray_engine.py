"""Ray as the engine: a local cluster of two workers gives the local engine's table."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flight_sw.errors import UserError
from hil.campaign.trials.engine import LocalEngine
from hil.campaign.trials.plan import made_plan
from hil.campaign.trials.ray_engine import RayEngine
from hil.campaign.trials.runner import RunOptions, run_campaign

FAULTS = 400
WAIT_S = 120.0
HAS_RAY = importlib.util.find_spec("ray") is not None


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed here")
def test_without_ray_one_line_says_so() -> None:
    """An engine that is not installed is a mistake of the user, with its remedy."""
    with pytest.raises(UserError, match="not installed"):
        RayEngine()


@pytest.mark.long
@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: pip install vanallen[ray]")
def test_a_worker_killed_on_the_way_costs_nothing(tmp_path: Path) -> None:
    """Two workers, one killed with SIGKILL in the middle of a task: the same faults, each once."""
    command = [sys.executable, "-m", "hil", "campaign", "run", "--fault", "store", "--json"]
    command += [
        "--n",
        str(FAULTS),
        "--engine",
        "ray",
        "--workers",
        "2",
        "--out",
        str(tmp_path / "ray"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        victim = _worker_of(process.pid)
        os.kill(victim, signal.SIGKILL)
        out, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    table = json.loads(out)  # and nothing of Ray's own talk beside it
    plan = made_plan(("store",), tuple(_standard()), n=FAULTS, seed=1)
    whole = run_campaign(plan, RunOptions(tmp_path / "local"), LocalEngine(1), lambda _: None)
    assert table["digest"] == whole["digest"]
    assert table["trials"] == FAULTS
    ray_table = (tmp_path / "ray" / "table.json").read_bytes()
    assert ray_table == (tmp_path / "local" / "table.json").read_bytes()


def _standard() -> list[object]:
    from flight_sw.inference.job import Protection

    return [Protection.STANDARD]


def _worker_of(driver: int) -> int:
    """A worker process of this driver's session that is at work."""
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes()
                session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
            except (OSError, ValueError):
                continue
            if command.startswith(b"ray::run_elsewhere") and session == driver:
                return int(entry.name)
        os.sched_yield()
    raise TimeoutError("no Ray worker was seen at work")
