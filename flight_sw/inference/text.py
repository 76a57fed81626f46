"""Text in, text out: a decoder in plain onnxruntime, token by token, with limits on everything.

Any decoder exported with `input_ids`, `attention_mask`, optional `position_ids` and
`past_key_values.N.key/value` will do: every shape is read from the graph, none is worked out from a
configuration (in the Qwen3 family a head is 128 wide where width over heads says 64). What a layer has
seen stays in onnxruntime's own memory: outputs of one run are bound as inputs of the next.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from flight_sw.errors import ModelError
from flight_sw.inference.manifest import TOKENIZER_FILE
from flight_sw.inference.question import ANSWER_TOKENS_MAX, PROMPT_BYTES_MAX
from flight_sw.inference.runtime import RUNTIME_ERRORS, one_line, session_options
from flight_sw.inference.tensors import Tensor

MODEL_FILE = "model.onnx"
CONFIG_FILES = ("generation_config.json", "genai_config.json")
PROMPT_TOKENS_MAX = 2048
TOP_K = 40
_PAST, _PRESENT = "past_key_values.", "present."
_UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # what half a character decodes to
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}

Ids = npt.NDArray[np.int64]


@unique
class Ended(Enum):
    """Why an answer ended."""

    END = "end"  # the model said so
    TOKENS = "tokens"  # the limit of tokens
    DEADLINE = "deadline"  # the caller stopped it
    NONFINITE = "nonfinite"  # the logits are no numbers: suspect the weights


@unique
class AskRefusal(Enum):
    """Why a question is not taken."""

    EMPTY = "empty_prompt"
    TOO_LONG = "prompt_too_long"


class AskError(ModelError):
    """A question that cannot be asked; `reason` is what goes over the link."""

    def __init__(self, reason: AskRefusal, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen: the likeliest at temperature 0, else drawn, repeatably by seed."""

    temperature: float = 0.0
    top_k: int = TOP_K
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """One token of an answer: its text (whole characters only), and at the last one why it ended."""

    text: str
    tokens: int
    ended: Ended | None = None


class _Config(msgspec.Struct):
    """What is read of a generation configuration."""

    eos_token_id: int | list[int] = []


class TextModel:
    """A decoder and its tokenizer: those of a folder, or a session that is loaded already.

    Args:
        session: with the weights to compute with; None opens the folder's own model.
        handed: weights that the session wants given to it, by name.
        ends: tokens that end an answer; None asks the folder's configuration.

    Raises:
        ModelError: a file is missing, or this is no decoder with a cache.
    """

    def __init__(
        self,
        folder: Path,
        session: ort.InferenceSession | None = None,
        ends: frozenset[int] | None = None,
        handed: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> None:
        path = folder / MODEL_FILE
        self._tokenizer = _read_tokenizer(folder / TOKENIZER_FILE)
        self._ends = read_ends(folder) if ends is None else ends
        self._session = session or _open(path)
        self._handed = {
            name: ort.OrtValue.ortvalue_from_numpy(value) for name, value in handed.items()
        }
        self._inputs = {value.name: value for value in self._session.get_inputs()}
        self._pasts = [name for name in self._inputs if name.startswith(_PAST)]
        outputs = {value.name for value in self._session.get_outputs()}
        presents = {name.replace(_PAST, _PRESENT) for name in self._pasts}
        needed = {"input_ids", "attention_mask"}
        if not self._pasts or not presents <= outputs or not needed <= set(self._inputs):
            raise ModelError(
                f"{path}: not a decoder with a cache; export it with past_key_values and present"
            )

    def encode(self, prompt: str) -> Ids:
        """Tokens of a prompt.

        Raises:
            AskError: it is empty, or longer than the limits.
        """
        if not prompt.strip():
            raise AskError(AskRefusal.EMPTY, "the prompt is empty; ask something")
        size = len(prompt.encode())
        if size > PROMPT_BYTES_MAX:
            raise AskError(
                AskRefusal.TOO_LONG, f"the prompt has {size} bytes of {PROMPT_BYTES_MAX}"
            )
        ids = np.array([self._tokenizer.encode(prompt).ids], np.int64)
        if ids.shape[1] > PROMPT_TOKENS_MAX:
            raise AskError(
                AskRefusal.TOO_LONG, f"the prompt has {ids.shape[1]} tokens of {PROMPT_TOKENS_MAX}"
            )
        return ids

    def answer(self, ids: Ids, limit: int, sampling: Sampling | None = None) -> Iterator[Piece]:
        """Tokens as they come; stop asking for more to stop at a deadline."""
        chosen: list[int] = []
        shown = ""
        chance = np.random.default_rng(sampling.seed if sampling else 0)
        limit = min(limit, ANSWER_TOKENS_MAX)
        for logits in self._steps(ids, chosen):
            if not np.isfinite(logits).all():
                yield Piece("", len(chosen), Ended.NONFINITE)
                return
            token = _choose(logits, sampling or Sampling(), chance)
            if token in self._ends:
                yield Piece("", len(chosen), Ended.END)
                return
            chosen.append(token)
            text = self._tokenizer.decode(chosen)
            is_last = len(chosen) >= limit
            whole = text if is_last else text.rstrip(_UNFINISHED)
            yield Piece(whole[len(shown) :], len(chosen), Ended.TOKENS if is_last else None)
            shown = whole
            if is_last:
                return

    def _steps(self, ids: Ids, chosen: list[int]) -> Iterator[npt.NDArray[np.float32]]:
        """Logits after the prompt, then after each token that the caller appended to `chosen`."""
        binding = self._session.io_binding()
        for name, value in self._handed.items():
            binding.bind_ortvalue_input(name, value)
        for name in self._pasts:
            binding.bind_ortvalue_input(name, self._empty(name))
        done, fresh = 0, ids
        while True:
            self._bind(binding, fresh, done)
            self._session.run_with_iobinding(binding)
            outputs = binding.get_outputs()
            done += fresh.shape[1]
            yield np.asarray(outputs[0].numpy()[0, -1], np.float32)
            for name, value in zip(self._pasts, outputs[1:], strict=True):
                binding.bind_ortvalue_input(name, value)
            fresh = np.array([[chosen[-1]]], np.int64)

    def _bind(self, binding: Any, fresh: Ids, done: int) -> None:
        total = done + fresh.shape[1]
        binding.bind_cpu_input("input_ids", fresh)
        binding.bind_cpu_input("attention_mask", np.ones((1, total), np.int64))
        if "position_ids" in self._inputs:
            binding.bind_cpu_input("position_ids", np.arange(done, total, dtype=np.int64)[None])
        binding.clear_binding_outputs()
        binding.bind_output("logits", "cpu")
        for name in self._pasts:
            binding.bind_output(name.replace(_PAST, _PRESENT), "cpu")

    def _empty(self, name: str) -> ort.OrtValue:
        """A cache of no positions: open dimensions are batch 1 and length 0."""
        value = self._inputs[name]
        fixed = [size if isinstance(size, int) else 0 for size in value.shape]
        shape = [1, *fixed[1:]]
        return ort.OrtValue.ortvalue_from_shape_and_type(shape, _DTYPES[value.type], "cpu")


def _open(path: Path) -> ort.InferenceSession:
    if not path.is_file():
        raise ModelError(f"{path}: no such file; a text model is a folder with {MODEL_FILE}")
    options = session_options(ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        raise ModelError(f"{path}: onnxruntime refuses it: {one_line(error)}") from error


def _choose(
    logits: npt.NDArray[np.float32], sampling: Sampling, chance: np.random.Generator
) -> int:
    if sampling.temperature <= 0:
        return int(logits.argmax())
    count = min(max(1, sampling.top_k), logits.size)
    best = np.argpartition(logits, -count)[-count:]
    weights = np.exp((logits[best] - logits[best].max()).astype(np.float64) / sampling.temperature)
    return int(chance.choice(best, p=weights / weights.sum()))


def _read_tokenizer(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"{path}: no such file; put the model's {TOKENIZER_FILE} beside it")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ModelError("text models need `tokenizers`: pip install 'vanallen[text]'") from error
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:
        raise ModelError(f"{path}: not a tokenizer: {one_line(error)}") from error


def read_ends(folder: Path) -> frozenset[int]:
    """Tokens that end an answer; none where no configuration names them."""
    for name in CONFIG_FILES:
        path = folder / name
        if not path.is_file():
            continue
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_Config).eos_token_id
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: cannot be read: {error}") from error
        return frozenset([found] if isinstance(found, int) else found)
    return frozenset()
