"""The charging station: one pure function from an input to its consequences.

    Outcome = handle(station, input, now, settings)

Inputs are what the station says (`events`), what controllers want (`commands`), answers to our
calls, the coming and going of its connection, and the passing of time. The record is frozen:
where the outcome cannot be stored, the old record simply stays in force and the station, left
without an answer, sends again. What each input does is a row of `_HANDLERS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bridge.domain import command, connector, metering, profile, progress, transaction, upkeep
from bridge.domain.calls import CallAnswered
from bridge.domain.commands import Command
from bridge.domain.draft import Draft
from bridge.domain.draft import registered as registered  # noqa: PLC0414  # for the engine
from bridge.domain.effects import (
    Acknowledged,
    AuthorizeReply,
    BootReply,
    NotAccepted,
    Outcome,
    Reply,
    StatusRecorded,
    TransactionReply,
)
from bridge.domain.enums import (
    AuthorizationStatus,
    Registration,
)
from bridge.domain.events import (
    Authorize,
    BootNotification,
    Connected,
    Disconnected,
    Heartbeat,
    MeterValues,
    Notice,
    StationMessage,
    StatusNotification,
    TransactionEvent,
)
from bridge.domain.ids import STATION_EVSE, event_id
from bridge.domain.model import (
    Connector,
    Evse,
    InstalledProfile,
    Station,
)
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings

MAX_CONNECTORS: Final = 16
"""Connectors of one EVSE that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed: something was due (see `upkeep.next_deadline`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The bridge has started and this record comes from the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The owner has approved a station that was pending."""


Input = (
    StationMessage
    | Connected
    | Disconnected
    | CallAnswered
    | Command
    | Tick
    | Restarted
    | Approved
)


def handle(station: Station, message: Input, now: datetime, settings: StationSettings) -> Outcome:
    """Return everything that follows from one input. Pure; total for every input type."""
    draft = Draft(station, now, settings)
    if isinstance(message, _NEEDS_REGISTRATION) and not registered(station, settings):
        return draft.finish(NotAccepted())
    reply = _HANDLERS[type(message)](draft, message)
    if draft.station.station_slots is not station.station_slots:
        upkeep.refresh_all(draft)
    return draft.finish(reply)


# --- The connection -----------------------------------------------------------------------


def _connected(draft: Draft, message: Connected) -> None:
    # who needs no BootNotification may never send one, and is accepted all the same (ADR 8)
    accepted = registered(draft.station, draft.settings)
    draft.change(
        online=True,
        connection_id=message.connection_id,
        version=message.version,
        registration=Registration.ACCEPTED if accepted else draft.station.registration,
    )
    upkeep.refresh_all(draft)


def _disconnected(draft: Draft, message: Disconnected) -> None:
    if draft.station.connection_id != message.connection_id:
        return
    draft.change(online=False, connection_id=None)
    upkeep.refresh_all(draft)


def _restarted(draft: Draft, _message: Restarted) -> None:
    """Take up a record from the store: nothing is connected, writes on their way are lost."""
    draft.change(online=False, connection_id=None)
    for pending in draft.station.calls:
        command.lost(draft, pending)
    for evse in draft.evses.values():
        write = evse.write
        if write is not None:
            others = tuple(p for p in evse.installed if p.profile_id != write.profile.profile_id)
            draft.put(
                replace(
                    evse,
                    write=None,
                    installed=(*others, replace(write.profile, limit_a=None)),
                    waiting=write.waiting + evse.waiting,
                )
            )
    upkeep.lapse(draft)
    upkeep.refresh_all(draft)


def _boot_notification(draft: Draft, message: BootNotification) -> Reply:
    accepted = registered(draft.station, draft.settings)
    status = Registration.ACCEPTED if accepted else Registration.PENDING
    draft.change(boot=message, booted_at=draft.now, registration=status)
    for evse in draft.evses.values():
        draft.put(replace(evse, installed=_after_boot(evse)))
    upkeep.refresh_all(draft)
    return BootReply(status=status, interval_seconds=draft.settings.heartbeat_interval_seconds)


def _after_boot(evse: Evse) -> tuple[InstalledProfile, ...]:
    """Return our profiles of which, after a boot, it is not known whether they are still there.

    A TxProfile does not outlive its transaction's interruption on most stations, and a
    TxDefaultProfile should but often does not: both are written or cleared again.
    """
    return tuple(replace(profile_, limit_a=None) for profile_ in evse.installed)


def _approved(draft: Draft, _message: Approved) -> None:
    draft.change(registration=Registration.ACCEPTED)
    upkeep.refresh_all(draft)


# --- Status and readings --------------------------------------------------------------------


def _authorize(_draft: Draft, _message: Authorize) -> Reply:
    return AuthorizeReply(status=AuthorizationStatus.ACCEPTED)


def _acknowledge(_draft: Draft, _message: Heartbeat | Notice) -> Reply:
    return Acknowledged()


def _status_notification(draft: Draft, message: StatusNotification) -> None:
    if message.evse_id == STATION_EVSE or not draft.can_have(message.evse_id):
        return
    evse = draft.evses.get(message.evse_id) or Evse(id=message.evse_id)
    before = evse.connectors.get(message.connector_id)
    if before is None and len(evse.connectors) >= MAX_CONNECTORS:
        return
    after = Connector(status=message.status, at=message.timestamp, error_code=message.error_code)
    evse = replace(evse, connectors={**evse.connectors, message.connector_id: after})
    upkeep.refresh(draft, evse, plugged=connector.plugged_by_status(evse, after))
    if before is not None and (before.status, before.error_code) == (
        after.status,
        after.error_code,
    ):
        return
    draft.events.append(_status_recorded(draft, message, before))


def _status_recorded(
    draft: Draft, message: StatusNotification, before: Connector | None
) -> StatusRecorded:
    place = f"status/{message.evse_id}/{message.connector_id}"
    return StatusRecorded(
        event_id=event_id(
            draft.station.id, place, draft.station.revision, message.status, message.timestamp
        ),
        station_id=draft.station.id,
        evse_id=message.evse_id,
        connector_id=message.connector_id,
        status=message.status,
        previous=before.status if before else None,
        timestamp=message.timestamp,
        received_at=draft.now,
        error_code=message.error_code,
    )


def _meter_values(draft: Draft, message: MeterValues) -> None:
    """Take in readings that came outside a TransactionEvent.

    Some 2.0.1 stations send a transaction's readings this way (charger-quirks 37): then they
    count for the transaction that runs on that EVSE.
    """
    evse = draft.evses.get(message.evse_id)
    if evse is None:
        return
    readings = metering.read(message.meter_values)
    running = evse.transaction
    if running is not None and running.open:
        running = transaction.measured(running, readings)
    meter = metering.latest(evse.meter, readings.meters)
    evse = replace(evse, transaction=running, meter=meter)
    upkeep.refresh(draft, evse, plugged=evse.view.plugged)


def _transaction_event(draft: Draft, event: TransactionEvent) -> Reply:
    progress.take_in(draft, event)
    # whoever sends a token must be told its status (E01.FR.11)
    status = AuthorizationStatus.ACCEPTED if event.id_token is not None else None
    return TransactionReply(status=status)


# --- Commands, answers, time ------------------------------------------------------------------


def _command(draft: Draft, message: Command) -> None:
    upkeep.lapse(draft)
    command.handle(draft, message)
    upkeep.refresh_all(draft)


def _call_answered(draft: Draft, message: CallAnswered) -> None:
    for pending in draft.station.calls:
        if pending.call_id == message.call_id:
            command.remote_answered(draft, pending, message.outcome)
    for evse in list(draft.evses.values()):
        write = evse.write
        if write is not None and write.call_id == message.call_id:
            after = profile.answered(draft, evse, write, message.outcome)
            draft.put(profile.reconcile(draft, after))


def _tick(draft: Draft, _message: Tick) -> None:
    upkeep.lapse(draft)
    for evse in list(draft.evses.values()):
        if evse.completed_until is not None and evse.completed_until <= draft.now:
            draft.put(replace(evse, completed_until=None))
    upkeep.refresh_all(draft)


_NEEDS_REGISTRATION: Final = (
    Authorize,
    Heartbeat,
    MeterValues,
    Notice,
    StatusNotification,
    TransactionEvent,
)

_HANDLERS: Final[dict[type, Callable[[Draft, Any], Reply | None]]] = {
    Connected: _connected,
    Disconnected: _disconnected,
    Restarted: _restarted,
    BootNotification: _boot_notification,
    Approved: _approved,
    Heartbeat: _acknowledge,
    Notice: _acknowledge,
    Authorize: _authorize,
    StatusNotification: _status_notification,
    MeterValues: _meter_values,
    TransactionEvent: _transaction_event,
    Command: _command,
    CallAnswered: _call_answered,
    Tick: _tick,
}
