"""The files that we bring: unit, account, udev rule, watchdog setting, first-boot script, cloud-init.

systemd.service(5), sysusers.d(5), udev(7), systemd-system.conf(5); cloud-init as Raspberry Pi OS
Trixie reads it from the boot partition.
"""

from dataclasses import dataclass

from flight_sw.profile import Profile
from hil.rig.board_section import Install

PREFIX = "opt/vanallen"
PROFILE = "etc/vanallen/profile.yaml"
UNIT = "vanallen-node.service"
SETUP = "vanallen-setup.service"
CONFIRM = "vanallen-confirm.service"
CONFIRM_TIMER = "vanallen-confirm.timer"
HEALTHY_AFTER_S = 120  # the node has run so long without a restart: its slot is confirmed
RESTART_PAUSE_S = 0.5
SERVICE_WATCHDOG_S = 10


@dataclass(frozen=True, slots=True)
class Board:
    """What the texts need of a board."""

    profile: Profile
    install: Install
    port: str


def node_unit(board: Board) -> str:
    """The node as a service that systemd watches; it makes its own control group leaves."""
    user, groups = board.install.user, " ".join(board.install.groups)
    return f"""\
[Unit]
Description=Van Allen node on {board.profile.name}
Documentation=https://www.freedesktop.org/software/systemd/man/sd_notify.html
After={SETUP}
Requires={SETUP}
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart=/{PREFIX}/current/bin/python -m flight_sw node --profile /{PROFILE} \\
  --port {board.port} --models /var/lib/vanallen/models
Restart=on-failure
RestartSec={RESTART_PAUSE_S}
WatchdogSec={SERVICE_WATCHDOG_S}
User={user}
SupplementaryGroups={groups}
StateDirectory=vanallen
RuntimeDirectory=vanallen
Delegate=cpu
AmbientCapabilities=CAP_DAC_OVERRIDE CAP_SYS_NICE
NoNewPrivileges=yes
ProtectHome=yes
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"""


def setup_unit() -> str:
    """Before the node, at every boot: slot a from the wheels if it is not there, then the choice."""
    return f"""\
[Unit]
Description=Van Allen slots: install from the wheelhouse once, choose the slot to start
Before={UNIT}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /{PREFIX}/setup.sh

[Install]
WantedBy=multi-user.target
"""


def setup_script() -> str:
    """No network: everything is in the wheelhouse. Either slot's program may make the choice."""
    return f"""\
#!/bin/sh
# Makes slot a from the wheelhouse, whole or not at all; then chooses the slot that starts.
set -eu
cd /{PREFIX}
if [ ! -e slot-a ]; then
  rm -rf slot-a.new
  "$(command -v python3.11 || command -v python3)" -m venv slot-a.new
  slot-a.new/bin/pip install --no-index --find-links wheels vanallen
  mv -T slot-a.new slot-a
fi
for slot in slot-a slot-b; do
  if $slot/bin/python -m flight_sw slots choose --folder .; then exit 0; fi
done
ln -sfn slot-a current
"""


def confirm_unit() -> str:
    """A slot whose node has held is confirmed; one that never gets here is undone by its boots."""
    return f"""\
[Unit]
Description=Van Allen: confirm the software that runs

[Service]
Type=oneshot
ExecStartPre=/bin/systemctl is-active --quiet {UNIT}
ExecStart=/{PREFIX}/current/bin/python -m flight_sw slots confirm --folder /{PREFIX}
"""


def confirm_timer() -> str:
    """Some time after each start of the system."""
    return f"""\
[Unit]
Description=Van Allen: look whether the software holds

[Timer]
OnBootSec={HEALTHY_AFTER_S}

[Install]
WantedBy=timers.target
"""


def accounts(board: Board) -> str:
    """The user that runs the node, and its groups: sysusers.d(5)."""
    user = board.install.user
    lines = [f'u {user} - "Van Allen node" /var/lib/vanallen']
    lines += [f"m {user} {group}" for group in board.install.groups]
    return "\n".join(lines) + "\n"


def udev_rules() -> str:
    """Low latency for USB bridges (16 ms otherwise), and the group for serial ports and watchdog."""
    return """\
ACTION=="add", SUBSYSTEM=="usb-serial", DRIVER=="ftdi_sio", ATTR{latency_timer}="1"
SUBSYSTEM=="tty", KERNEL=="ttyAMA[0-9]*|ttyTHS[0-9]*|ttyUSB[0-9]*", GROUP="dialout", MODE="0660"
KERNEL=="watchdog", GROUP="dialout", MODE="0660"
"""


def watchdog_setting() -> str:
    """The node feeds /dev/watchdog itself, so systemd must leave it alone."""
    return "[Manager]\nRuntimeWatchdogSec=0\n"


def cloud_config(board: Board) -> str:
    """First boot of a fresh card: unpack what lies on the boot partition, then reboot once."""
    groups = ", ".join(board.install.groups)
    masks = "".join(f"  - systemctl mask {unit}\n" for unit in board.install.mask)
    return f"""\
#cloud-config
# Van Allen on {board.profile.name}: written by `vanallen board install --sdcard`.
users:
  - default
  - name: {board.install.user}
    system: true
    groups: [{groups}]
runcmd:
  - tar -C / -xf /boot/firmware/vanallen.tar
{masks}  - systemd-sysusers
  - systemctl daemon-reload
  - systemctl enable {SETUP} {UNIT}
power_state: {{mode: reboot, message: Van Allen is installed}}
"""
