"""Boards measured on their line reach what was promised of them."""

import pytest

from hil.bench import board


@pytest.mark.long
def test_the_emulated_board_fills_its_line_and_comes_back():
    """Nine tenths of the paced rate are payload; after the cable was out, ten seconds suffice."""
    measured = board._measure("emulated")
    assert measured["upload_share"] >= board.UPLOAD_SHARE
    assert measured["reconnect_s"] <= board.RECONNECT_S
    assert 0 < measured["rtt_ms_p50"] <= measured["rtt_ms_p99"]
    assert measured["boot_to_ready_s"] > 0


def test_a_board_that_is_not_here_says_what_is_missing(monkeypatch):
    """Programs first, then the card."""
    monkeypatch.setattr(board, "missing_tools", lambda _: ["mtools"])
    assert board._missing("qemu-raspberry-pi-3") == "apt install mtools"
    monkeypatch.setattr(board, "missing_tools", lambda _: [])
    monkeypatch.setattr(board, "find", lambda _: None)
    assert board._missing("qemu-raspberry-pi-3") == "run: vanallen board qemu-pi build"
    assert board._missing("emulated") == ""
