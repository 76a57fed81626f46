"""The ground as a test engineer wants it.

    with Ground("tcp://127.0.0.1:5540", keys, state, profile) as ground:
        ground.send("set-mode", mode="NOMINAL").done()
        ground.expect(event="board-up", within_s=20)

One thread: nothing is received but inside `poll`, `expect`, `send` and the waits of a request. The
link comes back by itself when the controller is restarted; what was under way then gets no answer.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from flight_sw.dictionary import events, telecommands
from flight_sw.dictionary.field import Value
from flight_sw.errors import DecodeError, UserError
from flight_sw.link_profile import file_apid
from flight_sw.profile import Profile
from flight_sw.space_link.keys import KeySet
from flight_sw.space_link.packet import TC_DATA_BYTES_MAX, Telemetry
from hil.ground import cfdp_requests as transfer
from hil.ground.archive import Archive
from hil.ground.cfdp import GroundFiles
from hil.ground.cfdp_requests import FILE_S, Progress, unwatched
from hil.ground.history import History
from hil.ground.link import GroundLink, PendingUplink, Tap
from hil.ground.reports import EventReport, Housekeeping, Report, Stage, Verification, decode_report
from hil.ground.request import ANSWER_S, NoAnswer, NotSeen, Request
from hil.ground.spelling import nearest

CONNECT_S = 2.0
FIRST_HOUSEKEEPING_S = 2.0
WINDOW = 16  # telecommands without any verification; more would only fill buffers
UNANSWERED_S = 2 * ANSWER_S  # then a telecommand counts as lost
REQUESTS_MAX = 2_000  # accepted telecommands remembered until their last verification
KNOCK_S = 1.0  # for the answer to a ping that only makes the payload store a higher counter
PUMP_S = 0.1  # longest wait in one go, so that reconnects and commits are not late
COMMIT_PERIOD_S = 1.0
LINK_STRUCTURE = 2  # housekeeping with the counters of the link

R = TypeVar("R", bound=Report)


@dataclass(slots=True)
class LinkCounts:
    """What went up and what came of it, since the ground was made."""

    tc_sent: int = 0
    tc_accepted: int = 0
    tc_rejected: int = 0
    tc_done: int = 0
    tc_failed: int = 0
    tc_unanswered: int = 0
    packets: int = 0
    packets_bad: int = 0
    frames_bad: int = 0
    connects: int = 0


class Ground:
    """The ground's end of one space link.

    Args:
        url: `tcp://host:port`, or a serial port as `/dev/ttyUSB0@921600`.
        state: folder for the counters, which must survive; the same for all programs of one ground.
        profile: the board's, for the names and framing of the link.
        archive: where to keep what comes down; closed with the ground.
        up: during a key change, the keys of the uplink.
    """

    def __init__(
        self,
        url: str,
        keys: KeySet,
        state: Path,
        profile: Profile,
        archive: Archive | None = None,
        up: PendingUplink | None = None,
    ) -> None:
        self.url = url
        self.counts = LinkCounts()
        self._link = GroundLink(url, keys, state, profile, up)
        self.files = GroundFiles(profile.spacecraft.id, file_apid(profile))
        self._archive = archive
        self._history = History()
        self._polled = 0
        self._latest: dict[int, Housekeeping] = {}
        self._requests: dict[int, Request] = {}
        self._commit_at_s = 0.0
        self._greeted = 0

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def connect(self, within_s: float = CONNECT_S) -> None:
        """Open the link, trying until the time is up, and wait shortly for first housekeeping.

        Raises:
            PortError: nobody answers there, or the port cannot be opened.
        """
        self._link.connect(within_s)
        self._greet()

    def close(self) -> None:
        """Send what waits, keep counters and archive, and hang up; closing twice is harmless."""
        if self._link.is_open:
            self.wait_until(lambda: self._link.is_flushed, CONNECT_S)
        self._link.close()
        archive, self._archive = self._archive, None
        if archive is not None:
            archive.close()

    def send(self, name: str, /, **values: Value) -> Request:
        """Send one telecommand; waits while the link is down or WINDOW others have no answer.

        Raises:
            UserError: no such command or argument, or a value that does not fit; the text names it.
            NoAnswer: the link stayed down, or the window full, for UNANSWERED_S.
        """
        command = telecommands.BY_NAME.get(name)
        if command is None:
            raise UserError(f"no telecommand {name!r}; {nearest(name, telecommands.BY_NAME)}")
        data = _encoded(command, values)
        self._make_room(name)
        request_id = self._link.send(command.service, command.subtype, data)
        request = Request(int.from_bytes(request_id, "big"), name, time.monotonic(), self)
        self._requests[request.id] = request
        self.counts.tc_sent += 1
        if self._archive is not None:
            self._archive.command(time.time(), request.id, name, values)
        return request

    def listen(self, tap: Tap | None) -> int:
        """Let `tap` hear every byte of the line from now on; the next telecommand's counter."""
        self._link.tap = tap
        return self._link.next_counter

    def inject(self, data: bytes) -> None:
        """Put raw bytes on the uplink, as somebody else's transmitter would."""
        self._link.inject(data)

    def forget(self) -> None:
        """Receive what waits, then let no report so far answer any further expectation."""
        self.wait_until(lambda: True, 0.0)
        self._history = History()
        self._polled = 0

    def arm(self, name: str, /, **values: Value) -> Request:
        """Allow one critical telecommand with just these arguments for the next 30 s.

        Raises:
            UserError: as `send`, or the telecommand is not critical.
        """
        command = telecommands.BY_NAME.get(name)
        if command is not None and not command.critical:
            raise UserError(f"{name} is not critical: send it without arming")
        if command is not None:
            _encoded(command, values)
            return self.send("arm", **telecommands.arming(name, values))
        return self.send(name, **values)  # which says what is wrong with the name

    def replay_last(self) -> int:
        """Send the last telecommand's bytes again, as an eavesdropper would; a payload refuses them.

        Returns the number of bytes. Raises UserError if there is no last telecommand.
        """
        return self._link.replay_last()

    def put_file(
        self, slot: int, content: bytes, within_s: float = FILE_S, progress: Progress = unwatched
    ) -> None:
        """Fill an empty slot of the payload; TransferFailed says why it did not work."""
        transfer.put(self, slot, content, within_s, progress)

    def get_file(
        self, slot: int, within_s: float = FILE_S, progress: Progress = unwatched
    ) -> bytes:
        """The verified file in a slot; CommandFailed if there is none, TransferFailed if it is lost."""
        self.send("send-file", slot=slot).done()
        return transfer.get(self, slot, within_s, progress)

    def poll(self, timeout_s: float = 0.0) -> list[Report]:
        """Receive for at most this long and return every report since the last poll."""
        self.wait_until(lambda: self._history.end > self._polled, timeout_s)
        new = self._history.since(self._polled)
        self._polled = self._history.end
        return new

    def expect(
        self,
        report: type[R] | None = None,
        *,
        event: str | None = None,
        within_s: float = ANSWER_S,
        where: Callable[[R], bool] | None = None,
        fresh: bool = False,
    ) -> R:
        """Wait for a report of this kind, or for an event of this name, that `where` agrees to.

        Reports that came earlier count too, but each answers one expectation only; `fresh` looks at
        later ones alone. Raises NotSeen when the time is up.
        """
        matches = _matcher(report, event, where)
        found: list[Report] = []
        at = self._history.end if fresh else 0

        def look() -> bool:
            nonlocal at
            claimed, at = self._history.claim(matches, at)
            found.extend([] if claimed is None else [claimed])
            return bool(found)

        if not self.wait_until(look, within_s):
            wanted = event or (report.__name__ if report else "")
            raise NotSeen(f"no {wanted} within {within_s:g} s; {self.why_silent()}")
        return found[0]  # type: ignore[return-value]

    def housekeeping(self, structure: int = 1) -> Housekeeping | None:
        """The newest sample of a structure since the link came up, None before the first."""
        return self._latest.get(structure)

    @property
    def reports(self) -> list[Report]:
        """Every report still remembered, oldest first."""
        return self._history.since(0)

    @property
    def waiting(self) -> int:
        """Telecommands that have no verification yet."""
        return sum(request.stage is None for request in self._requests.values())

    @property
    def bytes_up(self) -> int:
        """Bytes of all telecommands so far, as they went to the line."""
        return self._link.bytes_up

    @property
    def is_connected(self) -> bool:
        """Whether the line is open; it says nothing about who is behind it."""
        return self._link.is_open

    def wait_until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Receive until the condition holds; False when the time is up."""
        end_s = time.monotonic() + within_s
        while True:
            self._receive()
            if condition():
                return True
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return False
            now_s = time.monotonic()
            files_s = self.files.wake_at(now_s) - now_s if self._link.has_room_for_files else PUMP_S
            self._link.wait(max(min(left_s, PUMP_S, files_s), 0.0))

    def why_silent(self) -> str:
        """What is known about a missing answer, for the person who waits for it."""
        known = self._link.why_silent()
        if known is not None:
            return known
        if self.counts.packets == 0:
            return "no telemetry at all: is a controller at the other end, and the profile its own?"
        link = self._latest.get(LINK_STRUCTURE)
        if link is None:
            return "telemetry comes, but no housekeeping yet"
        return f"frames refused by the payload since its boot: {int(link.values['frames_refused'])}"

    def _make_room(self, name: str) -> None:
        def has_room() -> bool:
            self._forget_old()
            return self._link.has_room and self.waiting < WINDOW

        if not self.wait_until(has_room, UNANSWERED_S):
            raise NoAnswer(f"{name}: not sent; {self.why_silent()}")
        if self._greeted != self._link.opens:
            self._greet()
        if self._link.is_ahead():
            self._knock()

    def _greet(self) -> None:
        """Once per opening: a controller that was restarted has moved its counter."""
        self._greeted = self._link.opens
        self.wait_until(lambda: self._link.is_synced, FIRST_HOUSEKEEPING_S)

    def _knock(self) -> None:
        """Make the payload store a higher counter, at the cost of a ping that it may refuse."""
        seen = self._history.end
        ping = telecommands.BY_NAME["ping"]
        self._link.send(ping.service, ping.subtype, b"")
        self.wait_until(lambda: any(map(_answers_knock, self._history.since(seen))), KNOCK_S)

    def _forget_old(self) -> None:
        limit_s = time.monotonic() - UNANSWERED_S
        for request in list(self._requests.values()):
            if request.stage is None and request.sent_s < limit_s:
                del self._requests[request.id]
                self.counts.tc_unanswered += 1
        while len(self._requests) > REQUESTS_MAX:
            del self._requests[next(iter(self._requests))]

    def _receive(self) -> None:
        packets = self._link.receive()
        self.files.set_linked(linked=self._link.is_open)
        if self._link.opens != self.counts.connects:
            self.counts.connects = self._link.opens
            self._latest.clear()
        for packet in packets:
            self._take(packet)
        room = self._link.has_room_for_files
        self.files.step(time.monotonic(), self._link.send_bare, room=room)
        self.counts.frames_bad = self._link.frames_bad
        if self._archive is not None and time.monotonic() >= self._commit_at_s:
            self._commit_at_s = time.monotonic() + COMMIT_PERIOD_S
            self._archive.commit()

    def _take(self, packet: bytes) -> None:
        self.counts.packets += 1
        try:
            if self.files.is_file_packet(packet):
                self.files.receive(packet)
                return
            telemetry = Telemetry.unpack(packet)
            report = decode_report(telemetry)
        except DecodeError:
            self.counts.packets_bad += 1
            return
        if self._archive is not None:
            self._archive.packet(telemetry, time.time())
            self._archive.report(report)
        if isinstance(report, Verification):
            self._verify(report)
        elif isinstance(report, Housekeeping):
            self._latest[report.structure] = report
            if report.structure == LINK_STRUCTURE:
                self._link.follow(int(report.values["tc_counter_next"]))
        self._history.add(report)

    def _verify(self, verification: Verification) -> None:
        request = self._requests.get(verification.request)
        if request is None:
            return
        if request.stage is None:
            accepted = verification.stage is not Stage.NOT_ACCEPTED
            self.counts.tc_accepted += accepted
            self.counts.tc_rejected += not accepted
        self.counts.tc_done += verification.stage is Stage.DONE
        self.counts.tc_failed += verification.stage is Stage.FAILED
        request.stages.append(verification)
        if request.is_final:
            del self._requests[request.id]


def _answers_knock(report: Report) -> bool:
    refused = isinstance(report, EventReport) and report.name == "frames-refused"
    return refused or isinstance(report, Verification)


def _encoded(command: telecommands.Command, values: dict[str, Value]) -> bytes:
    try:
        data = command.encode(values)
    except ValueError as error:
        raise UserError(f"{command.name}: {error}") from error
    if len(data) > TC_DATA_BYTES_MAX:
        raise UserError(
            f"{command.name}: {len(data)} bytes do not fit one packet of {TC_DATA_BYTES_MAX}"
        )
    return data


def _matcher(
    report: type[R] | None, event: str | None, where: Callable[[R], bool] | None
) -> Callable[[Report], bool]:
    if event is not None and event not in events.BY_NAME:
        raise UserError(f"no event {event!r}; {nearest(event, events.BY_NAME)}")
    kind = EventReport if event is not None else report
    if kind is None:
        raise UserError("expect a kind of report, or the name of an event")

    def matches(one: Report) -> bool:
        if not isinstance(one, kind):
            return False
        if isinstance(one, EventReport) and event is not None and one.name != event:
            return False
        return where is None or where(one)  # type: ignore[arg-type]

    return matches
