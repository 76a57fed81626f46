"""A question to a language model as it travels in a job, with the limits that hold before any token."""

import msgspec

PROMPT_BYTES_MAX = 32_768  # before any token is made of it
ANSWER_TOKENS_MAX = 1024


class AskInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question; `temperature` 0 takes the likeliest token, else `seed` makes the draw repeatable."""

    prompt: str
    tokens: int
    temperature: float = 0.0
    seed: int = 0


def pack_ask(question: AskInput) -> bytes:
    """As bytes of a job."""
    return msgspec.msgpack.encode(question)
