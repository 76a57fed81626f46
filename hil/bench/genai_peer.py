"""The peer for decoding, onnxruntime-genai, where it is installed: the same graph, its own loop."""

import importlib.util
import json
import statistics
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from flight_sw.inference.text import MODEL_FILE, Sampling, TextModel
from hil.applications.decoder_graph import DecoderShape

CONFIG_FILE: Final = "genai_config.json"
ROUNDS: Final = 7


def is_installed() -> bool:
    """Whether there is a peer to compare with."""
    return importlib.util.find_spec("onnxruntime_genai") is not None


def ours_over_peer(folder: Path, shape: DecoderShape, ids: np.ndarray, tokens: int) -> float:
    """Tokens per second of thread CPU time, ours over the peer's: median of rounds in turn."""
    import onnxruntime_genai as peer

    ours = TextModel(folder)
    (folder / CONFIG_FILE).write_text(json.dumps(_config(shape)))
    theirs = peer.Model(str(folder))

    def our_s() -> float:
        answer = ours.answer(ids, tokens, Sampling())
        next(answer)
        started_s = time.thread_time()
        count = sum(1 for _ in answer)
        return (time.thread_time() - started_s) / count

    def their_s() -> float:
        parameters = peer.GeneratorParams(theirs)
        parameters.set_search_options(max_length=ids.shape[1] + tokens, do_sample=False)
        generator = peer.Generator(theirs, parameters)
        generator.append_tokens(ids.astype(np.int32))
        generator.generate_next_token()
        started_s = time.thread_time()
        for _ in range(tokens - 1):
            generator.generate_next_token()
        return (time.thread_time() - started_s) / (tokens - 1)

    return statistics.median(their_s() / our_s() for _ in range(ROUNDS))


def _config(shape: DecoderShape) -> dict[str, Any]:
    decoder = {
        "session_options": {"intra_op_num_threads": 1, "inter_op_num_threads": 1},
        "filename": MODEL_FILE,
        "head_size": shape.head,
        "hidden_size": shape.wide,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "inputs": {
            "input_ids": "input_ids",
            "attention_mask": "attention_mask",
            "past_key_names": "past_key_values.%d.key",
            "past_value_names": "past_key_values.%d.value",
        },
        "outputs": {
            "logits": "logits",
            "present_key_names": "present.%d.key",
            "present_value_names": "present.%d.value",
        },
    }
    decoder["session_options"]["provider_options"] = []  # type: ignore[index]
    model = {
        "type": "qwen3",
        "vocab_size": shape.vocabulary,
        "context_length": shape.positions,
        "bos_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": [shape.vocabulary - 1],
        "decoder": decoder,
    }
    search = {"do_sample": False, "max_length": shape.positions, "past_present_share_buffer": False}
    return {"model": model, "search": search}
