"""Whether a change of surroundings had the effect that its scenario expects: told by the payload itself.

Only the governor knows why the clock is low: slow for want of work looks the same from outside. So the
payload's own words decide, `throttled` and `released`; a low clock alone never passes. Without a word
of throttling there is nothing to release, and a release that was not needed is no release.
"""

from collections.abc import Iterable

from hil.campaign.record import Event
from hil.scenario import Surroundings

THROTTLED, RELEASED = "throttled", "released"


def judge_effect(change: Surroundings, since_s: float, events: Iterable[Event]) -> tuple[bool, str]:
    """Whether what `change` expects was told within its time from `since_s` on, and how."""
    told = [(one.at_s, one.name) for one in events if one.name in (THROTTLED, RELEASED)]
    before = [name for at_s, name in told if at_s < since_s]
    if change.expect == RELEASED and THROTTLED not in before:
        return False, "it was not throttled before, so nothing was there to release"
    if before[-1:] == [change.expect]:  # a board that boots slowly is hot before the mission
        return True, "already before the change"
    end_s = since_s + change.within_s
    for at_s, name in told:
        if name == change.expect and since_s <= at_s <= end_s:
            return True, f"after {at_s - since_s:.1f} s"
    return False, f"not told within {change.within_s:g} s"
