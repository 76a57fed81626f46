"""A board's tree over ssh: the few files that an installation touches come here and go back changed.

The board needs nothing but ssh, tar and sudo. Fetched into a folder, the tree is planned, shown and
changed exactly like a mounted card; only what changed is sent.
"""

import shlex
import subprocess
from pathlib import Path

from flight_sw.errors import UserError
from hil.rig.install.tree import STATE

FETCHED = (
    *("etc/os-release", "etc/nv_tegra_release", "boot/extlinux"),
    *("boot/config.txt", "boot/cmdline.txt"),
    *("boot/firmware/config.txt", "boot/firmware/cmdline.txt"),
    *("etc/systemd/system", "etc/sysusers.d", "etc/udev/rules.d", "etc/systemd/system.conf.d"),
    *("etc/vanallen", "opt/vanallen/setup.sh", "opt/vanallen/wheels", STATE),
)
TIMEOUT_S = 300.0
AFTER = "systemd-sysusers; systemctl daemon-reload; udevadm control --reload; sync"


def fetch(host: str, folder: Path) -> None:
    """Bring the files that exist into `folder`.

    Raises:
        UserError: the host cannot be reached or refuses.
    """
    names = " ".join(shlex.quote(name) for name in FETCHED)
    script = f"ls -d {names} 2>/dev/null | sudo tar -cf - -T -"
    archive = _ssh(host, script, b"")
    _tar(["-xf", "-"], folder, archive)
    (folder / "etc").mkdir(exist_ok=True)


def send(host: str, folder: Path, paths: list[str]) -> None:
    """Put changed files and the record on the board, and let its system take notice."""
    archive = _tar(["--owner=0", "--group=0", "-cf", "-", *paths, STATE], folder, b"")
    _ssh(host, f"sudo tar --no-overwrite-dir -xf - && sudo sh -c '{AFTER}'", archive)


def remove(host: str, paths: list[str]) -> None:
    """Delete what was ours alone."""
    names = " ".join(shlex.quote(path) for path in paths)
    if names:
        _ssh(host, f"sudo rm -rf {names}", b"")


def remove_empty(host: str, folders: list[str]) -> None:
    """Delete folders that we made and that nothing else lives in."""
    names = " ".join(shlex.quote(folder) for folder in folders)
    if names:
        _ssh(host, f"sudo rmdir --ignore-fail-on-non-empty {names} 2>/dev/null; true", b"")


def _ssh(host: str, script: str, data: bytes) -> bytes:
    try:
        done = subprocess.run(
            ["ssh", "-o", "BatchMode=yes", "--", host, f"cd / && {script}"],
            input=data,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{host}: ssh does not work: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise UserError(f"{host}: ssh failed: {said[-1]}; try: ssh {host} true")
    return done.stdout


def _tar(options: list[str], folder: Path, data: bytes) -> bytes:
    done = subprocess.run(
        ["tar", "-C", folder, *options], input=data, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise UserError(f"{folder}: tar failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
