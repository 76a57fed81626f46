"""Starts the emulator as the command line does: errors of the user's are one line and code 2."""

import sys
from pathlib import Path

from flight_sw.errors import UserError
from hil.emulator.process import run_emulator
from hil.emulator.settings import EmulatorOptions

link, profile, time_scale, *node = sys.argv[1:]
options = EmulatorOptions(Path(link), Path(profile), time_scale=float(time_scale), node=tuple(node))
try:
    code = run_emulator(options)
except UserError as error:
    sys.stderr.write(f"{error}\n")
    code = 2
sys.exit(code)
