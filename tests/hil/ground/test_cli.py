"""The command line as people use it: typed telecommands, exit codes, one line for each mistake."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flight_sw.devices.storage import write_key_file
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import COMMANDS
from flight_sw.space_link.keys import KeySet, format_keys
from hil import doctor
from hil.__main__ import main

Vanallen = Callable[..., int]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def vanallen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Vanallen:
    """Runs the command line in this process, with a home of its own; returns the exit code."""
    monkeypatch.setenv("VANALLEN_KEYS", str(tmp_path / "config" / "keys.json"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["vanallen", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def bench(start: Callable[..., Any], keys: KeySet, tmp_path: Path, vanallen: Vanallen) -> Any:
    """A payload to talk to, with its keys where the command line looks for them."""
    (tmp_path / "config").mkdir()
    write_key_file(tmp_path / "config" / "keys.json", format_keys(keys))
    return start()


def test_a_telecommand_is_sent_and_told(bench: Any, vanallen: Vanallen, capsys: Any) -> None:
    """`send NAME key=value` sends typed arguments and says done, with exit code 0."""
    assert vanallen("send", "set-mode", "mode=nominal", "--space", bench.url) == 0
    assert capsys.readouterr().out.startswith("set-mode done after ")
    assert bench.commands == ["set-mode"]


def test_a_refusal_says_why_and_where_it_would_work(
    bench: Any, vanallen: Vanallen, capsys: Any
) -> None:
    """A refused telecommand gives exit code 1, the reason in words and the modes that allow it."""
    bench.answer = lambda tc: [
        bench.report(
            "not-accepted",
            request=int.from_bytes(tc.request_id, "big"),
            reason=Reason.WRONG_MODE.value,
        )
    ]
    assert vanallen("send", "scrub-now", "--space", bench.url) == 1
    told = capsys.readouterr().out
    assert "scrub-now refused: wrong mode (accepted in NOMINAL, DEGRADED)" in told


def test_json_holds_outcome_and_reports(bench: Any, vanallen: Vanallen, capsys: Any) -> None:
    """With --json one object tells outcome, reason and what came down because of it."""
    bench.answer = lambda tc: [
        bench.report("parameter", parameter=1, value=2.5),
        *bench.obey(tc),
    ]
    words = ("send", "report-parameter", "parameter=scrub_pass", "--json")
    assert vanallen(*words, "--space", bench.url) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["outcome"], answer["reason"]) == ("done", None)
    assert answer["reports"][0]["value"] == 2.5


def test_a_replay_is_told_as_refused(bench: Any, vanallen: Vanallen, capsys: Any) -> None:
    """`send --replay` resends the last bytes and reports that they were refused."""
    assert vanallen("send", "ping", "--space", bench.url) == 0
    capsys.readouterr()
    assert vanallen("send", "--replay", "--space", bench.url) == 1
    assert "refused (REPLAY)" in capsys.readouterr().out
    assert bench.commands == ["ping"]


def test_a_telecommand_is_kept_for_later(bench: Any, vanallen: Vanallen, capsys: Any) -> None:
    """`send NAME --at TIME` puts it into the schedule, and a sequence is loaded from a file."""
    assert vanallen("send", "ping", "--at", "+10m", "--space", bench.url) == 0
    assert capsys.readouterr().out.startswith("insert-entry done")
    path = Path(os.environ["XDG_STATE_HOME"]).parent / "steps.yaml"
    path.write_text("steps: [{send: ping}]")
    assert vanallen("sequence", "1", str(path), "--run", "--space", bench.url) == 0
    assert bench.commands == ["insert-entry", "load-sequence", "run-sequence"]


def test_watch_once_shows_housekeeping(bench: Any, vanallen: Vanallen, capsys: Any) -> None:
    """`watch --once` prints every parameter, for people and as JSON."""
    assert vanallen("watch", "--once", "--space", bench.url) == 0
    told = capsys.readouterr().out
    assert all(word in told for word in ("jobs_done", "tc_counter_next", "SAFE", "degC"))
    assert vanallen("watch", "--once", "--json", "--space", bench.url) == 0
    assert json.loads(capsys.readouterr().out)["housekeeping"]["1"]["values"]["mode"] == "SAFE"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("send", "set-mdoe"), 2, "no telecommand 'set-mdoe'; did you mean set-mode?"),
        (("send", "set-mode"), 2, "mode missing; usage: vanallen send set-mode mode=SAFE|NOM"),
        (("send", "set-mode", "SAFE"), 2, "'SAFE': write name=value; usage: "),
        (("send", "set-mode", "mdoe=SAFE"), 2, "no argument 'mdoe'; did you mean mode?"),
        (("send", "set-mode", "mode=SAFE", "mode=SAFE"), 2, "mode is given twice"),
        (("send", "set-mode", "mode=ASLEEP"), 2, "one of SAFE, NOMINAL"),
        (("send", "ping", "a=1"), 2, "it takes none"),
        (("send", "cancel-job", "job=many"), 2, "'many' is not u32"),
        (("send", "ping", "--wait", "later"), 2, "--wait later: write done or accepted"),
        (("send", "ping", "--replay"), 2, "leave out NAME"),
        (("send", "ping", "--at", "soon", "--keys", "/nowhere"), 2, "no key file /nowhere"),
        (("sequence", "1", "none.yaml"), 2, "none.yaml: No such file or directory; check the path"),
        (("send", "ping"), 2, "make one with: vanallen keys new"),
        (("send", "ping", "--board", "emulatd"), 2, "did you mean `emulated`?"),
        (("watch", "--once", "--keys", "/nowhere"), 2, "no key file /nowhere"),
        (("board", "check", "none.yaml"), 2, "none.yaml: no such board profile"),
        (("board", "show", "pi"), 2, "known: "),
    ],
)
def test_a_mistake_is_one_line(
    vanallen: Vanallen, capsys: Any, words: tuple[str, ...], code: int, says: str
) -> None:
    """Every mistake of the user is one line on stderr that names it and the remedy, exit code 2."""
    assert vanallen(*words) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("vanallen: ")
    assert told.err.count("\n") == 1
    assert says in told.err


def test_an_input_file_that_is_missing_is_named(vanallen: Vanallen, capsys: Any) -> None:
    """`input=@FILE` with a missing file says which."""
    words = ["job=1", "model=1", "protection=none", "priority=0", "deadline=1", "input=@none.bin"]
    assert vanallen("send", "submit-job", *words) == 2
    assert "none.bin: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("send", "ping"), ("watch", "--once")])
def test_nobody_there_is_69(
    bench: Any, vanallen: Vanallen, capsys: Any, words: tuple[str, ...]
) -> None:
    """Without a controller at the address the exit code is 69 and the line names the address."""
    bench.stop()
    assert vanallen(*words, "--space", bench.url) == 69
    assert f"127.0.0.1:{bench.port}: nobody answers" in capsys.readouterr().err


def test_a_port_that_does_not_exist_is_a_mistake(
    bench: Any, vanallen: Vanallen, capsys: Any
) -> None:
    """A serial port that is not there is the user's to mend: exit code 2."""
    assert vanallen("send", "ping", "--space", "/dev/ttyNONE") == 2
    assert "/dev/ttyNONE: no such port" in capsys.readouterr().err


def test_keys_are_made_once_and_shown_without_secrets(
    vanallen: Vanallen, capsys: Any, tmp_path: Path
) -> None:
    """New keys are 0600, never overwritten, moved aside on --force, and never printed."""
    path = tmp_path / "config" / "keys.json"
    assert vanallen("keys", "new") == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_text()
    assert vanallen("keys", "new") == 2
    assert path.read_text() == first
    assert vanallen("keys", "new", "--force") == 0
    assert path.with_name("keys.json.old-1").read_text() == first
    capsys.readouterr()
    assert vanallen("keys", "show") == 0
    assert vanallen("keys", "show", "--json") == 0
    told = capsys.readouterr().out
    secrets = [record["key"] for record in json.loads(path.read_text())["keys"]]
    assert not any(secret[:8] in told for secret in secrets)
    assert "key 1" in told


def test_help_names_every_telecommand(vanallen: Vanallen, capsys: Any) -> None:
    """`send --list` names all telecommands, `--about` explains the arguments of one."""
    assert vanallen("send", "--list") == 0
    listed = capsys.readouterr().out
    assert all(command.name in listed for command in COMMANDS)
    assert vanallen("send", "submit-job", "--about") == 0
    about = capsys.readouterr().out
    assert "f32 0.1 to 86400 s" in about
    assert "one of none, standard" in about


def test_boards_are_listed_shown_and_checked(vanallen: Vanallen, capsys: Any) -> None:
    """The shipped profile is found by name in this install, and by path."""
    assert vanallen("board", "list") == 0
    assert "emulated" in capsys.readouterr().out
    assert vanallen("board", "show", "emulated") == 0
    assert "levels_mhz" in capsys.readouterr().out
    assert vanallen("board", "check", str(ROOT / "boards" / "emulated.yaml")) == 0


def test_a_wrong_profile_names_the_line(vanallen: Vanallen, capsys: Any, tmp_path: Path) -> None:
    """An unknown key in a profile is told with file, line and the nearest known key."""
    wrong = tmp_path / "wrong.yaml"
    text = (ROOT / "boards" / "emulated.yaml").read_text("utf-8")
    wrong.write_text(text.replace("dwell_s", "dwel_s"), "utf-8")
    assert vanallen("board", "check", str(wrong)) == 2
    assert f"{wrong}:22: thermal.dwel_s: unknown key; did you mean" in capsys.readouterr().err


def test_an_unknown_option_is_2(vanallen: Vanallen) -> None:
    """A mistake in the options has the same exit code as any other."""
    assert vanallen("run", "--sceanrio", "x") == 2


def test_the_doctor_finds_a_fault(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A check that cannot run is a failure with a cure, and makes the exit code 1."""

    def broken() -> Any:
        raise ImportError("no native core")
        yield

    monkeypatch.setattr(doctor, "CHECKS", {"python": doctor.CHECKS["python"], "core": broken})
    assert doctor.run_doctor(as_json=True) == 1
    findings = json.loads(capsys.readouterr().out)
    assert [(one["check"], one["status"]) for one in findings] == [
        ("python", "ok"),
        ("core", "fail"),
    ]
    assert findings[1]["cure"]


def test_the_doctor_tries_every_part(capsys: Any) -> None:
    """On a machine that passes these tests the doctor finds nothing that a flight lacks."""
    assert doctor.run_doctor(as_json=True) == 0
    findings = {one["check"]: one for one in json.loads(capsys.readouterr().out)}
    assert findings["model hotspot"]["status"] == "ok"
    assert "self-test passed" in findings["native core"]["found"]


def test_interrupting_watch_is_130(bench: Any, interruptible: None) -> None:
    """^C ends a live command without a traceback, with exit code 130."""
    command = [sys.executable, "-m", "hil", "watch", "--json", "--space", bench.url]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    watching = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert watching.stdout is not None
    try:
        assert "Housekeeping" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=60)
    finally:
        watching.kill()
        watching.wait()
    assert watching.returncode == 130
    assert "Traceback" not in errors
