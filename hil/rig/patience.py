"""How long the steps of a flight may take on one board, by what its profile says of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from flight_sw.profile import Profile

BOARD_UP_S, MODELS_S, STALLED_S, SETTLE_S = 30.0, 60.0, 20.0, 15.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits in seconds.

    Args:
        board_up_s: boot, import of onnxruntime on a busy machine.
        models_s: loads and proofs.
        stalled_s: without one more answer: what has not come will not come.
        settle_s: for a scrub pass that confirms the last results.
        deadline_s: what a job's deadline gains, because recoveries eat so much more of it.
        recovery_s: by fault kind, where it is longer than the judge's own bound.
        boots_in_heat: whether the board boots in the scenario's first heat. Boot and proofs of minutes
            would be an hour of it at the scenario's scale, and the governor would stretch them.
    """

    board_up_s: float
    models_s: float
    stalled_s: float
    settle_s: float
    deadline_s: float
    recovery_s: Mapping[str, float]
    boots_in_heat: bool


def patience(profile: Profile) -> Patience:
    """From the profile's own limits; never shorter than what holds for the emulated board."""
    beat, work = profile.heartbeat, profile.inference
    ladder_s = beat.timeout_s + 2 * beat.boot_s + profile.supply.off_s + beat.settle_s
    worker_s = work.job_timeout_s + work.ping_timeout_s
    bring_up_s = beat.boot_s + work.start_timeout_s
    is_slow = ladder_s > BOARD_UP_S
    return Patience(
        board_up_s=max(BOARD_UP_S, 2 * beat.boot_s),
        models_s=work.load_timeout_s + work.start_timeout_s if is_slow else MODELS_S,
        stalled_s=ladder_s + bring_up_s + work.load_timeout_s if is_slow else STALLED_S,
        settle_s=max(SETTLE_S, beat.boot_s),
        deadline_s=2 * (ladder_s + bring_up_s + work.load_timeout_s) if is_slow else 0.0,
        recovery_s=_recovery_s(ladder_s + beat.boot_s, worker_s) if is_slow else {},
        boots_in_heat=not is_slow,
    )


def _recovery_s(board_s: float, worker_s: float) -> dict[str, float]:
    """A hang of the board on top hides the worker's until the board is up again."""
    return {
        "board-hang": board_s,
        "node-crash": board_s,
        "worker-hang": worker_s + board_s,
        "worker-crash": worker_s,
    }
