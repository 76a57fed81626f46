"""The emulated board lives and dies like a board: power, reset, watchdog, hangs, crashes, kills."""

import os
import signal

import pytest

from flight_sw.devices.clock import SystemClock
from flight_sw.devices.reopening_port import ReopeningPort
from flight_sw.errors import LinkLost
from hil.faults.catalog import Fault, FaultKind
from hil.faults.process import read_stat
from hil.faults.rig_client import RigClient

BAUD = 921_600


def lives(pid):
    """Whether a process exists and has not ended."""
    stat = None if pid is None else read_stat(pid)
    return stat is not None and stat.state not in "ZX"


def open_port(link):
    """Open the controller's end."""
    port = ReopeningPort.serial(str(link), BAUD, SystemClock())
    port.check()
    return port


def greeting(port, eventually, word="hello"):
    """Collect what the board says until a word appears."""
    heard = bytearray()
    eventually(lambda: heard.extend(port.read()) or word.encode() in heard, f"{word!r} heard")
    return heard.decode()


def answers(port, eventually):
    """Ask until the echo comes back, as after a restart."""

    def asked():
        port.write(b"?")
        return b"?" in port.read()

    eventually(asked, "the board answers")


def test_power_off_ends_everything_and_on_starts_it_again(board, eventually):
    """The switch is a switch: off kills node and worker, on boots."""
    supply = board.supply
    supply.check()
    before = eventually(lambda: board.rig.plant().worker_pid and board.rig.plant(), "worker runs")
    eventually(lambda: supply.read().current_a > 0.3, "current flows")
    supply.set_on(False)
    eventually(lambda: not board.rig.plant().powered, "off")
    assert not lives(before.node_pid)
    assert not lives(before.worker_pid)
    eventually(lambda: supply.read().power_w == 0, "nothing drawn")
    supply.set_on(True)
    after = eventually(lambda: board.rig.plant().node_pid and board.rig.plant(), "on")
    assert board.boots() == 1
    assert after.reset_cause == "power-on"


def test_the_reset_line_restarts_the_board_and_falls_back(board, eventually):
    """One pulse is one reset."""
    supply = board.supply
    before = board.rig.plant().node_pid
    supply.pulse_reset()
    eventually(lambda: board.boots() == 1, "reset")
    assert (board.switch / "reset").read_text().strip() == "0"
    assert board.rig.plant().reset_cause == "reset-line"
    assert not lives(before)
    port = open_port(board.link)
    answers(port, eventually)
    assert board.boots() == 1
    port.close()


def test_an_unfed_watchdog_resets_the_board(emulator, profile_file, eventually):
    """A hang of the software is answered by the hardware, and the next boot can read why."""
    board = emulator(profile=profile_file(timeout_s__10="timeout_s: 1"))
    eventually(lambda: board.rig.plant().watchdog_left_s is not None, "armed")
    assert board.rig.inject(Fault(1, FaultKind.BOARD_HANG)).landed
    eventually(lambda: board.rig.plant().boots == 2, "watchdog bit")
    assert board.rig.plant().reset_cause == "watchdog"
    status = board.root / "sys/class/watchdog/watchdog0/bootstatus"
    assert status.read_text().strip() == "32"
    port = open_port(board.link)
    answers(port, eventually)
    port.close()


def test_a_latched_hang_survives_a_reset_and_ends_with_the_power(board, eventually):
    """The last rung of the recovery ladder is there for a reason."""
    supply = board.supply
    assert board.rig.inject(Fault(1, FaultKind.BOARD_HANG, sticky=True)).landed
    supply.pulse_reset()
    eventually(lambda: board.boots() == 1, "reset")
    hung = board.rig.plant()
    assert hung.hung
    assert hung.node_pid is None
    assert hung.powered
    supply.set_on(False)
    eventually(lambda: not board.rig.plant().powered, "off")
    off_at_s = board.rig.plant().up_s
    eventually(lambda: board.rig.plant().up_s > off_at_s + 0.25, "discharged")
    supply.set_on(True)
    eventually(lambda: board.rig.plant().node_pid, "on")
    assert not board.rig.plant().hung


def test_a_short_gap_in_the_supply_does_not_end_a_latched_hang(emulator, profile_file, eventually):
    """Capacitors keep a latched chip latched for a while."""
    board = emulator(profile=profile_file(discharge_s="discharge_s: 30 # "))
    supply = board.supply
    board.rig.inject(Fault(1, FaultKind.BOARD_HANG, sticky=True))
    supply.set_on(False)
    eventually(lambda: not board.rig.plant().powered, "off")
    supply.set_on(True)
    eventually(lambda: board.rig.plant().powered, "on")
    assert board.rig.plant().hung


def test_a_crashed_node_is_started_again_a_few_times(board, eventually):
    """As systemd does it; the board itself is not reset by that."""
    first = eventually(lambda: board.rig.plant().worker_pid and board.rig.plant(), "worker runs")
    assert board.rig.inject(Fault(1, FaultKind.NODE_CRASH)).landed
    eventually(lambda: board.rig.plant().node_pid not in (None, first.node_pid), "started again")
    assert board.boots() == 0
    assert not lives(first.worker_pid)


def test_worker_faults_land_on_the_worker(board, eventually):
    """A hang stops it, a crash ends it also while it is stopped; without one they are void."""
    pid = eventually(lambda: board.rig.plant().worker_pid, "worker runs")
    assert board.rig.inject(Fault(1, FaultKind.WORKER_HANG)).landed
    eventually(lambda: read_stat(pid).state == "T", "stopped")
    assert board.rig.inject(Fault(2, FaultKind.WORKER_CRASH)).landed
    eventually(lambda: not lives(pid), "ended")
    eventually(lambda: board.rig.plant().worker_pid is None, "no worker")
    void = board.rig.inject(Fault(3, FaultKind.WORKER_HANG))
    assert not void.landed
    assert "worker" in void.reason
    assert [entry.landed for entry in board.rig.log()[-3:]] == [True, True, False]


def test_a_killed_emulator_leaves_nothing_and_its_successor_takes_over(emulator, eventually):
    """Kill -9, start again: the controller's port comes back by itself."""
    board = emulator()
    port = open_port(board.link)
    answers(port, eventually)
    left = eventually(lambda: board.rig.plant().worker_pid and board.rig.plant(), "worker runs")
    board.process.kill()
    eventually(lambda: not lives(left.node_pid) and not lives(left.worker_pid), "all dead")
    eventually(lambda: not os.path.lexists(board.link), "the link is gone")
    assert port.read() == b""
    again = emulator()
    answers(port, eventually)
    assert port.opens == 2
    assert again.rig.plant().boots == 1
    port.close()


def test_an_orderly_end_leaves_no_process_and_no_link(emulator, eventually):
    """SIGTERM: software stopped, link and rig port removed, exit code 0."""
    board = emulator()
    left = eventually(lambda: board.rig.plant().worker_pid and board.rig.plant(), "worker runs")
    board.process.terminate()
    assert board.process.wait(60) == 0
    assert not lives(left.node_pid)
    eventually(lambda: not lives(left.worker_pid), "worker gone")
    assert not os.path.lexists(board.link)
    assert not board.link.with_name("board.rig").exists()
    with pytest.raises(LinkLost):
        board.rig.plant()


def test_a_second_emulator_on_the_same_link_is_refused(emulator, launch):
    """Two boards never share a port; the message says who has it."""
    board = emulator()
    second = launch()
    _, text = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"process {board.process.pid}" in text
    assert text.count("\n") == 1
    assert board.rig.plant().powered


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda d: d / "nowhere" / "board", "choose a directory"),
        (lambda d: (d / "file").write_text("x") and d / "file", "exists and is no link"),
    ],
)
def test_a_link_that_cannot_be_is_one_clear_line(launch, tmp_path, make, says):
    """A wrong path ends in one line and exit code 2."""
    process = launch(link=make(tmp_path))
    _, text = process.communicate(timeout=60)
    assert process.returncode == 2
    assert says in text
    assert text.count("\n") == 1


def test_a_node_that_refuses_to_start_speaks_through_the_emulator(tmp_path, launch):
    """The node's own line reaches the person, with exit code 2."""
    process = launch(node=["/bin/sh", "-c", "echo 'models: no such directory' >&2; exit 2"])
    _, text = process.communicate(timeout=60)
    assert (process.returncode, text) == (2, "models: no such directory\n")


def test_the_supply_keeps_its_position_over_a_restart(launch, emulator, tmp_path, eventually):
    """A relay does not move because the emulator was started anew, and the person is told."""
    board = emulator()
    board.supply.set_on(False)
    eventually(lambda: not board.rig.plant().powered, "off")
    board.process.send_signal(signal.SIGINT)
    board.process.wait(60)
    again = emulator()
    assert not again.rig.plant().powered
    again.process.terminate()
    out, _ = again.process.communicate(timeout=60)
    assert "switched off" in out


def test_long_paths_are_no_obstacle(launch, tmp_path):
    """A rig port works below a path longer than a socket's name may be."""
    deep = tmp_path.joinpath(*("a-rather-long-directory-name",) * 6)
    deep.mkdir(parents=True)
    launch(link=deep / "board")
    with RigClient(deep / "board") as rig:
        rig.wait_ready(10)
        assert len(str(deep)) > 108


def test_a_boot_loader_may_write_garbage_to_the_line(emulator, profile_file, eventually):
    """What comes before the software is heard as on a board whose console is not silenced."""
    board = emulator(profile=profile_file(boot_text='boot_text: "MESS:00 loader" # '))
    port = open_port(board.link)
    board.supply.pulse_reset()
    assert "hello" in greeting(port, eventually, "MESS:00 loader") + greeting(port, eventually)
    port.close()
