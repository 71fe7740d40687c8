"""How often the limit at a station is moved (allocation.md, Applying a limit).

Stations write profiles to flash, and a vehicle takes seconds to follow. So an increase waits
until the last one is some seconds old and no decrease is fresh; a decrease goes out at once,
further ones at most one per second; and what is hardly a change is none. Only the newest value
counts when the time has come.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.domain.control import Pace
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings

FINE_BELOW_A: Final = 10.0
FINE_STEP_A: Final = 0.1
COARSE_STEP_A: Final = 0.5


def is_change(held_a: float, wanted_a: float) -> bool:
    """Say whether a limit differs enough from the one in force, both A per phase.

    Under 0.5 A it does not, below 10 A under 0.1 A. To stop and to resume are changes always.
    """
    if held_a == wanted_a:
        return False
    if not (held_a and wanted_a):
        return True
    step = FINE_STEP_A if min(held_a, wanted_a) < FINE_BELOW_A else COARSE_STEP_A
    # limits have one decimal; the rounding takes away what binary fractions add
    return round(abs(held_a - wanted_a), 6) >= step


def earliest(
    pace: Pace, held_a: float, wanted_a: float, now: datetime, settings: StationSettings
) -> datetime | None:
    """Return before when the limit may not be moved; None where nothing was moved before.

    What was moved later than now tells that the clock was set back since: nobody knows how long
    ago it was, and nothing may wait for it.
    """
    if wanted_a == held_a:
        return None
    if wanted_a < held_a:
        return _after(pace.decreased_at, settings.min_decrease_interval_seconds, now)
    waits = (
        _after(pace.increased_at, settings.min_increase_interval_seconds, now),
        _after(pace.decreased_at, settings.increase_hold_seconds, now),
    )
    return max((at for at in waits if at is not None), default=None)


def _after(moment: datetime | None, seconds: float, now: datetime) -> datetime | None:
    if moment is None or moment > now:
        return None
    return moment + timedelta(seconds=seconds)


def moved(pace: Pace, held_a: float, wanted_a: float, now: datetime) -> Pace:
    """Return the pace after the limit was sent."""
    if wanted_a == held_a:
        return pace
    if wanted_a < held_a:
        return replace(pace, decreased_at=now)
    return replace(pace, increased_at=now)
