"""Takes down a flight while it happens: what came from the payload, and what we did to it.

Everything goes as one line of JSON each into the run's log, at once, so that a flight that ends badly
has left its story too. What a person wants to follow also goes to the terminal.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from hil.campaign.plots import PlantSample, ReportedSample
from hil.campaign.record import Answer, Event, Injection
from hil.campaign.report import EventLine, Step
from hil.campaign.story import Source, Story
from hil.ground.reports import (
    EventReport,
    Housekeeping,
    JobConfirmed,
    JobFailed,
    ModelReport,
    Report,
    Result,
    Withdrawal,
)

# Long runs of these would drown the story; they stay in the log and in the report.
TOLD_FULLY_MAX = 40


class Recorder:
    """Mission time starts when this is made."""

    def __init__(self, log: Path, story: Story) -> None:
        self.events: list[Event] = []
        self.answers: list[Answer] = []
        self.injections: list[Injection] = []
        self.withdrawn: set[tuple[int, int]] = set()
        self.confirmed: set[tuple[int, int]] = set()
        self.failed: dict[int, str] = {}
        self.models: dict[int, ModelReport] = {}
        self.plant: list[PlantSample] = []
        self.reported: list[ReportedSample] = []
        self.lines: list[EventLine] = []
        self.steps: list[Step] = []
        self.housekeeping: dict[int, Housekeeping] = {}
        self._final: dict[int, int] = {}
        self._told: dict[str, int] = {}
        self._story = story
        self._log = log.open("wb")
        self._started_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._log.close()

    @property
    def now_s(self) -> float:
        """Mission time on the ground's clock."""
        return time.monotonic() - self._started_s

    @property
    def answered(self) -> int:
        """Jobs that have a valid result, or a reported failure, right now."""
        return len(self._final) + len(self.failed)

    def is_answered(self, job: int) -> bool:
        """Whether the job has a valid result or a reported failure right now."""
        return job in self._final or job in self.failed

    def phase(self, title: str) -> None:
        """A heading in the story."""
        self._story.phase(title)

    def ground(self, sentence: str, **values: Any) -> None:
        """Something that the ground did."""
        self._happened(Source.GROUND, sentence, 1, values)

    def rig(self, sentence: str, severity: int = 1, **values: Any) -> None:
        """Something that was done to the stack from outside."""
        self._happened(Source.RIG, sentence, severity, values)

    def injected(self, injection: Injection, sentence: str) -> None:
        """A fault was put in, or did not land."""
        self.injections.append(injection)
        self._happened(Source.RIG, sentence, 1, {"injection": injection})

    def sample(self, sample: PlantSample) -> None:
        """What is true on the board."""
        self.plant.append(sample)
        self._write({"at_s": sample.at_s, "who": "PLANT", "values": sample})

    def take_all(self, reports: Iterable[Report]) -> None:
        """Reports of the payload, in order."""
        before = len(self.withdrawn)
        for report in reports:
            self._take(report)
        if len(self.withdrawn) > before:
            self._tell_withdrawals(len(self.withdrawn) - before)

    def _tell_withdrawals(self, count: int) -> None:
        what = "1 result is" if count == 1 else f"{count} results are"
        sentence = f"{what} no longer beyond doubt: taken back and computed again"
        self._happened(Source.CTRL, sentence, 2, {"withdrawals": count})

    def _take(self, report: Report) -> None:
        match report:
            case EventReport():
                self._take_event(report)
            case Result():
                self._take_result(report)
            case Withdrawal():
                self._take_withdrawal(report)
            case JobConfirmed():
                self.confirmed.add((report.job, report.attempt))
            case JobFailed():
                self.failed[report.job] = report.reason.name
                why = report.reason.name.lower().replace("_", " ")
                self._happened(
                    Source.CTRL, f"Job {report.job} ended without a result: {why}", 3, {}
                )
            case Housekeeping():
                self._take_housekeeping(report)
            case ModelReport():
                self.models[report.slot] = report
            case _:
                pass  # verifications are the ground client's own affair

    def _take_event(self, report: EventReport) -> None:
        self.events.append(Event(self.now_s, report.name, dict(report.values)))
        source = Source.BOARD if report.name in _OF_BOARD else Source.CTRL
        values = {"event": report.name, **report.values}
        self._happened(source, report.sentence, report.severity.value, values)

    def _take_result(self, report: Result) -> None:
        answer = Answer(self.now_s, report.job, report.attempt, report.model, report.output)
        self.answers.append(answer)
        if (report.job, report.attempt) not in self.withdrawn:
            self._final[report.job] = report.attempt
        self._write(
            {
                "at_s": answer.at_s,
                "who": "CTRL",
                "what": "result",
                "job": report.job,
                "attempt": report.attempt,
                "model": report.model,
                "frequency_mhz": report.frequency,
                "elapsed_s": report.elapsed,
            }
        )

    def _take_withdrawal(self, report: Withdrawal) -> None:
        self.withdrawn.add((report.job, report.attempt))
        if self._final.get(report.job) == report.attempt:
            del self._final[report.job]
        self._write(
            {
                "at_s": self.now_s,
                "who": "CTRL",
                "what": "withdrawal",
                "job": report.job,
                "attempt": report.attempt,
            }
        )

    def _take_housekeeping(self, report: Housekeeping) -> None:
        self.housekeeping[report.structure] = report
        if report.structure != 1:
            return
        values = report.values
        is_up = values["board"] == "UP"
        sample = ReportedSample(
            self.now_s,
            float(values["temp"]) if values["temp_known"] else None,
            float(values["power"]) if is_up else 0.0,
            float(values["frequency"]) if is_up else 0.0,
        )
        self.reported.append(sample)
        self._write({"at_s": sample.at_s, "who": "CTRL", "what": "housekeeping", **values})

    def _happened(
        self, source: Source, sentence: str, severity: int, values: Mapping[str, Any]
    ) -> None:
        at_s = self.now_s
        self.lines.append(EventLine(at_s, source.name, sentence, severity))
        self._write({"at_s": at_s, "who": source.name, "what": sentence, **values})
        kind = str(values.get("event", "withdrawals" if "withdrawals" in values else source.name))
        told = self._told[kind] = self._told.get(kind, 0) + 1
        if told <= TOLD_FULLY_MAX:
            self._story.tell(at_s, source, sentence, severity)
        elif told == TOLD_FULLY_MAX + 1:
            self._story.tell(at_s, source, f"(further reports of {kind}: see the report)", 1)

    def _write(self, line: Mapping[str, Any]) -> None:
        self._log.write(msgspec.json.encode(line) + b"\n")
        self._log.flush()


_OF_BOARD = frozenset(
    {
        "board-up",
        "worker-restarted",
        "model-protected",
        "model-unprotected",
        "model-refused",
        "page-corrected",
        "page-rebuilt",
        "check-repaired",
        "page-lost",
        "page-retired",
    }
)
