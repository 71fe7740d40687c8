"""A Charge Point of OCPP 1.6, told as TransactionEvents of OCPP 2.x (mapping.md, 4 to 6).

Theory of operation. OCPP 1.6 has StartTransaction, MeterValues, StatusNotification and
StopTransaction where 2.x has one TransactionEvent. `event_of` makes the event that such a
message stands for, out of the message and what is known of the station; from there on both
versions go the same way (`progress`). Events are numbered here, in the order of their arrival,
and recognised again by transaction, trigger and time, since the station does not number them.

The transaction's id is ours (4.8): given once, to be the same for every retry of the same
StartTransaction, and never to be given again, also when the database of the bridge is lost.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bridge.domain.authorization import same_token
from bridge.domain.draft import Draft
from bridge.domain.enums import ChargePointStatus, ChargingState, EventType, StoppedReason
from bridge.domain.enums import TriggerReason as Trigger
from bridge.domain.events import (
    MeterValue,
    MeterValues,
    SampledValue,
    StartTransaction,
    StatusNotification,
    StopTransaction,
    TransactionEvent,
)
from bridge.domain.model import (
    ClosedTransaction,
    Evse,
    IssuedTransaction,
    PendingRemote,
    Station,
    Transaction,
)

ENERGY: Final = "Energy.Active.Import.Register"
REMEMBERED_ISSUED: Final = 32
REMOTE_START_WITHIN: Final = timedelta(seconds=120)
"""A StartTransaction that follows a remote start within this is its consequence."""
MAX_ID: Final = 2**31 - 1

CHARGING_STATES: Final = {
    ChargePointStatus.AVAILABLE: ChargingState.IDLE,
    ChargePointStatus.PREPARING: ChargingState.EV_CONNECTED,
    ChargePointStatus.CHARGING: ChargingState.CHARGING,
    ChargePointStatus.SUSPENDED_EV: ChargingState.SUSPENDED_EV,
    ChargePointStatus.SUSPENDED_EVSE: ChargingState.SUSPENDED_EVSE,
    ChargePointStatus.FINISHING: ChargingState.SUSPENDED_EVSE,
}
"""What a status says of the transaction that runs; the others say nothing of it."""

_BY_CONTEXT: Final = {
    "Sample.Periodic": Trigger.METER_VALUE_PERIODIC,
    "Sample.Clock": Trigger.METER_VALUE_CLOCK,
    "Trigger": Trigger.TRIGGER,
    "Transaction.Begin": Trigger.METER_VALUE_PERIODIC,
    "Transaction.End": Trigger.METER_VALUE_PERIODIC,
}
"""Trigger by the context of the readings; all others, which are Other and the interruptions:
AbnormalCondition (mapping.md, 5). Readings of a beginning or an end that are sent outside of Start-
and StopTransaction (charger-quirks 25) are nothing abnormal."""

_FAULTS: Final = {
    "GroundFailure": StoppedReason.GROUND_FAULT,
    "OverCurrentFailure": StoppedReason.OVERCURRENT_FAULT,
}
"""What `Other` means where the connector reports this error (mapping.md, 5)."""

Told = StartTransaction | StopTransaction | MeterValues | StatusNotification


def event_of(station: Station, message: Told, now: datetime) -> TransactionEvent | None:
    """Return the TransactionEvent that a message stands for, None where it stands for none."""
    match message:
        case StartTransaction():
            return _started(station, message, now)
        case StopTransaction():
            return _ended(station, message)
        case MeterValues():
            return _measured(station, message)
        case StatusNotification():
            return _status_changed(station, message, now)


# --- StartTransaction -----------------------------------------------------------------------


def issued(station: Station, message: StartTransaction) -> IssuedTransaction | None:
    """Return what this StartTransaction was given before, None where it is new."""
    return next((i for i in station.issued if _is_retry(i, message)), None)


def _is_retry(known: IssuedTransaction, message: StartTransaction) -> bool:
    return (known.evse_id, known.id_token, known.meter_start_wh, known.started_at) == (
        message.evse_id,
        message.id_token,
        message.meter_start_wh,
        message.timestamp,
    )


def issue(draft: Draft, message: StartTransaction) -> IssuedTransaction:
    """Give a transaction its id: above all earlier ones, also those of a lost database."""
    station = draft.station
    by_clock = int(draft.now.timestamp())
    number = max(station.transaction_count + 1, by_clock if by_clock <= MAX_ID else 1)
    given = IssuedTransaction(
        transaction_id=number,
        evse_id=message.evse_id,
        id_token=message.id_token,
        meter_start_wh=message.meter_start_wh,
        started_at=message.timestamp,
    )
    draft.change(transaction_count=number, issued=(*station.issued, given)[-REMEMBERED_ISSUED:])
    return given


def _started(
    station: Station, message: StartTransaction, now: datetime
) -> TransactionEvent | None:
    given = issued(station, message)
    if given is None:
        return None
    evse = station.evses.get(message.evse_id)
    remote = _remote_start(station, message, now)
    return TransactionEvent(
        event_type=EventType.STARTED,
        timestamp=message.timestamp,
        trigger_reason=Trigger.REMOTE_START if remote else _trigger(station, evse, message),
        seq_no=0,
        transaction_id=str(given.transaction_id),
        evse_id=message.evse_id or None,
        connector_id=message.evse_id or None,
        charging_state=_charging_state(evse) or ChargingState.EV_CONNECTED,
        id_token=message.id_token,
        remote_start_id=remote.remote_start_id if remote else None,
        reservation_id=message.reservation_id,
        meter_values=(_register(message.timestamp, message.meter_start_wh, "Transaction.Begin"),),
        numbered=False,
        warnings=message.warnings,
    )


def _remote_start(
    station: Station, message: StartTransaction, now: datetime
) -> PendingRemote | None:
    """Return the remote start of which this is the consequence (mapping.md, 5)."""
    for start in reversed((*station.remote_starts, *station.calls)):
        if (
            start.remote_start_id is not None
            and now - (start.settled_at or now) <= REMOTE_START_WITHIN
            and start.ref.evse_id in {0, message.evse_id}
            and start.id_token is not None
            and same_token(start.id_token, message.id_token)
        ):
            return start
    return None


def _trigger(station: Station, evse: Evse | None, message: StartTransaction) -> Trigger:
    """Return what came last before the start: the cable or the token (mapping.md, 5)."""
    prepared = evse.prepared_at if evse else None
    authorized = station.authorized_at
    if authorized is not None and station.authorized_token is not None:
        authorized = authorized if same_token(station.authorized_token, message.id_token) else None
    if prepared is not None and (authorized is None or authorized < prepared):
        return Trigger.CABLE_PLUGGED_IN
    return Trigger.AUTHORIZED


def _charging_state(evse: Evse | None) -> ChargingState | None:
    if evse is None:
        return None
    said = evse.connectors.get(evse.id)
    status = said.point_status if said else None
    if status is ChargePointStatus.FINISHING:
        return (
            ChargingState.EV_CONNECTED
        )  # it is of the transaction before: the car is still there
    # a start by a token, before the cable: the status is still Available, so Idle
    return CHARGING_STATES.get(status) if status else None


# --- MeterValues and StopTransaction --------------------------------------------------------


def _measured(station: Station, message: MeterValues) -> TransactionEvent | None:
    running = _transaction_of(station, message.transaction_id, message.evse_id)
    if message.transaction_id is None or running is None or not message.meter_values:
        return None
    return TransactionEvent(
        event_type=EventType.UPDATED,
        timestamp=max(value.timestamp for value in message.meter_values),
        trigger_reason=_by_context(message.meter_values),
        seq_no=running.last_seq_no + 1,
        transaction_id=running.id,
        evse_id=message.evse_id or None,
        meter_values=message.meter_values,
        numbered=False,
        warnings=message.warnings,
    )


def _by_context(values: Iterable[MeterValue]) -> Trigger:
    contexts = [sample.context for value in values for sample in value.sampled_values]
    first = contexts[0] if contexts else "Sample.Periodic"
    return _BY_CONTEXT.get(first, Trigger.ABNORMAL_CONDITION)


def _ended(station: Station, message: StopTransaction) -> TransactionEvent:
    known = _transaction_of(station, message.transaction_id, None)
    evse = _evse_of(station, known.id) if known else None
    stop = _register(message.timestamp, message.meter_stop_wh, "Transaction.End")
    return TransactionEvent(
        event_type=EventType.ENDED,
        timestamp=message.timestamp,
        trigger_reason=message.trigger_reason,
        seq_no=known.last_seq_no + 1 if known else 0,
        transaction_id=known.id if known else message.transaction_id,
        stopped_reason=_reason(evse, message.reason),
        id_token=message.id_token,
        meter_values=(*message.meter_values, stop),
        numbered=False,
        warnings=message.warnings,
    )


def _reason(evse: Evse | None, reason: StoppedReason) -> StoppedReason:
    if reason is not StoppedReason.OTHER or evse is None:
        return reason
    said = evse.connectors.get(evse.id)
    return _FAULTS.get(said.error_code or "", reason) if said else reason


def _transaction_of(
    station: Station, transaction_id: str | None, evse_id: int | None
) -> Transaction | ClosedTransaction | None:
    """Return the transaction that a message means, also by an id that is none of ours.

    Stations that started offline name -1 or whatever they made up; the message is to be taken
    as if its id were valid (OCPP 1.6 errata 3.18): then it means the one that runs there, or
    the only one that runs at all.
    """
    known: list[Transaction | ClosedTransaction] = [
        evse.transaction for evse in station.evses.values() if evse.transaction is not None
    ]
    known += station.closed
    named = next((t for t in known if t.id == transaction_id), None)
    if named is not None:
        return named
    running = [
        evse.transaction
        for evse in station.evses.values()
        if evse.transaction is not None and evse.transaction.open and evse_id in {None, 0, evse.id}
    ]
    return running[0] if len(running) == 1 else None


def _evse_of(station: Station, transaction_id: str) -> Evse | None:
    return next(
        (
            evse
            for evse in station.evses.values()
            if evse.transaction is not None and evse.transaction.id == transaction_id
        ),
        None,
    )


def _register(at: datetime, energy_wh: float, context: str) -> MeterValue:
    sample = SampledValue(ENERGY, energy_wh, "Wh", context=context)
    return MeterValue(timestamp=at, sampled_values=(sample,))


# --- StatusNotification ---------------------------------------------------------------------


def _status_changed(
    station: Station, message: StatusNotification, now: datetime
) -> TransactionEvent | None:
    """Return the change of charging state that a status tells of a running transaction."""
    evse = station.evses.get(message.evse_id)
    running = evse.transaction if evse else None
    status = message.point_status
    if running is None or not running.open or status is None:
        return None
    state = CHARGING_STATES.get(status)
    if state is None or state is running.charging_state:
        return None
    return TransactionEvent(
        event_type=EventType.UPDATED,
        timestamp=message.timestamp or now,
        trigger_reason=Trigger.CHARGING_STATE_CHANGED,
        seq_no=running.last_seq_no + 1,
        transaction_id=running.id,
        evse_id=message.evse_id,
        connector_id=message.evse_id,
        charging_state=state,
        numbered=False,
        timed=message.timestamp is not None,
        warnings=message.warnings,
    )
