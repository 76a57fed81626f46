"""What systemd wants to hear of a service: ready, still alive, stopping.

Plain datagrams to the socket that `NOTIFY_SOCKET` names (sd_notify(3)), so no library is needed;
without that variable every call does nothing. `WATCHDOG_USEC` says how long systemd waits before it
takes the service for hung: half of that is the period to report in (sd_watchdog_enabled(3)).
"""

import os
import socket
from collections.abc import Mapping

MICRO = 1e-6
LONGEST_STATUS = 200


class ServiceManager:
    """The other end of `Type=notify`; `watchdog_period_s` is None where no watchdog is set."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environment is None else environment
        path = variables.get("NOTIFY_SOCKET", "")
        # A name that begins with @ is in the abstract name space, which a zero byte marks.
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if path else None
        if self._socket is not None:
            self._socket.setblocking(False)
        self.watchdog_period_s = _period(variables)
        self._due_s = float("-inf")

    def ready(self, status: str) -> bool:
        """Say that the service is up; False if nobody listens."""
        return self._tell(f"READY=1\nSTATUS={status[:LONGEST_STATUS]}")

    def alive(self, now_s: float) -> bool:
        """Feed systemd's watchdog when it is due; True if it was fed now."""
        if self.watchdog_period_s is None or now_s < self._due_s:
            return False
        self._due_s = now_s + self.watchdog_period_s
        return self._tell("WATCHDOG=1")

    def stopping(self) -> bool:
        """Say that the end is on purpose."""
        return self._tell("STOPPING=1")

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, text: str) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            return False  # systemd restarts us if it never hears; flight goes on
        return True


def _period(variables: Mapping[str, str]) -> float | None:
    text, pid = variables.get("WATCHDOG_USEC", ""), variables.get("WATCHDOG_PID", "")
    if not text.isdigit() or int(text) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(text) * MICRO / 2
