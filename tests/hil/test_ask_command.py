"""`vanallen ask`: a question to a payload that is started for it, and the tiny model that answers."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from flight_sw.errors import UserError
from flight_sw.inference.text import TextModel
from hil.__main__ import app
from hil.applications.models import find_model
from hil.applications.telemetry_questions import END, draw_dialogue
from hil.ground.ask import Answer

pytest.importorskip("tokenizers")
SHIPPED = find_model("telemetry-text")


def _ask(*words):
    return CliRunner().invoke(app, ["ask", *words])


@pytest.mark.long
def test_a_question_is_answered_by_a_board_started_for_it():
    """Words stream down, every stage has its time, and a clean scrub pass stands behind the answer."""
    facts = [
        "temperature=45.2",
        "power=2.5",
        "clock=1800",
        "jobs=12",
        "flips=3",
        "restarts=0",
        "mode=SAFE",
    ]
    options = [word for fact in facts for word in ("--fact", fact)]
    done = _ask("Which mode are you in?", *options, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["answer"] == "The mode is SAFE."
    assert told["ended"] == "end"
    assert told["streamed"]
    assert told["confirmed"]
    assert told["stages"]["downlink_s"] > told["stages"]["uplink_s"] > 0
    assert all(seconds > 0 for seconds in told["stages"].values())


def test_the_ways_over_the_link_follow_its_rate():
    """Half the rate, twice the time; the stages on board do not change."""
    answer = Answer(text="x" * 1500, up_bytes=300, seconds={"queue": 1, "prefill": 2, "decode": 3})
    fast, slow = answer.stages(9600), answer.stages(4800)
    assert fast["uplink_s"] == 300 * 8 / 9600
    assert (slow["uplink_s"], slow["downlink_s"]) == (2 * fast["uplink_s"], 2 * fast["downlink_s"])
    assert slow["decode_s"] == fast["decode_s"] == 3


def test_most_questions_are_answered_word_for_word():
    """As the card says, on draws that training never saw."""
    model, chance = TextModel(SHIPPED), np.random.default_rng(99)
    right = 0
    for _ in range(40):
        prompt, answer = draw_dialogue(chance)
        said = "".join(p.text for p in model.answer(model.encode(prompt), 40))
        right += said + END == answer
    assert right >= 36


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["  "], "the question is empty"),
        (["Hot?", "--fact", "warmth=3"], "write NAME=VALUE"),
        (["Hot?", "--fact", "power=much"], "is no number"),
        (["Hot?", "--model", "/nonexistent"], "no such model or file"),
        (["Hot?", "--model", "x", "--space", "tcp://127.0.0.1:1"], "vanallen model upload"),
    ],
)
def test_a_mistake_is_one_clear_line(words, line, monkeypatch, tmp_path):
    """Which the command line turns into exit code 2."""
    monkeypatch.setenv("VANALLEN_KEYS", str(tmp_path / "keys.json"))
    CliRunner().invoke(app, ["keys", "new"])
    with pytest.raises(UserError, match=line):
        raise _ask(*words).exception
