"""From an inventory's port to what is opened and what is leased.

The lease is for the device itself: two inventories that reach one adapter by two names must not both
have it.
"""

import os
from dataclasses import dataclass

from hil.ground.address import DEFAULT_BAUD
from hil.rig.inventory import BoardEntry
from hil.rig.inventory_rules import port_name
from hil.rig.labgrid_bridge import read_consoles

SOCKET, TCP = "socket://", "tcp://"


@dataclass(frozen=True, slots=True)
class BoardPort:
    """Where to reach a board.

    Args:
        url: device path or `socket://host:port`; empty for a board that is emulated here.
        resource: what a lease is taken for.
    """

    url: str
    baud: int
    resource: str

    @property
    def space_url(self) -> str:
        """The same as an address of the ground."""
        if self.url.startswith(SOCKET):
            return TCP + self.url.removeprefix(SOCKET)
        return self.url if "://" in self.url else f"{self.url}@{self.baud}"


def board_port(entry: BoardEntry) -> BoardPort:
    """Resolve the port of a board; nothing is opened.

    Raises:
        UserError: the labgrid file is unreadable or has no such console.
    """
    port = entry.section.port
    baud = port.baud or entry.profile.serial.baud
    if entry.is_emulated:
        return BoardPort("", baud, f"emulated board {entry.name} of {entry.folder}")
    if port.labgrid is not None:
        console = read_consoles(entry.folder / port.labgrid).pick(port.console)
        return BoardPort(console.url, port.baud or console.baud or DEFAULT_BAUD, console.url)
    url = port_name(port)
    return BoardPort(url, baud, url if "://" in url else os.path.realpath(url))
