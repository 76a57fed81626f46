"""A scenario: one flight written down, so that it can be flown again.

A scenario is YAML, read as strictly as a board profile: jobs, faults, upsets and heat with their mission
times. What is random in a flight (which bit, when an upset comes) is not here: it follows from the seed.
"""

import difflib
import itertools
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from flight_sw.errors import ProfileError
from flight_sw.profile import Celsius, Positive, Section, parse_section

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,40}$"
DURATION_MAX_S = 7200.0  # a real-time flight; longer ones belong to virtual time
JOBS_MAX = 100_000

Seconds = Annotated[float, msgspec.Meta(ge=0, le=DURATION_MAX_S)]
Count = Annotated[int, msgspec.Meta(ge=1, le=JOBS_MAX)]
Kind = Literal[
    "weight-flip",
    "weight-double-flip",
    "weight-burst",
    "check-flip",
    "crc-flip",
    "vote-flip",
    "worker-crash",
    "worker-hang",
    "node-crash",
    "board-hang",
]


class Acceleration(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many times more upsets than in orbit; 0 switches them off."""

    weights: Annotated[float, msgspec.Meta(ge=0)]
    voted: Annotated[float, msgspec.Meta(ge=0)]


class Upsets(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Radiation: Poisson arrivals of single bit flips, evenly over the bits of each target."""

    rate_per_bit_day: Annotated[float, msgspec.Meta(ge=0, le=1)]
    source: str
    acceleration: Acceleration
    from_s: Seconds
    until_s: Seconds


class JobBatch(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Jobs sent up evenly over a span of mission time."""

    at_s: Seconds
    model: str
    count: Count
    over_s: Seconds
    deadline_s: Positive = 120.0


class PlannedFault(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault at a set time."""

    at_s: Seconds
    kind: Kind


class Surroundings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the board feels from `at_s` on: its mount's temperature and extra load beside ours.

    The first one holds before the board gets power, too. `expect` names an event that must follow.
    """

    at_s: Seconds
    mount_c: Celsius
    extra_load_w: Annotated[float, msgspec.Meta(ge=0, le=50)] = 0.0
    expect: Literal["nothing", "throttled", "released"] = "nothing"
    within_s: Positive = 10.0


class Scenario(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One flight; its times count from when the board is up and its models are proven.

    Without `scrub_pass_s` the profile's period holds.
    """

    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    title: str
    duration_s: Annotated[float, msgspec.Meta(gt=0, le=DURATION_MAX_S)]
    time_scale: Annotated[float, msgspec.Meta(ge=1, le=1000)]
    protection: Literal["standard", "none"]
    scrub_pass_s: Annotated[float, msgspec.Meta(ge=0.05, le=3600)] | None = None
    upsets: Upsets
    jobs: tuple[JobBatch, ...] = ()
    faults: tuple[PlannedFault, ...] = ()
    environment: Annotated[tuple[Surroundings, ...], msgspec.Meta(min_length=1)]


def load_scenario(name: str) -> Scenario:
    """The scenario shipped under `name`, or the one in the YAML file `name`.

    Raises:
        ProfileError: no such scenario, or something in it is wrong; names file, line and field.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        try:
            return parse_scenario(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ProfileError(f"{path}: cannot be read as text ({error})") from error
    known = shipped()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
        raise ProfileError(
            f"scenario {name!r}: not found; {hint} (or give the path of a .yaml file)"
        )
    file = resources.files("hil") / "scenarios" / f"{name}.yaml"
    return parse_scenario(file.read_text(encoding="utf-8"), f"{name}.yaml")


def shipped() -> list[str]:
    """Names of the scenarios that come with the package."""
    files = (resources.files("hil") / "scenarios").iterdir()
    return sorted(file.name[: -len(".yaml")] for file in files if file.name.endswith(".yaml"))


def parse_scenario(text: str, source: str) -> Scenario:
    """Read a scenario from YAML text; `source` is the file's name, for messages.

    Raises:
        ProfileError: as `load_scenario`.
    """
    scenario = parse_section(text, source, Scenario)
    for problem in _problems(scenario):
        raise ProfileError(f"{source}: {problem}")
    return scenario


def _problems(scenario: Scenario) -> list[str]:
    """What no single field can tell: times outside the flight, or out of order."""
    end = scenario.duration_s
    found = []
    for index, batch in enumerate(scenario.jobs):
        if batch.at_s + batch.over_s > end:
            found.append(
                f"jobs[{index}]: ends at {batch.at_s + batch.over_s:g} s, the flight {end:g} s"
            )
    for index, fault in enumerate(scenario.faults):
        if fault.at_s > end:
            found.append(f"faults[{index}].at_s: {fault.at_s:g} s is after the flight's {end:g} s")
    upsets = scenario.upsets
    if not upsets.from_s <= upsets.until_s <= end:
        found.append(f"upsets: need from_s <= until_s <= duration_s ({end:g} s)")
    for index, (before, after) in enumerate(itertools.pairwise(scenario.environment), start=1):
        if after.at_s < before.at_s:
            found.append(f"environment[{index}].at_s: list these in order of time")
    if scenario.environment[0].at_s > 0 or scenario.environment[-1].at_s > end:
        found.append(f"environment: start at 0 s and end before {end:g} s")
    return found
