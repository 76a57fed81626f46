"""A latch-up in flight: found at rest, cut and told; without the watch it heats and breaks the board."""

import re

from hil.board_files import find_board
from hil.environment.radiation import Effect, Hit
from hil.simulation import flight
from hil.simulation.flight import FlightOptions, fly, summary

AT_S = 1000.0
STEP_A = 0.4  # far below the over-current limit
QUIET = {"days": 0.03, "jobs_per_day": 200, "acceleration": 0, "device_acceleration": 0}


def flown(monkeypatch, board: str):
    """One flight with one latch-up."""
    hits = [Hit(AT_S, Effect.LATCH_UP, 0.0, 0.0, STEP_A)]
    monkeypatch.setattr(flight, "arrivals", lambda *_: hits)
    return fly(FlightOptions(board=board, **QUIET))


def test_a_latch_up_at_rest_is_cut_and_told_and_work_goes_on(monkeypatch) -> None:
    """Within three minutes of readings each ten seconds; the board survives, no answer is wrong."""
    done = flown(monkeypatch, "emulated")
    found = [(at_s, text) for at_s, name, text in done.log.events if name == "latch-up"]
    assert len(found) == 1
    assert AT_S < found[0][0] < AT_S + 180
    assert "0.4" in found[0][1]
    figures = summary(done)
    assert not figures["broken"]
    assert (figures["boots"], figures["mode_at_end"]) == (2, "NOMINAL")
    assert figures["jobs"]["equal_to_golden"] == figures["jobs"]["submitted"]


def test_without_the_watch_the_same_latch_up_heats_and_breaks(monkeypatch, tmp_path) -> None:
    """The test above can fail: a profile that knows no idle current loses its board."""
    blind = tmp_path / "blind.yaml"
    text = find_board("emulated").read_text()
    blind.write_text(re.sub(r"\n  latch_up: .*", "", text))
    done = flown(monkeypatch, str(blind))
    before_c = max(s[1] for s in done.log.samples if s[0] < AT_S)
    after_c = max(s[1] for s in done.log.samples if s[0] > AT_S)
    assert summary(done)["broken"]
    assert after_c > before_c + 20
    assert "latch-up" not in {name for _, name, _ in done.log.events}
