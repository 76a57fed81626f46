"""A link with faults between real ports: a fault ends when it is told to, and a port can be joined."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from hil.emulator.cable import Terminal
from hil.faults.link import QUIET, LinkFaults
from hil.kernel import stream
from hil.rig.link_proxy import Joined, LinkProxy

SENT = bytes(range(256)) * 15  # less than a pty holds


@contextmanager
def opened(link: Path) -> Iterator[int]:
    """As a program opens its serial port."""
    fd = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def read_into(fd: int, heard: bytearray) -> bytearray:
    with suppress(BlockingIOError):
        heard += os.read(fd, 65_536)
    return heard


def test_single_bytes_do_not_outlast_their_end(tmp_path: Path, eventually: Callable[..., object]):
    """What waits to be handed over byte by byte comes at once when the fault is over."""
    near, far, heard = tmp_path / "near", tmp_path / "far", bytearray()
    with (
        closing(LinkProxy(near, far, stream(1, "proxy"))) as proxy,
        opened(near) as sender,
        opened(far) as receiver,
    ):
        proxy.disturb(LinkFaults(read_bytes=1))
        eventually(lambda: os.write(sender, b"..") and proxy.landed, "the fault")
        eventually(lambda: read_into(receiver, heard), "what was sent till then")
        os.write(sender, SENT)
        eventually(lambda: SENT[:9] in read_into(receiver, heard), "a few bytes")
        assert SENT not in heard
        proxy.disturb(QUIET)
        eventually(lambda: SENT in read_into(receiver, heard), "the rest", 0.4)


def test_a_port_that_is_there_already_can_be_joined(
    tmp_path: Path, eventually: Callable[..., object]
):
    """Such as an emulated board's: both ways, and after a hang-up again."""
    board, near = tmp_path / "board", tmp_path / "near"
    with closing(Terminal()) as terminal:
        board.symlink_to(terminal.device)
        with closing(LinkProxy(near, Joined(board), stream(1, "proxy"))) as proxy:
            for faults in (QUIET, LinkFaults(hung_up=True), QUIET):
                proxy.disturb(faults)
                eventually(lambda up=not faults.hung_up: near.exists() == up, "the line")
            with opened(near) as controller:
                os.write(controller, b"there")
                eventually(lambda: terminal.read(100) == b"there", "what was sent to the board")
                terminal.write(b"back")
                heard = bytearray()
                eventually(lambda: read_into(controller, heard) == b"back", "what the board says")
