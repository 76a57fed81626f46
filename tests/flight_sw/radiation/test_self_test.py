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


@pytest.mark.parametrize("broken", ["crc32c", "tmr_scrub"])
def test_broken_part_is_named(monkeypatch, broken):
    """A function that returns a wrong answer is caught and named."""
    wrong = {
        "crc32c": lambda data, seed=0: 1,
        "tmr_scrub": lambda a, b, c, inverted=False: outcome.TmrReport((0, 0, 0)),
    }
    monkeypatch.setattr(native, broken, wrong[broken])
    assert self_test.run() == ({"crc32c": "crc32c", "tmr_scrub": "tmr"}[broken],)
