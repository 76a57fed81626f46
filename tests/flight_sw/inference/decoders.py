"""Small decoders of the Qwen3 family with random weights, as a user drops them in."""

from pathlib import Path

import pytest

from hil.applications.decoder_graph import DecoderShape, build_decoder, random_weights

tokenizers = pytest.importorskip("tokenizers")
# A head is 32 wide although width over heads is 16, as in that family.
SHAPE = DecoderShape(2, 64, 4, 2, 32, 96, 260, 256, rotary_base=10_000.0)


def write_decoder(folder: Path, *, is_int4: bool) -> Path:
    """A folder with a model and its tokenizer, and no configuration."""
    folder.mkdir()
    build_decoder(folder / "model.onnx", SHAPE, random_weights(1), is_int4=is_int4)
    write_tokenizer(folder / "tokenizer.json")
    return folder


def write_tokenizer(path: Path) -> None:
    """One of bytes, with hardly a merge."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    level = tokenizers.pre_tokenizers.ByteLevel
    tokenizer.pre_tokenizer = level(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=260, initial_alphabet=level.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["a b"], trainer)
    tokenizer.save(str(path))
