"""Faults that are no bit flips: what each does to processes, cable and physics, and how it ends."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, replace

from hil.emulator.board import Board
from hil.emulator.cable import Cable
from hil.emulator.plant import Plant
from hil.emulator.sysroot import SysRoot
from hil.faults.catalog import Fault, FaultKind
from hil.faults.line import LineNoise
from hil.faults.process import read_stat, send


@dataclass(frozen=True, slots=True)
class BoardParts:
    """The parts that faults act on."""

    board: Board
    cable: Cable
    plant: Plant
    sysroot: SysRoot


@dataclass(frozen=True, slots=True)
class Act:
    """What came of it: why it did not land (empty if it did) and how to take it back."""

    reason: str = ""
    undo: Callable[[], None] | None = None


def perform(fault: Fault, parts: BoardParts) -> Act:
    """Bring one fault about, at once.

    Raises:
        KeyError: a memory fault, which is not for here.
    """
    return _ACTS[fault.kind](fault, parts)


def _hang_worker(fault: Fault, parts: BoardParts) -> Act:  # noqa: ARG001 one shape for all
    return _signal_worker(parts, signal.SIGSTOP)


def _crash_worker(fault: Fault, parts: BoardParts) -> Act:  # noqa: ARG001 one shape for all
    return _signal_worker(parts, signal.SIGSEGV)


def _signal_worker(parts: BoardParts, number: signal.Signals) -> Act:
    pid = parts.board.worker_pid
    if pid is None:
        return Act("no inference worker is running")
    return Act(send(pid, _deadly(pid, number)))


def _crash_node(fault: Fault, parts: BoardParts) -> Act:  # noqa: ARG001 one shape for all
    pid = parts.board.node_pid
    if pid is None:
        return Act("no software is running")
    return Act(send(pid, _deadly(pid, signal.SIGSEGV)))


def _deadly(pid: int, number: signal.Signals) -> signal.Signals:
    """A stopped process takes no signal but SIGKILL."""
    stat = read_stat(pid)
    stopped = stat is not None and stat.state in "Tt"
    return signal.SIGKILL if stopped and number is signal.SIGSEGV else number


def _hang_board(fault: Fault, parts: BoardParts) -> Act:
    return Act(parts.board.hang(fault.sticky))


def _latch_up(fault: Fault, parts: BoardParts) -> Act:
    plant = parts.plant
    if not plant.powered:
        return Act("the board has no power")
    plant.surroundings = replace(plant.surroundings, latch_up_a=fault.level)
    return Act()  # only cutting the power ends it, whatever its duration says


def _heat_mount(fault: Fault, parts: BoardParts) -> Act:
    plant = parts.plant
    before = plant.surroundings.mount_c
    plant.surroundings = replace(plant.surroundings, mount_c=fault.level)

    def undo() -> None:
        plant.surroundings = replace(plant.surroundings, mount_c=before)

    return Act(undo=undo)


def _load(fault: Fault, parts: BoardParts) -> Act:
    plant = parts.plant
    before = plant.surroundings.extra_load_w
    plant.surroundings = replace(plant.surroundings, extra_load_w=fault.level)

    def undo() -> None:
        plant.surroundings = replace(plant.surroundings, extra_load_w=before)

    return Act(undo=undo)


def _disturb_line(fault: Fault, parts: BoardParts) -> Act:
    return _set_line(parts.cable, LineNoise(bit_error_rate=min(1.0, max(0.0, fault.level))))


def _cut_line(fault: Fault, parts: BoardParts) -> Act:  # noqa: ARG001 one shape for all
    return _set_line(parts.cable, LineNoise(cut=True))


def _set_line(cable: Cable, noise: LineNoise) -> Act:
    before = cable.noise
    cable.set_noise(noise)
    return Act(undo=lambda: cable.set_noise(before))


def _unplug(fault: Fault, parts: BoardParts) -> Act:  # noqa: ARG001 one shape for all
    if not parts.cable.plugged_in:
        return Act("the cable is already unplugged")
    parts.cable.unplug()
    return Act(undo=parts.cable.plug_in)


def _flip_register(fault: Fault, parts: BoardParts) -> Act:  # noqa: ARG001 one shape for all
    return Act("this board runs on this machine's own processor, whose registers are out of reach")


_ACTS: dict[FaultKind, Callable[[Fault, BoardParts], Act]] = {
    FaultKind.REGISTER_FLIP: _flip_register,
    FaultKind.WORKER_HANG: _hang_worker,
    FaultKind.WORKER_CRASH: _crash_worker,
    FaultKind.NODE_CRASH: _crash_node,
    FaultKind.BOARD_HANG: _hang_board,
    FaultKind.LATCH_UP: _latch_up,
    FaultKind.HOT_MOUNT: _heat_mount,
    FaultKind.LOAD: _load,
    FaultKind.LINE_NOISE: _disturb_line,
    FaultKind.LINE_CUT: _cut_line,
    FaultKind.UNPLUG: _unplug,
}
