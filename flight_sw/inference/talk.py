"""One answer in words on its way: tokens run in short turns, so that the worker still hears the node."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from flight_sw.inference.device_load import DeviceModel
from flight_sw.inference.load import LiveModel
from flight_sw.inference.question import AskInput
from flight_sw.inference.runtime import RUNTIME_ERRORS, one_line
from flight_sw.inference.text import AskError, AskRefusal, Ended, Piece, Sampling, TextModel
from flight_sw.inference.worker_messages import Ask, Done, EndWord, Failed, RunFailure, Talk
from flight_sw.inference.worker_messages import Piece as PieceMessage

TURN_S = 0.1  # between two looks at the pipe, and between two pieces

_REFUSED = {
    AskRefusal.EMPTY: RunFailure.EMPTY_PROMPT,
    AskRefusal.TOO_LONG: RunFailure.PROMPT_TOO_LONG,
}
_ENDS: dict[Ended, EndWord] = {
    Ended.END: "end",
    Ended.TOKENS: "tokens",
    Ended.DEADLINE: "deadline",
}
TalkReply = PieceMessage | Done | Failed


def speaker(model: LiveModel | DeviceModel, live_dir: Path) -> TextModel | None:
    """What speaks with the live weights; None for a model of tensors."""
    facts = model.manifest.text
    if facts is None:
        return None
    handed = model.handed if isinstance(model, LiveModel) else {}
    return TextModel(live_dir, model.session, frozenset(facts.ends), handed)


class TalkTurns:
    """An answer, turn by turn.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, ask: Ask, model: TextModel, clock: Callable[[], float]) -> None:
        self.job_id = ask.job_id
        self.ended = False
        self._ask = ask
        self._model = model
        self._clock = clock
        self._start_s = clock()
        self._pieces: Iterator[Piece] | None = None
        self._prefill_s: float | None = None
        self._text = ""
        self._tokens = 0

    def turn(self) -> list[TalkReply]:
        """Speak for a turn: what to send, the last time with the whole answer."""
        begin_s, begin_tokens, said = self._clock(), self._tokens, ""
        try:
            pieces = self._begin() if self._pieces is None else self._pieces
            while True:
                piece = next(pieces)
                if self._prefill_s is None:
                    self._prefill_s = self._clock() - self._start_s
                self._tokens = piece.tokens
                said += piece.text
                late = self._clock() - self._start_s > self._ask.within_s
                if piece.ended is not None or late:
                    return self._end(begin_tokens, said, piece.ended or Ended.DEADLINE)
                if self._clock() - begin_s >= TURN_S:
                    break
        except AskError as error:
            return self._fail(_REFUSED[error.reason], str(error))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._fail(RunFailure.SHAPE, str(error))
        except RUNTIME_ERRORS as error:
            return self._fail(RunFailure.RUNTIME, one_line(error))
        self._text += said
        return [PieceMessage(self.job_id, begin_tokens, said)] if said else []

    def stop(self) -> TalkReply:
        """Cut it off."""
        return self._fail(RunFailure.CANCELLED, "stopped")[0]

    def _begin(self) -> Iterator[Piece]:
        question = msgspec.msgpack.decode(self._ask.input, type=AskInput)
        ids = self._model.encode(question.prompt)
        sampling = Sampling(question.temperature, seed=question.seed)
        self._pieces = self._model.answer(ids, question.tokens, sampling)
        return self._pieces

    def _end(self, first: int, said: str, ended: Ended) -> list[TalkReply]:
        if ended is Ended.NONFINITE:
            return self._fail(RunFailure.NONFINITE, "logits hold NaN or infinity")
        self.ended = True
        self._text += said
        talk = Talk(self._tokens, self._prefill_s or 0.0, _ENDS[ended])
        elapsed_s = self._clock() - self._start_s
        done = Done(self.job_id, self._text.encode(), elapsed_s, talk)
        return [PieceMessage(self.job_id, first, said), done] if said else [done]

    def _fail(self, reason: RunFailure, detail: str) -> list[TalkReply]:
        self.ended = True
        return [Failed(self.job_id, reason, detail[:300])]
