"""`vanallen ask`: a question to a language model on the board, with the time of every stage told apart.

Without a payload that flies already, one is started for this question alone: an emulated board whose
worker computes on live, protected weights, and a controller between it and the space link.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import typer

from flight_sw.errors import UserError
from hil import board_files
from hil.applications.models import TEXT_MODEL, find_model
from hil.applications.telemetry_questions import facts_of, prompt_of
from hil.campaign.folder import RunFolder
from hil.campaign.stack import Setup, Stack, start_stack
from hil.ground.ask import Answer, Question, Say, ask_over_link, find_text_slot
from hil.ground.client import Ground
from hil.ground.reports import ModelReport
from hil.ground.request import GroundError
from hil.ground.send_command import Bench
from hil.rig.model_slots import compile_for

BOARD = "emulated"
SLOT = 1
EXAMPLE: dict[str, float | str] = {
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
    temperature: float = 0.0
    seed: int = 0
    protection: str = "standard"


def ask(asked: Asked, model: str | None, bench: Bench | None, *, as_json: bool) -> int:
    """Ask, show the answer as it comes, then the times; 0 if the model came to an end.

    Args:
        model: name or folder, for a payload started here; else the shipped tiny one.
        bench: a payload that flies already, or None.

    Raises:
        UserError: the question or the model cannot be used; one line with the remedy.
        GroundError: the payload refused it, or gave no answer.
    """
    facts = facts_of(_facts(asked.facts))
    if not asked.question.strip():
        raise UserError("the question is empty; ask something")
    prompt = prompt_of(facts, asked.question)
    quiet = as_json

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, nl=False)

    if bench is not None:
        with bench.ground() as ground:
            answer = _ask(ground, find_text_slot(ground), prompt, asked, say)
    else:
        answer = _ask_started(model or TEXT_MODEL, prompt, asked, say)
    _tell(answer, asked, as_json=as_json)
    return 0 if answer.ended == "end" else 1


def _ask(ground: Ground, slot: int, prompt: str, asked: Asked, say: Say) -> Answer:
    question = Question(
        job=int(time.time()) & 0xFFFFFFFF,
        slot=slot,
        prompt=prompt,
        tokens=asked.tokens,
        within_s=asked.within_s,
        temperature=asked.temperature,
        seed=asked.seed,
        protection=asked.protection,
    )
    return ask_over_link(ground, question, say)


def _ask_started(model: str, prompt: str, asked: Asked, say: Say) -> Answer:
    """Start a payload, ask it, and stop it again."""
    profile = board_files.read_board(BOARD)
    compiled = compile_for(profile, {SLOT: find_model(model)}, _note)
    with tempfile.TemporaryDirectory(prefix="vanallen-ask-") as root:
        setup = Setup(
            folder=RunFolder(Path(root)),
            profile_file=board_files.find_board(BOARD),
            profile=profile,
            compiled=compiled,
            seed=1,
            time_scale=1.0,
        )
        with start_stack(setup) as stack:
            _bring_up(stack)
            return _ask(stack.ground, SLOT, prompt, asked, say)


def _bring_up(stack: Stack) -> None:
    """Until the model is proven live on the board."""
    ground, wait = stack.ground, stack.patience
    _note("An emulated board starts; the weights are proven live as they load ...")
    is_safe = ground.wait_until(lambda: _mode(ground) == "SAFE", wait.board_up_s)
    if not is_safe:
        raise GroundError(f"the payload does not boot; {ground.why_silent()}")
    ground.send("set-mode", mode="NOMINAL").done()
    told = ground.expect(ModelReport, within_s=wait.board_up_s + wait.models_s)
    _note(
        f"Slot {told.slot}: {told.name}, {told.weight_bytes} bytes of weights, "
        f"{told.coverage:.2%} proven live"
    )


def _mode(ground: Ground) -> object:
    sample = ground.housekeeping()
    return None if sample is None else sample.values["mode"]


def _tell(answer: Answer, asked: Asked, *, as_json: bool) -> None:
    stages, decode_s = answer.stages(asked.rate), answer.seconds.get("decode", 0.0)
    per_s = (answer.tokens - 1) / decode_s if decode_s and answer.tokens > 1 else None
    if as_json:
        figures = {
            "answer": answer.text,
            "streamed": answer.streamed == answer.text,
            "ended": answer.ended,
            "attempt": answer.attempt,
            "tokens": answer.tokens,
            "tokens_per_s": per_s,
            "stages": stages,
            "rate_bit_per_s": asked.rate,
            "up_and_down": "worked out from bytes and rate",
            "digest": answer.digest,
            "confirmed": answer.confirmed,
            "first_word_s": answer.first_word_s,
            "whole_s": answer.whole_s,
        }
        typer.echo(json.dumps(figures))
        return
    parts = "  ".join(f"{name[:-2]} {value:.3f} s" for name, value in stages.items())
    state = "confirmed by a clean scrub pass" if answer.confirmed else "not confirmed yet"
    typer.echo(
        f"\n\n{parts}\n(up and down worked out for {asked.rate:g} bit/s; the rest as the payload "
        f"measured it)\n{answer.tokens} tokens, ended by {answer.ended}; weights {answer.digest}, "
        f"attempt {answer.attempt}, {state}"
    )


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")


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
    return values or {**EXAMPLE}
