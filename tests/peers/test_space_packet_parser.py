"""space-packet-parser reads an hour of our telemetry through our XTCE: no error, equal values."""

import warnings
from pathlib import Path

import pytest

from flight_sw.dictionary.field import Kind, decode
from flight_sw.space_link.packet import Telemetry
from hil.dictionary_export.export import export
from hil.dictionary_export.layouts import Layout, layouts
from tests.flight_sw.stack import Stack

parser = pytest.importorskip(
    "space_packet_parser", reason="peer space-packet-parser is not installed"
)

HOUR_S = 3600.0
COAST_S = 0.2


class RecordingStack(Stack):
    """Keeps every packet as it came down."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        super().__init__()

    def coast(self, seconds: float) -> None:
        """Let time pass in larger steps, while nothing is commanded."""
        for _ in range(round(seconds / COAST_S)):
            self.now = round(self.now + COAST_S, 6)
            self._step_controller()
            if self.board_on:
                self._step_node()

    def _take(self, packet: Telemetry) -> None:
        self.packets.append(packet.pack())


def recorded_hour() -> list[bytes]:
    """An hour of housekeeping, jobs, events, refusals and reports of many kinds."""
    stack = RecordingStack()
    stack.fly()
    for structure in (1, 2, 3):
        stack.send("set-housekeeping-period", structure=structure, period=10.0)
    job = 0
    while stack.now < HOUR_S:
        minute = int(stack.now // 60)
        stack.temp_c = 45.0 + minute % 45
        for _ in range(2):
            job += 1
            stack.submit(job)
            stack.run(0.4)
        stack.flip(job % 4096)
        stack.send("report-models")
        stack.send("report-regions")
        stack.send("report-parameter", parameter="soft_limit")
        stack.send("report-files")
        stack.send("send-file", slot=1)  # fails: nothing there
        stack.run(1.0)
        stack.coast(58.0)
    return stack.packets


def key_of(packet: Telemetry) -> tuple[int, int, int | None]:
    """What tells packets apart."""
    if (packet.service, packet.subtype) == (3, 25):
        return 3, 25, packet.data[0]
    if packet.service == 5 and packet.subtype <= 4:
        return 5, packet.subtype, int.from_bytes(packet.data[:2], "big")
    return packet.service, packet.subtype, None


def expected(layout: Layout, packet: Telemetry) -> dict[str, object]:
    """Values as our own decoder gives them, in the words of the peer."""
    skip = {None: 0, Kind.U8: 1, Kind.U16: 2}[layout.key.kind if layout.key else None]
    values = decode(layout.fields, packet.data[skip:])
    for field in layout.fields:
        if field.kind is Kind.BOOL:
            values[field.name] = "yes" if values[field.name] else "no"
        elif field.kind is Kind.NAMES:
            names = str(values[field.name])
            places = [field.choices.index(name) for name in names.split(",")] if names else []
            values[field.name] = bytes(places)
    return values


def test_an_hour_of_telemetry_decodes_with_equal_values(tmp_path: Path) -> None:
    """Every packet of a recorded hour is recognised and each of its values is ours."""
    path = tmp_path / "vanallen.xml"
    path.write_text(export("xtce"))
    definition = parser.load_xtce(path)
    by_key = {
        (item.service, item.subtype, item.key.value if item.key else None): item
        for item in layouts()
    }
    packets = recorded_hour()
    seen = set()
    compared = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for raw in packets:
            telemetry = Telemetry.unpack(raw)
            layout = by_key[key_of(telemetry)]
            seen.add(layout.name)
            decoded = definition.parse_bytes(raw)
            if f"{layout.name}_all" in decoded:
                assert bytes(decoded[f"{layout.name}_all"]) == telemetry.data
                continue
            for name, value in expected(layout, telemetry).items():
                assert decoded[f"{layout.name}_{name}"] == value, (layout.name, name)
                compared += 1
    assert len(packets) > 3 * HOUR_S / 60
    assert compared > 5_000
    assert len(seen) >= 12, seen


def test_our_xtce_is_valid(tmp_path: Path) -> None:
    """The schema of XTCE 1.2 and the peer's rules find nothing."""
    path = tmp_path / "vanallen.xml"
    path.write_text(export("xtce"))
    result = parser.validate_xtce(
        path, print_results=False, raise_on_error=False, allow_schema_download=False
    )
    assert result.valid, result.errors[:5]
