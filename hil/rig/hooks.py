"""Power and flashing by commands of the rig's own: any switch and any flasher fits, none is required.

A hook is one command line, never given to a shell; names in braces are filled in from the inventory.
"""

import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from hil.rig.infrastructure import BoardUnavailable
from hil.rig.inventory import BoardEntry
from hil.rig.inventory_rules import port_name
from hil.rig.inventory_sections import FlashSection

TAIL_CHARACTERS = 300
POLICIES = ("never", "if-different", "always")


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of one board; `log` gets a line for each call and what it said."""

    entry: BoardEntry
    log: Path

    @property
    def can_cycle(self) -> bool:
        """Whether the inventory says how to cut the board's power."""
        return self.entry.section.power is not None

    def power_cycle(self) -> None:
        """Cut the supply and restore it.

        Raises:
            BoardUnavailable: no hook, or it failed; the text holds its last words.
        """
        power = self.entry.section.power
        if power is None:
            raise BoardUnavailable(f"board {self.entry.name}: the inventory has no `power` for it")
        if power.cycle is not None:
            self._run(power.cycle, power.timeout_s)
            return
        self._run(str(power.switch_off), power.timeout_s)
        time.sleep(power.off_s)
        self._run(str(power.switch_on), power.timeout_s)

    def flash(self, policy: str, version: str) -> bool:
        """Bring our software onto the board as the policy says; whether it was done.

        Raises:
            BoardUnavailable: a hook failed, or the policy needs one that is not there.
        """
        flash = self.entry.section.flash
        if policy == "never" or (flash is None and self.entry.is_emulated):
            return False
        if flash is None:
            raise BoardUnavailable(
                f"board {self.entry.name}: --hil-flash {policy}, but the inventory has no `flash`"
            )
        if policy == "if-different" and version in self._there(flash).split():
            return False
        self._run(flash.command, flash.timeout_s)
        return True

    def _there(self, flash: FlashSection) -> str:
        """What the check says; a board that cannot tell has something else, or nothing."""
        if flash.check is None:
            return ""
        try:
            return self._run(flash.check, flash.timeout_s)
        except BoardUnavailable:
            return ""

    def _run(self, command: str, timeout_s: float) -> str:
        words = shlex.split(self._filled(command))
        try:
            done = subprocess.run(
                words,
                cwd=self.entry.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except OSError as error:
            raise self._failed(words, str(error.strerror)) from error
        except subprocess.TimeoutExpired as error:
            raise self._failed(words, f"did not end within {timeout_s:g} s") from error
        self._note(words, done.returncode, done.stdout + done.stderr)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-TAIL_CHARACTERS:] or "it said nothing"
            raise self._failed(words, f"code {done.returncode}: {' '.join(said.split())}")
        return done.stdout

    def _filled(self, command: str) -> str:
        section = self.entry.section
        return command.format(
            name=self.entry.name,
            port=port_name(section.port),
            serial_number=section.serial_number or "",
            profile=section.profile,
        )

    def _failed(self, words: list[str], why: str) -> BoardUnavailable:
        return BoardUnavailable(f"board {self.entry.name}: hook `{shlex.join(words)}`: {why}")

    def _note(self, words: list[str], code: int, said: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {shlex.join(words)}\n{said.rstrip()}\n[code {code}]\n")
