"""The fault plan of a flight: everything that will be done to the stack, fixed before it flies.

Scenario, seed and sizes of the memories decide it; nothing that happens in flight does. Each use of
chance has its own stream, so one more fault in a scenario moves no other.
"""

from dataclasses import dataclass

from flight_sw.errors import ProfileError
from hil.campaign.record import Planned
from hil.faults.catalog import Fault, FaultKind
from hil.kernel import poisson_arrivals, stream
from hil.scenario import Scenario

SECONDS_PER_DAY = 86_400.0
BITS = 8
FAULTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Population:
    """How many bits radiation may hit, by target."""

    weights_bits: int
    voted_bits: int


def plan(scenario: Scenario, seed: int, population: Population) -> tuple[Planned, ...]:
    """All faults in order of time, numbered from 0.

    Raises:
        ProfileError: the scenario's acceleration gives more than FAULTS_MAX faults.
    """
    faults = [
        *_upsets(scenario, seed, FaultKind.WEIGHT_FLIP, population.weights_bits),
        *_upsets(scenario, seed, FaultKind.VOTE_FLIP, population.voted_bits),
        *_named(scenario, seed),
    ]
    if len(faults) > FAULTS_MAX:
        raise ProfileError(
            f"{scenario.name}: upsets.acceleration: gives {len(faults)} faults; lower it"
        )
    ordered = sorted(faults, key=lambda one: (one.at_s, one.kind, one.place))
    return tuple(
        Planned(number, one.at_s, one.kind, one.place, one.second, one.origin)
        for number, one in enumerate(ordered)
    )


def expected_upsets_per_s(scenario: Scenario, kind: FaultKind, bits: int) -> float:
    """Mean arrivals per second of flight."""
    upsets = scenario.upsets
    accelerations = {
        FaultKind.WEIGHT_FLIP: upsets.acceleration.weights,
        FaultKind.VOTE_FLIP: upsets.acceleration.voted,
    }
    return upsets.rate_per_bit_day * accelerations[kind] * bits / SECONDS_PER_DAY


def to_inject(fault: Planned) -> Fault:
    """The planned fault in the words of the injectors; a board hang outlives a reset."""
    kind = FaultKind(fault.kind)
    return Fault(
        id=fault.id,
        kind=kind,
        at_s=fault.at_s,
        place=fault.place,
        second=fault.second,
        sticky=kind is FaultKind.BOARD_HANG,
    )


def _upsets(scenario: Scenario, seed: int, kind: FaultKind, bits: int) -> list[Planned]:
    rate_per_s = expected_upsets_per_s(scenario, kind, bits)
    span_s = scenario.upsets.until_s - scenario.upsets.from_s
    if rate_per_s * span_s > FAULTS_MAX:
        raise ProfileError(
            f"{scenario.name}: upsets.acceleration: gives {rate_per_s * span_s:.0f} faults; "
            f"lower it below {FAULTS_MAX}"
        )
    times = poisson_arrivals(
        stream(seed, f"upsets:{kind}"), rate_per_s, scenario.upsets.from_s, scenario.upsets.until_s
    )
    places = stream(seed, f"places:{kind}")
    return [Planned(0, at_s, kind.value, float(places.random()), 0.0, "upset") for at_s in times]


def _named(scenario: Scenario, seed: int) -> list[Planned]:
    """The scenario's own faults; only where they strike is left to chance."""
    faults = []
    for index, fault in enumerate(scenario.faults):
        chance = stream(seed, f"fault:{index}:{fault.kind}")
        place, second = float(chance.random()), float(chance.random())
        faults.append(Planned(0, fault.at_s, fault.kind, place, second, "scenario"))
    return faults
