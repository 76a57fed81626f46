"""Ports of a labgrid place come from the file that its client exports; labgrid is not imported."""

import json
import select
import socket
import threading
from pathlib import Path

import pytest

from flight_sw.devices.serial_port import SerialPort
from flight_sw.errors import UserError
from hil.rig.board_port import board_port
from hil.rig.inventory import read_inventory
from hil.rig.labgrid_bridge import read_consoles


def exported(tmp_path: Path, port: int | str = 4001, **more: object) -> Path:
    values: dict[str, object] = {
        "LG__CONSOLE_HOST": "127.0.0.1",
        "LG__CONSOLE_PORT": str(port),
        "LG__CONSOLE_PROTOCOL": "raw",
        "LG__CONSOLE_SPEED": "115200",
        **more,
    }
    path = tmp_path / "place.json"
    path.write_text(json.dumps(values))
    return path


def test_an_inventory_opens_the_port_of_a_place(tmp_path: Path):
    """The exported raw stream is the board's port, at the exporter's speed, and bytes come."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        exported(tmp_path, server.getsockname()[1])
        rig = tmp_path / "rig.yaml"
        rig.write_text(
            "boards: {a: {profile: raspberry-pi-4, port: {labgrid: place.json}}}", encoding="utf-8"
        )
        (entry,) = read_inventory(rig)
        found = board_port(entry)
        assert found.baud == 115200
        sent = threading.Event()

        def serve() -> None:
            line, _ = server.accept()
            with line:
                sent.wait(5)
                line.sendall(b"prompt")
                line.recv(1)  # until the other end hangs up

        thread = threading.Thread(target=serve)
        thread.start()
        port = SerialPort(found.url, found.baud)
        sent.set()
        received = b""
        while len(received) < len(b"prompt") and select.select([port], [], [], 5.0)[0]:
            received += port.read()
        port.close()
        thread.join(5)
        assert received == b"prompt"


def test_one_of_several_consoles_is_named(tmp_path: Path):
    """Two consoles need a name; a wrong one is told with those there are."""
    path = exported(tmp_path, LG__DEBUG_HOST="h", LG__DEBUG_PORT="1", LG__DEBUG_PROTOCOL="raw")
    consoles = read_consoles(path)
    assert consoles.pick("debug").url == "socket://h:1"
    with pytest.raises(UserError, match="name one with `console`: CONSOLE, DEBUG"):
        consoles.pick(None)
    with pytest.raises(UserError, match="no console uart; there are"):
        consoles.pick("uart")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"LG__CONSOLE_PROTOCOL": "rfc2217"}, "export it as a raw stream"),
        ({"LG__CONSOLE_PORT": "many"}, "not a port number: many"),
        ({"LG__CONSOLE_PORT": "70000"}, "not a port number"),
    ],
)
def test_a_console_that_cannot_be_opened_says_why(tmp_path: Path, change: dict, said: str):
    """Another protocol or a port that is none is the exporter's to mend."""
    with pytest.raises(UserError, match=said):
        read_consoles(exported(tmp_path, **change))


@pytest.mark.parametrize("text", ["", "[]", "{}", "{'a': 1}", '{"LG__A_PORT": 1}', "\x00"])
def test_another_file_is_not_taken_for_an_export(tmp_path: Path, text: str):
    """Text, other JSON and nothing are refused in one line that names the file."""
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"other\.json"):
        read_consoles(path)
    with pytest.raises(UserError, match="No such file"):
        read_consoles(tmp_path / "none.json")
