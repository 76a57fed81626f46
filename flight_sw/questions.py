"""Questions to a language model: from telecommand to job, and from what the board says to reports."""

from flight_sw.board_link import messages as m
from flight_sw.dictionary.field import Value
from flight_sw.dictionary.reason import Reason
from flight_sw.inference.job import Job, Protection
from flight_sw.inference.question import PROMPT_BYTES_MAX, AskInput, pack_ask
from flight_sw.services.report import Channel, Report, report

SETTLE_S = 0.5  # kept of the deadline, so that an answer cut short still comes back in time


def question_job(arguments: dict[str, Value], now: float) -> Job | Reason:
    """The job that `ask-model` asks for, or why there is none."""
    raw = arguments["prompt"]
    if not isinstance(raw, bytes) or len(raw) > PROMPT_BYTES_MAX:
        return Reason.TOO_LARGE
    try:
        prompt = raw.decode()
    except UnicodeDecodeError:
        return Reason.BAD_FORMAT
    if not prompt.strip():
        return Reason.EMPTY
    question = AskInput(
        prompt=prompt,
        tokens=int(arguments["tokens"]),
        temperature=float(arguments["temperature"]),
        seed=int(arguments["seed"]),
    )
    return Job(
        id=int(arguments["job"]),
        slot=int(arguments["model"]),
        input=pack_ask(question),
        deadline_s=now + float(arguments["deadline"]),
        priority=int(arguments["priority"]),
        protection=Protection(arguments["protection"]),
        is_text=True,
        admitted_s=now,
    )


def within_s(job: Job, now: float) -> float:
    """What the board may spend on a question that it gets now."""
    left_s = job.deadline_s - now
    return max(left_s - SETTLE_S, left_s / 2)


def part_report(part: m.AnswerPart) -> Report:
    """Words of an answer on its way."""
    return report(
        "answer-part",
        Channel.RESULTS,
        job=part.job,
        attempt=part.attempt,
        first=part.first,
        text=part.text.encode(),
    )


def times_report(result: m.JobResult, queue_s: float) -> Report:
    """How long an answer took, stage by stage; `queue_s` from admission to its start, and between."""
    return report(
        "answer-times",
        Channel.RESULTS,
        job=result.job,
        attempt=result.attempt,
        tokens=result.tokens,
        ended=result.ended.upper(),
        queue=max(queue_s, 0.0),
        prefill=result.prefill_s,
        decode=max(result.elapsed_s - result.prefill_s, 0.0),
    )
