"""A child process that ends with its parent, however the parent ends.

Without it a killed node would leave its worker behind, holding memory and a pipe to nowhere.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent_pid: int | None = None) -> bool:
    """Ask the kernel to kill this process when the thread that started it ends.

    Give the parent's process id where it is known, so that a parent that died in between is
    noticed: then this process ends at once. Returns False on a system without that call.
    """
    if not sys.platform.startswith("linux"):
        return False
    set_up = bool(ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0)
    if parent_pid is not None and os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)
    return set_up
