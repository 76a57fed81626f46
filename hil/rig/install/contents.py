"""The files that we bring: units, account, udev rule, watchdog setting, first-boot script, cloud-init.

systemd.service(5), systemd.exec(5), sysusers.d(5), udev(7), systemd-system.conf(5); cloud-init as
Raspberry Pi OS Trixie reads it from the boot partition.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from flight_sw.profile import Profile
from hil.rig.board_section import Install

PREFIX = "opt/vanallen"
PROFILE = "etc/vanallen/profile.yaml"
KEYS = "etc/vanallen/keys.json"
RUN = "/run/vanallen"
BOARD_LINK = f"{RUN}/board"  # of a flashed board: made by its controller
UNIT = "vanallen-node.service"
CONTROLLER = "vanallen-controller.service"
SETUP = "vanallen-setup.service"
CONFIRM = "vanallen-confirm.service"
CONFIRM_TIMER = "vanallen-confirm.timer"
HEALTHY_AFTER_S = 120  # the node has run so long without a restart: its slot is confirmed
RESTART_PAUSE_S = 0.5
SERVICE_WATCHDOG_S = 10
LINK_WAIT_S = 60  # for a flashed board's controller; systemd waits 90 s for a start


@dataclass(frozen=True, slots=True)
class Board:
    """What the texts need of a board.

    Args:
        port: the UART: the board link of a tethered board, the space link of a flashed one.
        on_confirm, on_roll_back: commands of the platform's own update system.
    """

    profile: Profile
    install: Install
    port: str
    flashed: bool = False
    on_confirm: str = ""
    on_roll_back: str = ""


def node_unit(board: Board) -> str:
    """The node as a service that systemd watches; it makes its own control group leaves."""
    port, after = (BOARD_LINK, f" {CONTROLLER}") if board.flashed else (board.port, "")
    wait = f"ExecStartPre=/bin/sh -c '{_waiting_for(port)}'\n" if board.flashed else ""
    return f"""\
[Unit]
Description=Van Allen node on {board.profile.name}
Documentation=https://www.freedesktop.org/software/systemd/man/sd_notify.html
After={SETUP}{after}
Requires={SETUP}
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
{wait}ExecStart=/{PREFIX}/current/bin/python -m flight_sw node --profile /{PROFILE} \\
  --port {port} --models /var/lib/vanallen/models
Restart=on-failure
RestartSec={RESTART_PAUSE_S}
WatchdogSec={SERVICE_WATCHDOG_S}
Delegate=cpu
AmbientCapabilities=CAP_DAC_OVERRIDE CAP_SYS_NICE
{_surroundings(board)}
[Install]
WantedBy=multi-user.target
"""


def controller_unit(board: Board) -> str:
    """The controller of a flashed board: space link on the UART, board link on a pty of its own.

    It waits for the keys, which no installation ever carries.
    """
    return f"""\
[Unit]
Description=Van Allen controller on {board.profile.name}
After={SETUP}
Requires={SETUP}
Before={UNIT}
ConditionPathExists=/{KEYS}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/{PREFIX}/current/bin/python -m flight_sw controller --profile /{PROFILE} \\
  --board-port pty:{BOARD_LINK} --space {board.port} --keys /{KEYS} \\
  --state /var/lib/vanallen/controller
Restart=on-failure
RestartSec={RESTART_PAUSE_S}
AmbientCapabilities=CAP_DAC_OVERRIDE
{_surroundings(board)}
[Install]
WantedBy=multi-user.target
"""


def _waiting_for(path: str) -> str:
    """Shell words that end once a path is there: a node that fails at once five times stays off."""
    return f"for i in $(seq {LINK_WAIT_S}); do [ -e {path} ] && exit 0; sleep 1; done".replace(
        "$", "$$"
    )


def _surroundings(board: Board) -> str:
    """Account, folders and walls of either service.

    /run/vanallen outlives the service: what a killed node noted there of the board's own limits is how
    the next one restores them.
    """
    return f"""\
User={board.install.user}
SupplementaryGroups={" ".join(board.install.groups)}
StateDirectory=vanallen
RuntimeDirectory=vanallen
RuntimeDirectoryPreserve=yes
NoNewPrivileges=yes
ProtectHome=yes
PrivateTmp=yes
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


def setup_script(board: Board) -> str:
    """No network: everything is in the wheelhouse. Either slot's program may make the choice.

    A wheelhouse that no slot was made of is new software: it goes into the slot that is not needed, and
    on trial. One that was tried and undone has its slot still, so it is not tried again.
    """
    hook = f" --on-roll-back {shlex.quote(board.on_roll_back)}" if board.on_roll_back else ""
    return f"""\
#!/bin/sh
# Counts the boot; makes slots from the wheelhouse, the first to use, a later one to try; chooses.
set -eu
run={RUN}
cd /{PREFIX}
boots=$(cat boots 2> /dev/null || true)
case "$boots" in '' | *[!0-9]* | 0?*) boots=0 ;; esac
echo $((boots + 1)) > boots.new
mv boots.new boots
mkdir -p "$run" && cp boots "$run/boots"
make_slot() {{
  rm -rf "$1.new" &&
    "$(command -v python3.11 || command -v python3)" -m venv "$1.new" &&
    "$1.new/bin/pip" install --no-index --find-links wheels vanallen &&
    echo "$2" > "$1.new/wheels.sha256" &&
    rm -rf "$1" &&
    mv -T "$1.new" "$1"
}}
if ls wheels/*.whl > /dev/null 2>&1; then
  wanted=$(cat wheels/*.whl | sha256sum | cut -d ' ' -f 1)
  if [ ! -e slot-a ]; then
    make_slot slot-a "$wanted"
  elif ! cat slot-?/wheels.sha256 2> /dev/null | grep -q "$wanted"; then
    if spare=$(current/bin/python -m flight_sw slots spare --folder .); then
      make_slot "$spare" "$wanted" && current/bin/python -m flight_sw slots try --folder . ||
        echo "the new software cannot be installed; the old one starts" >&2
    fi
  fi
fi
for slot in slot-a slot-b; do
  if $slot/bin/python -m flight_sw slots choose --folder .{hook}; then exit 0; fi
done
ln -sfn slot-a current
"""


def confirm_unit(board: Board) -> str:
    """A slot whose node has held is confirmed; one that never gets here is undone by its boots."""
    # A unit has specifiers and variables of its own: systemd.unit(5), systemd.service(5).
    command = shlex.quote(board.on_confirm).replace("%", "%%").replace("$", "$$")
    hook = f" \\\n  --on-confirm {command}" if board.on_confirm else ""
    return f"""\
[Unit]
Description=Van Allen: confirm the software that runs

[Service]
Type=oneshot
ExecStartPre=/bin/systemctl is-active --quiet {UNIT}
ExecStart=/{PREFIX}/current/bin/python -m flight_sw slots confirm --folder /{PREFIX}{hook}
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


def cloud_config(board: Board, enabled: Sequence[str]) -> str:
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
  - systemctl enable {" ".join(enabled)}
power_state: {{mode: reboot, message: Van Allen is installed}}
"""
