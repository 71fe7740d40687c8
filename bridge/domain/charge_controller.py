"""A charge controller (SECC) without OCPP, told as messages of OCPP 2.x (mapping.md, 2, 3b, 6).

Theory of operation. A controller is read from time to time and says how things are, not what has
happened. `messages` compares that with what is known of the station and returns the messages by
which a station of OCPP would have told it: a StatusNotification, the events of a transaction,
readings. From there on both go the same way. Since the comparison is with the durable record, a
restart of the bridge tells nothing twice, and what ended or began meanwhile is told once.

A transaction is the controller's charging session, from the plugging in of an EV (TxStartPoint
EVConnected) to `Finishing`, to the unplugging, or to another session's beginning. Its id is the
controller's session id. Times are those of the bridge; the controller's own are taken where they
lie between what was seen before and now, since its clock may not be set.

`note` keeps what the controller says of itself, and what follows for the arbiter: a limit of
somebody else that it names, and whether what the bridge has written is still there.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from bridge.domain import iec61851, inferred
from bridge.domain.control import Cause, ChangeReason
from bridge.domain.draft import Draft
from bridge.domain.enums import (
    AllocationSource,
    ChargingState,
    ConnectorStatus,
    EventType,
    SeccState,
    StoppedReason,
    VehicleStatus,
)
from bridge.domain.enums import TriggerReason as Trigger
from bridge.domain.events import (
    ControllerReport,
    MeterValue,
    MeterValues,
    SampledValue,
    StatusNotification,
    TransactionEvent,
)
from bridge.domain.metering import ENERGY
from bridge.domain.model import Evse, Station, Transaction
from bridge.domain.records import replace
from bridge.domain.reported import Reported, source_name
from bridge.domain.transaction import PLAUSIBLE_STARTS

EVSE_ID: Final = 1
CONNECTOR_ID: Final = 1
RATE_NEWS_A: Final = 0.1
"""By how much what is available must have moved to be told as another rate."""
PILOT_MINIMUM_A: Final = 6.0
"""IEC 61851-1: below this a controller makes 0 A of a limit."""
OLDEST_START: Final = timedelta(days=30)
"""How long a session that is found running may have run, to believe when it says it began."""

_WHOLE_SECOND: Final = timedelta(seconds=1)

Message = StatusNotification | TransactionEvent | MeterValues

_TRIGGER: Final[Mapping[StoppedReason, Trigger]] = {
    StoppedReason.DE_AUTHORIZED: Trigger.DEAUTHORIZED,
    StoppedReason.EMERGENCY_STOP: Trigger.ABNORMAL_CONDITION,
    StoppedReason.ENERGY_LIMIT_REACHED: Trigger.ENERGY_LIMIT_REACHED,
    StoppedReason.EV_DISCONNECTED: Trigger.EV_COMMUNICATION_LOST,
    StoppedReason.GROUND_FAULT: Trigger.ABNORMAL_CONDITION,
    StoppedReason.IMMEDIATE_RESET: Trigger.RESET_COMMAND,
    StoppedReason.LOCAL: Trigger.STOP_AUTHORIZED,
    StoppedReason.LOCAL_OUT_OF_CREDIT: Trigger.STOP_AUTHORIZED,
    StoppedReason.MASTER_PASS: Trigger.STOP_AUTHORIZED,
    StoppedReason.OTHER: Trigger.ABNORMAL_CONDITION,
    StoppedReason.OVERCURRENT_FAULT: Trigger.ABNORMAL_CONDITION,
    StoppedReason.POWER_LOSS: Trigger.ABNORMAL_CONDITION,
    StoppedReason.POWER_QUALITY: Trigger.ABNORMAL_CONDITION,
    StoppedReason.REBOOT: Trigger.RESET_COMMAND,
    StoppedReason.REMOTE: Trigger.REMOTE_STOP,
    StoppedReason.SOC_LIMIT_REACHED: Trigger.ENERGY_LIMIT_REACHED,
    StoppedReason.STOPPED_BY_EV: Trigger.CHARGING_STATE_CHANGED,
    StoppedReason.TIME_LIMIT_REACHED: Trigger.TIME_LIMIT_REACHED,
    StoppedReason.TIMEOUT: Trigger.EV_CONNECT_TIMEOUT,
}
"""By which trigger a transaction ends, by its reason (mapping.md, 5)."""


# --- What it says of itself -----------------------------------------------------------------


def note(draft: Draft, report: ControllerReport) -> None:
    """Keep what the controller says of itself, and its limits for the arbiter."""
    if draft.station.boot != report.boot:
        draft.change(boot=report.boot)
    _learn(draft, report)
    evse = draft.evses.get(EVSE_ID) or Evse(id=EVSE_ID)
    if not report.limits_kept and evse.write is None:
        evse = _forgotten(evse)
    said = _said(evse, report)
    if evse.reported is None or said != replace(evse.reported, at=None):
        evse = replace(evse, reported=replace(said, at=report.timestamp))
    draft.put(_with_limit(draft, evse, said))


def gone(draft: Draft) -> None:
    """Take note that the controller cannot be read: what it said is not to be relied upon."""
    for evse in list(draft.evses.values()):
        if evse.reported is not None and not evse.reported.lost:
            draft.put(replace(evse, reported=replace(evse.reported, lost=True)))


def _learn(draft: Draft, report: ControllerReport) -> None:
    """Take what the API can for granted: one limit, whatever transaction runs."""
    learnt = draft.station.learnt
    known = replace(
        learnt,
        asked=True,
        tx_profile=False,
        default_governs_running=True,
        phase_switching=report.phase_switching,
    )
    if known != learnt:
        draft.change(learnt=known)


def _forgotten(evse: Evse) -> Evse:
    """Return the EVSE of which it is not known any more what limit it has: to be written again."""
    if all(profile.limit_a is None for profile in evse.installed):
        return evse
    return replace(
        evse, installed=tuple(replace(profile, limit_a=None) for profile in evse.installed)
    )


def _said(evse: Evse, report: ControllerReport) -> Reported:
    named = None if report.source_name is None else source_name(report.source_name)
    return Reported(
        state=report.state,
        phase=report.phase,
        vehicle_status=report.vehicle_status,
        controller_status=report.controller_status,
        session_id=report.session_id,
        source_name=named,
        by_us=report.own_source and _is_ours(evse, report),
        available_a=report.available_a,
        one_phase=report.one_phase,
        phase_source_name=report.phase_source_name,
        phase_rotation=report.phase_rotation,
        rotation_source_name=report.rotation_source_name,
    )


def _is_ours(evse: Evse, report: ControllerReport) -> bool:
    """Say whether what is in force can be what the bridge has written, or is writing.

    Not where less is available than the controller makes of that: then another client of the same
    API has a lower limit.
    """
    profiles = [*evse.installed] if evse.write is None else [*evse.installed, evse.write.profile]
    limits_a = [each.limit_a for each in profiles if each.limit_a is not None]
    if report.available_a is None or not limits_a or len(limits_a) < len(profiles):
        return bool(profiles)
    lowest_a = min(limits_a)
    if report.effective_a is not None:
        lowest_a = min(lowest_a, report.effective_a)
    return lowest_a < PILOT_MINIMUM_A or report.available_a >= lowest_a - RATE_NEWS_A


_NOBODY: Final = frozenset({None, AllocationSource.UNMANAGED.value})


def _with_limit(draft: Draft, evse: Evse, said: Reported) -> Evse:
    """Return the EVSE with the limit of somebody else that the controller names, and its cable."""
    by_others = said.available_a is not None and not said.by_us and said.source_name not in _NOBODY
    by_cable = by_others and said.source_name == AllocationSource.PROXIMITY_PILOT
    if by_cable and said.available_a and evse.cable_max_a != said.available_a:
        evse = replace(evse, cable_max_a=said.available_a)
    limit_a = said.available_a if by_others and not by_cable else None
    source = AllocationSource.read(said.source_name or "") or AllocationSource.OCPP_PROFILE
    before = draft.station.external_limits
    inferred.reported(draft, evse, limit_a, source)
    if draft.station.external_limits is not before:
        draft.cause = Cause(reason=ChangeReason.EXTERNAL_LIMIT)
    return evse


# --- Messages ---------------------------------------------------------------------------------


def messages(
    station: Station, report: ControllerReport, before: Reported | None
) -> Iterator[Message]:
    """Give the messages by which OCPP would tell what a report says beyond what is known.

    `before` is what the controller said of itself in its last report; None before the first.
    """
    evse = station.evses.get(EVSE_ID) or Evse(id=EVSE_ID)
    status = _status(evse, report)
    if status is not None:
        yield status
    events = list(_Session(evse, report, before).events())
    yield from events
    if report.meter_values and not any(event.meter_values for event in events):
        yield MeterValues(evse_id=EVSE_ID, meter_values=report.meter_values)


def _status(evse: Evse, report: ControllerReport) -> StatusNotification | None:
    status = report.connector_status
    if status is None and report.state is not None:
        status = iec61851.CONNECTOR_STATUS[report.state]
    if status is None:
        return None
    error = report.error_cause if status is ConnectorStatus.FAULTED else None
    held = evse.connectors.get(CONNECTOR_ID)
    if held is not None and (held.status, held.error_code) == (status, error):
        return None
    return StatusNotification(
        timestamp=report.timestamp,
        evse_id=EVSE_ID,
        connector_id=CONNECTOR_ID,
        status=status,
        error_code=error,
    )


def plugged(report: ControllerReport, *, known: bool | None) -> bool | None:
    """Return whether an EV is plugged in, by what its pilot says."""
    vehicle = report.vehicle_status
    return known if vehicle is None else iec61851.PLUGGED.get(vehicle, known)


class _Session(Struct, frozen=True):
    """The controller's session beside the transaction that is known."""

    evse: Evse
    report: ControllerReport
    before: Reported | None

    def events(self) -> Iterator[TransactionEvent]:
        held = self.evse.transaction
        runs = None if self.report.state is None else iec61851.RUNNING.get(self.report.state)
        if held is not None and held.open:
            if runs is not False and not self._is_another(held):
                yield from self._goes_on(held)
                return
            ended = self._ended(held, superseded=runs is not False)
            yield ended
            if runs:
                yield self._begun(ended.timestamp)
        elif runs:
            yield self._begun(None if held is None else held.ended_at)
        elif runs is False and self._was_missed(held):
            yield from self._missed()

    # --- Which session it is ----------------------------------------------------------------

    def _is_another(self, held: Transaction) -> bool:
        """Say whether the session that runs is not the one that is known.

        Where that has an id of ours, the controller's own may still become another until energy
        flows: it had told none, or still that of the session before.
        """
        told = self.report.session_id
        if told is None or told == held.id:
            return False
        if not held.id.startswith(_OWN_ID):
            return True
        last = None if self.before is None else self.before.session_id
        return last not in {None, told} and held.charging_started_at is not None

    def _was_missed(self, held: Transaction | None) -> bool:
        """Say whether a whole session has come and gone since the last report."""
        report, before = self.report, self.before
        if before is None or report.session_id in {None, before.session_id}:
            return False
        if report.started_at is None or report.ended_at is None:
            return False
        last = None if held is None else held.ended_at
        over = report.started_at < report.ended_at <= report.timestamp
        since = before.at if last is None else last
        return over and since is not None and report.started_at > since

    def _id(self, began: datetime) -> str:
        told, before = self.report.session_id, self.before
        stale = before is not None and told == before.session_id and not self.report.first
        if told is None or stale:  # it has not changed with the session: not yet, perhaps
            return f"{_OWN_ID}{int(began.timestamp())}"
        return told

    # --- Events -----------------------------------------------------------------------------

    def _begun(self, last_ended: datetime | None) -> TransactionEvent:
        """Return the event of a session that runs; it is not older than the end of the last one."""
        report = self.report
        charging = report.state is SeccState.CHARGING
        began = self._time(report.started_at) if charging else report.timestamp
        began = began if last_ended is None else max(began, last_ended)
        transaction_id = self._id(began)
        return TransactionEvent(
            event_type=EventType.STARTED,
            timestamp=began,
            trigger_reason=self._start_reason(),
            seq_no=0,
            transaction_id=transaction_id,
            evse_id=EVSE_ID,
            connector_id=CONNECTOR_ID,
            charging_state=self._charging_state(None),
            number_of_phases_used=report.phases_used,
            meter_values=(
                *_register(began, report.meter_start_wh, "Transaction.Begin"),
                *report.meter_values,
            ),
            offline=report.first and began < report.timestamp,
            numbered=False,
        )

    def _start_reason(self) -> Trigger:
        told = self.report.start_reason
        return told if told in PLAUSIBLE_STARTS and told else Trigger.CABLE_PLUGGED_IN

    def _goes_on(self, held: Transaction) -> Iterator[TransactionEvent]:
        report = self.report
        state = self._charging_state(held)
        trigger, at = Trigger.METER_VALUE_PERIODIC, report.timestamp
        if state is not None and state is not held.charging_state:
            trigger = Trigger.CHARGING_STATE_CHANGED
            if state is ChargingState.CHARGING and held.charging_started_at is None:
                at = self._between(_last_seen(held), report.started_at)
        elif self._rate_changed():
            trigger = Trigger.CHARGING_RATE_CHANGED
        elif not report.meter_values:
            return
        yield TransactionEvent(
            event_type=EventType.UPDATED,
            timestamp=at,
            trigger_reason=trigger,
            seq_no=held.last_seq_no + 1,
            transaction_id=held.id,
            evse_id=EVSE_ID,
            connector_id=CONNECTOR_ID,
            charging_state=state,
            number_of_phases_used=report.phases_used,
            meter_values=report.meter_values,
            numbered=False,
        )

    def _rate_changed(self) -> bool:
        before = None if self.before is None else self.before.available_a
        now = self.report.available_a
        if before is None or now is None or self.report.state is not SeccState.CHARGING:
            return False
        return abs(now - before) >= RATE_NEWS_A

    def _ended(self, held: Transaction, *, superseded: bool) -> TransactionEvent:
        report = self.report
        gone = report.vehicle_status is VehicleStatus.DISCONNECTED or (
            report.vehicle_status is None and report.state is SeccState.IDLE
        )
        reason = report.stop_reason
        if superseded:
            # a session that has been replaced says nothing of its end any more
            reason, stop_wh = StoppedReason.OTHER, report.meter_start_wh
            at = self._between(_last_seen(held), report.started_at)
            trigger = Trigger.ABNORMAL_CONDITION
        else:
            reason = reason or (StoppedReason.EV_DISCONNECTED if gone else StoppedReason.LOCAL)
            stop_wh = report.meter_stop_wh
            at = self._between(_last_seen(held), report.ended_at)
            trigger = Trigger.EV_COMMUNICATION_LOST if gone else _TRIGGER[reason]
        if stop_wh is not None and stop_wh < (held.meter_last_wh or 0.0):
            stop_wh = None
        meter = _register(at, stop_wh, "Transaction.End")
        return TransactionEvent(
            event_type=EventType.ENDED,
            timestamp=at,
            trigger_reason=trigger,
            seq_no=held.last_seq_no + 1,
            transaction_id=held.id,
            evse_id=EVSE_ID,
            connector_id=CONNECTOR_ID,
            charging_state=ChargingState.IDLE if gone else ChargingState.EV_CONNECTED,
            stopped_reason=reason,
            number_of_phases_used=None if superseded else report.phases_used,
            # without a register of its end: the present one, unless another session runs on it
            meter_values=meter or (() if superseded else report.meter_values),
            offline=report.first and at < report.timestamp,
            numbered=False,
        )

    def _missed(self) -> Iterator[TransactionEvent]:
        report = self.report
        assert report.session_id is not None  # noqa: S101  # by _was_missed
        assert report.started_at is not None  # noqa: S101  # likewise
        assert report.ended_at is not None  # noqa: S101  # likewise
        reason = report.stop_reason or StoppedReason.LOCAL
        times = (
            (EventType.STARTED, report.started_at, report.meter_start_wh, "Transaction.Begin"),
            (EventType.ENDED, report.ended_at, report.meter_stop_wh, "Transaction.End"),
        )
        for seq_no, (kind, at, register_wh, context) in enumerate(times):
            over = kind is EventType.ENDED
            yield TransactionEvent(
                event_type=kind,
                timestamp=at,
                trigger_reason=_TRIGGER[reason] if over else self._start_reason(),
                seq_no=seq_no,
                transaction_id=report.session_id,
                evse_id=EVSE_ID,
                connector_id=CONNECTOR_ID,
                charging_state=ChargingState.EV_CONNECTED if over else ChargingState.CHARGING,
                stopped_reason=reason if over else None,
                number_of_phases_used=report.phases_used,
                meter_values=_register(at, register_wh, context),
                offline=True,
                numbered=False,
            )

    # --- Parts of events ---------------------------------------------------------------------

    def _charging_state(self, held: Transaction | None) -> ChargingState | None:
        state = self.report.state
        told = None if state is None else iec61851.CHARGING_STATE.get(state)
        flowed = held is not None and held.charging_started_at is not None
        if told is ChargingState.SUSPENDED_EVSE and not flowed:
            return ChargingState.EV_CONNECTED
        return told

    def _time(self, told: datetime | None) -> datetime:
        """Return when it began by the controller's clock, if that is to be believed."""
        now = self.report.timestamp
        earliest = now - OLDEST_START
        if self.before is not None and self.before.at is not None and not self.report.first:
            last = self.evse.transaction
            seen = self.before.at if last is None else max(self.before.at, last.last_event_at)
            earliest = max(earliest, seen)
        return self._between(earliest, told)

    def _between(self, earliest: datetime, told: datetime | None) -> datetime:
        """Return a time of the controller's clock, which tells whole seconds, or else now."""
        now = self.report.timestamp
        if told is None or not earliest - _WHOLE_SECOND < told <= now:
            return now
        return max(earliest, told)


def _last_seen(held: Transaction) -> datetime:
    """Return when the last of it was seen: what comes after that is not older."""
    return max(held.last_event_at, held.meter_last_at or held.last_event_at)


def _register(at: datetime, energy_wh: float | None, context: str) -> tuple[MeterValue, ...]:
    if energy_wh is None:
        return ()
    sample = SampledValue(ENERGY, energy_wh, "Wh", context=context)
    return (MeterValue(timestamp=at, sampled_values=(sample,)),)


_OWN_ID: Final = "session-"
"""How the ids begin that the bridge gives to sessions of a controller that tells none."""
