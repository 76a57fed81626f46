"""What is mutated, with which tests, how much must be killed, and which survivors are explained."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutation import live
from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
GOAL = 0.90
SURVIVORS = Path(__file__).with_name("survivors.txt")


@dataclass(frozen=True, slots=True)
class Domain:
    """Sources, relative to the repository, and the tests that shall notice a change in them."""

    sources: str
    tests: tuple[str, ...]


DOMAINS = {
    "radiation": Domain("flight_sw/radiation/*.py", ("tests/flight_sw/radiation",)),
    "sdls": Domain("flight_sw/space_link/sdls.py", ("tests/flight_sw/space_link/test_sdls.py",)),
    "store": Domain("flight_sw/store/*.py", ("tests/flight_sw/store",)),
}


@dataclass(frozen=True, slots=True)
class Result:
    """How a domain did."""

    name: str
    tried: int
    survivors: tuple[str, ...]
    unexplained: tuple[str, ...]

    @property
    def killed_share(self) -> float:
        """Share of mutants that a test noticed."""
        return 1 - len(self.survivors) / self.tried

    def __str__(self) -> str:
        killed = self.tried - len(self.survivors)
        share = f"{100 * self.killed_share:.1f} %"
        return f"{self.name}: {killed} of {self.tried} mutants killed, {share}"


def run(name: str, part: tuple[int, int] = (0, 1), *, told: bool = False) -> Result:
    """Try every mutant of a domain; slow."""
    domain = DOMAINS[name]
    mutants = mutants_in(domain)[part[0] :: part[1]]
    tests = tuple(str(ROOT / test) for test in domain.tests)
    trial = live.Trial(mutants, tests, told=told)
    done = pytest.main([*live.OPTIONS, *tests], plugins=[trial])
    if done != 0:
        raise RuntimeError(f"{name}: the tests do not run without a mutant ({done})")
    survivors = tuple(mutant.key for mutant in trial.survivors)
    known = explained()
    return Result(name, len(mutants), survivors, tuple(s for s in survivors if s not in known))


def mutants_in(domain: Domain) -> list[Mutant]:
    """All of them."""
    return [
        mutant
        for source in sorted(ROOT.glob(domain.sources))
        for mutant in mutants_of(source, ".".join(source.relative_to(ROOT).with_suffix("").parts))
    ]


def named(key: str) -> Mutant:
    """The mutant of this key."""
    return next(m for domain in DOMAINS.values() for m in mutants_in(domain) if m.key == key)


def explained() -> dict[str, str]:
    """Survivors that are known, each with its reason."""
    if not SURVIVORS.is_file():
        return {}
    lines = SURVIVORS.read_text("utf-8").splitlines()
    return dict(line.rsplit(" :: ", 1) for line in lines if " :: " in line)
