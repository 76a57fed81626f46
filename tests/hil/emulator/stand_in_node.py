"""A program in the node's place: greets, echoes, feeds the watchdog, has a worker and memory."""

import ctypes
import json
import os
import select
import subprocess
import sys
from pathlib import Path

from flight_sw.devices.lifeline import die_with_parent
from flight_sw.devices.serial_port import SerialPort
from flight_sw.devices.watchdog import HardwareWatchdog

BAUD = 921_600
WORKER = "import signal; signal.pause()  # flight_sw.inference.worker"


def main() -> None:
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    root = Path(options["--root"])
    if (root / "refuse").exists():
        sys.exit("stand-in: refused, remove the file `refuse`")
    subprocess.Popen([sys.executable, "-c", WORKER], preexec_fn=die_with_parent)  # noqa: PLW1509
    memory = ctypes.create_string_buffer(8192)
    region = {"pid": os.getpid(), "address": ctypes.addressof(memory), "length": 8192}
    text = json.dumps([{"name": "weights:stand-in", **region}])
    (root / "run/vanallen/regions.json").write_text(text)
    port = SerialPort(options["--port"], BAUD)
    dog = HardwareWatchdog(root / "dev/watchdog", 10)
    cause = (root / "run/vanallen/reset_cause").read_text().strip()
    port.write(f"hello {cause}\n".encode())
    waiting = b""
    while True:
        select.select([port.fileno()], [port.fileno()] if waiting else [], [], 0.1)
        if not (root / "starve").exists():
            dog.pet()
        waiting += port.read()
        waiting = waiting[port.write(waiting) :]


main()
