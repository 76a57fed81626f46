"""What the emulated board shows to software and rig: line, sensors, memory, garbage tolerance."""

import json
import os
import socket
import time
from pathlib import Path

import pytest

from flight_sw.devices.frequency import CpufreqControl
from flight_sw.devices.sensors import CpuFrequency, HwmonRail, ThermalZone, ThrottleFlags
from flight_sw.devices.serial_port import SerialPort
from flight_sw.errors import LinkLost, ProfileError
from hil.emulator.settings import read_profile
from hil.faults.catalog import Fault, FaultKind
from hil.faults.rig_client import RigClient, RigRefusedError

BAUD = 921_600
LEVELS = (600, 1000, 1400, 1800)


def open_and_greet(board, eventually):
    """Open the port and wait until the software behind it answers."""
    port = SerialPort(str(board.link), BAUD)

    def asked():
        port.write(b"?")
        return b"?" in port.read()

    eventually(asked, "the board answers")
    last, heard = os.urandom(8), bytearray()
    port.write(last)
    eventually(lambda: heard.extend(port.read()) or heard.endswith(last), "the last of it")
    return port


def echo(port, data, eventually):
    """Send data through the board and back, as fast as it goes."""
    sent, got = 0, bytearray()

    def moved():
        nonlocal sent
        sent += port.write(data[sent : sent + 4096])
        got.extend(port.read())
        return len(got) >= len(data)

    eventually(moved, f"{len(data)} bytes back", within_s=20)
    return bytes(got)


def test_every_byte_comes_back_and_takes_its_time(board, eventually):
    """Nothing is lost, changed or faster than ten bits a byte."""
    port = open_and_greet(board, eventually)
    data = bytes(range(256)) * 200
    started = time.monotonic()
    assert echo(port, data, eventually) == data
    line_s = len(data) * 10 / BAUD
    assert line_s * 0.95 < time.monotonic() - started
    assert board.rig.plant().overrun_bytes == 0
    port.close()


def test_a_slow_reader_loses_nothing(board, eventually):
    """More than any buffer holds waits for a reader that takes its time."""
    port = open_and_greet(board, eventually)
    data = os.urandom(120_000)
    sent, got, looks = 0, bytearray(), 0

    def moved():
        nonlocal sent, looks
        sent += port.write(data[sent:])
        looks += 1
        if looks % 8 == 0:
            got.extend(port.read())
        return len(got) >= len(data)

    eventually(moved, "all bytes back", within_s=20)
    assert bytes(got) == data
    port.close()


def test_the_controllers_port_survives_a_reset_of_the_board(board, eventually):
    """The cable stays: the same open port hears the board's next boot."""
    port = open_and_greet(board, eventually)
    (board.switch / "reset").write_text("1\n")
    heard = bytearray()
    eventually(lambda: heard.extend(port.read()) or b"hello reset-line" in heard, "next boot")
    port.close()


def test_an_unplugged_cable_is_link_lost_and_comes_back(board, eventually):
    """Pulling the plug makes the port vanish; plugging in makes it appear under the same name."""
    port = open_and_greet(board, eventually)
    done = board.rig.inject(Fault(1, FaultKind.UNPLUG, duration_s=0.2))
    assert done.landed
    with pytest.raises(LinkLost):
        port.read()
    assert not os.path.lexists(board.link)
    assert board.rig.noise().unplugged
    port.close()
    eventually(lambda: os.path.lexists(board.link), "plugged in again")
    open_and_greet(board, eventually).close()


def test_noise_and_cuts_reach_the_line_and_end(board, eventually):
    """A cut line is silent, a noisy one garbles, and both end when told."""
    port = open_and_greet(board, eventually)
    assert board.rig.noise(cut=True).cut
    port.write(b"lost")
    eventually(lambda: board.rig.plant().to_board_bytes >= 4, "bytes left")
    assert board.rig.plant().harmed_bytes >= 4
    assert board.rig.noise(cut=False, bit_error_rate=0.1).bit_error_rate == 0.1
    data = bytes(1000)
    assert echo(port, data, eventually) != data
    board.rig.noise(bit_error_rate=0.0)
    harmed = board.rig.plant().harmed_bytes
    assert echo(port, b"clean", eventually) == b"clean"
    assert board.rig.plant().harmed_bytes == harmed
    port.close()


def test_sensors_show_the_plant_to_the_boards_own_software(board, eventually):
    """The real Linux devices read the emulated tree."""
    zone = ThermalZone(board.root, "cpu-thermal")
    rail = HwmonRail(board.root, "VDD_5V")
    board.rig.environment(mount_c=70.0, extra_load_w=2.0)
    eventually(lambda: (zone.read_c() or 0) > 85, "hot")

    def agree() -> bool:
        plant = board.rig.plant()  # moves on between two looks of a busy machine
        at = zone.read_c() == pytest.approx(plant.temp_c, abs=3)
        return at and rail.read().power_w == pytest.approx(plant.power_w, abs=0.5)

    eventually(agree, "sensors show the plant")
    assert ThrottleFlags(board.root).read() & 0x40004
    assert CpuFrequency(board.root).read_mhz() < 1800


def test_a_clock_limit_set_by_software_is_obeyed_and_forgotten_by_a_reset(board, eventually):
    """cpufreq works as on a board."""
    control = CpufreqControl(board.root, LEVELS)
    assert control.set_level(1)
    eventually(lambda: board.rig.plant().clock_mhz == 1000, "limited")
    assert eventually(lambda: CpuFrequency(board.root).read_mhz() == 1000, "shown")
    (board.switch / "reset").write_text("1\n")
    eventually(lambda: board.boots() == 1, "reset")
    eventually(lambda: board.rig.plant().clock_mhz == 1800, "full clock again")


def test_a_latch_up_shows_on_the_supply_until_power_is_cut(board, eventually):
    """The controller can see it, and only switching off ends it."""
    board.rig.inject(Fault(1, FaultKind.LATCH_UP, level=3.0))
    current = board.switch / "curr1_input"
    eventually(lambda: int(current.read_text()) > 3000, "current step")
    (board.switch / "reset").write_text("1\n")
    eventually(lambda: board.boots() == 1, "reset")
    eventually(lambda: int(current.read_text()) > 3000, "still latched")
    (board.switch / "state").write_text("0\n")
    eventually(lambda: int(current.read_text()) == 0, "off")
    (board.switch / "state").write_text("1\n")
    eventually(lambda: 300 < int(current.read_text()) < 1500, "normal again")


def test_heat_and_load_end_after_their_time(board, eventually):
    """Faults with a duration are taken back."""
    mount_c = board.rig.environment().mount_c
    board.rig.inject(Fault(1, FaultKind.HOT_MOUNT, level=60.0, duration_s=0.2))
    board.rig.inject(Fault(2, FaultKind.HOT_MOUNT, level=70.0, duration_s=0.2))
    assert board.rig.environment().mount_c == 70.0
    eventually(lambda: board.rig.environment().mount_c == mount_c, "mount cool again")


def test_flips_land_in_the_nodes_memory_and_are_logged(board, eventually):
    """What the rig flips is in the live bytes of the running node, and can be looked at again."""
    eventually(board.rig.regions, "the map is published")
    done = board.rig.inject(Fault(7, FaultKind.WEIGHT_DOUBLE_FLIP, place=0.4))
    assert done.landed
    assert len(done.hits) == 2
    assert board.rig.verify(done.number) == ["flipped", "flipped"]
    (board.switch / "reset").write_text("1\n")
    eventually(lambda: board.boots() == 1, "reset")
    assert board.rig.verify(done.number) == ["gone", "gone"]
    assert board.rig.log(since=done.number) == [done]


def test_a_flip_between_two_boots_is_void(board, eventually):
    """No memory, no fault."""
    eventually(board.rig.regions, "the map is published")
    (board.switch / "state").write_text("0\n")
    eventually(lambda: not board.rig.plant().powered, "off")
    done = board.rig.inject(Fault(1, FaultKind.WEIGHT_FLIP))
    assert not done.landed
    assert done.reason


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"{}",
        b'{"op": "explode"}',
        b'{"op": "environment", "mount": 1}',
        b'{"op": "environment", "mount_c": "hot"}',
        b'{"op": "environment", "mount_c": 1e9}',
        b'{"op": "noise", "bit_error_rate": 2}',
        b'{"op": "inject", "fault": {"id": 1, "kind": "weight-flip", "place": 1.0}}',
        b'{"op": "verify", "number": 99}',
        b"\xff\xfe\x00",
        b"[" * 20_000,
        b"1" * 20_000,
    ],
)
def test_garbage_at_the_rig_port_is_answered_and_harmless(rig_socket, line):
    """Every bad line gets one error line, and the next good one works."""
    answer = json.loads(rig_socket(line))
    assert answer["ok"] is False
    assert "\n" not in answer["error"]
    assert json.loads(rig_socket(b'{"op": "plant"}'))["ok"] is True


@pytest.fixture
def rig_socket(one_emulator):
    """A raw connection to the rig port: send a line, get a line."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    directory = os.open(one_emulator.link.parent, os.O_PATH)
    connection.connect(f"/proc/self/fd/{directory}/board.rig")
    os.close(directory)
    file = connection.makefile("rb")

    def ask(line):
        connection.sendall(line + b"\n")
        return file.readline()

    yield ask
    file.close()
    connection.close()


def test_many_rig_clients_are_served_and_one_too_many_is_hung_up_on(one_emulator):
    """Several tools may watch one board; a leak of connections does not end it."""
    clients = [RigClient(one_emulator.link) for _ in range(20)]
    answered = 0
    for client in clients:
        try:
            client.plant()
            answered += 1
        except LinkLost:
            continue
    for client in clients:
        client.close()
    assert 10 <= answered < 20
    with RigClient(one_emulator.link) as rig:
        rig.wait_ready(5)


def test_a_refusal_carries_its_reason(one_emulator):
    """The client turns an error answer into an exception with its text."""
    with (
        RigClient(one_emulator.link) as rig,
        pytest.raises(RigRefusedError, match="no injection 123456"),
    ):
        rig.verify(123_456)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("core_w:", "core_v:", r"profile\.yaml:\d+: emulated\.draw\.core_v: .*`core_w`"),
        ("mount_c: 9.0", "mount_c: warm", r"profile\.yaml:\d+: emulated\.heat\.mount_c"),
        ("[81, 1774]", "[79, 1774]", "firmware_table: list rising"),
        ("emulated:\n", "rig:\n", "no `emulated:` section"),
    ],
)
def test_a_wrong_emulated_section_names_its_field(tmp_path, old, new, says):
    """Errors in the emulated section are as clear as elsewhere in a profile."""
    text = (Path(__file__).parents[3] / "boards/emulated.yaml").read_text()
    assert text.count(old) == 1
    path = tmp_path / "profile.yaml"
    path.write_text(text.replace(old, new))
    with pytest.raises(ProfileError, match=says) as caught:
        read_profile(path)
    assert "\n" not in str(caught.value)


def test_a_missing_profile_is_one_clear_line(tmp_path):
    """A file that is not there names itself."""
    with pytest.raises(ProfileError, match=r"nothing\.yaml"):
        read_profile(tmp_path / "nothing.yaml")


def test_a_line_at_another_rate_is_garbage_and_whole_again_at_the_right_one(board, eventually):
    """A pty carries any rate to any other; the emulated cable does not."""
    wrong = SerialPort(str(board.link), 115_200)
    data = bytes(range(256))
    assert echo(wrong, data, eventually) != data
    wrong.close()
    right = open_and_greet(board, eventually)
    assert data in echo(right, b"?" * 8 + data, eventually) + right.read()
    right.close()
