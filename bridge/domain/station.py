"""The charging station: one pure function from an input to its consequences.

    Outcome = handle(station, input, now, settings)

Inputs are what the station says (`events`), what controllers want (`commands`), answers to our
calls, the coming and going of its connection, and the passing of time. The record is frozen:
where the outcome cannot be stored, the old record simply stays in force and the station, left
without an answer, sends again. What each input does is a row of `_HANDLERS`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from bridge.domain import (
    access,
    arrival,
    charge_controller,
    charge_point,
    command,
    external,
    frequent,
    kept_limits,
    leases,
    looking,
    metering,
    observe,
    profile,
    progress,
    readback,
    security,
    station_max,
    status,
    transaction,
    transaction_limits,
    upkeep,
    verdicts,
    wanted,
)
from bridge.domain.calls import CallAnswered, CallOutcome
from bridge.domain.commands import Command
from bridge.domain.control import Cause, ChangeReason, InstalledProfile, TeamShare
from bridge.domain.credentials import LoggedIn
from bridge.domain.draft import Draft
from bridge.domain.draft import registered as registered  # noqa: PLC0414  # for the engine
from bridge.domain.effects import (
    Acknowledged,
    BootReply,
    DynamicLimit,
    NotAccepted,
    Outcome,
    Reply,
    StartReply,
    TransactionReply,
)
from bridge.domain.enums import (
    Registration,
)
from bridge.domain.events import (
    Authorize,
    BootNotification,
    ClearedChargingLimit,
    Connected,
    ControllerReport,
    Disconnected,
    Heartbeat,
    MeterValues,
    Notice,
    NotifyChargingLimit,
    NotifyEvent,
    PullDynamicScheduleUpdate,
    ReportChargingProfiles,
    SecurityEventNotification,
    StartTransaction,
    StationMessage,
    StatusNotification,
    StopTransaction,
    TransactionEvent,
)
from bridge.domain.knowledge import Question, QuestionKind
from bridge.domain.model import Evse, Station
from bridge.domain.records import replace
from bridge.domain.security import Incident
from bridge.domain.settings import StationSettings


class Tick(Struct, frozen=True, kw_only=True):
    """Time has passed: something was due (see `upkeep.next_deadline`)."""


class Restarted(Struct, frozen=True, kw_only=True):
    """The bridge has started and this record comes from the store."""


class Approved(Struct, frozen=True, kw_only=True):
    """The owner has approved a station that was pending."""

    boots: bool = True
    """It was found out because the station boots, which need not be asked for then."""


class ShareChanged(Struct, frozen=True, kw_only=True):
    """A load-management group leaves this much to an EVSE; None: the EVSE is in no group."""

    evse_id: int
    share: TeamShare | None


Input = (
    StationMessage
    | Connected
    | Disconnected
    | CallAnswered
    | Command
    | Tick
    | Restarted
    | Approved
    | ShareChanged
    | Incident
    | LoggedIn
)


def handle(station: Station, message: Input, now: datetime, settings: StationSettings) -> Outcome:
    """Return everything that follows from one input. Pure; total for every input type."""
    if isinstance(message, TransactionEvent):
        outcome = frequent.taken_in(station, message, now, settings)
        if outcome is not None:
            return outcome
    return by_the_rules(station, message, now, settings)


def by_the_rules(
    station: Station, message: Input, now: datetime, settings: StationSettings
) -> Outcome:
    """Do the same without a short way for what is frequent."""
    draft = Draft(station, now, settings)
    if isinstance(message, _NEEDS_REGISTRATION) and not registered(station, settings):
        return draft.finish(NotAccepted())
    draft.cause = _CAUSES.get(type(message), draft.cause)
    draft.said_at = getattr(message, "timestamp", None) or now
    if station.readback is not None and isinstance(message, _NEEDS_REGISTRATION):
        readback.spoken(draft)
    lapsed = leases.lapse(draft)
    if station.inquiries:
        lapsed |= verdicts.lapse(draft)
    if station.calls:
        looking.lapse(draft)
    reply = _HANDLERS[type(message)](draft, message)
    if lapsed or draft.station.station_slots is not station.station_slots:
        upkeep.refresh_all(draft)
    transaction_limits.enforce(draft)
    observe.verify(draft)
    station_max.keep(draft)
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
    arrival.connected(draft)
    readback.begin(draft)
    upkeep.refresh_all(draft)


def _disconnected(draft: Draft, message: Disconnected) -> None:
    if draft.station.connection_id != message.connection_id:
        return
    draft.change(online=False, connection_id=None, readback=None)
    arrival.gone(draft)
    charge_controller.gone(draft)
    upkeep.refresh_all(draft)


def _restarted(draft: Draft, _message: Restarted) -> None:
    """Take up a record from the store: nothing is connected, calls on their way are lost."""
    draft.change(online=False, connection_id=None, questions=(), readback=None, read_back=False)
    draft.change(boot_asked=False)
    arrival.gone(draft)
    charge_controller.gone(draft)
    verdicts.forget(draft)
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
    upkeep.refresh_all(draft)


def _boot_notification(draft: Draft, message: BootNotification) -> Reply:
    accepted = registered(draft.station, draft.settings)
    status = Registration.ACCEPTED if accepted else Registration.PENDING
    arrival.booted(draft, message)
    learnt = readback.learnt_after(draft.station, message)
    if not readback.same_software(draft.station.boot, message):
        station_max.other_software(draft)
    draft.change(
        boot=message, booted_at=draft.now, registration=status, learnt=learnt, read_back=False
    )
    for evse in draft.evses.values():
        draft.put(replace(evse, installed=_after_boot(evse)))
    readback.begin(draft, booted=True)
    upkeep.refresh_all(draft)
    return BootReply(status=status, interval_seconds=draft.settings.heartbeat_interval_seconds)


def _after_boot(evse: Evse) -> tuple[InstalledProfile, ...]:
    """Return our profiles of which, after a boot, it is not known whether they are still there.

    A TxProfile does not outlive its transaction's interruption on most stations, and a
    TxDefaultProfile should but often does not: both are written or cleared again.
    """
    return tuple(replace(profile_, limit_a=None) for profile_ in evse.installed)


def _approved(draft: Draft, message: Approved) -> None:
    access.approved(draft, boots=message.boots)
    upkeep.refresh_all(draft)


# --- Status and readings --------------------------------------------------------------------


def _authorize(draft: Draft, message: Authorize) -> Reply:
    reply = verdicts.authorize(draft, message.id_token)
    upkeep.refresh_all(draft)
    return reply


def _acknowledge(_draft: Draft, _message: Heartbeat | Notice) -> Reply:
    return Acknowledged()


def _meter_values(draft: Draft, message: MeterValues) -> None:
    """Take in readings that came outside a TransactionEvent.

    Some 2.0.1 stations send a transaction's readings this way (charger-quirks 37): then they
    count for the transaction that runs on that EVSE. OCPP 1.6 sends all of them this way, with
    the transaction's id: they are an event of it.
    """
    event = None
    if message.transaction_id is not None:
        event = charge_point.event_of(draft.present, message, draft.now)
    if event is not None:
        progress.take_in(draft, event)
        return
    evse = draft.evses.get(message.evse_id)
    if evse is None:
        return
    readings = metering.read(message.meter_values)
    running = evse.transaction
    if running is not None and running.open:
        running = transaction.measured(running, readings)
    meter = metering.latest(evse.meter, readings.meters, message.warnings)
    evse = replace(evse, transaction=running, meter=meter)
    upkeep.refresh(draft, evse, plugged=evse.view.plugged)


def _start_transaction(draft: Draft, message: StartTransaction) -> Reply:
    given = charge_point.issued(draft.station, message)
    if given is None:
        given = charge_point.issue(draft, message)
        event = charge_point.event_of(draft.present, message, draft.now)
        assert event is not None  # noqa: S101  # the id has just been given
        progress.take_in(draft, event)
        verdict = verdicts.in_transaction(draft, event)
    else:
        event = charge_point.event_of(draft.present, message, draft.now)
        assert event is not None  # noqa: S101  # it has its id
        verdict = verdicts.at_once(draft.present, event, draft.settings, draft.now)
    assert verdict is not None  # noqa: S101  # each StartTransaction has a token
    return StartReply(transaction_id=given.transaction_id, verdict=verdict)


def _stop_transaction(draft: Draft, message: StopTransaction) -> Reply:
    event = charge_point.event_of(draft.present, message, draft.now)
    assert event is not None  # noqa: S101  # each StopTransaction ends one
    progress.take_in(draft, event)
    return TransactionReply(verdict=verdicts.in_transaction(draft, event))


def _transaction_event(draft: Draft, event: TransactionEvent) -> Reply:
    progress.take_in(draft, event)
    verdict = verdicts.in_transaction(draft, event)
    return TransactionReply(verdict=verdict, limit=kept_limits.tell(draft, event))


def _controller_report(draft: Draft, report: ControllerReport) -> None:
    """Take in what a charge controller says of itself, as what OCPP would have told of it."""
    known = draft.evses.get(charge_controller.EVSE_ID)
    charge_controller.note(draft, report)
    before = known.reported if known else None
    for message in charge_controller.messages(draft.present, report, before):
        _HANDLERS[type(message)](draft, message)
    evse = draft.evses[charge_controller.EVSE_ID]
    upkeep.refresh(draft, evse, plugged=charge_controller.plugged(report, known=evse.view.plugged))


# --- Limits of others -----------------------------------------------------------------------


def _charging_limit(draft: Draft, message: NotifyChargingLimit) -> None:
    external.notified(draft, message)
    upkeep.refresh_all(draft)


def _charging_limit_cleared(draft: Draft, message: ClearedChargingLimit) -> None:
    external.cleared(draft, message)
    readback.again(draft)
    upkeep.refresh_all(draft)


def _dynamic_limit(draft: Draft, message: PullDynamicScheduleUpdate) -> Reply:
    return DynamicLimit(limit=wanted.dynamic_limit(draft, message.profile_id))


def _charging_profiles(draft: Draft, message: ReportChargingProfiles) -> None:
    looking.reported(draft, message)
    readback.reported(draft, message)
    upkeep.refresh_all(draft)


def _share_changed(draft: Draft, message: ShareChanged) -> None:
    evse = draft.evses.get(message.evse_id)
    if evse is not None:
        draft.put(replace(evse, team=message.share))
        upkeep.refresh_all(draft)


# --- Commands, answers, time ------------------------------------------------------------------


def _command(draft: Draft, message: Command) -> None:
    for evse_id in [message.ref.evse_id] if message.ref.evse_id else list(draft.causes):
        draft.causes.pop(evse_id, None)  # what the command changes is the command's
    draft.cause = Cause(
        reason=ChangeReason.COMMAND, controller=message.ref.controller, command_id=message.ref.id
    )
    command.handle(draft, message)
    upkeep.refresh_all(draft)


def _call_answered(draft: Draft, message: CallAnswered) -> None:
    for question in draft.station.questions:
        if question.call_id == message.call_id:
            left = tuple(q for q in draft.station.questions if q is not question)
            draft.change(questions=left)
            _ANSWERED[question.kind](draft, question, message.outcome)
            upkeep.refresh_all(draft)
            return
    for pending in draft.station.calls:
        if pending.call_id == message.call_id:
            command.answered(draft, pending, message.outcome)
    for evse in list(draft.evses.values()):
        write = evse.write
        if write is not None and write.call_id == message.call_id:
            after = profile.answered(draft, evse, write, message.outcome)
            draft.put(profile.reconcile(draft, after))


def _setup_answered(draft: Draft, question: Question, outcome: CallOutcome) -> None:
    arrival.survived(draft, outcome)
    readback.answered(draft, question, outcome)


def _promised(_draft: Draft, _question: Question, _outcome: CallOutcome) -> None:
    """Wait for the message itself: some accept, and send none (charger-quirks 45)."""


def _tick(draft: Draft, _message: Tick) -> None:
    arrival.advance(draft)
    readback.advance(draft)
    for evse in list(draft.evses.values()):
        if evse.completed_until is not None and evse.completed_until <= draft.now:
            draft.put(replace(evse, completed_until=None))
    upkeep.refresh_all(draft)


_ANSWERED: Final = {
    QuestionKind.PROFILES: _setup_answered,
    QuestionKind.CAPABILITIES: _setup_answered,
    QuestionKind.BOOT: _promised,
    QuestionKind.COMPOSITE: observe.answered,
    QuestionKind.STATION_MAX: station_max.answered,
    QuestionKind.TRANSACTION_STOP: transaction_limits.answered,
    QuestionKind.TRANSACTION_EVENT: _promised,
}

_CAUSES: Final = {
    Connected: Cause(reason=ChangeReason.CONNECTION),
    Disconnected: Cause(reason=ChangeReason.CONNECTION),
    Restarted: Cause(reason=ChangeReason.RESTART),
    TransactionEvent: Cause(reason=ChangeReason.TRANSACTION),
    NotifyChargingLimit: Cause(reason=ChangeReason.EXTERNAL_LIMIT),
    ClearedChargingLimit: Cause(reason=ChangeReason.EXTERNAL_LIMIT),
    ReportChargingProfiles: Cause(reason=ChangeReason.EXTERNAL_LIMIT),
    ShareChanged: Cause(reason=ChangeReason.TEAM),
    Tick: Cause(reason=ChangeReason.TIME),
}
"""Why something changes, where no handler knows better."""

_NEEDS_REGISTRATION: Final = (
    Authorize,
    ClearedChargingLimit,
    ControllerReport,
    Heartbeat,
    MeterValues,
    Notice,
    NotifyChargingLimit,
    NotifyEvent,
    PullDynamicScheduleUpdate,
    ReportChargingProfiles,
    SecurityEventNotification,
    StartTransaction,
    StatusNotification,
    StopTransaction,
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
    StatusNotification: status.reported,
    NotifyEvent: status.reported_by_events,
    MeterValues: _meter_values,
    TransactionEvent: _transaction_event,
    StartTransaction: _start_transaction,
    StopTransaction: _stop_transaction,
    NotifyChargingLimit: _charging_limit,
    ClearedChargingLimit: _charging_limit_cleared,
    ReportChargingProfiles: _charging_profiles,
    PullDynamicScheduleUpdate: _dynamic_limit,
    ControllerReport: _controller_report,
    ShareChanged: _share_changed,
    SecurityEventNotification: security.told,
    Incident: security.happened,
    LoggedIn: access.logged_in,
    Command: _command,
    CallAnswered: _call_answered,
    Tick: _tick,
}
