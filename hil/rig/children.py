"""Processes of a flight: each in its own group with its output in a log, and none outlives us."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from flight_sw.devices.lifeline import die_with_parent

STOP_S = 3.0  # after a polite request, before the hard one
TAIL_BYTES = 4000


class Child:
    """A running program; a context manager, so that its whole group ends whatever happens."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self._out = log.open("ab")
        parent = os.getpid()
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that ^C reaches us alone, and we end the group in order
            env={**os.environ, **(environment or {})},
            # A run that is killed takes its programs with it, too.
            preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 short, before any thread
        )

    @property
    def pid(self) -> int:
        """Process id, and id of its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self, patience_s: float = STOP_S) -> None:
        """Ask the group to end, then end it; stopped members of the group too. Once is enough."""
        if self._out.closed:
            return  # its number may be another program's by now
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
        self._signal(signal.SIGKILL)  # also for members that outlived their leader
        self._process.wait()
        self._out.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def tail(self) -> str:
        """The last lines it wrote, for an error message."""
        data = self.log.read_bytes()[-TAIL_BYTES:]
        return data.decode(errors="replace").strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
