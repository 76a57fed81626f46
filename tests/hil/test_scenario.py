"""Scenarios: what ships loads, and every mistake names its place and the remedy."""

import pytest

from flight_sw.errors import ProfileError
from hil.scenario import load_scenario, parse_scenario, shipped

GOOD = """\
name: small
title: A small flight
duration_s: 5
time_scale: 20
protection: standard
upsets:
  rate_per_bit_day: 1.0e-7
  source: a test
  acceleration: {weights: 1000, voted: 0}
  from_s: 0
  until_s: 4
jobs:
  - {at_s: 0, model: hotspot, count: 3, over_s: 4}
faults:
  - {at_s: 2, kind: worker-crash}
environment:
  - {at_s: 0, mount_c: 20}
"""


def test_the_small_flight_loads():
    """The base of the cases below is itself right."""
    assert parse_scenario(GOOD, "small.yaml").jobs[0].count == 3


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_scenario_loads_under_its_own_name(name):
    """The name in the file is the name that loads it."""
    assert load_scenario(name).name == name


def test_first_light_does_everything_that_the_issue_asks():
    """One of each fault, both applications, radiation on, and a board that gets hot."""
    scenario = load_scenario("first-light")
    assert {fault.kind for fault in scenario.faults} >= {
        "weight-double-flip",
        "check-flip",
        "worker-crash",
        "worker-hang",
        "board-hang",
    }
    assert {batch.model for batch in scenario.jobs} == {"telemetry-anomaly", "hotspot"}
    assert scenario.upsets.acceleration.weights > 0
    assert {one.expect for one in scenario.environment} >= {"throttled", "released"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("kind: worker-crash", "kind: worker-crsh"), ("small.yaml:15", "faults[0].kind")),
        (
            ("  - {at_s: 2, kind", "  - {at_s: 9, kind"),
            ("small.yaml", "faults[0].at_s", "9 s", "5 s"),
        ),
        (("count: 3", "cuont: 3"), ("small.yaml:13", "jobs[0].cuont", "unknown key")),
        (("count: 3", "count: 0"), ("small.yaml:13", "jobs[0].count")),
        (("over_s: 4", "over_s: 9"), ("jobs[0]", "9 s", "5 s")),
        (("until_s: 4", "until_s: 6"), ("upsets", "until_s")),
        (("protection: standard", "protection: maybe"), ("small.yaml:5", "protection")),
        (("title: A small flight\n", ""), ("title",)),
        (("  - {at_s: 0, mount_c: 20}\n", "  []\n"), ("environment",)),
        (("  - {at_s: 0, mount_c: 20}\n", "  - {at_s: 1, mount_c: 20}\n"), ("environment", "0 s")),
        (("name: small", "name: ../small"), ("small.yaml:1", "name")),
        (("time_scale: 20", "time_scale: .nan"), ("small.yaml:4", "time_scale")),
    ],
)
def test_a_mistake_is_named_with_its_place(change, words):
    """File, and line or field, in one line of text."""
    with pytest.raises(ProfileError) as caught:
        parse_scenario(GOOD.replace(*change), "small.yaml")
    text = str(caught.value)
    assert all(word in text for word in words), text
    assert "\n" not in text


def test_an_unknown_scenario_names_the_nearest(tmp_path):
    """A typing mistake costs one more look, not a search."""
    with pytest.raises(ProfileError, match="did you mean `first-light`"):
        load_scenario("first-lihgt")
    with pytest.raises(ProfileError, match=r"cannot be read"):
        load_scenario(str(tmp_path / "none.yaml"))
    binary = tmp_path / "b.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match=r"cannot be read"):
        load_scenario(str(binary))
