"""`vanallen ask`: the tiny model that ships answers about the telemetry it is given."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from flight_sw.errors import UserError
from flight_sw.inference.text import TextModel
from hil.__main__ import app
from hil.applications.telemetry_questions import END, draw_dialogue
from hil.ask_command import EXAMPLE, SHIPPED

pytest.importorskip("tokenizers")


def _ask(*words):
    return CliRunner().invoke(app, ["ask", *words])


@pytest.mark.parametrize("mode", ["SAFE", "NOMINAL", "DEGRADED"])
def test_the_answer_repeats_the_fact_that_was_asked_for(mode):
    """Meaning, not only speed: another fact gives another answer."""
    facts = [f"{name}={value}" for name, value in {**EXAMPLE, "mode": mode}.items()]
    options = [word for fact in facts for word in ("--fact", fact)]
    done = _ask("Which mode are you in?", *options, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["answer"] == f"The mode is {mode}."
    assert told["ended"] == "end"
    assert told["stages"]["uplink_s"] > told["stages"]["downlink_s"] > 0


def test_most_questions_are_answered_word_for_word():
    """As the card says, on draws that training never saw."""
    model, chance = TextModel(SHIPPED), np.random.default_rng(99)
    right = 0
    for _ in range(40):
        prompt, answer = draw_dialogue(chance)
        said = "".join(p.text for p in model.answer(model.encode(prompt), 40))
        right += said + END == answer
    assert right >= 20


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["  "], "the question is empty"),
        (["Hot?", "--fact", "warmth=3"], "write NAME=VALUE"),
        (["Hot?", "--fact", "power=much"], "is no number"),
        (["Hot?", "--model", "/nonexistent"], "no such file"),
    ],
)
def test_a_mistake_is_one_clear_line(words, line):
    """Which the command line turns into exit code 2."""
    with pytest.raises(UserError, match=line):
        raise _ask(*words).exception
