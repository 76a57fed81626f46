"""Bad links in virtual time: a noisy board line, and a ground that is seldom there."""

import shlex

import pytest
from typer.testing import CliRunner

from flight_sw.dictionary.storage_commands import STORES
from hil.__main__ import app
from hil.simulation.flight import FlightOptions, fly, rerun, summary
from hil.simulation.links import Links, Wire


def test_a_short_frame_does_not_overtake_a_long_one() -> None:
    """Bytes leave a serial line in the order in which they were given to it, at its rate."""
    wire = Wire(baud=10_000)
    assert wire.arrival_s(1.0, bytes(1000)) == pytest.approx(2.0)
    assert wire.arrival_s(1.5, bytes(10)) == pytest.approx(2.01)
    assert wire.arrival_s(3.0, bytes(10)) == pytest.approx(3.01)


def test_a_noisy_board_line_costs_time_and_no_answer() -> None:
    """One bit in ten thousand flips; frames are sent again until all answers are in, and right."""
    options = FlightOptions(days=0.03, seed=3, jobs_per_day=1200, links=Links(bit_error_rate=1e-4))
    figures = summary(fly(options))
    assert figures["jobs"]["answered"] == figures["jobs"]["submitted"] > 5
    assert figures["jobs"]["wrong"] == 0
    assert "the board's line flips one bit in 1e+04" in figures["declared"]
    clean = FlightOptions(days=0.03, seed=3, jobs_per_day=1200)
    assert summary(fly(clean))["trace_hash"] != figures["trace_hash"]


def test_what_came_about_in_a_gap_comes_down_at_the_next_contact() -> None:
    """Telecommands wait on the ground, answers in the payload's stores; none is lost."""
    gaps = Links(contact_every_s=1200.0, contact_s=240.0)
    flight = fly(FlightOptions(days=0.05, seed=4, jobs_per_day=300, links=gaps))
    heard = [at_s for at_s, _ in flight.log.results.values()]
    assert len(heard) == len(flight.jobs) > 3
    assert all(gaps.in_contact(at_s) for at_s in heard)
    assert summary(flight)["jobs"]["wrong"] == 0
    assert summary(flight)["mode_at_end"] == "NOMINAL"


@pytest.mark.parametrize("links", [Links(), Links(1e-5, 5700.0, 600.0, 1e-6)])
def test_the_line_that_flies_it_again_says_links_and_commit(links, monkeypatch) -> None:
    """Read back by the command line it gives the same options; the commit follows as a comment."""
    monkeypatch.setattr("hil.simulation.flight.our_commit", lambda: "abc123")
    options = FlightOptions(links=links)
    line = rerun(options)
    assert line.endswith("# at commit abc123")
    flown = []
    monkeypatch.setattr(
        "hil.simulation.command.simulate_command",
        lambda options, *_, **__: flown.append(options) or 0,
    )
    done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])
    assert done.exit_code == 0, done.output
    assert flown == [options]


def test_a_noisy_space_link_costs_repeats_and_no_answer() -> None:
    """One bit in ten thousand flips both ways: telecommands are sent again and every answer comes."""
    links = Links(space_bit_error_rate=1e-4)
    options = FlightOptions(days=0.04, seed=3, jobs_per_day=1200, links=links)
    figures = summary(fly(options))
    assert figures["jobs"]["answered"] == figures["jobs"]["submitted"] > 20
    assert figures["jobs"]["wrong"] == 0
    assert figures["telecommands"]["sent_again"] > 0
    assert figures["telecommands"]["given_up"] == 0
    assert any("the space link flips one bit in 1e+04" in line for line in figures["declared"])


def test_a_link_too_noisy_to_use_is_told_and_not_hidden() -> None:
    """Where pictures no longer come through, jobs stay unanswered, and the summary says so."""
    links = Links(space_bit_error_rate=6e-4)
    figures = summary(fly(FlightOptions(days=0.03, seed=3, jobs_per_day=600, links=links)))
    assert figures["jobs"]["answered"] < figures["jobs"]["submitted"]
    assert figures["telecommands"]["given_up"] > 0
    assert figures["jobs"]["wrong"] == 0


def test_events_of_a_gap_come_down_too_at_the_time_they_happened() -> None:
    """Stores are sent one after another: asked for at once, all but the first would be refused."""
    gaps = Links(contact_every_s=1200.0, contact_s=240.0)
    flight = fly(FlightOptions(days=0.05, seed=4, jobs_per_day=300, links=gaps))
    times = [at_s for at_s, _, _ in flight.log.events]
    assert times == sorted(times)
    ends = [says for _, name, says in flight.log.events if name == "retrieval-done"]
    assert all(any(store in says for says in ends) for store in STORES), ends
    assert len(flight.log.housekeeping) > 0.8 * flight.options.days * 86_400 / 120
