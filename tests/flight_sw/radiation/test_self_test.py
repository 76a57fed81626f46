"""The known-answer test passes on a sound core and fails on a broken one."""

import pytest

from flight_sw.radiation import native, outcome, self_test


def test_sound_core_has_no_failures():
    """Every check passes on every instruction set this machine has."""
    before = outcome.Isa[native.isa().upper()]
    for level in native.supported_isas():
        native.select_isa(level)
        assert self_test.run() == ()
    native.select_isa(before)


def test_the_pattern_has_every_length():
    """Byte i is 7 * i mod 251, also where a length just ends or just begins a period."""
    for length in range(1000):
        assert self_test.pattern(length) == bytes(7 * i % 251 for i in range(length))


@pytest.mark.parametrize(
    ("broken", "answer", "named"),
    [
        ("crc32c", lambda data, seed=0: 1, "face-crc32c"),
        ("tmr_scrub", lambda a, b, c, inverted=False: outcome.TmrReport((0, 0, 0)), "face-tmr"),
        ("self_test", lambda: ("tables",), "tables"),
    ],
)
def test_broken_part_is_named(monkeypatch, broken, answer, named):
    """A function that returns a wrong answer is caught and named."""
    monkeypatch.setattr(native, broken, answer)
    assert self_test.run() == (named,)
