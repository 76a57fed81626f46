"""Golden answers for a board whose processor is not ours: its own, given before any fault.

Floats of another processor differ in their last bits, so the twin on this machine can vouch for an
answer within a tolerance only, and a flipped bit may hide in that. The unharmed board's own answer has
no such gap. It counts if the twin agrees within the tolerance, a clean scrub pass confirmed it, and the
board gives it a second time to the bit.
"""

from collections.abc import Mapping, Sequence

from hil.applications.golden import GoldenTwin, within_tolerance
from hil.campaign.board_kind import TOLERANCE
from hil.ground.reports import JobConfirmed, Result
from hil.rig.infrastructure import BoardUnavailable
from hil.rig.running import RunningBoard

ANSWER_S = 60.0
TIMES = 2


def own_answers(
    board: RunningBoard, model: str, inputs: Sequence[bytes], twin: GoldenTwin
) -> Mapping[bytes, bytes]:
    """The unharmed board's answer to each input.

    Raises:
        BoardUnavailable: two answers differ, or one is not the twin's within the tolerance.
        GroundError: an answer does not come.
    """
    board.to_nominal()
    return {data: _own_answer(board, model, data, twin) for data in inputs}


def _own_answer(board: RunningBoard, model: str, data: bytes, twin: GoldenTwin) -> bytes:
    answers = {_ask(board, model, data) for _ in range(TIMES)}
    answer = min(answers)
    outputs = twin.description.outputs
    if len(answers) > 1:
        raise BoardUnavailable(f"{model}: the unharmed board gives two answers to one input")
    if not within_tolerance(answer, twin.answer(data), outputs, TOLERANCE):
        raise BoardUnavailable(
            f"{model}: the unharmed board's answer is not the twin's within {TOLERANCE:g}; "
            "does it serve the same model?"
        )
    return answer


def _ask(board: RunningBoard, model: str, data: bytes) -> bytes:
    job, limit_s = board.next_job(), board.within(ANSWER_S)
    board.ground.send(
        "submit-job",
        job=job,
        model=board.model(model).slot,
        protection="standard",
        priority=1,
        deadline=limit_s,
        input=data,
    )
    answer = board.ground.expect(Result, where=lambda one: one.job == job, within_s=limit_s)
    board.ground.expect(JobConfirmed, where=lambda one: one.job == job, within_s=limit_s)
    return answer.output
