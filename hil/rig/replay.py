"""A recording against the decoder of today: the bytes of a link beside the packets that are in them.

Up goes through the payload's receiver, down through the ground's, with the keys of the recording. A
frame that once passed and no longer does is a decoder's regression, and shows here without a board.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from flight_sw.devices.storage import read_key_file
from flight_sw.dictionary.telecommands import find
from flight_sw.errors import DecodeError
from flight_sw.link_profile import file_apid, link_settings
from flight_sw.space_link.keys import parse_keys
from flight_sw.space_link.link import TcReceiver, TmReceiver
from flight_sw.space_link.packet import BarePacket, Telecommand, Telemetry, packet_apid
from flight_sw.space_link.sdls import COUNTER_END, TM_WINDOW
from hil.board_files import read_board
from hil.ground.reports import (
    Declared,
    EventReport,
    Housekeeping,
    Report,
    Result,
    Verification,
    decode_report,
)
from hil.rig.link_log import Chunk, read_recording

HEX_BYTES = 16  # of each chunk, beside its packets
CONNECTION = 1


@dataclass(slots=True)
class Replayed:
    """What a recording came to."""

    bytes_up: int = 0
    bytes_down: int = 0
    telecommands: int = 0
    reports: int = 0
    file_units: int = 0
    refused: int = 0
    losses: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every frame passed."""
        return self.refused == 0

    def __str__(self) -> str:
        return (
            f"{self.bytes_up} B up, {self.bytes_down} B down: {self.telecommands} telecommands, "
            f"{self.reports} reports, {self.file_units} file units, {self.refused} refused, "
            f"{self.losses} line losses"
        )


def replay(path: Path, keys: Path | None = None) -> Replayed:
    """Decode a recording; `keys` takes the place of the key file that it names.

    Raises:
        UserError: recording, key file or profile cannot be read.
    """
    head, chunks = read_recording(path)
    profile = read_board(head.profile)
    file = keys or path.parent / head.keys
    secrets = parse_keys(read_key_file(file), str(file))
    settings = link_settings(profile)
    uplink = TcReceiver(secrets.tc, settings, head.tc_counter)
    downlink = TmReceiver(secrets.tm, settings, 0, TM_WINDOW)
    for end in (uplink, downlink):
        end.security.ceiling_confirmed(COUNTER_END)
    decoder = _Decoder(uplink, downlink, file_apid(profile))
    for chunk in chunks:
        decoder.take(chunk)
    decoder.end()
    return decoder.found


class _Decoder:
    """Both directions at once, in the order of their times."""

    def __init__(self, uplink: TcReceiver, downlink: TmReceiver, files: int) -> None:
        self.found = Replayed()
        self._uplink, self._downlink, self._files = uplink, downlink, files

    def take(self, chunk: Chunk) -> None:
        """One chunk: its bytes, then what they complete."""
        found = self.found
        if chunk.way in ("opened", "lost", "note"):
            found.losses += chunk.way == "lost"
            found.lines.append(f"{_clock(chunk.at_s)}  {chunk.way:<6} {chunk.text}")
            if chunk.way == "opened":
                self._downlink.reset()
                self._uplink.disconnect(CONNECTION)
            return
        data = chunk.data
        arrow = ">>" if chunk.way == "up" else "<<"
        head = data[:HEX_BYTES].hex(" ") + (" …" if len(data) > HEX_BYTES else "")
        found.lines.append(f"{_clock(chunk.at_s)}  {arrow} {len(data):>5} B  {head}")
        if chunk.way == "up":
            found.bytes_up += len(data)
            self._up(data)
        else:
            found.bytes_down += len(data)
            self._down(data)

    def end(self) -> None:
        """Count what the ground refused."""
        refused = self._downlink.refusals.total()
        self.found.refused += refused
        if refused:
            self._say(f"telemetry frames refused: {refused}")

    def _up(self, data: bytes) -> None:
        for item in self._uplink.feed(CONNECTION, data):
            if isinstance(item, Telecommand):
                self.found.telecommands += 1
                self._say(_telecommand(item))
            elif isinstance(item, BarePacket):
                self.found.file_units += 1
                self._say(f"file unit, {len(item.data)} B")
            else:
                self.found.refused += 1
                self._say(f"frame refused: {item.reason.name}")

    def _down(self, data: bytes) -> None:
        for _, packet in self._downlink.feed(data):
            if packet_apid(packet) == self._files:
                self.found.file_units += 1
                self._say(f"file unit, {len(packet)} B")
                continue
            try:
                report = decode_report(Telemetry.unpack(packet))
            except DecodeError as error:
                self.found.refused += 1
                self._say(f"packet refused: {error}")
                continue
            self.found.reports += 1
            self._say(_report(report))

    def _say(self, text: str) -> None:
        self.found.lines.append(f"{'':16}{text}")


def _telecommand(telecommand: Telecommand) -> str:
    code = f"TC({telecommand.service},{telecommand.subtype})"
    try:
        command = find(telecommand.service, telecommand.subtype, telecommand.data)
        values = command.decode(telecommand.data)
    except DecodeError as error:
        return f"{code} {error}"
    return f"{code} {command.name} {_values(values.items())}"


def _report(report: Report) -> str:
    match report:
        case EventReport():
            return f"TM event {report.name}: {report.sentence}"
        case Housekeeping():
            return f"TM housekeeping {report.structure}"
        case Verification():
            reason = f": {report.reason.name}" if report.reason else ""
            return f"TM {report.stage.value} request {report.request:#010x}{reason}"
        case Result():
            return f"TM result of job {report.job}, {len(report.output)} B"
        case Declared():
            return f"TM {report.name} {_values(report.values.items())}"
        case _:
            return f"TM {type(report).__name__.lower()}"


def _values(items: object) -> str:
    shown: list[str] = []
    for name, value in items:  # type: ignore[attr-defined]
        text = f"{len(value)} B" if isinstance(value, bytes) else str(value)
        shown.append(f"{name}={text}")
    return " ".join(shown)


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S.%f")[:-3]
