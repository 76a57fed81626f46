"""`vanallen board install` and `uninstall`: which tree is meant, what to say, when to stop."""

import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flight_sw.errors import UserError
from hil.board_files import find_board, read_board
from hil.rig.install import remote
from hil.rig.install.plan import Order, plan, plan_boot_partition
from hil.rig.install.tree import (
    STATE,
    Change,
    altered,
    apply,
    diff,
    firmware_hash,
    read_record,
    restore,
)

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to install: one of three, else the machine we run on."""

    host: str | None = None
    sdcard: Path | None = None
    root: Path | None = None

    def __post_init__(self) -> None:
        """Two places at once are a mistake."""
        if sum(place is not None for place in (self.host, self.sdcard, self.root)) > 1:
            raise UserError("name one of --host, --sdcard and --root")


@dataclass(frozen=True, slots=True)
class Software:
    """What to put there; see `hil.rig.install.plan.Order`."""

    port: str | None = None
    wheels: Path | None = None
    flashed: bool = False
    on_confirm: str = ""
    on_roll_back: str = ""


def install(profile: str, target: Target, software: Software, *, dry_run: bool) -> int:
    """Plan, show, and unless it is a dry run make the changes and check them.

    Raises:
        UserError: the tree is none of such a board, or cannot be written.
    """
    order = _order(profile, software)
    if target.host is not None:
        return _install_remote(target.host, order, dry_run=dry_run)
    root, changes = _local(target, order)
    return _install(root, order, changes, dry_run=dry_run)


def uninstall(target: Target) -> int:
    """Give everything back.

    Raises:
        UserError: nothing of ours is there.
    """
    if target.host is not None:
        return _uninstall_remote(target.host)
    root = target.sdcard or target.root or Path("/")
    for path in restore(root):
        _say(f"restored /{path}")
    return 0


def _order(name: str, software: Software) -> Order:
    profile, wheels = read_board(name), software.wheels
    device = software.port or profile.serial.port
    if device == AUTO:
        raise UserError(f"profile {profile.name} names no port; add --port /dev/…")
    found = tuple(sorted(wheels.glob("*.whl"))) if wheels is not None else ()
    if wheels is not None and not found:
        raise UserError(f"{wheels}: no wheels there; fill it with: vanallen board wheels {wheels}")
    for hook in (software.on_confirm, software.on_roll_back):
        _check_hook(hook)
    return Order(
        profile=profile,
        text=find_board(name).read_bytes(),
        port=device,
        wheels=found,
        flashed=software.flashed,
        on_confirm=software.on_confirm,
        on_roll_back=software.on_roll_back,
    )


def _check_hook(command: str) -> None:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"hook {command!r}: not a command: {error}") from error
    if words and not words[0].startswith("/"):
        raise UserError(
            f"hook {command!r}: name the program by its whole path, as in /usr/bin/rauc"
        )


def _local(target: Target, order: Order) -> tuple[Path, list[Change]]:
    if target.sdcard is not None and (target.sdcard / "config.txt").is_file():
        return target.sdcard, plan_boot_partition(target.sdcard, order)
    root = target.sdcard or target.root or Path("/")
    return root, plan(root, order)


def _install(root: Path, order: Order, changes: list[Change], *, dry_run: bool) -> int:
    shown = diff(root, changes)
    sys.stdout.write(shown)
    if not shown:
        _say("nothing to change: it is installed")
        return 0
    if dry_run:
        _say("dry run: nothing was changed")
        return 0
    changed = apply(root, order.profile.name, changes)
    return _verify(root, changed)


def _verify(root: Path, changed: list[str]) -> int:
    wrong = altered(root)
    for path in wrong:
        _say(f"not as it was written: /{path}")
    _say(f"{len(changed)} files changed; firmware hash {firmware_hash(root)}; restart the board")
    return 1 if wrong else 0


def _install_remote(host: str, order: Order, *, dry_run: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="vanallen-board-") as temporary:
        root = Path(temporary)
        remote.fetch(host, root)
        changes = plan(root, order)
        sys.stdout.write(diff(root, changes))
        if dry_run:
            _say("dry run: nothing was changed")
            return 0
        changed = apply(root, order.profile.name, changes)
        if not changed:
            _say("nothing to change: it is installed")
            return 0
        remote.send(host, root, changed)
        wanted = firmware_hash(root)
    with tempfile.TemporaryDirectory(prefix="vanallen-board-") as temporary:
        remote.fetch(host, Path(temporary))
        if firmware_hash(Path(temporary)) != wanted:
            raise UserError(f"{host}: the board does not hold what was sent; install again")
        return _verify(Path(temporary), changed)


def _uninstall_remote(host: str) -> int:
    with tempfile.TemporaryDirectory(prefix="vanallen-board-") as temporary:
        root = Path(temporary)
        remote.fetch(host, root)
        record = read_record(root)
        paths = restore(root)
        back = [path for path in paths if (root / path).is_symlink() or (root / path).exists()]
        (root / STATE).mkdir(parents=True)
        remote.send(host, root, back)
        remote.remove(host, [path for path in paths if path not in back] + [STATE])
        remote.remove_empty(host, list(reversed(record.folders)) if record else [])
    for path in paths:
        _say(f"restored /{path}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
