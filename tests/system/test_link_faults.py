"""Faults of both links: no wrong command, service back in 5 s, the step in time, memory flat."""

import os
from pathlib import Path

import pytest

from hil.faults.link import LinkFaults
from tests.system.troubled import SERVICE_S, STEP_S_MAX, TroubledStack, back_after_s, trouble

FAULTS = {
    "bit errors": LinkFaults(bit_error_rate=2e-4),
    "many bit errors": LinkFaults(bit_error_rate=2e-2),
    "drops": LinkFaults(drop_rate=2e-3),
    "duplicates": LinkFaults(duplicate_rate=0.3),
    "bursts": LinkFaults(burst_rate=0.3),
    "reorder": LinkFaults(reorder_rate=0.3),
    "single bytes": LinkFaults(read_bytes=1),
    "stall": LinkFaults(stalled=True),
    "hang-up": LinkFaults(hung_up=True),
    "echo": LinkFaults(echo=True),
    "half the baud rate": LinkFaults(speed=0.5),
    "twice the baud rate": LinkFaults(speed=2.0),
    "blocked write": LinkFaults(blocked=True),
    "all at once": LinkFaults(1e-4, 1e-3, 0.1, 0.1, 0.1, 20, echo=True),
}
CI_S = 1.5
STALLS_S = (0.1, 1.0, 10.0, 60.0)
LONG_SEEDS = 5
GROWTH_KIB_MAX = 2048


def flown(where: str, kind: str, seconds: float, seed: int, framing: str = "ccsds") -> float:
    """One flight with this fault in the middle; how long until service was back."""
    stack = TroubledStack(framing, seed)
    stack.fly()
    stack.submit(1, stack.input_of(1))
    stack.run(1.0)
    assert len(stack.told("result")) == 1
    trouble(stack, where, FAULTS[kind], seconds)
    back_s = back_after_s(stack, where)
    stack.run(1.0)
    assert stack.wrong() == []
    assert sum(stack.executed.values()) >= 3
    assert stack.boots == 1
    assert stack.slowest_step_s < STEP_S_MAX
    return back_s


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("where", ["space", "board"])
def test_a_fault_of_a_link_executes_nothing_wrong_and_passes(where: str, kind: str) -> None:
    """After a second and a half of it, what ran was sent, and service is back within 5 s."""
    assert flown(where, kind, CI_S, 1) <= SERVICE_S


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_a_link_framed_by_cobs(kind: str) -> None:
    """The same with COBS in place of the CCSDS code."""
    assert flown("space", kind, CI_S, 2, "cobs") <= SERVICE_S


@pytest.mark.long
@pytest.mark.parametrize("seconds", STALLS_S)
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("where", ["space", "board"])
@pytest.mark.parametrize("framing", ["ccsds", "cobs"])
def test_faults_of_every_length(framing: str, where: str, kind: str, seconds: float) -> None:
    """From a tenth of a second to a minute, and in several seeds."""
    worst_s = max(flown(where, kind, seconds, seed, framing) for seed in range(LONG_SEEDS))
    assert worst_s <= SERVICE_S


def rss_kib() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.long
@pytest.mark.parametrize("where", ["space", "board"])
def test_memory_is_flat_under_faults(where: str) -> None:
    """Faults of all kinds in turn, five rounds of them, grow the process by less than 2 MiB."""
    stack = TroubledStack()
    stack.fly()
    sizes = []
    for _ in range(6):
        for faults in FAULTS.values():
            trouble(stack, where, faults, CI_S)
            assert back_after_s(stack, where) <= SERVICE_S
        for told in (stack.reports, stack.events, stack.sentences):
            told.clear()
        sizes.append(rss_kib())
    assert sizes[-1] - sizes[0] < GROWTH_KIB_MAX
