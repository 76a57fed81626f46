"""Which governor flies: the look-ahead where the profile knows the board, the staircase where not.

The staircase also stands behind the look-ahead: without a believable temperature, or once the die is
a kelvin over the soft limit, it decides alone until the die is below `release_c` again. So the worst
that a wrong model can do is what the staircase allows.
"""

from flight_sw.profile import Profile
from flight_sw.resources.debounce import Debounce
from flight_sw.resources.governor import Decision, StaircaseGovernor, StaircaseLimits
from flight_sw.resources.lookahead import LevelModel, LookAheadGovernor, Outlook, Situation

CHOSEN_FREELY = "need"
RIPPLE_K = 1.0  # control at a limit ripples about it; the staircase takes over beyond


class Pilot:
    """One board's governor; `model` None flies the staircase alone."""

    def __init__(self, levels: int, model: LevelModel | None) -> None:
        self.hold = False
        self._staircase = StaircaseGovernor(levels)
        self._model = model
        self._look_ahead = None if model is None else LookAheadGovernor(model)
        self._power_w: float | None = None
        self._due: tuple[tuple[float, float], ...] = ()
        self._outlook: Outlook | None = None
        self._limited = False
        self._fallen_back = False
        self._told = False  # that the board is throttled; each such word is taken back once
        self._hot, self._blind, self._short = Debounce(), Debounce(), Debounce()

    @property
    def throttled(self) -> bool:
        """Whether heat, energy or a lost sensor holds the board back; slow for want of work is not."""
        if self._look_ahead is None or self._fallen_back:
            return self._staircase.throttled
        return self._limited

    def start(self, now: float) -> None:
        """A board came up: what was learned of the last one does not hold."""
        self._staircase.start(now)
        self._look_ahead = None if self._model is None else LookAheadGovernor(self._model)
        self._limited = self._fallen_back = self._told = self.hold = False

    def see(
        self,
        power_w: float | None,
        due: tuple[tuple[float, float], ...],
        outlook: Outlook | None,
    ) -> None:
        """What else is known for the next decision; an outlook holds until the next one."""
        self._power_w, self._due = power_w, due
        self._outlook = outlook or self._outlook

    def decide(self, temp_c: float | None, limits: StaircaseLimits, now: float) -> Decision:
        """The level, and whether the board was throttled or released just now."""
        stairs = self._staircase.decide(temp_c, limits, now)
        if self._look_ahead is None:
            return stairs
        situation = Situation(now, temp_c, self._power_w, self._due, self._outlook)
        choice = self._look_ahead.decide(situation, limits.soft_limit_c)
        over = self._over(temp_c, limits, now)
        was, self._fallen_back = (
            self._fallen_back,
            over or (self._fallen_back and self._staircase.throttled),
        )
        if self._fallen_back:
            self.hold = False
            level = min(stairs.level, choice.level)
            change = stairs.change if was else min(stairs.change, 0)
            if self._staircase.throttled and not self._told:
                change = -1  # it may have gone down before it took over, when nobody was told
            self._told |= change < 0
            return Decision(level, change, stairs.too_hot)
        short = choice.why != CHOSEN_FREELY
        self._limited = self._short.holds(now, limits.debounce_s, asked=short)
        self.hold = choice.hold
        change = int(self._told) - int(self._limited)
        self._told = self._limited
        return Decision(choice.level, change, stairs.too_hot)

    def _over(self, temp_c: float | None, limits: StaircaseLimits, now: float) -> bool:
        """Whether the staircase takes over: too hot or blind, and not for a moment alone."""
        hot = temp_c is not None and temp_c > limits.soft_limit_c + RIPPLE_K
        is_hot = self._hot.holds(now, limits.debounce_s, asked=hot)
        return self._blind.holds(now, limits.debounce_s, asked=temp_c is None) or is_hot


def believed(profile: Profile) -> LevelModel | None:
    """The board as the look-ahead governor is told, or None where the profile does not know it."""
    known, levels = profile.look_ahead, profile.frequency.levels_mhz
    if known is None:
        return None
    return LevelModel(
        speeds=tuple(mhz / levels[-1] for mhz in levels),
        idle_w=known.idle_w,
        busy_w=known.busy_w,
        resistance_k_per_w=known.resistance_k_per_w,
        time_constant_s=known.time_constant_s,
    )
