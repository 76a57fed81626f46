"""How long a flight waits for a board follows from the board's profile."""

from hil.board_files import read_board
from hil.rig.patience import BOARD_UP_S, MODELS_S, SETTLE_S, STALLED_S, patience


def test_the_emulated_board_keeps_its_short_limits():
    """A fast board is given no time beyond the judge's own bounds."""
    limits = patience(read_board("emulated"))
    assert (limits.board_up_s, limits.models_s) == (BOARD_UP_S, MODELS_S)
    assert (limits.stalled_s, limits.settle_s) == (STALLED_S, SETTLE_S)
    assert limits.deadline_s == 0.0
    assert limits.recovery_s == {}
    assert limits.boots_in_heat


def test_a_slow_board_is_given_the_time_its_profile_names():
    """Two boots fit into the wait for the board, and the whole ladder into a recovery."""
    profile = read_board("qemu-raspberry-pi-3")
    limits = patience(profile)
    assert limits.board_up_s >= 2 * profile.heartbeat.boot_s
    assert limits.recovery_s["board-hang"] > 2 * profile.heartbeat.boot_s
    assert limits.deadline_s > limits.recovery_s["board-hang"]
    assert not limits.boots_in_heat
