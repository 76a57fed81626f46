"""Brings faults onto the emulated Pi: bits by the mirror of its memory, processes by the mailbox."""

import os
import signal
from pathlib import Path

from hil.emulator.acts import Act, perform
from hil.emulator.cable import Cable
from hil.emulator.injector import Injector
from hil.emulator.plant import Plant
from hil.faults.catalog import Fault, FaultKind
from hil.faults.regions import Region
from hil.rig.qemu_pi.board import PiBoard

REGISTERS = 33  # X0 to X30, SP, PC


class PiParts:
    """The parts that faults act on; named as the emulated board's are."""

    def __init__(self, board: PiBoard, cable: Cable, plant: Plant, run_dir: Path) -> None:
        self.board = board
        self.cable = cable
        self.plant = plant
        self.run_dir = run_dir


class PiInjector(Injector):
    """The injector of the emulated board, with other hands."""

    def __init__(self, parts: PiParts) -> None:
        super().__init__(parts)
        self._pi = parts

    def regions(self) -> list[Region]:
        """The guest's regions, as they lie in the mirror."""
        hardware = self._pi.board.hardware
        return list(hardware.mirror.regions) if hardware else []

    def processes(self) -> set[int]:
        """The mirror is in our own memory."""
        return {os.getpid()}

    def perform(self, fault: Fault) -> Act:
        """Bring about a fault that is no bit flip."""
        board = self._pi.board
        match fault.kind:
            case FaultKind.REGISTER_FLIP:
                return Act(
                    board.flip_register(int(fault.place * REGISTERS), int(fault.second * 64))
                )
            case FaultKind.WORKER_HANG:
                return Act(board.signal_guest(board.worker_pid, signal.SIGSTOP))
            case FaultKind.WORKER_CRASH:
                return Act(board.signal_guest(board.worker_pid, signal.SIGSEGV))
            case FaultKind.NODE_CRASH:
                return Act(board.signal_guest(board.node_pid, signal.SIGSEGV))
            case FaultKind.BOARD_HANG:
                return Act(board.hang(fault.sticky))
            case _:
                return perform(fault, self._pi)
