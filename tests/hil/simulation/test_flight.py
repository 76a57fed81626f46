"""The whole stack in virtual time: deterministic, honest about faults, and cheap when quiet."""

import json
from dataclasses import replace

import pytest

from flight_sw.errors import UserError
from flight_sw.inference.bundle import Guarding
from hil.applications.golden import GoldenTwin
from hil.applications.models import SLOT_MODELS, find_model
from hil.campaign.guards import draw_inputs
from hil.environment.conditions import conditions_along
from hil.environment.flux import SolarPhase
from hil.environment.orbit import load_orbit
from hil.environment.radiation import Effect, particle_flux
from hil.simulation.command import simulate_command
from hil.simulation.flight import FlightOptions, availability, fly, rerun, summary
from hil.simulation.mission import Log
from hil.simulation.report import render

BUSY = FlightOptions(
    days=0.06, seed=11, jobs_per_day=500, acceleration=5e7, device_acceleration=6e3
)


@pytest.fixture(scope="module")
def busy():
    """An orbit and a bit, with many hits."""
    return fly(BUSY)


def test_the_same_seed_is_the_same_flight(busy) -> None:
    """Flown twice, every byte on both links is the same; another seed is another flight."""
    assert summary(fly(BUSY)) == summary(busy)
    other = fly(FlightOptions(days=0.02, seed=12, jobs_per_day=200))
    again = fly(FlightOptions(days=0.02, seed=13, jobs_per_day=200))
    assert other.mission.trace_hash != again.mission.trace_hash


def test_hits_land_and_no_answer_is_wrong(busy) -> None:
    """Memory was hit, boards crashed and came back, and every answer equals its golden twin."""
    figures = summary(busy)
    assert figures["hits"]["landed"] > 5
    assert figures["hits"]["by_effect"][Effect.WEIGHT_FLIP.value] > 2
    assert figures["hits"]["landed"] + figures["hits"]["void"] == figures["hits"]["planned"]
    assert figures["jobs"]["wrong"] == 0
    assert figures["jobs"]["answered"] > 0.7 * figures["jobs"]["submitted"]
    names = {name for _, name, _ in busy.log.events}
    assert names & {"page-corrected", "page-rebuilt"}
    assert figures["boots"] > 1


def test_without_scrub_wrong_answers_are_seen() -> None:
    """The simulation can see failure: unprotected weights under the same particles give errors."""
    from hil.simulation.pace import Pace

    unscrubbed = FlightOptions(
        days=0.06, seed=11, jobs_per_day=500, acceleration=5e7, pace=Pace(scrub_pass_s=3600.0)
    )
    flight = fly(unscrubbed)
    figures = summary(flight)
    assert figures["jobs"]["wrong"] + figures["jobs"]["withdrawn"] > 0


@pytest.mark.parametrize("protection", ["standard", "high", "vote"])
def test_every_guarded_class_flies_and_no_answer_is_wrong(protection) -> None:
    """Its parts are staged, hit and mended; without any, wrong answers are seen."""
    dense = FlightOptions(
        days=0.03, seed=5, jobs_per_day=2400, acceleration=4e7, protection=protection
    )
    figures = summary(fly(dense))
    assert figures["jobs"]["answered"] > 0.8 * figures["jobs"]["submitted"] > 10
    assert figures["jobs"]["wrong"] == 0
    assert figures["hits"]["landed"] > 5
    if protection == "standard":
        bare = summary(fly(replace(dense, protection="none", acceleration=4e8)))
        assert bare["jobs"]["wrong"] > 0


@pytest.mark.parametrize("protection", ["standard", "high"])
def test_an_input_beyond_calibration_is_judged_by_what_flies(monkeypatch, protection) -> None:
    """A clip changes the answer to it, with no hit; two swarm days were called wrong for it."""

    def guarding(model):
        return Guarding((draw_inputs(model, 1)[0],), is_summed=protection == "high")

    monkeypatch.setattr("hil.simulation.shelf.guarding_for", guarding)
    quiet = FlightOptions(
        days=0.03, seed=5, jobs_per_day=1200, acceleration=0.0, device_acceleration=0.0
    )
    flight = fly(replace(quiet, protection=protection))
    plain = {slot: GoldenTwin(find_model(name)) for slot, name in enumerate(SLOT_MODELS, 1)}
    answers = {job.id: plain[job.slot].answer(job.input) for job in flight.jobs}
    assert any(out != answers[job] for job, (_, out) in flight.log.results.items())
    assert summary(flight)["jobs"]["wrong"] == 0


def test_a_class_that_a_model_cannot_keep_is_refused(tmp_path, monkeypatch) -> None:
    """Before the flight, in one line with the model's name."""
    monkeypatch.setattr("hil.simulation.shelf.guarding_for", lambda _: Guarding())
    with pytest.raises(UserError, match="hotspot: offers no protection class vote"):
        fly(FlightOptions(days=0.01, protection="vote"))


def test_solar_maximum_has_fewer_trapped_protons_and_cosmic_rays() -> None:
    """The other model and its field's own epoch; the report says which was flown."""
    orbit = load_orbit("leo-550")[1]
    quiet, active = (conditions_along(orbit, 86_400.0, phase) for phase in SolarPhase)
    assert 0.5 < active.protons.mean() / quiet.protons.mean() < 0.85
    assert particle_flux(active).min() < 0.75 * particle_flux(quiet).min()
    flown = fly(FlightOptions(days=0.02, jobs_per_day=0, solar="max"))
    assert any("AP8 at solar maximum" in line for line in flown.declared)


def test_books_close_and_the_report_stands_alone(busy) -> None:
    """Heat is accounted for; the page needs no other file and names the line that flies it again."""
    figures = summary(busy)
    assert abs(figures["heat_lost_j"]) < 1.0
    page = render(busy)
    assert rerun(BUSY).replace("+", "&#x2B;") in page or rerun(BUSY) in page
    assert page.count("<svg") == 2
    assert "answered rightly" in page
    assert "by effect (" in page
    assert "{" not in page.split("<h2>Declared")[0].split("<table>")[1]
    assert "http://www.w3.org" in page
    assert 'src="http' not in page
    for line in busy.declared:
        assert line.split(";")[0] in page


def test_a_quiet_hour_costs_hundreds_of_steps_and_not_tens_of_thousands() -> None:
    """A stack with nothing to do is stepped when something is due."""
    flight = fly(FlightOptions(days=0.05, jobs_per_day=0, acceleration=0, device_acceleration=0))
    per_hour = flight.mission.timeline.steps / 1.2
    assert per_hour < 3000
    assert summary(flight)["mode_at_end"] == "NOMINAL"


def test_availability_counts_working_modes() -> None:
    """Time in SAFE and before the first mode is down time."""
    log = Log(modes=[(10.0, "NOMINAL"), (60.0, "SAFE"), (80.0, "DEGRADED")])
    assert availability(log, 100.0) == pytest.approx(0.7)


def test_the_command_writes_its_files_and_tells_mistakes(tmp_path, capsys) -> None:
    """Summary and report are written; bad options are one line."""
    options = FlightOptions(days=0.02, jobs_per_day=100, acceleration=0)
    assert simulate_command(options, tmp_path / "out", as_json=True) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    with pytest.raises(UserError, match="more than 0"):
        simulate_command(FlightOptions(days=0), tmp_path, as_json=True)
    with pytest.raises(UserError, match="did you mean `leo-550`"):
        simulate_command(FlightOptions(orbit="leo-505"), tmp_path, as_json=True)


def test_an_interrupted_simulation_says_how_far_it_came(tmp_path, monkeypatch) -> None:
    """Control-C leaves a summary and a page, with the line that flies it again."""

    def interrupted(options, progress):
        progress(0.25)
        raise KeyboardInterrupt

    monkeypatch.setattr("hil.simulation.command.fly", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate_command(FlightOptions(days=8.0, seed=5), tmp_path, as_json=True)
    figures = json.loads((tmp_path / "summary.json").read_text())
    assert figures["ended_early"] == "somebody interrupted it"
    assert figures["reached_days"] == 2.0
    assert "--seed 5" in figures["again"]
    assert "ended early" in (tmp_path / "report.html").read_text()
