"""An operator who has the payload's stores sent, one after another: the payload does one at a time."""

from collections import deque

from flight_sw.dictionary.storage_commands import STORES
from hil.simulation.ground import VirtualGround

LONGEST_S = 120.0  # without word of its end, a retrieval is asked for again


class Retrieval:
    """What is still to be had; times are seconds since the flight's start, the link carries UTC."""

    def __init__(self, ground: VirtualGround, utc_s: float) -> None:
        self._ground = ground
        self._utc_s = utc_s
        self._wanted: deque[str] = deque()
        self._span = (0.0, 0.0)
        self._asked_s = 0.0

    def ask(self, since_s: float, now: float) -> None:
        """Have everything of this span sent; what was asked before and is not done is dropped."""
        self._wanted = deque(STORES)
        self._span = (self._utc_s + since_s, self._utc_s + now)
        self._send(now)

    def heard_end(self, store: str, ended_s: float, now: float) -> bool:
        """A retrieval has ended at `ended_s`; whether the next one was asked for."""
        if not self._wanted or store != self._wanted[0] or ended_s < self._asked_s:
            return False
        self._wanted.popleft()
        return self._send(now)

    def nudge(self, now: float) -> bool:
        """Ask again where the end of one got lost; whether anything was sent."""
        return now - self._asked_s >= LONGEST_S and self._send(now)

    def _send(self, now: float) -> bool:
        if not self._wanted:
            return False
        self._asked_s = now
        since, until = self._span
        self._ground.send("retrieve-store", store=self._wanted[0], since=since, until=until)
        return True
