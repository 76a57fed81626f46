"""Processes that never outlive a run, folders that never mix two, and a story for pipes too."""

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from flight_sw.errors import UserError
from hil.campaign.folder import make_folder
from hil.campaign.story import Source, Story, quiet_console
from hil.rig.children import Child

ROOT = Path(__file__).parents[3]


def test_a_child_that_ignores_sigterm_ends_with_its_group(tmp_path, eventually):
    """Stop means stopped, and what it wrote is in the log."""
    script = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    with Child([sys.executable, "-c", script], tmp_path / "log") as child:
        while not child.tail():
            assert child.exit_code is None
        grandchild = int(child.tail())
        child.stop(patience_s=0.1)
    assert child.exit_code is not None
    # Killed at once, but gone only when the kernel and init have collected it.
    eventually(lambda: not is_running(grandchild), "the grandchild is gone")


def test_a_child_ends_when_the_run_fails(tmp_path):
    """An exception on the way does not leave a process behind."""
    with pytest.raises(RuntimeError), Child([sys.executable, "-c", "input()"], tmp_path / "l") as c:
        raise RuntimeError
    assert c.exit_code is not None


def test_a_child_ends_with_a_run_that_is_killed(tmp_path):
    """Nothing is left that a person has to look for."""
    script = (
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path\n"
        "from hil.rig.children import Child\n"
        "child = Child([sys.executable, '-c', 'import time; time.sleep(60)'], Path('log'))\n"
        "print(child.pid, flush=True)\n"
        "input()\n"
    )
    words = [sys.executable, "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, cwd=tmp_path, **pipes) as run:
        child = int(run.stdout.readline())
        run.kill()
    end_s = time.monotonic() + 5.0
    while is_running(child):
        assert time.monotonic() < end_s


def is_running(pid):
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_run_gets_a_new_folder_or_an_empty_one(tmp_path, monkeypatch):
    """Two runs never write into one folder."""
    monkeypatch.chdir(tmp_path)
    folder = make_folder(None, "20260101T000000", "quiet", 3)
    assert folder.root == tmp_path / "runs" / "20260101T000000-quiet-3"
    (folder.root / "summary.json").write_text("{}")
    with pytest.raises(UserError, match="not an empty folder"):
        make_folder(folder.root, "x", "quiet", 3)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        make_folder(tmp_path / "file" / "below", "x", "quiet", 3)


def told(console):
    with Story(console, 10.0) as story:
        story.phase("Boot")
        story.tell(1.25, Source.CTRL, "Mode SAFE → NOMINAL: telecommand")
        story.progress(5.0, "3/4")
        story.table("Done", {"jobs": "4 of 4"})


def test_a_pipe_gets_plain_lines_and_no_bar():
    """No control bytes, one line for each happening, however long."""
    out = io.StringIO()
    told(Console(file=out, width=40))
    text = out.getvalue()
    assert "\x1b" not in text
    assert "   1.25 s  CTRL   Mode SAFE → NOMINAL: telecommand\n" in text
    assert "3/4" not in text
    assert "4 of 4" in text


def test_json_gets_nothing_of_the_story(capsys):
    """Standard output belongs to the summary."""
    told(quiet_console())
    assert capsys.readouterr().out == ""
