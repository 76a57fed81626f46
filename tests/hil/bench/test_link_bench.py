"""The link bench measures what it says, on a small scale."""

import pytest

from hil.bench import link


def test_the_stacks_in_memory_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telecommands are accepted and packets arrive, or there is no figure."""
    monkeypatch.setattr(link, "TELECOMMANDS", 40)
    monkeypatch.setattr(link, "PACKETS", 200)
    assert link._telecommands_per_cpu_s() > 0
    assert link._packets_per_cpu_s() > 0


def test_a_transfer_that_does_not_close_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing lost all close; with everything lost none does."""
    monkeypatch.setattr(link, "SEEDS", 2)
    monkeypatch.setattr(link, "FILE_BYTES", 5_000)
    assert link._closed(0.0) == 2
    assert link._closed(1.0) == 0


def test_a_real_controller_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller process on a paced line answers, and its memory and start are real."""
    monkeypatch.setattr(link, "PINGS", 3)
    monkeypatch.setattr(link, "IDLE_S", 0.2)
    figures = link._on_the_line()
    assert 1 < figures["tc_to_accept_ms_p50"] <= figures["tc_to_accept_ms_p99"]
    assert figures["boot_to_first_tm_s"] > 0
    assert figures["rss_mb"] > 5
