"""Modes of the payload, and who may go where: BOOT → SAFE → NOMINAL ⇄ DEGRADED, SAFE from anywhere.

SAFE needs no board, no model and no file system, and always answers. DEGRADED means the payload works
with less than it should have: throttled, or with a model whose weights could not be proven live.
"""

from enum import Enum, unique


@unique
class Mode(Enum):
    """The payload's mode; the value is what voted memory and telemetry hold."""

    BOOT = 0
    SAFE = 1
    NOMINAL = 2
    DEGRADED = 3


ALLOWED: dict[Mode, frozenset[Mode]] = {
    Mode.BOOT: frozenset({Mode.SAFE}),
    Mode.SAFE: frozenset({Mode.NOMINAL}),
    Mode.NOMINAL: frozenset({Mode.SAFE, Mode.DEGRADED}),
    Mode.DEGRADED: frozenset({Mode.SAFE, Mode.NOMINAL}),
}

WORKING = frozenset({Mode.NOMINAL, Mode.DEGRADED})


def may_change(current: Mode, wanted: Mode) -> bool:
    """Whether the mode machine has an edge from `current` to `wanted`."""
    return wanted in ALLOWED[current]
