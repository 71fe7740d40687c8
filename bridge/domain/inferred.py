"""Limits that nobody has told of, but that a station keeps to by what it says (`observe`).

They bind like any other limit, of source `OCPP Profile` or as a charge controller names it
(`charge_controller`), with one exception: they are not written back to the station, since then
their end could never be seen.
"""

from typing import Final

from bridge.domain.control import CONTROLLER_SOURCE, UNKNOWN_SOURCE, ExternalLimit
from bridge.domain.draft import Draft
from bridge.domain.enums import AllocationSource
from bridge.domain.model import Evse
from bridge.domain.schedule import Period, Schedule
from bridge.domain.settings import RateUnit

SOURCE: Final = UNKNOWN_SOURCE


def infer(draft: Draft, evse: Evse, limit_a: float | None) -> None:
    """Keep, move or forget the limit of an unknown source on an EVSE."""
    _keep(draft, evse, SOURCE, limit_a, AllocationSource.OCPP_PROFILE)


def reported(draft: Draft, evse: Evse, limit_a: float | None, source: AllocationSource) -> None:
    """Keep, move or forget the limit of another source that a charge controller names."""
    _keep(draft, evse, CONTROLLER_SOURCE, limit_a, source)


def _keep(
    draft: Draft, evse: Evse, name: str, limit_a: float | None, source: AllocationSource
) -> None:
    held = draft.station.external_limits
    known_so_far = [
        known for known in held if (known.limit_source, known.evse_id) == (name, evse.id)
    ]
    wanted = [] if limit_a is None else [(_constant(limit_a), source)]
    if [(known.schedule, known.source) for known in known_so_far] == wanted:
        return
    limits = [known for known in held if known not in known_so_far]
    limits += [
        ExternalLimit(
            limit_source=name, at=draft.now, evse_id=evse.id, schedule=schedule, source=whose
        )
        for schedule, whose in wanted
    ]
    draft.change(external_limits=tuple(limits))


def _constant(limit_a: float) -> Schedule:
    return Schedule(unit=RateUnit.AMPERE, periods=(Period(start_seconds=0, limit=limit_a),))
