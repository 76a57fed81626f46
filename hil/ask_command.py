"""`vanallen ask`: a question to a language model, with the time of every stage told apart.

The model runs on this machine, as it would on a board. The two ways over the link are worked out from
the bytes and the stated rate: nothing is sent, and the output says so.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from flight_sw.errors import UserError
from flight_sw.inference.text import Ended, Piece, Sampling, TextModel
from hil.applications.models import MODELS_DIR
from hil.applications.telemetry_questions import facts_of, prompt_of

SHIPPED = MODELS_DIR / "telemetry-text"
PACKET_BYTES = 64  # frame, security and packet headers around a question or an answer, rounded up
EXAMPLE = {
    "temperature": 45.2,
    "power": 2.5,
    "clock": 1800,
    "jobs": 12,
    "flips": 3,
    "restarts": 0,
    "mode": "NOMINAL",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its limits.

    Args:
        facts: telemetry as name=value; none: an example. The shipped model has only seen all of
            them together.
        rate: of the link in bit/s, for the times up and down.
    """

    question: str
    facts: tuple[str, ...]
    tokens: int
    within_s: float
    rate: float
    sampling: Sampling


@dataclass(slots=True)
class Stages:
    """Seconds of every stage; up- and downlink are worked out, the others measured."""

    uplink_s: float = 0.0
    queue_s: float = 0.0
    load_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    downlink_s: float = 0.0


def ask(asked: Asked, folder: Path | None, *, as_json: bool) -> int:
    """Ask, show the answer as it comes, then the times; 0 if the model came to an end."""
    facts = facts_of(_facts(asked.facts))
    if not asked.question.strip():
        raise UserError("the question is empty; ask something")
    prompt = prompt_of(facts, asked.question)
    stages = Stages(uplink_s=_link_s(prompt, asked.rate))
    started_s = time.monotonic()
    model = TextModel(folder or SHIPPED)
    stages.load_s = time.monotonic() - started_s
    text, last = _stream(model, prompt, asked, stages, quiet=as_json)
    stages.downlink_s = _link_s(text, asked.rate)
    ended = last.ended.value if last.ended else Ended.DEADLINE.value
    figures = {
        "answer": text,
        "ended": ended,
        "tokens": last.tokens,
        "tokens_per_s": last.tokens / stages.decode_s if stages.decode_s else None,
        "stages": asdict(stages),
        "rate_bit_per_s": asked.rate,
        "link": "worked out, nothing was sent",
    }
    typer.echo(json.dumps(figures) if as_json else _told(figures, stages))
    return 0 if ended == Ended.END.value else 1


def _stream(
    model: TextModel, prompt: str, asked: Asked, stages: Stages, *, quiet: bool
) -> tuple[str, Piece]:
    """The answer piece by piece, until it ends or the time is up."""
    started_s = time.monotonic()
    text, last = "", Piece("", 0)
    for piece in model.answer(model.encode(prompt), asked.tokens, asked.sampling):
        now_s = time.monotonic() - started_s
        if not last.tokens and not text:
            stages.prefill_s = now_s
        text, last = text + piece.text, piece
        if not quiet:
            typer.echo(piece.text, nl=False)
        if now_s > asked.within_s and piece.ended is None:
            last = Piece("", piece.tokens, Ended.DEADLINE)
            break
    stages.decode_s = time.monotonic() - started_s - stages.prefill_s
    return text, last


def _told(figures: dict[str, object], stages: Stages) -> str:
    parts = "  ".join(f"{name[:-2]} {value:.3f} s" for name, value in asdict(stages).items())
    rate = figures["rate_bit_per_s"]
    return f"\n\n{parts}\n(up and down worked out for {rate:g} bit/s; nothing was sent)"


def _facts(given: tuple[str, ...]) -> dict[str, float | str]:
    values: dict[str, float | str] = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or name not in EXAMPLE:
            raise UserError(f"--fact {pair}: write NAME=VALUE; names: {', '.join(EXAMPLE)}")
        try:
            values[name] = value if name == "mode" else float(value)
        except ValueError as error:
            raise UserError(f"--fact {pair}: {value!r} is no number") from error
    return values or dict(EXAMPLE)


def _link_s(text: str, rate: float) -> float:
    return (len(text.encode()) + PACKET_BYTES) * 8 / rate
