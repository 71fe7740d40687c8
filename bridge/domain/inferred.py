"""Limits that nobody has told of, but that a station keeps to by what it says (`observe`).

They bind like any other limit of source `OCPP Profile`, with one exception: they are not written
back to the station, since then their end could never be seen.
"""

from typing import Final

from bridge.domain.control import ExternalLimit, Limit
from bridge.domain.draft import Draft
from bridge.domain.model import Evse
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import RateUnit

SOURCE: Final = "Unknown"


def is_inferred(limit: Limit) -> bool:
    """Say whether a limit is known only by what the station makes of all profiles."""
    return limit.detail is not None and limit.detail.get("limitSource") == SOURCE


def infer(draft: Draft, evse: Evse, limit_a: float | None) -> None:
    """Keep, move or forget the limit of an unknown source on an EVSE."""
    held = draft.station.external_limits
    known_so_far = [
        known for known in held if (known.limit_source, known.evse_id) == (SOURCE, evse.id)
    ]
    schedule = None if limit_a is None else _constant(limit_a)
    if [known.schedule for known in known_so_far] == ([] if schedule is None else [schedule]):
        return
    limits = [known for known in held if known not in known_so_far]
    if schedule is not None:
        limit = ExternalLimit(
            limit_source=SOURCE, at=draft.now, evse_id=evse.id, schedule=schedule
        )
        limits.append(limit)
    draft.change(external_limits=tuple(limits))


def _constant(limit_a: float) -> Schedule:
    return Schedule(unit=RateUnit.AMPERE, periods=(Period(start_seconds=0, limit=limit_a),))
