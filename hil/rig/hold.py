"""A board in our hands: its lease first, then its port; nothing of it is opened without the lease."""

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from flight_sw.devices.serial_port import SerialPort
from flight_sw.errors import PortError, UserError
from hil.rig.board_port import BoardPort, board_port
from hil.rig.hooks import Hooks
from hil.rig.infrastructure import BoardUnavailable, LeaseLost
from hil.rig.inventory import BoardEntry
from hil.rig.lease import Lease


@dataclass(frozen=True, slots=True)
class HoldOptions:
    """How a board is held.

    Args:
        folder: for what is written while it is held.
        wait_s: longest wait for its lease.
        flash: one of `hooks.POLICIES`.
    """

    folder: Path
    wait_s: float = 0.0
    flash: str = "never"
    timeout_scale: float = 1.0


@dataclass(slots=True)
class HeldBoard:
    """One board; `take` is called before it is used and may be called again."""

    entry: BoardEntry
    options: HoldOptions
    _lease: Lease | None = field(default=None, repr=False)
    _opened: list[SerialPort] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str:
        """Its name in the inventory."""
        return self.entry.name

    @property
    def port(self) -> BoardPort:
        """Where it is plugged in."""
        return board_port(self.entry)

    @property
    def hooks(self) -> Hooks:
        """Its power and flash commands."""
        self.options.folder.mkdir(parents=True, exist_ok=True)
        return Hooks(self.entry, self.options.folder / "hooks.log")

    def take(self) -> None:
        """Have the lease from now on; for one that we have, start its time anew.

        Raises:
            BoardBusy: somebody else holds it for longer than we wait.
            LeaseLost: somebody took it over meanwhile; the next call takes it again.
        """
        if self.entry.is_private:
            return
        if self._lease is None:
            self._lease = Lease(self.port.resource).take(self.options.wait_s)
            return
        try:
            self._lease.renew()
        except LeaseLost:
            self._lease = None
            self.close()
            raise

    def open_port(self) -> SerialPort:
        """Open the port raw, exclusively, for a test that speaks to the board itself.

        Raises:
            BoardUnavailable: it cannot be opened; the text says why and what to do.
        """
        self.take()
        if self.entry.is_emulated:
            raise UserError(f"board {self.name}: is emulated; its port is the stack's own")
        port = self.port
        try:
            opened = SerialPort(port.url, port.baud)
        except PortError as error:
            raise BoardUnavailable(f"board {self.name}: {error}") from error
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close ports and let go of the lease."""
        for port in self._opened:
            port.close()
        self._opened.clear()
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
