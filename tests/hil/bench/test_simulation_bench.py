import pytest

from hil.bench.simulation import run


@pytest.mark.long
def test_a_simulated_day_is_cheap_and_repeats() -> None:
    """Figures and goals of the bench: replay identical, no wrong answer, lookups fast."""
    figures = run(seeds=2, days=0.2)
    assert figures["replay_identical"]
    assert figures["wrong_answers"] == 0
    assert figures["flux_lookups_per_s"] > 1e6
    assert figures["orbit_steps_per_s"] > 1e5
