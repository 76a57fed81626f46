"""OpenC3's protocol classes read our framed link and write what we read; its parser takes our text.

A peer for tests only: its licence forbids more, so it is never a dependency.
"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_sw.space_link.framing import Framing, StuffedDecoder, encode_stuffed
from hil.dictionary_export.export import export

cobs_peer = pytest.importorskip(
    "openc3.interfaces.protocols.cobs_protocol", reason="peer openc3 is not installed"
)
slip_peer = pytest.importorskip(
    "openc3.interfaces.protocols.slip_protocol", reason="peer openc3 is not installed"
)

FRAMES = st.lists(st.binary(min_size=1, max_size=600), min_size=1, max_size=5)
BOTH = pytest.mark.parametrize("framing", [Framing.COBS, Framing.SLIP])


def protocol(framing: Framing) -> object:
    """The peer's class for a framing."""
    if framing is Framing.SLIP:
        return slip_peer.SlipProtocol()
    return cobs_peer.CobsProtocol()


@BOTH
@given(FRAMES)
@settings(max_examples=40, deadline=None)
def test_it_reads_our_frames(framing: Framing, frames: list[bytes]) -> None:
    """Every frame that we stuff comes out of the peer equal."""
    peer = protocol(framing)
    line = b"".join(encode_stuffed(frame, framing) for frame in frames)
    found = []
    data, _ = peer.read_data(line)
    while isinstance(data, bytes) and data:
        found.append(data)
        data, _ = peer.read_data(b"")
    assert found == frames


@BOTH
@given(FRAMES)
@settings(max_examples=40, deadline=None)
def test_we_read_its_frames(framing: Framing, frames: list[bytes]) -> None:
    """Every frame that the peer stuffs comes out of ours equal."""
    peer = protocol(framing)
    line = b"".join(peer.write_data(frame)[0] for frame in frames)
    assert StuffedDecoder(600, framing).feed(line) == frames


def test_it_takes_our_packet_definitions(tmp_path: Path) -> None:
    """The exported text is read by the peer's parser, commands and telemetry alike."""
    config_module = pytest.importorskip("openc3.packets.packet_config")
    path = tmp_path / "vanallen.txt"
    path.write_text(export("openc3"))
    config = config_module.PacketConfig()
    config.process_file(str(path), "VANALLEN")
    assert "HOUSEKEEPING_1" in config.telemetry["VANALLEN"]
    assert "SUBMIT_JOB" in config.commands["VANALLEN"]
