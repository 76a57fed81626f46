"""The schedule under kill -9: a real process, a real folder, killed at moments nobody chose."""

import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("schedule_in_process.py")
ENTRIES = 1000


class Flight:
    """One payload process after another on one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"

    def lines(self, word: str) -> list[str]:
        """What the payload let out so far."""
        text = self.log.read_text() if self.log.exists() else ""
        return [line.split()[1] for line in text.splitlines() if line.startswith(word + " ")]

    def command(self, task: str) -> list[str]:
        now = (self.lines("now") or ["0.0"])[-1]
        return [sys.executable, str(SCRIPT), str(self.folder / "store"), str(self.log), now, task]

    def fly(self, steps: int | None) -> None:
        """Run to the end, or kill it soon after so many steps: it runs on while the signal comes."""
        with subprocess.Popen(self.command("fly"), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for step, _ in enumerate(process.stdout):
                if steps is not None and step >= steps:
                    process.kill()
                    break


@pytest.fixture
def folder(tmp_path):
    """Memory where there is some: a kill is no power cut, and waiting for a disk proves nothing here."""
    memory = Path("/dev/shm")  # noqa: S108
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.long)])
def test_schedule_of_a_thousand_survives_kill_nine(folder, kills):
    """Each entry runs once, or is named as interrupted; none is lost and none runs twice."""
    chance = random.Random(5)
    flight = Flight(folder)
    flight.log.touch()
    subprocess.run(flight.command("fill"), check=True, timeout=60)
    for _ in range(kills):
        flight.fly(chance.randrange(1, 500 // kills))
    flight.fly(None)
    ran = Counter(int(entry) for entry in flight.lines("ran"))
    interrupted = {int(entry) for entry in flight.lines("cut")}
    assert [entry for entry, count in ran.items() if count > 1] == []
    assert set(range(ENTRIES)) - set(ran) <= interrupted
    assert len(ran) >= ENTRIES - 8 * kills
