"""A question over the space link: words as they come down, then the time of every stage.

Queue, prefill and decode are the payload's own figures. The two ways over the link are worked out from
bytes on the line and a stated rate, for the line at hand may be faster than the one to come.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flight_sw.dictionary.field import Value
from flight_sw.errors import UserError
from hil.ground.client import Ground
from hil.ground.reports import Declared, JobConfirmed, JobFailed, ModelReport, Report, Result
from hil.ground.reports import Withdrawal as WithdrawalReport
from hil.ground.request import ANSWER_S, GroundError

CONFIRM_S = 5.0  # for the scrub pass behind an answer
MODELS_S = 2.0
# CADU of a frame as shipped: marker 4, RS code blocks included where the profile asks for them.
FRAME_BYTES: Final = 450
FRAME_DATA_BYTES: Final = 400  # a little less than a frame of 446 bytes carries
REPORT_BYTES: Final = 64  # packet header, time and fields around the text of a result

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What goes up; `within_s` is the deadline of the job, in seconds."""

    job: int
    slot: int
    prompt: str
    tokens: int
    within_s: float
    temperature: float = 0.0
    seed: int = 0
    protection: str = "standard"

    @property
    def arguments(self) -> dict[str, Value]:
        """Those of the telecommand."""
        return {
            "job": self.job,
            "model": self.slot,
            "protection": self.protection,
            "priority": 1,
            "deadline": self.within_s,
            "tokens": self.tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "prompt": self.prompt.encode(),
        }


@dataclass(slots=True)
class Answer:
    """What came down, and how long it took."""

    text: str = ""
    streamed: str = ""
    attempt: int = 0
    tokens: int = 0
    ended: str = ""
    digest: str = ""
    confirmed: bool = False
    first_word_s: float | None = None  # on the line at hand, since the question was sent
    whole_s: float | None = None
    up_bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether text and times are here."""
        return bool(self.attempt and self.ended)

    def stages(self, rate_bit_per_s: float) -> dict[str, float]:
        """Seconds of every stage, at a link of this rate."""
        frames = -(-(len(self.text.encode()) + 2 * REPORT_BYTES) // FRAME_DATA_BYTES)
        return {
            "uplink_s": self.up_bytes * 8 / rate_bit_per_s,
            **{f"{name}_s": self.seconds.get(name, 0.0) for name in ("queue", "prefill", "decode")},
            "downlink_s": frames * FRAME_BYTES * 8 / rate_bit_per_s,
        }


def ask_over_link(ground: Ground, question: Question, say: Say) -> Answer:
    """Send it and collect the answer; `say` gets words as they come.

    Raises:
        CommandFailed: the payload takes no such question; the reason says why.
        GroundError: it was taken, and no answer came.
    """
    ground.poll()
    sent_s, before = time.monotonic(), ground.bytes_up
    ground.send("ask-model", **question.arguments).done()
    answer = Answer(up_bytes=ground.bytes_up - before)
    end_s = sent_s + question.within_s + ANSWER_S
    while not answer.is_whole:
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            raise GroundError(f"no answer within {question.within_s:g} s; {ground.why_silent()}")
        for one in ground.poll(min(left_s, 0.5)):
            _take(answer, one, question.job, say, time.monotonic() - sent_s)
    answer.whole_s = time.monotonic() - sent_s
    end_s = time.monotonic() + CONFIRM_S
    while not answer.confirmed and answer.is_whole and time.monotonic() < end_s:
        for one in ground.poll(0.5):
            _take(answer, one, question.job, say, time.monotonic() - sent_s)
    return answer


def find_text_slot(ground: Ground, within_s: float = MODELS_S) -> int:
    """The first slot with a language model; UserError if the board has none."""
    ground.send("report-models").done()
    found: list[int] = []

    def look() -> bool:
        models = [one for one in ground.reports if isinstance(one, ModelReport)]
        found.extend(model.slot for model in models if model.output_bytes == 0)
        return bool(found)

    if not ground.wait_until(look, within_s):
        raise UserError(
            "the board has no language model; upload one: "
            "vanallen model upload telemetry-text --slot 16"
        )
    return found[-1]


def _take(answer: Answer, one: Report, job: int, say: Say, now_s: float) -> None:
    if isinstance(one, JobFailed) and one.job == job:
        raise GroundError(f"the payload could not answer: {one.reason.name}")
    if isinstance(one, WithdrawalReport) and one.job == job:
        say("\n(taken back, for the weights were found damaged; it is answered again)\n")
        answer.attempt, answer.ended, answer.text, answer.streamed = 0, "", "", ""
    elif isinstance(one, Result) and one.job == job:
        answer.attempt, answer.digest = one.attempt, one.digest
        answer.text = one.output.decode(errors="replace")
    elif isinstance(one, JobConfirmed) and one.job == job:
        answer.confirmed = True
    elif isinstance(one, Declared) and one.values.get("job") == job:
        _take_declared(answer, one, say, now_s)


def _take_declared(answer: Answer, one: Declared, say: Say, now_s: float) -> None:
    values = one.values
    if one.name == "answer-part":
        text = bytes(values["text"]).decode(errors="replace")  # type: ignore[arg-type]
        answer.streamed += text
        answer.first_word_s = answer.first_word_s or now_s
        say(text)
    elif one.name == "answer-times":
        answer.tokens, answer.ended = int(values["tokens"]), str(values["ended"]).lower()
        answer.seconds = {name: float(values[name]) for name in ("queue", "prefill", "decode")}
