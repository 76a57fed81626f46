"""`vanallen bench ask`: tokens per second of our own decode loop, with random weights of known shapes.

A small decoder in float and in 4 bits, and the shape of Qwen3-0.6B in 4 bits: what it says is noise, how
fast it says it is not. The peer, onnxruntime-genai, is reported absent where it is not installed.
"""

import json
import shutil
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from flight_sw.inference.manifest import TOKENIZER_FILE
from flight_sw.inference.text import Sampling, TextModel
from hil.applications.decoder_graph import (
    QWEN3_06B,
    DecoderShape,
    build_decoder,
    random_weights,
)
from hil.applications.models import MODELS_DIR, TEXT_MODEL
from hil.bench import genai_peer
from hil.bench.int4_shape import SMALL
from hil.bench.mapped import scratch

PROMPT_TOKENS, ANSWER_TOKENS = 64, 64
LOOP_TOKENS, LOOP_S_MAX = 256, 20.0  # the goal for an answer of the large shape, the link left out
VS_GENAI_MIN: Final = 0.85
FREE_BYTES_MIN: Final = 3 << 30


def run() -> dict[str, Any]:
    """Figures per shape, the goal beside them."""
    figures: dict[str, Any] = {}
    with scratch() as folder:
        figures["small_float"] = _measure(folder / "small-float", SMALL, is_int4=False)
        figures["small_int4"] = _measure(folder / "small-int4", SMALL, is_int4=True)
        has_room = shutil.disk_usage(folder).free > FREE_BYTES_MIN
        large = _measure(folder / "large", QWEN3_06B, is_int4=True) if has_room else None
    figures["qwen3_0.6b_shape_int4"] = large or "not run: too little shared memory"
    goals = {}
    if large is not None:
        answer_s = large["prefill_s"] + LOOP_TOKENS / large["ask_tokens_per_s"]
        figures["qwen3_0.6b_answer_of_256_tokens_s"] = answer_s
        goals["answer_within_20_s"] = answer_s <= LOOP_S_MAX
    ratios = [value["ask_vs_genai"] for value in figures.values() if isinstance(value, dict)]
    if genai_peer.is_installed():
        goals["ask_vs_genai"] = min(ratios) >= VS_GENAI_MIN
    return figures | {"goals": goals}


def _measure(folder: Path, shape: DecoderShape, *, is_int4: bool) -> dict[str, Any]:
    folder.mkdir()
    build_decoder(folder / "model.onnx", shape, random_weights(1), is_int4=is_int4)
    shutil.copyfile((MODELS_DIR / TEXT_MODEL) / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": []}))
    started_s = time.monotonic()
    model = TextModel(folder)
    load_s = time.monotonic() - started_s
    ids = np.random.default_rng(1).integers(0, 256, (1, PROMPT_TOKENS))
    peer: float | str = "absent"
    if genai_peer.is_installed():
        peer = genai_peer.ours_over_peer(folder, shape, ids, ANSWER_TOKENS)
    shutil.rmtree(folder)  # mapped files stay until the session is gone
    started_s = time.monotonic()
    answer = model.answer(ids, ANSWER_TOKENS, Sampling())
    next(answer)
    prefill_s = time.monotonic() - started_s
    cpu_s = time.thread_time()
    tokens = sum(1 for _ in answer)
    cpu_s = time.thread_time() - cpu_s
    decode_s = time.monotonic() - started_s - prefill_s
    return {
        "load_s": load_s,
        "prefill_s": prefill_s,
        "ask_tokens_per_s": tokens / decode_s,
        "tokens_per_cpu_s": tokens / cpu_s,  # what an idle core would give
        "ask_vs_genai": peer,
    }
