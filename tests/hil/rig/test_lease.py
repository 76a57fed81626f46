"""A board has one holder at a time; a holder that is gone holds nothing."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from flight_sw.errors import UserError
from hil.rig.infrastructure import BoardBusy, LeaseLost
from hil.rig.lease import Lease, LeaseRecord, process_start

HOLDER = """
import sys
from pathlib import Path
from hil.rig.lease import Lease
Lease("port", Path(sys.argv[1])).take()
print("taken", flush=True)
sys.stdin.read()
"""
WORKERS, ROUNDS = 4, 6


def _count_alone(folder: Path, shared: Path) -> None:
    for _ in range(ROUNDS):
        with Lease("port", folder).take(60.0):
            before = int(shared.read_text())
            shared.write_text("busy")  # whoever reads this now is not alone
            shared.write_text(str(before + 1))


def rewrite(folder: Path, **changes: object) -> None:
    """Change the one lease there as if another had written it."""
    (file,) = folder.glob("*.lease")
    record = msgspec.json.decode(file.read_bytes(), type=LeaseRecord)
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(record, **changes)))


def test_a_second_holder_is_refused_and_told_who_has_it(tmp_path: Path):
    """Owner, process and machine of the holder stand in the refusal; release frees it."""
    with Lease("port", tmp_path).take():
        with pytest.raises(BoardBusy, match=rf"process {os.getpid()} on "):
            Lease("port", tmp_path).take()
        Lease("another port", tmp_path).take().release()
    Lease("port", tmp_path).take().release()


def test_processes_never_hold_at_once(tmp_path: Path):
    """Four processes that count in one file by turns lose not one count."""
    shared = tmp_path / "count"
    shared.write_text("0")
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_count_alone, args=(tmp_path / "leases", shared))
        for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    assert int(shared.read_text()) == WORKERS * ROUNDS


def test_the_lease_of_a_killed_process_is_taken_over(tmp_path: Path):
    """A CI job that was killed blocks nobody: its lease is void as soon as it is gone."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline().strip() == "taken"
    with pytest.raises(BoardBusy, match=f"process {holder.pid} "):
        Lease("port", tmp_path).take()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    Lease("port", tmp_path).take().release()


def test_a_process_number_given_anew_holds_nothing(tmp_path: Path):
    """Process numbers come round again; the start time tells the two apart."""
    Lease("port", tmp_path).take()
    rewrite(tmp_path, pid_started=(process_start(os.getpid()) or 0) - 1)
    Lease("port", tmp_path).take().release()


def test_the_lease_of_another_machine_holds_until_its_end(tmp_path: Path):
    """Nobody can look whether a process lives there, so its time decides."""
    Lease("port", tmp_path).take()
    rewrite(tmp_path, host="elsewhere")
    with pytest.raises(BoardBusy, match="on elsewhere"):
        Lease("port", tmp_path).take()
    rewrite(tmp_path, expires_s=time.time() - 1)
    Lease("port", tmp_path).take().release()


def test_a_lease_that_was_taken_over_is_known_to_be_lost(tmp_path: Path):
    """Renewing says so, and releasing leaves the new holder's lease alone."""
    late = Lease("port", tmp_path).take()
    rewrite(tmp_path, expires_s=time.time() - 1)
    with Lease("port", tmp_path).take() as new:
        with pytest.raises(LeaseLost):
            late.renew()
        late.release()
        new.renew()
        assert new.holder() is not None


def test_a_wait_for_a_lease_has_an_end(tmp_path: Path):
    """The refusal after a wait says how long it was."""
    with Lease("port", tmp_path).take(), pytest.raises(BoardBusy, match=r"waited 0\.1 s"):
        Lease("port", tmp_path).take(0.1)


def test_a_torn_lease_holds_nothing(tmp_path: Path):
    """Half a file is what a power cut leaves."""
    Lease("port", tmp_path).take()
    (file,) = tmp_path.glob("*.lease")
    file.write_bytes(file.read_bytes()[:20])
    Lease("port", tmp_path).take().release()


def test_an_unusable_folder_is_the_users_to_mend(tmp_path: Path):
    """The text names the folder and the variable that names another."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="VANALLEN_LEASES"):
        Lease("port", tmp_path / "file").take()
