"""Questions to a language model, from telecommand to the words that come down: through both links, with
the real runtime, on live weights.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from flight_sw.dictionary.reason import Reason
from flight_sw.inference import talk
from flight_sw.inference.compiled import Guarding, compile_bundle
from flight_sw.inference.live_files import map_weights
from flight_sw.inference.manifest import PAGE_BYTES
from flight_sw.inference.question import PROMPT_BYTES_MAX
from flight_sw.inference.store import ModelStore
from flight_sw.radiation.native import crc32c
from hil.applications.models import find_model
from hil.applications.telemetry_questions import facts_of, prompt_of
from tests.flight_sw.shelf_stack import ShelfStack

pytest.importorskip("tokenizers")

FACTS = {
    "temperature": 45.2,
    "power": 2.5,
    "clock": 1800,
    "jobs": 12,
    "flips": 3,
    "restarts": 0,
    "mode": "NOMINAL",
}
PROMPT = prompt_of(facts_of(FACTS), "Which mode are you in?")
ANSWER = "The mode is NOMINAL."
HOW = {
    "protection": "standard",
    "priority": 1,
    "deadline": 30.0,
    "tokens": 40,
    "temperature": 0.0,
    "seed": 0,
}


class TextStack(ShelfStack):
    """Asks."""

    def ask(self, job: int, prompt: str = PROMPT, model: int = 1, **changes: object) -> None:
        """A question, and time for its answer."""
        values = {
            "protection": "standard",
            "priority": 1,
            "deadline": 30.0,
            "tokens": 40,
            "temperature": 0.0,
            "seed": 0,
        }
        self.send(
            "ask-model", job=job, model=model, prompt=prompt.encode(), **{**values, **changes}
        )
        self.run(0.4)

    def said(self, job: int) -> list[str]:
        """Every whole answer."""
        return [r["output"].decode() for r in self.told("result") if r["job"] == job]

    @property
    def reason(self) -> Reason:
        """Why the last telecommand or job failed."""
        kinds = ("failed", "job-failed")
        told = [values for kind, values in self.reports if kind in kinds]
        return Reason(told[-1]["reason"])


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> TextStack:
    """In NOMINAL with the tiny decoder that ships in slot 1, three copies of it for voting."""
    folder = tmp_path_factory.mktemp("text")
    compiled = folder / "compiled"
    compile_bundle(find_model("telemetry-text"), compiled, crc32c, Guarding(is_voted=True))
    ModelStore(folder / "store").install(compiled, 1)
    stack = TextStack(folder)
    stack.fly()
    stack.run(1.0)
    return stack


@pytest.fixture
def flying(stack) -> TextStack:
    """The same for every test, with nothing said yet; each uses job numbers of its own."""
    stack.reports.clear()
    return stack


def test_an_answer_streams_down_and_tells_its_times(flying, monkeypatch) -> None:
    """The parts in order are the whole; the digest names the bytes that computed."""
    monkeypatch.setattr(talk, "TURN_S", 0.0)  # a part for each token
    flying.ask(21)
    parts = flying.told("answer-part")
    assert len(parts) > 3
    assert b"".join(part["text"] for part in parts).decode() == ANSWER
    assert [part["first"] for part in parts] == sorted({part["first"] for part in parts})
    (result,) = flying.told("result")
    flying.send("report-models")
    flying.run(0.1)
    (model,) = flying.told("model")
    assert result["output"].decode() == ANSWER
    assert result["digest"] == model["digest"]
    (times,) = flying.told("answer-times")
    assert times["ended"] == "END"
    assert times["prefill"] > 0 < times["decode"]
    assert times["tokens"] == parts[-1]["first"] + 1
    flying.run(2.0)
    assert [one["job"] for one in flying.told("job-confirmed")] == [21]


def test_the_model_on_board_is_proven_live(flying) -> None:
    """Also a decoder has to show that the bytes we protect are those it computes with."""
    flying.send("report-models")
    flying.run(0.1)
    (model,) = flying.told("model")
    assert model["coverage"] >= 0.999
    assert model["protected"]
    assert model["output_bytes"] == 0


BAD = (
    ({"prompt": ""}, Reason.EMPTY),
    ({"prompt": " \n"}, Reason.EMPTY),
    ({"prompt": "x" * (PROMPT_BYTES_MAX + 1)}, Reason.TOO_LARGE),
    ({"prompt": "7 " * 3000}, Reason.TOO_LARGE),  # few bytes, too many tokens
    ({"protection": "high"}, Reason.UNPROTECTED),
    ({"model": 2}, Reason.NO_SUCH_MODEL),
)


@pytest.mark.parametrize("case", range(len(BAD)))
def test_a_question_that_cannot_be_asked_comes_back_with_its_reason(flying, case) -> None:
    """One reason code on the link, and the next question is answered."""
    changes, reason = BAD[case]
    flying.ask(100 + case, **changes)
    assert flying.reason is reason
    flying.ask(200 + case)
    assert flying.said(200 + case) == [ANSWER]


def test_words_that_are_no_utf8_and_tensors_are_refused(flying) -> None:
    """A language model takes no tensor, and text is UTF-8."""
    question = {"job": 51, "model": 1, "protection": "standard", "priority": 1, "deadline": 9.0}
    how = {"tokens": 9, "temperature": 0.0, "seed": 0}
    flying.send("ask-model", **question, **how, prompt=b"\xff\xfe")
    flying.run(0.2)
    assert flying.reason is Reason.BAD_FORMAT
    flying.send("submit-job", **question, input=b"\0" * 64)
    flying.run(0.2)
    assert flying.reason is Reason.WRONG_SHAPE


def test_the_limit_of_tokens_ends_an_answer(flying) -> None:
    """With what was said until then."""
    flying.ask(61, tokens=4)
    (times,) = flying.told("answer-times")
    assert (times["ended"], times["tokens"]) == ("TOKENS", 4)
    assert ANSWER.startswith(flying.said(61)[0])


@pytest.fixture
def endless(flying, monkeypatch) -> TextStack:
    """A model that never comes to an end by itself, and says each word at once, by the stack's clock.

    By its own a quick machine would pass a deadline here before the worker's has passed.
    """
    monkeypatch.setattr(talk, "TURN_S", 0.0)
    clock = SimpleNamespace(perf_counter=lambda: flying.now)
    monkeypatch.setattr("flight_sw.inference.worker.time", clock)
    for voice in flying.worker._worker._speakers.values():
        monkeypatch.setattr(voice, "_ends", frozenset())
    return flying


def test_a_deadline_ends_an_answer_where_it_is(endless, monkeypatch) -> None:
    """It comes down before the job's own time is up."""
    flying = endless
    monkeypatch.setattr("flight_sw.questions.SETTLE_S", 30.0)
    flying.ask(71, deadline=0.1, tokens=1000, temperature=5.0)
    flying.run(1.0)
    assert [times["ended"] for times in flying.told("answer-times")] == ["DEADLINE"]


def test_a_cancelled_answer_stops_on_the_board(endless) -> None:
    """No more words come, and the next question does not wait for it."""
    flying = endless
    flying.ask(81, tokens=1000, temperature=5.0)
    before = len(flying.told("answer-part"))
    assert before
    flying.send("cancel-job", job=81)
    flying.run(0.2)
    assert flying.reason is Reason.CANCELLED
    stopped = len(flying.told("answer-part"))
    flying.run(0.5)
    assert len(flying.told("answer-part")) == stopped
    flying.ask(82, tokens=4)
    (said,) = flying.said(82)
    assert said
    assert ANSWER.startswith(said)


def test_a_drawn_answer_is_repeated_by_its_seed(flying) -> None:
    """What cannot be repeated cannot be voted on."""
    for job, seed in ((91, 7), (92, 7), (93, 8)):
        flying.ask(job, tokens=30, temperature=3.0, seed=seed)
        flying.run(0.4)
    first, again, other = (flying.said(job)[0] for job in (91, 92, 93))
    assert first == again != other


def test_a_voted_answer_needs_two_equal_ones(flying) -> None:
    """Each from weights of its own; its words come down once."""
    flying.ask(101, protection="vote")
    flying.run(0.4)
    assert flying.said(101) == [ANSWER]
    assert b"".join(part["text"] for part in flying.told("answer-part")).decode() == ANSWER


def test_damage_takes_an_answer_back_and_it_is_given_again(flying) -> None:
    """As for every other job: withdrawn, repaired, run again, right."""
    flying.run(2.0)
    live = map_weights(Path(flying.shelf.models[0].directory))
    half = live.size // 2 // PAGE_BYTES * PAGE_BYTES
    flying.send("ask-model", job=111, model=1, prompt=PROMPT.encode(), **HOW)
    while not flying.said(111):
        flying.run(0.02)
    live[half : half + PAGE_BYTES] ^= np.uint8(0x40)  # all of a page: no code corrects that
    flying.run(3.0)
    assert [one["job"] for one in flying.told("withdrawal")] == [111]
    assert flying.said(111) == [ANSWER, ANSWER]
    assert flying.told("result")[-1]["attempt"] == 2
