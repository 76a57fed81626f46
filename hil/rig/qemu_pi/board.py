"""The emulated Raspberry Pi as a thing with a power switch: its boot ROM, processor, memory, hangs.

Power on reads the card as the VideoCore's boot ROM does and starts QEMU; power off is SIGKILL, so
that the card sees a power cut and not a shutdown.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flight_sw.devices.lifeline import die_with_parent
from flight_sw.errors import LinkLost
from hil.rig.qemu_pi import qmp
from hil.rig.qemu_pi.image import read_boot
from hil.rig.qemu_pi.mailbox import GuestState, Mailbox
from hil.rig.qemu_pi.mirror import Mirror
from hil.rig.qemu_pi.ram import RAM_BYTES, GuestRam, PowerBlock, Request
from hil.rig.tools import Where, run_tool

QEMU = "qemu-system-aarch64"
SHARED = Path("/dev/shm")  # noqa: S108 the RAM file is 0600
CONSOLE = "console.log"
QEMU_LOG = "qemu.log"
FIRST_TEMP_C = 25.0


@dataclass(frozen=True, slots=True)
class Hardware:
    """Memory and silicon of one power-on."""

    ram: GuestRam
    power_block: PowerBlock
    mailbox: Mailbox
    mirror: Mirror


class PiBoard:
    """Power, reset, hang; `state_dir` keeps card, console log and sockets.

    The serial number goes into the device tree, where a Pi's boot loader puts it.
    """

    def __init__(self, card: Path, state_dir: Path, serial_number: str) -> None:
        self._card = card
        self._serial_number = serial_number
        self._state_dir = state_dir
        # Short, because Linux allows 108 bytes for a socket's name.
        self._sockets = Path(tempfile.mkdtemp(prefix="vanallen-qemu-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._boot_files: dict[str, str] | None = None
        self._was_hung = False
        self.hardware: Hardware | None = None
        self.boots = 0
        self.latched_hang = False
        self.halted = False
        self.last_exit: int | None = None

    @property
    def powered(self) -> bool:
        """True while QEMU runs, whatever the guest does."""
        return self.hardware is not None

    @property
    def guest(self) -> GuestState | None:
        """What the guest said last."""
        return self.hardware.mailbox.state() if self.hardware else None

    @property
    def node_pid(self) -> int | None:
        """The node's number in the guest."""
        return self.guest.node if self.guest else None

    @property
    def worker_pid(self) -> int | None:
        """The worker's number in the guest."""
        return self.guest.worker if self.guest else None

    @property
    def pid(self) -> int | None:
        """QEMU itself."""
        return self._process.pid if self._process else None

    def boot(self, port: str) -> None:
        """Power on with the board's UART at `port`."""
        self.cut()
        self._was_hung = self.latched_hang  # too short a cut: it comes up as it went down
        ram = GuestRam(_ram_folder(self._state_dir) / f"vanallen-pi-{os.getpid()}.ram")
        self.hardware = Hardware(ram, PowerBlock(ram), Mailbox(ram), Mirror(ram))
        ram.set_temperature(FIRST_TEMP_C)
        for name in ("qmp", "gdb", "console"):
            (self._sockets / name).unlink(missing_ok=True)
        parent = os.getpid()
        with (self._state_dir / QEMU_LOG).open("ab") as log:
            self._process = subprocess.Popen(
                self._command(port, ram.path),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 a single-threaded parent may
            )
        self.boots += 1
        self.halted = False

    def cut(self) -> None:
        """Power off, now."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            self.last_exit = process.wait()
        if self.hardware is not None:
            self.hardware.mirror.close()
            self.hardware.ram.close()
            self.hardware = None
        self._was_hung = False

    def discharged(self) -> None:
        """It was off for long enough: nothing latched is left."""
        self.latched_hang = False

    def tick(self, now_s: float) -> Request | None:
        """Let the silicon work; returns what it asks for."""
        if self.hardware is None:
            return None
        guest = self.hardware.mailbox.state()
        if guest is not None:
            self.hardware.mirror.show(guest.regions)
        return self.hardware.power_block.tick(now_s)

    def reset(self) -> None:
        """Pull the reset line, or do what the watchdog asks; a latched hang does not heed it."""
        if self.hardware is None:
            return
        self._tell("system_reset")
        self.hardware.power_block.reset()
        self.hardware.mailbox.forget()
        self.hardware.mirror.close()
        self.boots += 1
        self.halted = False
        if not self.latched_hang:
            self._tell("cont")
            self._was_hung = False

    def hang(self, sticky: bool) -> str:
        """Stop the processor; the watchdog still counts. Returns why it did not land."""
        if self.hardware is None:
            return "the board has no power"
        if self._was_hung:
            return "the board hangs already"
        self._tell("stop")
        self._was_hung = True
        self.latched_hang = sticky
        return ""

    def signal_guest(self, pid: int | None, number: signal.Signals) -> str:
        """Send a signal to a process of the guest; returns why it did not land."""
        if self.hardware is None or pid is None:
            return "no such process runs"
        self.hardware.mailbox.order_signal(pid, number)
        return ""

    def flip_register(self, number: int, bit: int) -> str:
        """Flip a bit of the first core's register by the debugger; why it did not land, or nothing."""
        if self.hardware is None or self._was_hung:
            return "no processor runs"
        try:
            with qmp.Debugger(self._sockets / "gdb") as debugger:
                before = debugger.register(number)
                debugger.flip_register(number, bit)
                landed = debugger.register(number) == before ^ 1 << bit
        except LinkLost as error:
            return str(error)
        return "" if landed else "the register did not change"

    def exited(self) -> bool:
        """True if QEMU ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def console_tail(self, lines: int) -> str:
        """The last lines of QEMU's log and of the guest's console."""
        said = []
        for name in (QEMU_LOG, CONSOLE):
            with contextlib.suppress(OSError):
                said += (self._state_dir / name).read_text(errors="replace").splitlines()
        return " | ".join(line.strip() for line in said[-lines:])

    def close(self) -> None:
        """Power off for good."""
        self.cut()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _tell(self, name: str) -> None:
        with contextlib.suppress(LinkLost):  # a QEMU that has ended is noticed by `exited`
            qmp.command(self._sockets / "qmp", name)

    def _boot_rom(self) -> dict[str, str]:
        """What config.txt on the card names; what boots is what was flashed."""
        if self._boot_files is None:
            config = read_boot(self._card, "config.txt").decode()
            files = {}
            for key in ("kernel", "device_tree", "initramfs"):
                name = re.findall(rf"(?m)^{key}[= ](\S+)", config)[-1]
                (self._state_dir / key).write_bytes(read_boot(self._card, name))
                files[key] = str(self._state_dir / key)
            words = ("fdtput", "-t", "s", files["device_tree"], "/", "serial-number")
            run_tool([*words, self._serial_number], Where(self._state_dir))
            files["append"] = read_boot(self._card, "cmdline.txt").decode().strip()
            self._boot_files = files
        return self._boot_files

    def _command(self, port: str, ram: Path) -> list[str]:
        boot, sockets = self._boot_rom(), self._sockets
        console = f"socket,id=con,path={sockets / 'console'},server=on,wait=off"
        return [
            *(QEMU, "-M", "raspi3b,memory-backend=ram", "-display", "none", "-parallel", "none"),
            *("-accel", "tcg,thread=single", *(("-S",) if self.latched_hang else ())),
            *("-object", f"memory-backend-file,id=ram,size={RAM_BYTES},mem-path={ram},share=on"),
            *("-kernel", boot["kernel"], "-dtb", boot["device_tree"]),
            *("-initrd", boot["initramfs"], "-append", boot["append"]),
            *("-drive", f"if=sd,format=raw,file={self._card}"),
            *("-chardev", f"serial,id=link,path={port}", "-serial", "chardev:link"),
            *("-chardev", f"{console},logfile={self._state_dir / CONSOLE},logappend=on"),
            *("-serial", "chardev:con"),
            *("-qmp", f"unix:{sockets / 'qmp'},server=on,wait=off"),
            *("-chardev", f"socket,id=gdb,path={sockets / 'gdb'},server=on,wait=off"),
            *("-gdb", "chardev:gdb"),
        ]


def _ram_folder(state_dir: Path) -> Path:
    """In memory where there is room for it; a container may give /dev/shm 64 MB only."""
    try:
        room = shutil.disk_usage(SHARED).free
    except OSError:
        room = 0
    return SHARED if room > RAM_BYTES else state_dir


def _die_with(parent: int) -> None:
    die_with_parent(parent)
