"""What an installation makes a board do at each start: slots, trials, both programs."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flight_sw.devices.slots import TRIAL_BOOTS
from flight_sw.errors import UserError
from hil.board_files import find_board, read_board
from hil.rig.install import contents
from hil.rig.install.command import Software, Target, install
from hil.rig.install.plan import Order, plan
from hil.rig.install.tree import apply, restore

ROOT = Path(__file__).parents[3]
SPEC = importlib.util.spec_from_file_location(
    "systems", Path(__file__).parents[2] / "board_trees/systems.py"
)
systems = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(systems)

# A venv whose pip notes what lay in the wheelhouse, or fails when told; its Python is this one.
FAKE_PYTHON = """#!/bin/sh
mkdir -p "$3/bin"
cat > "$3/bin/pip" << 'END'
#!/bin/sh
cat wheels/*.whl > "$(dirname "$0")/../installed"
! grep -q broken wheels/*.whl
END
printf '#!/bin/sh\\nexec {python} "$@"\\n' > "$3/bin/python"
chmod +x "$3/bin/pip" "$3/bin/python"
"""


def order_for(name, **more):
    profile = read_board(name)
    return Order(profile, find_board(name).read_bytes(), profile.serial.port, **more)


class Starting:
    """A board's /opt/vanallen, started by the script that an installation puts there."""

    def __init__(self, tmp_path, hook=""):
        self.folder = tmp_path / "opt"
        (self.folder / "wheels").mkdir(parents=True)
        tools = tmp_path / "bin"
        tools.mkdir()
        (tools / "python3.11").write_text(FAKE_PYTHON.format(python=sys.executable))
        (tools / "python3.11").chmod(0o755)
        profile = read_board("raspberry-pi-4")
        board = contents.Board(profile, None, "/dev/ttyAMA0", on_roll_back=hook)
        self.run = tmp_path / "run"
        script = contents.setup_script(board).replace(f"cd /{contents.PREFIX}", f"cd {self.folder}")
        script = script.replace(f"run={contents.RUN}", f"run={self.run}")
        self._script = tmp_path / "setup.sh"
        self._script.write_text(script)
        path = f"{tools}:{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}

    def bring(self, content):
        """Another wheelhouse, as a later installation leaves it."""
        (self.folder / "wheels" / "vanallen.whl").write_text(content)

    def boot(self):
        """Start; the slot that runs then, and what its software is."""
        command = ["/bin/sh", str(self._script)]
        subprocess.run(command, env=self._environment, check=True, capture_output=True)
        current = self.folder / "current"
        return str(current.readlink()), (current / "installed").read_text()

    def slots(self, verb):
        """The command that the confirming timer starts."""
        command = [sys.executable, "-m", "flight_sw", "slots", verb, "--folder", str(self.folder)]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr


def test_new_software_is_tried_and_stays_only_if_it_holds(tmp_path):
    """The other slot is made of it; without a confirmation the old software is back for good."""
    board = Starting(tmp_path, hook=f"/usr/bin/touch {tmp_path / 'taken-back'}")
    board.bring("one")
    assert board.boot() == ("slot-a", "one")
    board.bring("two")
    starts = [board.boot() for _ in range(TRIAL_BOOTS + 2)]
    assert starts == [("slot-b", "two")] * TRIAL_BOOTS + [("slot-a", "one")] * 2
    assert (tmp_path / "taken-back").exists()
    board.bring("three")
    assert board.boot() == ("slot-b", "three")
    assert board.slots("confirm")[0] == 0
    assert [board.boot() for _ in range(TRIAL_BOOTS + 1)] == [("slot-b", "three")] * 3


def test_a_trial_is_never_overwritten_and_a_broken_wheelhouse_starts_the_old_software(tmp_path):
    """Both slots are needed during a trial; software that cannot be installed costs nothing."""
    board = Starting(tmp_path)
    board.bring("one")
    board.boot()
    board.bring("two")
    assert board.boot() == ("slot-b", "two")
    board.bring("three")
    assert board.boot() == ("slot-b", "two")
    code, said = board.slots("spare")
    assert code == 2
    assert "slot-b is on trial" in said
    assert board.slots("confirm")[0] == 0
    board.bring("broken")
    assert board.boot() == ("slot-b", "two")
    assert (board.folder / "slot-a" / "installed").read_text() == "one"
    assert board.slots("status") == (0, "slot-b confirmed, 0 rolled back\n")


def test_boots_are_counted_whatever_the_count_says(tmp_path):
    """The node tells the number with its name; a damaged one begins anew and stops nothing."""
    board = Starting(tmp_path)
    board.bring("one")
    told = []
    for _ in range(2):
        board.boot()
        told.append((board.run / "boots").read_text())
    for damage in ("$(reboot)", "08"):  # the shell takes the second for octal
        (board.folder / "boots").write_text(damage)
        board.boot()
        told.append((board.run / "boots").read_text())
    assert told == ["1\n", "2\n", "1\n", "1\n"]


def test_a_folder_without_slots_is_a_line_and_code_2(tmp_path):
    """The boot side never sees a traceback."""
    board = Starting(tmp_path)
    board.folder = tmp_path / "nowhere"
    code, said = board.slots("choose")
    assert code == 2
    assert str(tmp_path / "nowhere") in said
    assert len(said.splitlines()) == 1


def test_every_unit_that_has_to_start_by_itself_is_enabled(tmp_path):
    """Also the timer that confirms: without it each new software would be taken back after its boots."""
    root = systems.bookworm(tmp_path / "root")
    apply(root, "raspberry-pi-4", plan(root, order_for("raspberry-pi-4")))
    units = root / "etc/systemd/system"
    for unit in units.glob("vanallen-*"):
        targets = [
            line.partition("=")[2]
            for line in unit.read_text().splitlines()
            if line.startswith("WantedBy=")
        ]
        for target in targets:
            assert (units / f"{target}.wants" / unit.name).is_symlink(), unit.name
    assert (units / "timers.target.wants" / contents.CONFIRM_TIMER).is_symlink()


def test_what_a_killed_node_noted_outlives_its_service(tmp_path):
    """systemd would empty /run/vanallen at each restart, and the board's own limits were lost."""
    root = systems.bookworm(tmp_path / "root")
    apply(root, "raspberry-pi-4", plan(root, order_for("raspberry-pi-4")))
    unit = (root / "etc/systemd/system" / contents.UNIT).read_text()
    assert "RuntimeDirectoryPreserve=yes" in unit


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("raspberry-pi-4", systems.bookworm),
        ("raspberry-pi-5", systems.trixie),
        ("jetson-orin-nano", systems.jetpack),
    ],
)
def test_a_flashed_board_gets_the_controller_too(tmp_path, name, system):
    """The UART is its space link, a pty its board link; keys are waited for and never carried."""
    root = system(tmp_path / "root")
    before = systems.snapshot(root)
    order = order_for(name, flashed=True, on_confirm="/usr/bin/rauc status mark-good 100%")
    apply(root, name, plan(root, order))
    units = root / "etc/systemd/system"
    controller = (units / contents.CONTROLLER).read_text()
    assert f"--space {order.port} " in controller
    assert f"--board-port pty:{contents.BOARD_LINK} " in controller
    assert f"ConditionPathExists=/{contents.KEYS}" in controller
    node = (units / contents.UNIT).read_text()
    assert f"--port {contents.BOARD_LINK} " in node
    assert f"[ -e {contents.BOARD_LINK} ] && exit 0" in node
    assert "mark-good 100%%'" in (units / contents.CONFIRM).read_text()
    assert not (root / contents.KEYS).exists()
    restore(root)
    assert systems.snapshot(root) == before


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_understands_every_unit(tmp_path):
    """No unknown section, key or value in what we write; that programs are missing here is no matter."""
    root = systems.bookworm(tmp_path / "root")
    hook = "/usr/bin/sh -c 'echo $HOME 100%'"
    apply(
        root,
        "raspberry-pi-4",
        plan(root, order_for("raspberry-pi-4", flashed=True, on_confirm=hook)),
    )
    units = sorted(map(str, (root / "etc/systemd/system").glob("vanallen-*")))
    command = ["systemd-analyze", "verify", f"--root={root}", *units]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    harmless = ("not found", "is not executable", "not-found")
    ours = [line for line in said.splitlines() if "vanallen" in line]
    assert [line for line in ours if not any(word in line for word in harmless)] == []


@pytest.mark.parametrize("hook", ["rauc status mark-good", "/usr/bin/rauc 'open"])
def test_a_hook_that_cannot_run_is_refused_before_anything_changes(tmp_path, hook):
    """The unit's PATH is not the person's, and a quote without its end is no command."""
    root = systems.bookworm(tmp_path / "root")
    before = systems.snapshot(root)
    with pytest.raises(UserError, match="hook"):
        install("raspberry-pi-4", Target(root=root), Software(on_confirm=hook), dry_run=False)
    assert systems.snapshot(root) == before
