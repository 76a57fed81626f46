"""Text in, text out: on small decoders of the Qwen3 family, built here with random weights."""

import itertools
import json

import numpy as np
import onnxruntime as ort
import pytest

from flight_sw.errors import ModelError
from flight_sw.inference.question import PROMPT_BYTES_MAX
from flight_sw.inference.text import (
    AskError,
    AskRefusal,
    Ended,
    Sampling,
    TextModel,
)
from hil.applications.decoder_graph import quantise_int4
from tests.flight_sw.inference.decoders import SHAPE, write_decoder, write_tokenizer


@pytest.fixture(scope="session", params=[False, True], ids=["float", "int4"])
def folder(request, tmp_path_factory):
    """What a user drops in: a model, its tokenizer, no configuration."""
    return write_decoder(tmp_path_factory.mktemp("text") / "decoder", is_int4=request.param)


@pytest.fixture
def model(folder):
    return TextModel(folder)


def _greedy_without_cache(folder, ids, count):
    """The slow way: every token runs the whole text again."""
    session = ort.InferenceSession(str(folder / "model.onnx"))
    empty = np.zeros((1, SHAPE.kv_heads, 0, SHAPE.head), np.float32)
    feed = {v.name: empty for v in session.get_inputs() if v.name.startswith("past")}
    chosen = []
    for _ in range(count):
        given = np.array([[*ids[0], *chosen]], np.int64)
        feed |= {"input_ids": given, "attention_mask": np.ones_like(given)}
        chosen.append(int(session.run(["logits"], feed)[0][0, -1].argmax()))
    return chosen


def test_the_cache_changes_no_token(model, folder):
    """Bound outputs of one run are the inputs of the next, and the answer is that of the slow way."""
    ids = model.encode("how warm is it?")
    chosen = []
    for logits in itertools.islice(model._steps(ids, chosen), 12):
        chosen.append(int(logits.argmax()))  # noqa: PERF401 the model reads it between the steps
    assert chosen == _greedy_without_cache(folder, ids, 12)


def test_pieces_make_up_the_whole_answer_and_stop_at_the_limit(model):
    """What streams down is the text, in whole characters."""
    pieces = list(model.answer(model.encode("hello"), 20))
    assert [piece.tokens for piece in pieces] == list(range(1, 21))
    assert [piece.ended for piece in pieces[:-1]] == [None] * 19
    assert pieces[-1].ended is Ended.TOKENS


def test_a_stopped_answer_costs_no_further_token(model):
    """A deadline is kept by asking for no more."""
    answer = model.answer(model.encode("hello"), 1000)
    assert next(answer).tokens == 1
    answer.close()


def test_a_sampled_answer_is_repeatable_by_its_seed(model):
    """The same seed, the same answer; another seed, in all likelihood another one."""
    said = {
        seed: ["".join(p.text for p in model.answer(model.encode("hi"), 24, s)) for s in [
            Sampling(1.5, seed=seed)] * 2]
        for seed in (1, 2)
    }  # fmt: skip
    assert said[1][0] == said[1][1]
    assert said[1] != said[2]


def test_the_end_token_of_the_configuration_ends_an_answer(model, folder, tmp_path):
    """The token is not shown."""
    first = next(iter(model._steps(model.encode("hello"), [])))
    for name in ("model.onnx", "model.onnx.data", "tokenizer.json"):
        if (folder / name).exists():
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    config = {"eos_token_id": [3, int(first.argmax())]}
    (tmp_path / "generation_config.json").write_text(json.dumps(config))
    (piece,) = TextModel(tmp_path).answer(model.encode("hello"), 5)
    assert piece.ended is Ended.END
    assert piece.text == ""


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("", AskRefusal.EMPTY),
        (" \n", AskRefusal.EMPTY),
        ("x " * 3000, AskRefusal.TOO_LONG),
        ("x" * (PROMPT_BYTES_MAX + 1), AskRefusal.TOO_LONG),
    ],
)
def test_a_prompt_outside_the_limits_is_refused_with_a_reason(model, prompt, reason):
    """Before the model sees it."""
    with pytest.raises(AskError) as refused:
        model.encode(prompt)
    assert refused.value.reason is reason


def test_what_is_missing_is_named(tmp_path):
    """One line that names the file."""
    with pytest.raises(ModelError, match=r"tokenizer\.json: no such file"):
        TextModel(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="not a tokenizer"):
        TextModel(tmp_path)
    write_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(ModelError, match=r"model\.onnx: no such file"):
        TextModel(tmp_path)


def test_four_bit_levels_are_near_the_weights():
    """Half a step at most."""
    matrix = np.random.default_rng(1).normal(size=(64, 8)).astype(np.float32)
    packed, scales = quantise_int4(matrix)
    levels = np.stack([packed & 15, packed >> 4], axis=-1).reshape(8, 2, 32).astype(np.float32) - 8
    back = (levels * scales.reshape(8, 2, 1)).reshape(8, 64).T
    assert np.abs(back - matrix).max() <= scales.max() / 2 + 1e-6
