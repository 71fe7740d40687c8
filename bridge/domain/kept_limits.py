"""The limits of a transaction that a station of OCPP 2.1 is told, to keep to them itself (E16).

Theory of operation. `energyWh` and `until` of a `start` are told as `transactionLimit` in the
answer to the transaction's next event, and again in that to the next one where they have changed:
a limit can be moved, but not be taken back (E16.FR.17). The station says what holds by an event
of trigger LimitSet. Then it gives no more energy by itself once the limit is reached, also while
the bridge is away, and ends the transaction where its TxStopPoint says so. Where it does not, or
says nothing, the bridge ends it (`transaction_limits`), but leaves the station `GRACE` to do so.

What has only been told is told again with the answer to an event that the station repeats: it has
not got the first one.
"""

import math
from datetime import timedelta
from typing import Final

from bridge.domain.calls import TriggerMessage
from bridge.domain.draft import Draft
from bridge.domain.enums import ChargingState, EventType, TriggerReason
from bridge.domain.events import TransactionEvent, TransactionLimit
from bridge.domain.knowledge import QuestionKind
from bridge.domain.model import Evse, KeptLimit, Station, Transaction
from bridge.domain.records import replace

GRACE: Final = timedelta(seconds=15)
"""How long a station that keeps a limit itself may take to act on it, and to tell."""
FOR_EVER_SECONDS: Final = 365 * 86_400
"""maxTime in place of one that is taken back, s."""
MAX_ENERGY: Final = "maxenergy"
MAX_TIME: Final = "maxtime"
"""Members of TxCtrlr.SupportedLimits, as they are compared."""
_VERSION: Final = "2.1"
_SAME: Final = 1.0
"""Wh or s by which a station may round a limit."""

_REACHED: Final = {
    TriggerReason.ENERGY_LIMIT_REACHED: "energyWh",
    TriggerReason.TIME_LIMIT_REACHED: "until",
}
"""Which limit of ours a trigger tells of, in the API's word for it."""


# --- What the station is told -----------------------------------------------------------------


def tell(draft: Draft, event: TransactionEvent) -> TransactionLimit | None:
    """Return what to answer an event with that has just been taken in; None: nothing new."""
    if draft.station.version != _VERSION:
        return None
    evse = _holder(draft, event.transaction_id)
    running = None if evse is None else evse.transaction
    if evse is None or running is None or not running.open:
        return None
    limit = _wanted(draft.station, running)
    told = None if running.kept_limit is None else running.kept_limit.told
    if limit is None or limit == told:
        return None
    kept = KeptLimit(told=limit)
    draft.put(replace(evse, transaction=replace(running, kept_limit=kept)))
    return limit


def tell_again(station: Station, event: TransactionEvent) -> TransactionLimit | None:
    """Return what to answer an event with that was recorded before."""
    for evse in station.evses.values():
        held = evse.transaction
        if held is not None and held.open and held.id == event.transaction_id:
            kept = held.kept_limit
            return kept.told if kept is not None and kept.confirmed is None else None
    return None


def moved(draft: Draft, evse: Evse) -> None:
    """Have the station tell an event, so that its answer can bring a limit that was moved."""
    running = evse.transaction
    if draft.station.version != _VERSION or running is None or not draft.reachable:
        return
    told = None if running.kept_limit is None else running.kept_limit.told
    wanted = _wanted(draft.station, running)
    if draft.settings.automatic_calls and wanted is not None and wanted != told:
        request = TriggerMessage(message="TransactionEvent", evse_id=evse.id)
        draft.ask(QuestionKind.TRANSACTION_EVENT, request, evse.id)


def _holder(draft: Draft, transaction_id: str) -> Evse | None:
    for evse in draft.evses.values():
        if evse.transaction is not None and evse.transaction.id == transaction_id:
            return evse
    return None


def _wanted(station: Station, running: Transaction) -> TransactionLimit | None:
    energy_wh = running.energy_limit_wh if _takes(station, MAX_ENERGY) else None
    seconds = _seconds(running) if _takes(station, MAX_TIME) else None
    if energy_wh is None and seconds is None:
        return None
    return TransactionLimit(max_energy_wh=energy_wh, max_seconds=seconds)


def _takes(station: Station, limit: str) -> bool:
    """Say whether the station may be told such a limit: not if it says it has none (E16.FR.12)."""
    supported = station.learnt.transaction_limits
    return supported is None or limit in supported


def _seconds(running: Transaction) -> int | None:
    """Return how long the transaction may last, s since its start, by the station's clock."""
    if running.until is None:
        kept = running.kept_limit
        return None if kept is None or kept.told.max_seconds is None else FOR_EVER_SECONDS
    if not running.started_seen:
        return None  # from when the station counts is not known
    lasts = (running.until - running.started_at).total_seconds()
    return max(0, math.ceil(lasts))


# --- What the station says --------------------------------------------------------------------


def heard(running: Transaction, event: TransactionEvent) -> Transaction:
    """Return a transaction after an event that is not late: what the station makes of its limit."""
    kept = running.kept_limit
    if kept is None:
        return running
    now = kept
    if event.transaction_limit is not None:
        now = replace(now, confirmed=event.transaction_limit)
    reason = _REACHED.get(event.trigger_reason)
    if reason is not None and _is_ours(now, reason):
        now = replace(now, reached=reason)
        if event.event_type is EventType.ENDED:
            return replace(running, kept_limit=now, stop_cause=reason)
    elif event.charging_state is ChargingState.CHARGING:
        now = replace(now, reached=None)
    return running if now == kept else replace(running, kept_limit=now)


def _is_ours(kept: KeptLimit, reason: str) -> bool:
    """Say whether it is our limit that is reached, not a lower one of the driver's (E16.FR.04)."""
    ours, holds = _of(kept.told, reason), _of(kept.confirmed or kept.told, reason)
    return ours is not None and (holds is None or holds >= ours - _SAME)


def _of(limit: TransactionLimit, reason: str) -> float | None:
    return limit.max_seconds if reason == "until" else limit.max_energy_wh


def keeps(running: Transaction, reason: str) -> bool:
    """Say whether the station has taken on this limit and has not told yet that it is reached."""
    kept = running.kept_limit
    if kept is None or kept.confirmed is None or kept.reached is not None:
        return False
    return reason in _REACHED.values() and _of(kept.confirmed, reason) is not None
