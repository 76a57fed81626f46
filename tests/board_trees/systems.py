"""Configuration trees of the systems that boards run, small, as their images ship them."""

from pathlib import Path

BOOKWORM_CONFIG = """\
# For more options and information see
# http://rptl.io/configtxt
dtparam=audio=on
camera_auto_detect=1
dtoverlay=vc4-kms-v3d
arm_64bit=1

[cm4]
otg_mode=1

[all]
"""
BOOKWORM_CMDLINE = (
    "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 "
    "fsck.repair=yes rootwait cfg80211.ieee80211_regdom=GB\n"
)
TRIXIE_CMDLINE = (
    "console=serial0,115200 console=tty1 root=PARTUUID=a1b2c3d4-02 rootfstype=ext4 "
    "fsck.repair=yes rootwait resize ds=nocloud;i=rpi-imager"
)
JETPACK_MENU = """\
TIMEOUT 30
DEFAULT primary

LABEL primary
      MENU LABEL primary kernel
      LINUX /boot/Image
      INITRD /boot/initrd
      APPEND ${cbootargs} root=PARTUUID=6d4d0b2f rw console=ttyTCU0,115200 console=ttyTHS1,115200
"""


def bookworm(root: Path) -> Path:
    """Raspberry Pi OS 12: boot partition below /boot/firmware, serial console on."""
    _put(root, "boot/firmware/config.txt", BOOKWORM_CONFIG)
    _put(root, "boot/firmware/cmdline.txt", BOOKWORM_CMDLINE)
    _common(root, 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    return root


def trixie(root: Path) -> Path:
    """Raspberry Pi OS 13: cloud-init on the boot partition, no line end in cmdline.txt."""
    _put(root, "boot/firmware/config.txt", BOOKWORM_CONFIG + "enable_uart=1\n")
    _put(root, "boot/firmware/cmdline.txt", TRIXIE_CMDLINE)
    _put(root, "boot/firmware/user-data", "#cloud-config\n")
    _common(root, 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
    return root


def jetpack(root: Path) -> Path:
    """JetPack 6: extlinux menu, nvgetty on the header's UART."""
    _put(root, "boot/extlinux/extlinux.conf", JETPACK_MENU)
    _put(root, "etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 38968081\n")
    _common(root, 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\n')
    unit = root / "etc/systemd/system/nvgetty.service"
    _put(root, "etc/systemd/nvgetty.service", "[Unit]\nDescription=UART on ttyTHS0 login\n")
    unit.symlink_to("/etc/systemd/nvgetty.service")
    return root


def snapshot(root: Path) -> dict[str, tuple[str, bytes, int]]:
    """Every path with its kind, content and mode: what "byte for byte" means."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()).encode(), 0)
        elif path.is_dir():
            found[name] = ("folder", b"", path.stat().st_mode & 0o7777)
        else:
            found[name] = ("file", path.read_bytes(), path.stat().st_mode & 0o7777)
    return found


def _common(root: Path, release: str) -> None:
    _put(root, "etc/os-release", release)
    _put(root, "etc/group", "root:x:0:\ndialout:x:20:pi\n")
    (root / "etc/systemd/system/multi-user.target.wants").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)


def _put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
