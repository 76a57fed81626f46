"""Which housekeeping values need a second look: one word per value, from the board's own limits."""

from collections.abc import Mapping
from enum import Enum, unique

from flight_sw.dictionary.field import Value
from flight_sw.profile import Profile


@unique
class Level(Enum):
    """How a value stands to its limits."""

    GOOD = "good"
    WATCH = "watch"
    ALARM = "alarm"


_WORDS: dict[str, dict[str, Level]] = {
    "mode": {"BOOT": Level.WATCH, "SAFE": Level.WATCH, "DEGRADED": Level.WATCH},
    "board": {"OFF": Level.WATCH, "BOOTING": Level.WATCH, "SILENT": Level.ALARM},
}
# Counters that a healthy payload leaves at zero.
_TROUBLE = frozenset(
    {"jobs_failed", "tc_rejected", "frames_refused", "board_resets", "board_power_cycles"}
)


def level_of(name: str, values: Mapping[str, Value], profile: Profile) -> Level:
    """How one value of a housekeeping sample stands; `values` is the whole sample."""
    value = values[name]
    if isinstance(value, str):
        return _WORDS.get(name, {}).get(value, Level.GOOD)
    if name == "temp":
        return _temperature(values, profile)
    if name == "temp_known":
        return Level.GOOD if value else Level.WATCH
    return Level.WATCH if name in _TROUBLE and value else Level.GOOD


def _temperature(values: Mapping[str, Value], profile: Profile) -> Level:
    thermal, temp_c = profile.thermal, values["temp"]
    if not values["temp_known"] or isinstance(temp_c, str | bytes):
        return Level.WATCH
    if temp_c >= thermal.hard_limit_c:
        return Level.ALARM
    return Level.WATCH if temp_c >= thermal.soft_limit_c else Level.GOOD
