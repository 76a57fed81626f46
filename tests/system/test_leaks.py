"""The search for leaks finds them: a listening socket open to the world, a key in any form."""

import base64
import socket
from pathlib import Path

import pytest

from flight_sw.space_link.keys import new_keys
from tests.system.leaks import files_with, is_loopback, key_forms, listeners

SELF = Path("/proc/self")
KEYS = new_keys(17, bytes(range(40, 136)))
SECRET = KEYS.tc.secret


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_an_open_door_is_found(kind):
    """A socket on all addresses is told from one on loopback."""
    before = listeners(SELF)
    with socket.socket(socket.AF_INET, kind) as inner, socket.socket(socket.AF_INET, kind) as outer:
        for one, host in ((inner, "127.0.0.1"), (outer, "0.0.0.0")):  # noqa: S104 that is the point
            one.bind((host, 0))
            if kind is socket.SOCK_STREAM:
                one.listen()
        found = listeners(SELF) - before
    assert "0.0.0.0" in found  # noqa: S104
    assert not is_loopback("0.0.0.0")  # noqa: S104
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")


@pytest.mark.parametrize(
    "text",
    [
        SECRET[5:20],
        SECRET.hex().upper().encode(),
        repr(SECRET).encode(),
        str(list(SECRET)).encode(),
        base64.b64encode(SECRET),
        KEYS.master[-15:],
    ],
)
def test_a_key_is_found_in_any_form(text, tmp_path):
    """Whole or half of it, inside of anything."""
    (tmp_path / "log").write_bytes(b"before " + text + b" after")
    (tmp_path / "clean").write_bytes(b"nothing here")
    assert files_with(key_forms(KEYS), tmp_path.iterdir()) == [str(tmp_path / "log")]
