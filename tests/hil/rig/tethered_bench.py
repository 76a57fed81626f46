"""A bench for a tethered node: supply switch, cable and heat around a node that is nobody's child.

The node is started by its own command line, `python -m flight_sw node --profile … --port …`, in a
session of its own, as from another terminal; the bench knows it by its process number alone.
"""

import subprocess
import sys
import time
from pathlib import Path

from hil.emulator.acts import BoardParts
from hil.emulator.board import Board, NodeProgram
from hil.emulator.injector import Injector
from hil.emulator.machine import CONSOLE, ROOT, Machine, _node_command
from hil.emulator.process import run_machine
from hil.emulator.settings import EmulatorOptions, read_profile
from hil.faults.process import read_stat

# Forks once more and ends, so that the node belongs to nobody; says the node's number.
ADOPT = """
import os, sys
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
child = os.fork()
if child:
    print(child, flush=True)
    os._exit(0)
os.setsid()
os.dup2(out, 1)
os.dup2(out, 2)
os.execv(sys.argv[2], sys.argv[2:])
"""
LOOK_S = 0.01


class Stranger:
    """A process that is not our child, with what `Board` asks of one."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def poll(self):
        """None while it lives; how it ended, only its parent knows."""
        stat = read_stat(self.pid)
        if stat is None or stat.state in "ZX":
            self.returncode = -1
        return self.returncode

    def wait(self, timeout):
        """Until it is gone."""
        end_s = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end_s:
                raise subprocess.TimeoutExpired("node", timeout)
            time.sleep(LOOK_S)
        return self.returncode


class TetheredBoard(Board):
    """A board whose software is started by hand."""

    def _start(self):
        program = self._program
        words = [word.replace("{port}", self._port) for word in program.command]
        done = subprocess.run(
            [sys.executable, "-c", ADOPT, str(program.console), *words],
            capture_output=True,
            check=True,
        )
        self._process = Stranger(int(done.stdout))
        self._members_at_s = float("-inf")


class Bench(Machine):
    """The emulated board's surroundings with a tethered board in them."""

    def __init__(self, options, profile, silicon):
        super().__init__(options, profile, silicon)
        root = (options.state_dir / ROOT).absolute()
        program = NodeProgram(_node_command(options, root), options.state_dir / CONSOLE)
        self.board = TetheredBoard(program)
        cable, plant = self.stand.cable, self.stand.plant
        self.injector = Injector(BoardParts(self.board, cable, plant, self.sysroot))


def main(link, profile, models, state, seed, time_scale):
    """Be the bench until SIGTERM."""
    options = EmulatorOptions(
        link=Path(link),
        profile=Path(profile),
        models=Path(models),
        seed=int(seed),
        time_scale=float(time_scale),
        state=Path(state),
    )
    described, silicon = read_profile(options.profile)
    return run_machine(options, lambda: Bench(options, described, silicon))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
