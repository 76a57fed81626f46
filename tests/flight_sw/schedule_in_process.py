"""A payload with a full schedule, as a process of its own on a real folder, made to be killed.

    schedule_in_process.py FOLDER LOG NOW fill|fly

Time is virtual and starts at NOW; what leaves the payload is a line in LOG, written at once.
"""

import importlib.util
import os
import sys
from pathlib import Path

from flight_sw.devices.storage import FileStorage

ENTRIES = 1000
FIRST_S, APART_S = 3.0, 0.005


def load_schedule_test():
    """The probes and helpers of the test in virtual time."""
    path = Path(__file__).with_name("test_stack_schedule.py")
    spec = importlib.util.spec_from_file_location("test_stack_schedule", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(folder: str, log: str, now: str, task: str) -> None:
    """Fill the schedule, or fly until all of it is over."""
    helpers = load_schedule_test()
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    stack = helpers.Stack(FileStorage(Path(folder)), float(now))
    if task == "fill":
        stack.run(0.2)
        for entry in range(ENTRIES):
            helpers.insert(stack, entry, 1_800_000_000 + FIRST_S + APART_S * entry)
            if entry % 15 == 14:
                stack.run(0.02)
        stack.run(0.2)
        return
    while stack.now < FIRST_S + APART_S * ENTRIES + 3.0:
        stack.run(0.02)
        lines = [f"ran {entry}" for entry in helpers.ran(stack)]
        lines += [f"cut {entry}" for entry in helpers.interrupted(stack)]
        stack.reports.clear()
        stack.sentences.clear()
        os.write(out, "".join(f"{line}\n" for line in [*lines, f"now {stack.now}"]).encode())
        os.write(1, b"\n")  # a step is over: whoever counts may kill


if __name__ == "__main__":
    main(*sys.argv[1:])
