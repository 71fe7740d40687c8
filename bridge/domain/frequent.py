"""The event that comes most: a charging transaction has new readings, and nothing else is new.

Theory of operation. Of a thousand events nearly all are of this kind, and the rules of `station`
find out, one by one, that there is nothing for them to do. Here is asked the other way round:
whether anything is there that could make one of them act. If there is not, readings are all that
moves, and the outcome is what the rules would come to (tests/property/test_frequent_readings.py).
In doubt the rules are asked: nothing is decided here.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from bridge.domain import metering, observe, progress, transaction, transaction_limits, wanted
from bridge.domain.allocation import is_live
from bridge.domain.control import NEVER_SWITCHED, NO_STATION_MAX
from bridge.domain.draft import Draft, registered
from bridge.domain.effects import Outcome, TransactionReply
from bridge.domain.enums import ChargingState, ConnectorStatus, EventType, TriggerReason
from bridge.domain.events import TransactionEvent
from bridge.domain.metering import Readings
from bridge.domain.model import Evse, Station, Transaction
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings

_READING: Final = frozenset({TriggerReason.METER_VALUE_CLOCK, TriggerReason.METER_VALUE_PERIODIC})

_EVENT: Final[dict[str, Any]] = {
    "event_type": EventType.UPDATED,
    "offline": False,
    "stopped_reason": None,
    "remote_start_id": None,
    "id_token": None,
    "numbered": True,
    "timed": True,
    "operation_mode": None,
    "transaction_limit": None,
    "warnings": (),
}
_STATION: Final[dict[str, Any]] = {
    "online": True,
    "station_slots": (),
    "calls": (),
    "station_max": NO_STATION_MAX,
    "profiles": (),
    "external_limits": (),
    "readback": None,
    "inquiries": (),
}
_EVSE: Final[dict[str, Any]] = {
    "write": None,
    "waiting": (),
    "retry_at": None,
    "phase_claims": (),
    "phase": NEVER_SWITCHED,
    "hold_until": None,
    "fallback_retry_at": None,
    "reported": None,
}
_TRANSACTION: Final[dict[str, Any]] = {
    "charging_state": ChargingState.CHARGING,
    "ended_at": None,
    "missing_seq_nos": (),
    "plug_seen": True,
    "until": None,
    "kept_limit": None,
    "refused": False,
}
_event: Final = attrgetter(*_EVENT)
_station: Final = attrgetter(*_STATION)
_evse: Final = attrgetter(*_EVSE)
_transaction: Final = attrgetter(*_TRANSACTION)
_OF_EVENT: Final = tuple(_EVENT.values())
_OF_STATION: Final = tuple(_STATION.values())
_OF_EVSE: Final = tuple(_EVSE.values())
_OF_TRANSACTION: Final = tuple(_TRANSACTION.values())

_REPLY: Final = TransactionReply(verdict=None)


def taken_in(
    station: Station, event: TransactionEvent, now: datetime, settings: StationSettings
) -> Outcome | None:
    """Return the outcome of new readings; None where the rules have to find it."""
    if event.trigger_reason not in _READING or _event(event) != _OF_EVENT:
        return None
    if _station(station) != _OF_STATION or not registered(station, settings):
        return None
    if settings.session_register or settings.station_max_a is not None:
        return None
    held = _holder(station, event, now)
    if held is None:
        return None
    evse, running = held
    readings = metering.read(event.meter_values)
    after = _with_readings(running, event, readings)
    if after is None or transaction_limits.reached(after, now) is not None:
        return None
    meter = metering.latest(evse.meter, readings.meters)
    moved = replace(evse, transaction=after, meter=meter)
    if not _is_kept(station, moved, now, settings):
        return None
    evses = dict(station.evses)
    evses[evse.id] = moved
    recorded = progress.recorded(
        station.id, moved, event, meter=readings.meter, shown=after, now=now
    )
    return Outcome(
        station=replace(station, revision=station.revision + 1, evses=evses),
        reply=_REPLY,
        events=(recorded,),
        readings_of=evse.id,
    )


def _holder(
    station: Station, event: TransactionEvent, now: datetime
) -> tuple[Evse, Transaction] | None:
    """Return where the event belongs, if no EVSE has anything for the rules to do."""
    found = None
    for evse in station.evses.values():
        running = evse.transaction
        if running is not None and running.id == event.transaction_id:
            if found is not None or not _may_go_on(station, evse, running, event):
                return None
            found = evse, running
        elif running is not None and running.open and transaction_limits.reached(running, now):
            return None
        if not _is_quiet(evse, now):
            return None
    return found


def _is_quiet(evse: Evse, now: datetime) -> bool:
    """Say whether no lease is over and nothing is to be asked."""
    for slot in evse.slots:
        if slot.limit_w is not None or not is_live(slot, now):
            return False
    if evse.phase_claims:
        return False
    due_at = None if evse.verification is None else evse.verification.due_at
    return due_at is None or due_at > now


def _may_go_on(
    station: Station, evse: Evse, running: Transaction, event: TransactionEvent
) -> bool:
    """Say whether an EVSE charges undisturbed, and this is the next event of its transaction."""
    if _transaction(running) != _OF_TRANSACTION or _evse(evse) != _OF_EVSE:
        return False
    if event.seq_no != running.last_seq_no + 1 or event.timestamp < running.last_event_at:
        return False
    if event.cable_max_current_a and event.cable_max_current_a != evse.cable_max_a:
        return False
    if event.charging_state is not None and event.charging_state is not ChargingState.CHARGING:
        return False
    if event.evse_id is not None and event.evse_id != evse.id:
        return False
    if event.connector_id is not None and running.connector_id is None:
        return False
    if running.energy_limit_wh is not None and station.version == "2.1":
        return False  # the station may have to be told of it
    return evse.allocation is not None and _is_shown(evse, running)


def _is_shown(evse: Evse, running: Transaction) -> bool:
    """Say whether the view is that of this transaction, so that readings do not change it."""
    view = evse.view
    return (
        view.charging
        and view.plugged is True
        and not view.stale
        and view.transaction_id == running.id
        and view.charging_state is ChargingState.CHARGING
        and view.connector_status is not ConnectorStatus.FAULTED
    )


def _with_readings(
    running: Transaction, event: TransactionEvent, readings: Readings
) -> Transaction | None:
    """Return the transaction with its readings, None where these tell more than its energy."""
    meter = readings.meter
    if meter is None or running.charging_started_at is None:
        return None
    seen = running.phases_seen
    for in_use in (
        metering.phases_in_use(meter.current_a),
        transaction.PHASES_BY_NUMBER.get(event.number_of_phases_used),
    ):
        if in_use is not None and transaction.phases_with(seen, in_use) != seen:
            return None
    if seen == transaction.NO_PHASE:
        return None
    soc = meter.soc_percent
    if soc is not None and running.soc_start_percent is None:
        return None
    energy = _energy(running, readings.registers)
    if energy is None:
        return None
    energy_wh, last_wh, last_at = energy
    seconds = event.time_spent_charging_seconds
    return replace(
        running,
        last_event_at=event.timestamp,
        last_seq_no=event.seq_no,
        meter_last_wh=last_wh,
        meter_last_at=last_at,
        energy_wh=energy_wh,
        soc_last_percent=running.soc_last_percent if soc is None else soc,
        time_spent_charging_seconds=running.time_spent_charging_seconds
        if seconds is None
        else seconds,
    )


def _energy(
    running: Transaction, registers: Sequence[metering.Register]
) -> tuple[float, float | None, datetime | None] | None:
    """Return energy, register and its time; None where the register does not simply go on."""
    energy, last, since = running.energy_wh, running.meter_last_wh, running.meter_last_at
    if not registers:
        return energy, last, since
    for reading in registers:
        if last is None or since is None or reading.at < since or reading.energy_wh < last:
            return None
        energy += reading.energy_wh - last
        last, since = reading.energy_wh, reading.at
    return round(energy, 3), last, since


def _is_kept(station: Station, moved: Evse, now: datetime, settings: StationSettings) -> bool:
    """Say whether the limit that is in force is kept, and that is known already."""
    if not moved.installed:
        return moved.observed is None
    for profile in moved.installed:
        if profile.valid_to is not None and profile.valid_to <= now:
            return False
    if wanted.effective(moved) is None and moved.observed is None:
        return True
    return observe.look(Draft(station, now, settings), moved) is moved
