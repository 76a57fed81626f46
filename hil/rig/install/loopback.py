"""Loopback test of a serial port: with transmit and receive joined, every byte comes back."""

import random
import time

from flight_sw.devices.serial_port import SerialPort
from flight_sw.errors import LinkLost

BYTES = 512
BITS_PER_BYTE = 10
GRACE_S = 0.5
PAUSE_S = 0.005


def loopback(port: str, baud: int, seed: int = 1) -> tuple[int, int]:
    """Send a block of all kinds of bytes; return how many were lost or wrong, and how many sent.

    Raises:
        PortError: the port cannot be opened.
    """
    block = random.Random(seed).randbytes(BYTES)  # noqa: S311 a test pattern
    line = SerialPort(port, baud)
    received = bytearray()
    end_s = time.monotonic() + BYTES * BITS_PER_BYTE / baud + GRACE_S
    sent = 0
    try:
        while time.monotonic() < end_s and len(received) < BYTES:
            sent += line.write(block[sent:])
            received += line.read()
            time.sleep(PAUSE_S)
    except LinkLost:
        return BYTES - len(received), BYTES
    finally:
        line.close()
    right = sum(a == b for a, b in zip(received, block, strict=False))
    return BYTES - right, BYTES
