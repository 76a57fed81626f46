"""What the image is made of, from Debian's arm64 packages: kernel, device tree, busybox, Python.

apt works in a folder of its own, so this machine's package state is not touched, and packages are
only unpacked, so no foreign program runs and neither binfmt nor a chroot is needed.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from hil.rig.tools import ToolError, Where, run_tool

SUITE = "bookworm"
PYTHON = "3.11"  # of that suite
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEVICE_TREE = "bcm2837-rpi-3-b.dtb"
BASE_PACKAGES = "python3-minimal,python3,busybox-static,libstdc++6,libgomp1"
APT_CONFIG = """\
Dir::Etc "{apt}/etc"; Dir::State "{apt}/state"; Dir::State::status "{apt}/state/status";
Dir::State::lists "{apt}/lists"; Dir::Cache "{apt}/cache";
APT::Architecture "arm64"; APT::Architectures {{ "arm64"; }};
APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Retries "3";
"""


@dataclass(frozen=True, slots=True)
class Sources:
    """Unpacked packages.

    Args:
        kernel: tree of the kernel package; `version` is its release.
        base: tar archive of the root file system, unpacked but never configured.
    """

    kernel: Path
    version: str
    busybox: Path
    base: Path

    @property
    def image(self) -> Path:
        """The kernel itself, uncompressed on arm64."""
        return next((self.kernel / "boot").glob("vmlinuz-*"))

    @property
    def device_tree(self) -> Path:
        """The mainline device tree of the board."""
        return next(self.kernel.rglob(DEVICE_TREE))


def fetch(folder: Path) -> Sources:
    """Bring the packages into `folder`, unless they are there.

    Raises:
        ToolError: no Debian mirror is configured here, or it cannot be reached.
    """
    kernel, busybox = folder / "kernel", folder / "busybox"
    if not (kernel / "boot").is_dir() or not (busybox / "bin/busybox").is_file():
        _fetch_kernel(folder)
    base = folder / "base.tar"
    if not base.is_file():
        _fetch_base(base)
    version = next((kernel / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
    return Sources(kernel, version, busybox / "bin/busybox", base)


def mirror() -> str:
    """The mirror that this machine's own apt uses.

    Raises:
        ToolError: apt knows none for Debian.
    """
    listed = run_tool(["apt-get", "indextargets", "--format", "$(REPO_URI)"], Where(Path("/")))
    for line in listed.decode().splitlines():
        if re.search(r"/debian/?$", line):
            return line.rstrip("/")
    raise ToolError("apt has no Debian mirror in its sources; add one and run apt-get update")


def _fetch_kernel(folder: Path) -> None:
    apt, debs = folder / "apt", folder / "debs"
    shutil.rmtree(debs, ignore_errors=True)
    for name in ("etc/apt.conf.d", "etc/preferences.d", "lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "state").mkdir(exist_ok=True)
    debs.mkdir()
    (apt / "state/status").write_text("")
    where = mirror()
    signed = f"[signed-by={KEYRING}]"
    (apt / "etc/sources.list").write_text(
        f"deb {signed} {where} {SUITE} main\ndeb {signed} {where}-security {SUITE}-security main\n"
    )
    (apt / "apt.conf").write_text(APT_CONFIG.format(apt=apt.absolute()))
    ours = Where(debs, {"APT_CONFIG": str((apt / "apt.conf").absolute())})
    run_tool(["apt-get", "-qq", "update"], ours)
    words = run_tool(["apt-cache", "depends", "linux-image-arm64"], ours).decode()
    package = re.search(r"Depends: (linux-image-\d\S*)", words)
    if package is None:
        raise ToolError("apt-cache: linux-image-arm64 depends on no kernel")
    run_tool(["apt-get", "-qq", "download", package[1], "busybox-static"], ours)
    for name, target in ((f"{package[1]}_", "kernel"), ("busybox-static_", "busybox")):
        file = next(debs.glob(f"{name}*.deb")).absolute()
        shutil.rmtree(folder / target, ignore_errors=True)
        run_tool(["dpkg", "-x", file, (folder / target).absolute()], Where(folder))


def _fetch_base(base: Path) -> None:
    fresh = base.with_suffix(".new.tar")
    excluded = ("man", "locale", "doc")
    run_tool(
        [
            *("mmdebstrap", "--quiet", "--arch=arm64", "--variant=extract"),
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            f"--include={BASE_PACKAGES}",
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in excluded),
            *(SUITE, fresh.absolute(), mirror()),
        ],
        Where(base.parent),
    )
    fresh.replace(base)
