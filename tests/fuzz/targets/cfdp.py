"""The CFDP router: units with right lengths and checks but any content, in any order, with time."""

from binascii import crc_hqx

from flight_sw.services.cfdp import FileTransfer
from flight_sw.services.cfdp_handlers import TransferSettings
from tests.fuzz.inputs import Input, joined

LOCAL, REMOTE = 1, 2
CONTENT = bytes(range(200))
STEPS_MAX = 12


def seeds() -> list[bytes]:
    """What a sender says of itself, and what a receiver answers to it."""
    ends = [_end(LOCAL, REMOTE), _end(REMOTE, LOCAL)]
    ends[1].send(3, CONTENT)
    said: list[list[bytes]] = [[], []]
    for second in range(8):
        for own, other in ((1, 0), (0, 1)):
            ends[own].step(float(second))
            for unit in ends[own].take(64):
                said[own].append(unit)
                ends[other].receive(unit)
    return [b"\0" + joined(*said[1]), b"\1" + joined(*said[0])] + [
        b"\0" + joined(u) for u in said[1]
    ]


def run(data: bytes) -> None:
    """Damage is counted, never raised; transfers stay bounded."""
    given = Input(data)
    end = _end(LOCAL, REMOTE)
    if given.byte() % 2:
        end.send(3, CONTENT)
    for second, unit in enumerate(given.pieces()[:STEPS_MAX]):
        end.step(float(second))
        end.receive(_mended(unit))
        end.take(64)
    end.step(1000.0)
    end.take(64)


def _end(local: int, remote: int) -> FileTransfer:
    return FileTransfer(TransferSettings(local, remote), 1, lambda slot, size: size <= 1 << 16)


def _mended(unit: bytes) -> bytes:
    """Length field and CRC as they should be; three units in four would stop at either."""
    if len(unit) < 6:
        return unit
    length = max(len(unit) - 12, 0)
    body = unit[:1] + length.to_bytes(2, "big") + unit[3:-2]
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")
