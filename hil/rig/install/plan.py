"""What an installation changes on one board's tree, from its profile: pure, but for reading the tree."""

import io
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from flight_sw.errors import UserError
from flight_sw.profile import Profile
from hil.rig.board_section import rig_section
from hil.rig.install import contents, edits
from hil.rig.install.tree import Change, read_record

BOOT_FOLDERS = ("boot/firmware", "boot")  # Bookworm and later; before
MENU = "boot/extlinux/extlinux.conf"
SYSTEM_UNITS = "etc/systemd/system"
WHEELS = f"{contents.PREFIX}/wheels"
EPOCH = 1_700_000_000
EXECUTABLE = 0o755


@dataclass(frozen=True, slots=True)
class Order:
    """What to install.

    Args:
        text: the profile's file, as it is put on the board.
        port: the board's UART; the profile's, unless it says `auto`.
        wheels: the offline wheelhouse; empty leaves the software to be brought otherwise.
        flashed: the controller goes on the board too, and the UART is its space link.
        on_confirm, on_roll_back: commands of the platform's own update system, as tryboot or RAUC.
    """

    profile: Profile
    text: bytes
    port: str
    wheels: tuple[Path, ...] = ()
    flashed: bool = False
    on_confirm: str = ""
    on_roll_back: str = ""


def plan(root: Path, order: Order) -> list[Change]:
    """Every file as it shall be, for a root file system with its boot partition mounted in it.

    Raises:
        UserError: this is no tree of such a board.
    """
    if not (root / "etc").is_dir():
        raise UserError(
            f"{root}: no root file system (no etc/); mount the board's card and name it"
        )
    return [*_boot_changes(root, order), *_system_changes(order)]


def plan_boot_partition(boot: Path, order: Order) -> list[Change]:
    """A Raspberry Pi's FAT partition alone: edits, and cloud-init to do the rest at first boot.

    Raises:
        UserError: it is no such partition.
    """
    if rig_section(order.profile).family != "raspberry-pi" or not (boot / "config.txt").is_file():
        raise UserError(
            f"{boot}: no boot partition of a Raspberry Pi (no config.txt); for another board "
            "mount its root file system and use --root"
        )
    board = _board(order)
    bundle = Change("vanallen.tar", _archive(_system_changes(order)))
    cloud = Change("user-data", contents.cloud_config(board, _enabled(board)).encode())
    return [*_pi_changes(boot, "", order), cloud, bundle]


def _boot_changes(root: Path, order: Order) -> list[Change]:
    family = rig_section(order.profile).family
    if family == "raspberry-pi":
        return _pi_changes(root, f"{_boot_folder(root)}/", order)
    devices = rig_section(order.profile).install.console
    if family == "jetson" and (root / MENU).is_file():
        return _edited(root, MENU, lambda text: edits.without_menu_console(text, devices))
    return []


def _pi_changes(root: Path, prefix: str, order: Order) -> list[Change]:
    install = rig_section(order.profile).install
    return [
        *_edited(
            root, f"{prefix}config.txt", lambda text: edits.with_config_lines(text, install.config)
        ),
        *_edited(
            root, f"{prefix}cmdline.txt", lambda text: edits.without_console(text, install.console)
        ),
    ]


def _edited(root: Path, name: str, edit: Callable[[str], str]) -> list[Change]:
    """A change made from what the file holds now; our own block in it is replaced, not repeated."""
    try:
        text = (root / name).read_bytes().decode()
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as error:
        raise UserError(f"{root / name}: is not text; is this the right tree?") from error
    after = edit(text)
    ours = read_record(root)
    touched = ours is not None and any(entry.path == name for entry in ours.entries)
    return [Change(name, after.encode())] if after != text or touched else []


def _system_changes(order: Order) -> list[Change]:
    board = _board(order)
    files = {
        f"{SYSTEM_UNITS}/{contents.UNIT}": contents.node_unit(board),
        f"{SYSTEM_UNITS}/{contents.SETUP}": contents.setup_unit(),
        f"{SYSTEM_UNITS}/{contents.CONFIRM}": contents.confirm_unit(board),
        f"{SYSTEM_UNITS}/{contents.CONFIRM_TIMER}": contents.confirm_timer(),
        "etc/sysusers.d/vanallen.conf": contents.accounts(board),
        "etc/udev/rules.d/60-vanallen.rules": contents.udev_rules(),
        "etc/systemd/system.conf.d/vanallen.conf": contents.watchdog_setting(),
    }
    if board.flashed:
        files[f"{SYSTEM_UNITS}/{contents.CONTROLLER}"] = contents.controller_unit(board)
    changes = [Change(path, text.encode()) for path, text in files.items()]
    setup = contents.setup_script(board).encode()
    changes.append(Change(f"{contents.PREFIX}/setup.sh", setup, mode=EXECUTABLE))
    changes.append(Change(contents.PROFILE, order.text))
    changes += [
        Change(f"{SYSTEM_UNITS}/{_target(unit)}.wants/{unit}", target=f"/{SYSTEM_UNITS}/{unit}")
        for unit in _enabled(board)
    ]
    changes += [Change(f"{SYSTEM_UNITS}/{unit}", target="/dev/null") for unit in board.install.mask]
    changes += [Change(f"{WHEELS}/{wheel.name}", wheel.read_bytes()) for wheel in order.wheels]
    return changes


def _enabled(board: contents.Board) -> tuple[str, ...]:
    """Units that start by themselves."""
    controller = (contents.CONTROLLER,) if board.flashed else ()
    return (contents.UNIT, *controller, contents.SETUP, contents.CONFIRM_TIMER)


def _target(unit: str) -> str:
    return "timers.target" if unit.endswith(".timer") else "multi-user.target"


def _board(order: Order) -> contents.Board:
    return contents.Board(
        profile=order.profile,
        install=rig_section(order.profile).install,
        port=order.port,
        flashed=order.flashed,
        on_confirm=order.on_confirm,
        on_roll_back=order.on_roll_back,
    )


def _boot_folder(root: Path) -> str:
    for folder in BOOT_FOLDERS:
        if (root / folder / "config.txt").is_file():
            return folder
    raise UserError(
        f"{root}: no config.txt in boot/firmware or boot; mount the card's boot partition there"
    )


def _archive(changes: Iterable[Change]) -> bytes:
    """A tar archive of the changes, the same bytes for the same content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for change in sorted(changes, key=lambda one: one.path):
            info = tarfile.TarInfo(change.path)
            info.mtime, info.mode = EPOCH, change.mode
            if change.target is not None:
                info.type, info.linkname = tarfile.SYMTYPE, change.target
            else:
                info.size = len(change.content or b"")
            archive.addfile(info, io.BytesIO(change.content or b""))
    return file.getvalue()
