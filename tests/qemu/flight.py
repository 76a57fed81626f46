"""One flight on an emulated Raspberry Pi of its own, as a user starts it."""

import json
import subprocess
import sys

BOARD = "qemu-raspberry-pi-3"


def say(line):
    """What the card's maker tells, on the console."""
    sys.stderr.write(f"{line}\n")


def fly(out, *words):
    """The summary of `vanallen run` with these words, and how its process ended."""
    command = [sys.executable, "-m", "hil", "run", "--board", BOARD, "--json", "--out", str(out)]
    done = subprocess.run([*command, *words], capture_output=True, check=False)
    assert done.stdout, done.stderr.decode()
    return json.loads(done.stdout), done
