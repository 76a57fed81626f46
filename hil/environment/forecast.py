"""What a spacecraft's bus can tell its payload: charge now, and Sun and loads over the coming orbits."""

import numpy as np

from flight_sw.resources.lookahead import Outlook
from hil.environment.conditions import GRID_S
from hil.environment.flown_board import FlownBoard

STEP_S = 300.0
ORBITS = 3


def outlook_of(board: FlownBoard) -> Outlook:
    """Three orbits ahead, each step with its mean sunlight."""
    vehicle, battery, conditions = board.vehicle, board.battery, board.conditions
    energy = vehicle.energy
    stride = int(STEP_S / GRID_S)
    first = conditions.index(board.now_s)
    count = int(ORBITS * conditions.period_s / STEP_S)
    span = conditions.lit[first : first + stride * count]
    starts = np.arange(0, span.size, stride)
    lit = (np.add.reduceat(span, starts) / np.diff(starts, append=span.size)).tolist()
    return Outlook(
        spare_wh=(battery.charge - energy.cut_charge) * energy.battery_wh,
        room_wh=(1.0 - battery.charge) * energy.battery_wh,
        surplus=tuple((STEP_S, vehicle.array_w(share) - energy.bus_w) for share in lit),
    )
