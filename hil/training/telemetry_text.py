"""Train the tiny decoder that answers questions about the payload's telemetry.

It has the architecture of the Qwen3 family at 1/2000 of the size, so the path that a large model takes
is tested with meaning. Facts and questions are drawn from templates; answers repeat the right fact.

    python -m hil.training.telemetry_text --out flight_sw/models/telemetry-text
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from hil.applications.decoder_graph import DecoderShape, build_decoder, rotary_angles
from hil.applications.telemetry_questions import END, START, draw_dialogue

SEED = 5
STEPS = 1300
BATCH = 32
LEARNING_RATE = 4e-3
VOCABULARY = 448
TEST_QUESTIONS = 300
SHAPE = DecoderShape(2, 64, 4, 2, 32, 128, VOCABULARY, 512, rotary_base=10_000.0)
PAD = -100


class Decoder(torch.nn.Module):
    """The torch twin of `hil.applications.decoder_graph`; matrices are (inputs, outputs)."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        s = shape
        sizes = {"embed": (s.vocabulary, s.wide), "head": (s.wide, s.vocabulary), "norm": (s.wide,)}
        for i in range(s.layers):
            sizes |= {
                f"layer{i}.q": (s.wide, s.heads * s.head),
                f"layer{i}.k": (s.wide, s.kv_heads * s.head),
                f"layer{i}.v": (s.wide, s.kv_heads * s.head),
                f"layer{i}.o": (s.heads * s.head, s.wide),
                f"layer{i}.gate": (s.wide, s.hidden),
                f"layer{i}.up": (s.wide, s.hidden),
                f"layer{i}.down": (s.hidden, s.wide),
                f"layer{i}.norm1": (s.wide,),
                f"layer{i}.norm2": (s.wide,),
                f"layer{i}.q_norm": (s.head,),
                f"layer{i}.k_norm": (s.head,),
            }
        self.weights = torch.nn.ParameterDict(
            {
                name.replace(".", "/"): torch.nn.Parameter(
                    torch.ones(size) if len(size) == 1 else torch.randn(size) * size[0] ** -0.5
                )
                for name, size in sizes.items()
            }
        )
        angles = torch.tensor(rotary_angles(shape), dtype=torch.float32)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def w(self, name: str) -> torch.Tensor:
        """A weight by its name in the graph."""
        return self.weights[name.replace(".", "/")]

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (batch, tokens, vocabulary)."""
        x = self.w("embed")[ids]
        for i in range(self.shape.layers):
            at = f"layer{i}"
            x = x + self.attend(self.norm(x, f"{at}.norm1"), at)
            y = self.norm(x, f"{at}.norm2")
            gate = torch.nn.functional.silu(y @ self.w(f"{at}.gate"))
            x = x + (gate * (y @ self.w(f"{at}.up"))) @ self.w(f"{at}.down")
        return self.norm(x, "norm") @ self.w("head")

    def attend(self, y: torch.Tensor, at: str) -> torch.Tensor:
        """Causal grouped-query attention."""
        s, (batch, tokens, _) = self.shape, y.shape
        query = self.norm(
            (y @ self.w(f"{at}.q")).view(batch, tokens, s.heads, s.head), f"{at}.q_norm"
        )
        key = self.norm(
            (y @ self.w(f"{at}.k")).view(batch, tokens, s.kv_heads, s.head), f"{at}.k_norm"
        )
        value = (y @ self.w(f"{at}.v")).view(batch, tokens, s.kv_heads, s.head)
        query, key, value = (t.transpose(1, 2) for t in (query, key, value))
        groups = s.heads // s.kv_heads
        key = self.turn(key).repeat_interleave(groups, 1)
        mixed = torch.nn.functional.scaled_dot_product_attention(
            self.turn(query), key, value.repeat_interleave(groups, 1), is_causal=True
        )
        return mixed.transpose(1, 2).reshape(batch, tokens, -1) @ self.w(f"{at}.o")

    def turn(self, x: torch.Tensor) -> torch.Tensor:
        """Rotary positions, halves apart."""
        tokens = x.shape[2]
        cos, sin = self.cos[:tokens], self.sin[:tokens]
        first, second = x.chunk(2, -1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Root mean square norm."""
        mean = x.pow(2).mean(-1, keepdim=True)
        return x * torch.rsqrt(mean + self.shape.epsilon) * self.w(name)


def main() -> None:
    """Train tokenizer and decoder, check the graph against the twin, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    tokenizer = make_tokenizer()
    model = fit(tokenizer, arguments.steps)
    path = arguments.out / "model.onnx"
    build_decoder(path, SHAPE, lambda name, _: model.w(name).detach().numpy().copy(), is_int4=False)
    check(model, path)
    tokenizer.save(str(arguments.out / "tokenizer.json"))
    end = tokenizer.token_to_id(END)
    (arguments.out / "generation_config.json").write_text(json.dumps({"eos_token_id": end}) + "\n")
    right = measure(model, tokenizer)
    card = {
        "name": "telemetry-text",
        "purpose": "Answers questions about the telemetry that its prompt carries; a test of the path.",
        "data": "templates of hil.applications.telemetry_questions, drawn anew for every step",
        "training_command": "python -m hil.training.telemetry_text --out "
        "flight_sw/models/telemetry-text",
        "metrics": {"test_questions": TEST_QUESTIONS, "exact_answers": round(right, 4)},
        "baseline": {
            "what": "always the first fact",
            "exact_answers": round(1 / 7, 4),
        },
        "limits": "It knows these questions and these facts; it is no general language model. "
        "Numbers are drawn evenly, so small ones are rare in training and more often wrong.",
    }
    (arguments.out / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False, width=100))
    print(f"exact answers {right:.3f}")


def make_tokenizer() -> Tokenizer:
    """Byte-level pairs learnt from the templates; digits stay single."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    chance = np.random.default_rng(SEED)
    texts = ["".join(draw_dialogue(chance)) for _ in range(500)]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def fit(tokenizer: Tokenizer, steps: int) -> Decoder:
    """Next-token training on the answers alone."""
    model = Decoder(SHAPE)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    chance = np.random.default_rng(SEED + 1)
    for step in range(steps):
        ids, wanted = draw_batch(tokenizer, chance)
        loss = torch.nn.functional.cross_entropy(
            model(ids).flatten(0, 1), wanted.flatten(), ignore_index=PAD
        )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: loss {float(loss.detach()):.4f}", flush=True)
    return model.eval()


def draw_batch(
    tokenizer: Tokenizer, chance: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and wanted next ids; the prompt weighs nothing."""
    rows = []
    for _ in range(BATCH):
        prompt, answer = (tokenizer.encode(text).ids for text in draw_dialogue(chance))
        rows.append((prompt + answer, [PAD] * (len(prompt) - 1) + answer + [PAD]))
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros((BATCH, longest), dtype=torch.long)
    wanted = torch.full((BATCH, longest), PAD)
    for row, (given, target) in enumerate(rows):
        ids[row, : len(given)] = torch.tensor(given)
        wanted[row, : len(target)] = torch.tensor(target)
    return ids, wanted


def check(model: Decoder, path: Path) -> None:
    """The graph must compute what the twin does; ValueError if it does not."""
    ids = torch.arange(10, 40)[None]
    session = ort.InferenceSession(str(path))
    empty = np.zeros((1, SHAPE.kv_heads, 0, SHAPE.head), np.float32)
    feed = {i.name: empty for i in session.get_inputs() if i.name.startswith("past")}
    feed |= {"input_ids": ids.numpy(), "attention_mask": np.ones((1, 30), np.int64)}
    with torch.no_grad():
        expected = model(ids).numpy()
    found = session.run(["logits"], feed)[0]
    if not np.allclose(found, expected, atol=1e-3):
        raise ValueError(f"graph and twin differ by {np.abs(found - expected).max():.3g}")


def measure(model: Decoder, tokenizer: Tokenizer) -> float:
    """Share of unseen draws answered word for word."""
    chance = np.random.default_rng(SEED + 2)
    right = 0
    for _ in range(TEST_QUESTIONS):
        prompt, answer = draw_dialogue(chance)
        ids = tokenizer.encode(prompt).ids
        wanted = tokenizer.encode(answer).ids
        with torch.no_grad():
            both = model(torch.tensor([ids + wanted]))[0].argmax(-1)
        right += both[len(ids) - 1 : -1].tolist() == wanted
    return right / TEST_QUESTIONS


if __name__ == "__main__":
    main()
