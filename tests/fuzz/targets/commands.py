"""Authentic telecommands of any service, subtype and data reach the controller's services.

The ground is trusted to mean well, not to be free of mistakes: no argument may stop the controller.
"""

from flight_sw.dictionary import telecommands
from flight_sw.space_link.packet import Telecommand
from tests.flight_sw.stack import TICK_S, Stack
from tests.fuzz.inputs import Input
from tests.fuzz.living import Living

LIVING = Living()


def seeds() -> list[bytes]:
    """Every telecommand with zeros, and armed where it is critical."""
    return [
        bytes([number]) + bytes([fill]) * 40
        for number in range(len(telecommands.COMMANDS))
        for fill in (0, 1)
    ]


def run(data: bytes) -> None:
    """The controller takes it or refuses it with a reason, and steps on."""
    LIVING.run(data, _send)


def _send(stack: Stack, data: bytes) -> None:
    given = Input(data)
    command = telecommands.COMMANDS[given.byte() % len(telecommands.COMMANDS)]
    head = b"" if command.function is None else command.function.to_bytes(2, "big")
    body = head + given.take(900)
    if command.critical:
        digest = telecommands.arming_digest(command.service, command.subtype, body)
        stack.send("arm", command=command.name, digest=digest)
    stack._store(stack.sender.security)
    packet = Telecommand(stack.profile.spacecraft.apid, 1, command.service, command.subtype, body)
    stack.inject(stack.sender.encode(packet))
    stack.run(2 * TICK_S)
