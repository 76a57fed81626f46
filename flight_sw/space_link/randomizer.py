"""The pseudo-randomizers that give the line enough bit changes; no secrecy, no error control.

TC: CCSDS 231.0-B-4, 6.3. TM: CCSDS 131.0-B-4, 10.4. Both repeat after 255 bits.
"""

_TC_TAPS = (0, 1, 2, 3, 4, 6)  # x^8+x^6+x^4+x^3+x^2+x+1
_TM_TAPS = (0, 3, 5, 7)  # x^8+x^7+x^5+x^3+1
_PERIOD_BYTES = 255


def randomize_tc(data: bytes) -> bytes:
    """The data with the telecommand sequence added; the same call removes it."""
    return _add(data, _TC_SEQUENCE)


def randomize_tm(data: bytes) -> bytes:
    """The data with the telemetry sequence added; the same call removes it."""
    return _add(data, _TM_SEQUENCE)


def _sequence(taps: tuple[int, ...]) -> bytes:
    """255 bytes of the shift register, that is eight periods of 255 bits, starting at all ones."""
    bits = [1] * 8
    while len(bits) < 8 * _PERIOD_BYTES:
        bits.append(sum(bits[len(bits) - 8 + tap] for tap in taps) & 1)
    return int("".join(map(str, bits)), 2).to_bytes(_PERIOD_BYTES, "big")


_TC_SEQUENCE = _sequence(_TC_TAPS)
_TM_SEQUENCE = _sequence(_TM_TAPS)


def _add(data: bytes, sequence: bytes) -> bytes:
    repeats = -(-len(data) // _PERIOD_BYTES)
    mask = (sequence * repeats)[: len(data)]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(mask, "big")
    return mixed.to_bytes(len(data), "big")
