"""The tests notice mistakes: mutants of the core's Python side, the link's security and the store."""

import ast
from pathlib import Path

import pytest

from tests.mutation import domains
from tests.mutation.mutants import mutants_of


@pytest.mark.long
@pytest.mark.figure("F8")
@pytest.mark.parametrize("name", domains.DOMAINS)
def test_nine_mutants_in_ten_are_killed_and_the_rest_is_explained(name, figure):
    """At least 90 % are noticed by a test; each survivor stands in survivors.txt with its reason."""
    result = domains.run(name)
    figure("F8.mutation_percent", 100 * result.killed_share)
    assert result.killed_share >= domains.GOAL, result
    assert not result.unexplained, "\n".join(result.unexplained)


def test_each_mutant_changes_one_thing_and_still_compiles():
    """Every change is a program, differs from the original, and has a name of its own."""
    for domain in domains.DOMAINS.values():
        mutants = domains.mutants_in(domain)
        assert len({mutant.key for mutant in mutants}) == len(mutants)
        for mutant in mutants[::20]:
            changed = mutant.tree()
            compile(changed, str(mutant.source), "exec")
            assert ast.unparse(changed) != ast.unparse(ast.parse(mutant.text))


def test_mutants_are_what_they_are_said_to_be(tmp_path: Path):
    """One function: its comparison, its number, its answer, its condition; no words for people."""
    source = tmp_path / "sample.py"
    source.write_text(
        '"""Text."""\n\n\ndef half(x: int) -> int:\n    """Text."""\n'
        '    if x < 0:\n        raise ValueError(f"no {x}")\n    return x // 2\n'
    )
    keys = [mutant.key for mutant in mutants_of(source, "flight_sw.sample")]
    assert keys == [
        "sample half: x < 0 -> x <= 0",
        "sample half: 0 -> 1",
        "sample half: raise ValueError(f'no {x}') -> pass",
        "sample half: return x // 2 -> return None",
        "sample half: x // 2 -> x * 2",
        "sample half: 2 -> 3",
    ]


def test_every_explanation_is_of_a_mutant_that_exists():
    """A reason whose mutant is gone, or that is none, is taken out of the list."""
    keys = {m.key for domain in domains.DOMAINS.values() for m in domains.mutants_in(domain)}
    for key, reason in domains.explained().items():
        assert key in keys
        assert len(reason) > 10
