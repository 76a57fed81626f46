"""Telemetry as facts in a prompt, and questions about it with their right answers.

The chat format is that of the Qwen family, so a user's own model takes the same prompt.
"""

from collections.abc import Mapping

import numpy as np

START, END = "<|im_start|>", "<|im_end|>"
UNKNOWN = "That is not in my telemetry."
_NUMBERS = {
    "temperature": ("C", 0.0, 90.0, 1),
    "power": ("W", 1.0, 9.0, 1),
    "clock": ("MHz", 600, 1800, 0),
    "jobs": ("done", 0, 999, 0),
    "flips": ("repaired", 0, 999, 0),
    "restarts": ("of the worker", 0, 30, 0),
}
_MODES = ("SAFE", "NOMINAL", "DEGRADED")
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("How warm is the board?", "What is the temperature?", "Is it hot?"),
    "power": ("How much power do you draw?", "What is the power?"),
    "clock": ("How fast is the clock?", "What is the clock frequency?"),
    "jobs": ("How many jobs are done?", "What about the jobs?"),
    "flips": ("How many bit flips were repaired?", "What did radiation do?", "Any flips?"),
    "restarts": ("How often did the worker restart?", "Any restarts?"),
    "mode": ("Which mode are you in?", "What is the mode?", "Are you in SAFE?"),
    "": ("Will it rain?", "Who are you?", "What is the meaning of life?"),
}
_ANSWERS = {
    "temperature": "The board is at {}.",
    "power": "The board draws {}.",
    "clock": "The clock runs at {}.",
    "jobs": "Jobs: {}.",
    "flips": "Bit flips: {}.",
    "restarts": "Restarts: {}.",
    "mode": "The mode is {}.",
}


def prompt_of(facts: Mapping[str, str], question: str) -> str:
    """The whole prompt: facts as the system's words, then the question."""
    told = "; ".join(f"{name} {value}" for name, value in facts.items())
    return f"{START}system\n{told}{END}\n{START}user\n{question}{END}\n{START}assistant\n"


def facts_of(values: Mapping[str, float | str]) -> dict[str, str]:
    """Facts in the order and with the units that the tiny model learnt."""
    facts = {}
    for name, (unit, _, _, digits) in _NUMBERS.items():
        if name in values:
            facts[name] = f"{float(values[name]):.{digits}f} {unit}"
    if "mode" in values:
        facts["mode"] = str(values["mode"])
    return facts


def right_answer(topic: str, facts: Mapping[str, str]) -> str:
    """What should be said about a topic; the empty topic is about nothing that is known."""
    return _ANSWERS[topic].format(facts[topic]) if topic else UNKNOWN


def draw_facts(chance: np.random.Generator) -> dict[str, str]:
    """Telemetry of a payload that could be."""
    values: dict[str, float | str] = {
        name: float(chance.uniform(low, high)) for name, (_, low, high, _) in _NUMBERS.items()
    }
    return facts_of({**values, "mode": str(chance.choice(_MODES))})


def draw_dialogue(chance: np.random.Generator) -> tuple[str, str]:
    """A prompt and the answer with its end mark."""
    facts = draw_facts(chance)
    topic = str(chance.choice(list(QUESTIONS)))
    question = str(chance.choice(QUESTIONS[topic]))
    return prompt_of(facts, question), right_answer(topic, facts) + END
