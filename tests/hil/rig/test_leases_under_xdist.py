"""Four workers on two boards: leases, and no scheduler, keep one worker's bytes from another's.

pytest-xdist's `--dist loadgroup` was silently broken once (pytest-xdist issue 1386), so nothing here
depends on which worker gets which test.
"""

import os
import pty
import re
import select
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

WORKERS, BOARDS, TESTS, LINES, LINE_BYTES = 4, 2, 8, 4, 120
LINE = re.compile(rb"(gw\d+):(\d+):(\d+):x+")
THEIRS = f'''
import os
import select
import signal
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_echo(board, number, worker_id):
    """What this worker sends comes back whole, and nothing else does."""
    port = board.open_port()
    for line in range({LINES}):
        sent = f"{{worker_id}}:{{number}}:{{line}}:".encode().ljust({LINE_BYTES - 1}, b"x") + b"\\n"
        for start in range(0, len(sent), 7):
            port.write(sent[start:start + 7])
        back = b""
        while len(back) < len(sent) and select.select([port], [], [], 10)[0]:
            back += port.read()
        assert back == sent
    port.close()

def test_dies_once(board):
    """Its worker is killed in the midst of it."""
    flag = Path(__file__).with_name("died")
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
'''  # noqa: S608 it selects a port, not from a table


@dataclass(slots=True)
class Echo:
    """A board that says every line back, and keeps what was no whole line."""

    port: str
    lines: int = 0
    garbled: list[bytes] = field(default_factory=list)


@pytest.fixture
def echoes() -> Iterator[list[Echo]]:
    """Two boards on pseudo-terminals."""
    over = threading.Event()
    found, threads, ends = [], [], []
    for _ in range(BOARDS):
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        ends += [ours, theirs]  # the far end stays open, so that nobody's leaving hangs up the line
        echo = Echo(os.ttyname(theirs))
        thread = threading.Thread(target=_say_back, args=(ours, echo, over))
        thread.start()
        found.append(echo)
        threads.append(thread)
    yield found
    over.set()
    for thread in threads:
        thread.join()
    for end in ends:
        os.close(end)


def _say_back(end: int, echo: Echo, over: threading.Event) -> None:
    waiting = b""
    while not over.is_set():
        if not select.select([end], [], [], 0.1)[0]:
            continue
        waiting += os.read(end, 4096)
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            echo.lines += 1
            if not LINE.fullmatch(line) or len(line) != LINE_BYTES - 1:
                echo.garbled.append(line)
            os.write(end, line + b"\n")


@pytest.mark.parametrize(
    "dist",
    [
        "load",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("worksteal", "loadscope", "each")
        ),
    ],
)
def test_four_workers_on_two_boards_garble_nothing(tmp_path: Path, echoes: list[Echo], dist: str):
    """One is killed while it holds a board: its tests go on elsewhere, and not a byte is mixed."""
    boards = [
        f"  b{i}: {{profile: raspberry-pi-4, port: {{path: {echo.port}}}}}"
        for i, echo in enumerate(echoes)
    ]
    (tmp_path / "rig.yaml").write_text("\n".join(["boards:", *boards]))
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts =\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "hil.rig.pytest_plugin"),
            *("-p", "no:cacheprovider", "-q", f"-n{WORKERS}", "--dist", dist),
            *("--hil-env", "rig.yaml", "--hil-wait", "60"),
        ],
        cwd=tmp_path,
        env={**os.environ, "VANALLEN_LEASES": str(tmp_path / "leases")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (tmp_path / "died").exists(), done.stdout
    assert "crashed while running" in done.stdout
    assert [echo.garbled for echo in echoes] == [[], []]
    each = WORKERS if dist == "each" else 1
    failed = re.findall(r"^FAILED .*::(\w+)", done.stdout, re.MULTILINE)
    assert failed == ["test_dies_once"], done.stdout
    if each == 1:
        assert [echo.lines for echo in echoes] == [TESTS * LINES] * BOARDS
