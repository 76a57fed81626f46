"""The bench measures; it never makes a figure up."""

import pytest

from flight_sw.errors import UserError
from hil.bench import native as native_bench


def test_absent_peer_is_reported_absent():
    """A kernel without its peer has no ratio and says so."""
    ours = {"bytes": 10, "seconds": [1.0]}
    assert native_bench._ratio(ours, None) == {"ratio": None, "absent": True}


def test_ratio_is_the_median_of_rounds():
    """Ratios are taken round by round, scaled by the bytes, then the median."""
    ours = {"bytes": 20, "seconds": [1.0, 1.0, 4.0]}
    theirs = {"bytes": 10, "seconds": [1.0, 2.0, 2.0]}
    assert native_bench._ratio(ours, theirs) == {"ratio": 2.0}


def test_without_sources_the_remedy_is_named(monkeypatch, tmp_path):
    """An installed wheel has no bench sources: one clear line."""
    monkeypatch.setattr(native_bench, "NATIVE", tmp_path)
    with pytest.raises(UserError, match="source checkout"):
        native_bench.run(1)


@pytest.mark.long
def test_bench_fills_every_key():
    """One short run gives every figure for every level, or says which peer is absent."""
    report = native_bench.run(2)
    assert report["machine"]["processor"]
    assert set(report["goals"]) >= {"call_overhead_us", "tmr_scrub_vs_read3"}
    assert all(isinstance(met, bool) for met in report["goals"].values())
    for level in report["levels"].values():
        assert set(level["ratios"]) == set(native_bench.RATIOS)
        assert all(r["ratio"] or r.get("absent") for r in level["ratios"].values())
