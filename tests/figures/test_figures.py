"""The table of figures says what was measured, and nothing that was not."""

import pytest

from tests.figures.__main__ import main
from tests.figures.goals import FIGURES, PARTS, Tier
from tests.figures.records import VARIABLE, Record, UnknownFigure, append, checked, load
from tests.figures.table import rows, text


def of(key, value, label="", passed=True, test="tests/x.py::test_x"):
    return Record(key, value, label, test, passed)


def verdicts(records, figure, tier=Tier.CI):
    return {row.part.key: row.verdict for row in rows(records, tier, [figure])}


def test_every_figure_has_parts_and_every_part_a_figure():
    """Nothing is promised without a number, and no number without a promise."""
    assert {part.figure for part in PARTS} == set(FIGURES)


def test_what_was_not_measured_counts_as_short():
    """A run without records holds nothing."""
    assert set(verdicts([], "F9").values()) == {"not measured"}
    assert all(row.short for row in rows([], Tier.LONG))


def test_counts_of_several_tests_add_up():
    """Forged frames of many tests together reach the goal; one executed frame is enough to fail."""
    tried = [of("F9.tried", 60_000), of("F9.tried", 40_000)]
    assert verdicts([*tried, of("F9.executed", 0)], "F9") == {
        "F9.tried": "held",
        "F9.executed": "held",
    }
    assert (
        verdicts([*tried, of("F9.executed", 0), of("F9.executed", 1)], "F9")["F9.executed"]
        == "SHORT"
    )


def test_the_rarest_class_decides():
    """Faults of one class add up over tests; the class with the fewest is what counts."""
    many = [of("F4.landed", 2000, "seu"), of("F4.landed", 2000, "seu")]
    many.append(of("F4.landed", 2994, "sefi"))
    assert verdicts(many, "F4", Tier.LONG)["F4.landed"] == "SHORT"
    enough = [*many, of("F4.landed", 1, "sefi")]
    assert verdicts(enough, "F4", Tier.LONG)["F4.landed"] == "held"


def test_a_figure_of_a_failed_test_is_not_held():
    """Whatever value it recorded."""
    assert verdicts([of("F3.worst_s", 1.0, passed=False)], "F3")["F3.worst_s"] == "test failed"


def test_what_only_the_long_tier_judges_is_told_in_ci_and_never_short():
    """The value of CI is shown beside the goal of the long tier; a failed test is still told."""
    found = rows([of("F2.days", 0.06), of("F2.violations", 0)], Tier.CI, ["F2"])
    assert {row.part.key: row.short for row in found} == {"F2.days": False, "F2.violations": False}
    told = text(found, Tier.CI)
    assert "long only" in told
    assert "0.06" in told
    assert "≥ 1,000" in told
    assert told.endswith("1 of 1 held; 1 long only")
    assert verdicts([of("F2.days", 1, passed=False)], "F2")["F2.days"] == "test failed"


def test_goals_differ_by_tier():
    """What is enough in CI is short in the long tier."""
    seeds = [of("F1.seeds", 20)]
    assert verdicts(seeds, "F1", Tier.CI)["F1.seeds"] == "held"
    assert verdicts(seeds, "F1", Tier.LONG)["F1.seeds"] == "SHORT"


def test_records_pass_through_the_file(tmp_path, monkeypatch):
    """What one process appended, another reads; without the variable nothing is written."""
    monkeypatch.delenv(VARIABLE, raising=False)
    append([of("F1.seeds", 3)])
    file = tmp_path / "deep" / "figures.jsonl"
    assert load(file) == []
    monkeypatch.setenv(VARIABLE, str(file))
    append([of("F1.seeds", 3)])
    append([of("F1.seeds", 4, "a"), of("F1.differing", 0)])
    assert load(file) == [of("F1.seeds", 3), of("F1.seeds", 4, "a"), of("F1.differing", 0)]


def test_the_command_fails_where_one_falls_short(tmp_path, monkeypatch, capsys):
    """Exit 1 and the table; exit 0 when the figure asked for is held; exit 2 for one unknown."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "figures.jsonl"))
    append([of("F1.seeds", 20), of("F1.differing", 0)])
    file = ["--records", str(tmp_path / "figures.jsonl")]
    assert main([*file, "--tier", "ci", "F01"]) == 0
    assert main([*file, "--tier", "long"]) == 1
    assert "not measured" in capsys.readouterr().out
    assert main([*file, "--tier", "long", "--measured"]) == 1
    assert main([*file, "--tier", "ci", "--measured"]) == 0
    assert main([*file, "F15"]) == 2
    assert main([*file, "--tier", "ci", "--seconds", "899", "F14"]) == 0
    assert main([*file, "--tier", "ci", "--seconds", "901", "F14"]) == 1


def test_a_key_that_does_not_exist_is_told():
    """A typing mistake cannot hide a figure."""
    with pytest.raises(UnknownFigure, match=r"F9\.tried"):
        checked("F9.forged")


def test_the_table_names_the_tests_behind_a_figure():
    """So that a reader can look at them."""
    found = rows([of("F1.seeds", 20, test="tests/a.py::test_a")], Tier.CI, ["F1"])
    assert "a.py::test_a" in text(found, Tier.CI)
