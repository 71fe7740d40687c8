"""Which published documents a change of a station touches."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from bridge.api.documents import is_public
from bridge.domain.control import Observed
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import Evse, Station, Transaction
from bridge.mqtt import topics

STATION: Final = STATION_EVSE
OBSERVED_STEP_A: Final = 0.5
"""By how much a measured current must have moved to be told beside the offer."""
Change = tuple[int, topics.TopicRow]
"""EVSE id (0 = the station) and the document that must be looked at again."""


def documents_changed(before: Station | None, after: Station) -> list[Change]:
    """Return the documents that may differ, by identity of the frozen parts they are built from.

    Whether a document really differs is seen when it is built, right before it is sent.
    """
    changes: list[Change] = []
    public = is_public(after)
    new = before is None or is_public(before) is not public
    if before is None or before.online is not after.online:
        changes.append((STATION, topics.AVAILABILITY))
    if before is None or new or _info_changed(before, after):
        changes.append((STATION, topics.STATION_INFO))
    if not public:
        return changes
    known = {} if before is None or new else before.evses
    for evse in after.evses.values():
        earlier = known.get(evse.id)
        if earlier is not evse:
            changes += [(evse.id, row) for row in _evse_changes(earlier, evse)]
    return changes


def _info_changed(before: Station, after: Station) -> bool:
    if _info(before) != _info(after):
        return True
    if before.evses is after.evses:
        return False
    if before.evses.keys() != after.evses.keys():
        return True
    for evse in after.evses.values():
        earlier = before.evses[evse.id].connectors
        if evse.connectors is not earlier and evse.connectors.keys() != earlier.keys():
            return True
    return False


_info: Final = attrgetter(
    "boot", "booted_at", "version", "registration", "learnt", "profiles", "external_limits"
)


def _evse_changes(before: Evse | None, after: Evse) -> Iterable[topics.TopicRow]:
    if before is None:
        return topics.EVSE_ROWS
    rows = []
    view = before.view is not after.view or before.reported is not after.reported
    transaction = before.transaction is not after.transaction
    allocation = before.allocation is not after.allocation
    if view or allocation:
        rows.append(topics.STATE)
    if view or allocation or not only_energy_moved(before.transaction, after.transaction):
        rows.append(topics.SECC)  # which has no reading of a running transaction
    if transaction or view:
        rows.append(topics.TRANSACTION)
    if _allocation_moved(before, after) or _observed_moved(before.observed, after.observed):
        rows.append(topics.ALLOCATION)
    if before.meter is not after.meter or transaction:
        rows.append(topics.METER)
    return rows


def _allocation_moved(before: Evse, after: Evse) -> bool:
    """Say whether what an EVSE is offered may differ, and what becomes of it at the station."""
    return bool(_allocated(before) != _allocated(after))


_allocated: Final = attrgetter(
    "allocation", "view", "reported", "write", "phase", "supply_voltage_v"
)


def only_current_moved(before: Evse, after: Evse) -> bool:
    """Say whether an allocation changed in nothing but the current that is measured beside it."""
    kept, keeps = before.observed and before.observed.ok, after.observed and after.observed.ok
    return kept is keeps and not _allocation_moved(before, after)


def _observed_moved(before: Observed | None, after: Observed | None) -> bool:
    """Say whether what is observed is news: `meter` has every reading."""
    if before is after:
        return False
    if before is None or after is None or before.ok is not after.ok:
        return True
    return abs(after.current_a - before.current_a) >= OBSERVED_STEP_A


# Fields of a Transaction that only move with the energy: they alone are worth one document a
# second, everything else is worth one at once.
_ENERGY_FIELDS: Final = frozenset(
    {
        "last_event_at",
        "last_seq_no",
        "time_spent_charging_seconds",
        "meter_last_wh",
        "meter_last_at",
        "energy_wh",
        "soc_last_percent",
    }
)
_structure: Final = attrgetter(
    *(name for name in Transaction.__struct_fields__ if name not in _ENERGY_FIELDS)
)


def only_energy_moved(before: Transaction | None, after: Transaction | None) -> bool:
    """Say whether a transaction changed in nothing but its readings."""
    if before is None or after is None:
        return before is after
    return before is after or bool(_structure(before) == _structure(after))
