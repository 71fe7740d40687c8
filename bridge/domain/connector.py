"""From connector status and charging state to the view of seed 000 (mapping.md, 1 to 4).

The rules are tried in the order of mapping.md section 1; tables hold what each state means.
"""

from datetime import datetime
from typing import Final

from bridge.domain.enums import (
    ChargePointStatus,
    ChargingState,
    ConnectorStatus,
    ControllerStatus,
    Phase,
    SeccState,
    StoppedReason,
    TriggerReason,
    VehicleStatus,
)
from bridge.domain.events import TransactionEvent
from bridge.domain.iec61851 import PHASE_OF_STATE
from bridge.domain.model import Connector, Evse, EvseView, Transaction
from bridge.domain.records import replace
from bridge.domain.reported import Reported

Row = tuple[SeccState, Phase, VehicleStatus, ControllerStatus | None]

_IDLE: Final[Row] = (
    SeccState.IDLE,
    Phase.IDLE,
    VehicleStatus.DISCONNECTED,
    ControllerStatus.STANDBY,
)
_FAULTED: Final[Row] = (
    SeccState.FAULTED,
    Phase.FAULTED,
    VehicleStatus.ERROR,
    ControllerStatus.ERROR,
)
_FAILED: Final[Row] = (SeccState.FAULTED, Phase.FAILED, *_FAULTED[2:])
_RESERVED: Final[Row] = (SeccState.RESERVED, Phase.RESERVED, *_IDLE[2:])
_CONNECTED: Final = (VehicleStatus.CONNECTED, ControllerStatus.VEHICLE_DETECTED)
_FINISHING: Final[Row] = (SeccState.FINISHING, Phase.STOPPED, *_CONNECTED)
_LINGERING: Final[Row] = (SeccState.FINISHING, Phase.LINGERING, *_IDLE[2:])
_COMPLETED: Final[Row] = (SeccState.IDLE, Phase.COMPLETED, *_IDLE[2:])
_BEFORE_PLUG: Final[Row] = (SeccState.IDLE, Phase.AWAITING_START, *_IDLE[2:])
_AWAITING_START: Final[Row] = (SeccState.SUSPENDED_EVSE, Phase.AWAITING_START, *_CONNECTED)
_STARTING: Final[Row] = (SeccState.SUSPENDED_EVSE, Phase.STARTING, *_CONNECTED)
_UNAUTHORIZED: Final[Row] = (SeccState.SUSPENDED_EVSE, Phase.AWAITING_AUTHORIZATION, *_CONNECTED)

_BY_CHARGING_STATE: Final[dict[ChargingState, Row]] = {
    ChargingState.CHARGING: (
        SeccState.CHARGING,
        Phase.CHARGING,
        VehicleStatus.CHARGE_REQUEST,
        ControllerStatus.CHARGING,
    ),
    ChargingState.SUSPENDED_EV: (
        SeccState.SUSPENDED_EV,
        Phase.SUSPENDED_EV,
        VehicleStatus.CONNECTED,
        ControllerStatus.CHARGING_OFFERED,
    ),
    ChargingState.SUSPENDED_EVSE: (
        SeccState.SUSPENDED_EVSE,
        Phase.SUSPENDED_EVSE,
        *_CONNECTED,
    ),
}

_BY_POINT_STATUS: Final[dict[ChargePointStatus, Row]] = {
    ChargePointStatus.CHARGING: _BY_CHARGING_STATE[ChargingState.CHARGING],
    ChargePointStatus.SUSPENDED_EV: _BY_CHARGING_STATE[ChargingState.SUSPENDED_EV],
    ChargePointStatus.SUSPENDED_EVSE: _BY_CHARGING_STATE[ChargingState.SUSPENDED_EVSE],
    ChargePointStatus.FINISHING: _FINISHING,
}
"""What OCPP 1.6 says of a connector without a transaction (mapping.md, 4); the others are told
by the status that 2.x has as well."""

_STATUS_RANK: Final = (
    ConnectorStatus.FAULTED,
    ConnectorStatus.OCCUPIED,
    ConnectorStatus.RESERVED,
    ConnectorStatus.AVAILABLE,
    ConnectorStatus.UNAVAILABLE,
)
"""Which status speaks for an EVSE with several connectors, of which only one can be used."""

_NOT_MEASURED: Final = (None, None, None)

_UNPLUGGED_BY: Final = frozenset({TriggerReason.EV_DEPARTED, TriggerReason.EV_COMMUNICATION_LOST})


def status_of(evse: Evse) -> ConnectorStatus | None:
    """Return the status that speaks for the EVSE, None where none was reported."""
    reported = [connector.status for connector in evse.connectors.values()]
    return min(reported, key=_STATUS_RANK.index, default=None)


def plugged_by_status(evse: Evse, connector: Connector, *, authorized: bool) -> bool | None:
    """Return whether an EV is plugged in, after a connector's status.

    `authorized` says whether a token was shown that no transaction has used yet: a station of
    OCPP 1.6 is Preparing by a token alone, too (7.7), and then no cable was seen.
    """
    running = evse.transaction if evse.transaction and evse.transaction.open else None
    if connector.status is ConnectorStatus.OCCUPIED:
        if connector.point_status is ChargePointStatus.PREPARING and authorized and not running:
            return bool(evse.view.plugged)
        # a bay can be occupied by a vehicle that is not plugged in: the transaction's word counts
        idle = running is not None and running.charging_state is ChargingState.IDLE
        return evse.view.plugged if idle else True
    if connector.status is ConnectorStatus.AVAILABLE and not _holds_an_ev(evse, running):
        return False
    return evse.view.plugged


def plugged_after_all(
    evse: Evse, running: Transaction | None, *, plugged: bool | None, authorized: bool
) -> bool | None:
    """Return whether an EV is plugged in where a token was taken for what made it Preparing.

    It was the cable, if no token waits (any more).
    """
    by_token = plugged is False and _point_status(evse) is ChargePointStatus.PREPARING
    return True if by_token and not authorized and running is None else plugged


def _holds_an_ev(evse: Evse, running: Transaction | None) -> bool:
    """Say whether something stronger than `Available` speaks for a plugged EV.

    The order of StatusNotification and Ended is free, and there are stations that report
    Available with the cable in (charger-quirks 30): a running transaction's own word counts.
    """
    if any(c.status is ConnectorStatus.OCCUPIED for c in evse.connectors.values()):
        return True
    return running is not None and running.charging_state not in {None, ChargingState.IDLE}


def plugged_by_event(event: TransactionEvent, *, plugged: bool | None) -> bool | None:
    """Return whether an EV is plugged in, after a transaction event."""
    if event.trigger_reason in _UNPLUGGED_BY:
        return False
    if event.stopped_reason is StoppedReason.EV_DISCONNECTED:
        return False
    if event.trigger_reason is TriggerReason.CABLE_PLUGGED_IN:
        return True
    if event.charging_state is None:
        return plugged
    return event.charging_state is not ChargingState.IDLE


def view(
    evse: Evse, *, online: bool, plugged: bool | None, authorized: bool, now: datetime
) -> EvseView:
    """Return what seed 000 says of this EVSE; the present view itself where nothing changed.

    `authorized` is only looked at where no transaction runs.
    """
    if not online or (evse.reported is not None and evse.reported.lost):
        return evse.view if evse.view.stale else replace(evse.view, stale=True)
    status = status_of(evse)
    running = evse.transaction if evse.transaction and evse.transaction.open else None
    row = _row(evse, status, running, plugged=plugged, authorized=authorized, now=now)
    state, phase, vehicle, controller = _as_reported(row, evse.reported)
    derived = EvseView(
        state=state,
        phase=phase,
        vehicle_status=vehicle,
        controller_status=controller,
        connector_status=status,
        charging_state=running.charging_state if running else None,
        operation_mode=running.operation_mode if running else None,
        point_status=_point_status(evse),
        error_code=_error_code(evse),
        plugged=plugged,
        charging=state is SeccState.CHARGING,
        used_phases=_used_phases(evse.transaction),
        transaction_id=running.id if running else None,
    )
    return evse.view if derived == evse.view else derived


def _error_code(evse: Evse) -> str | None:
    for each in evse.connectors.values():
        if each.error_code:
            return each.error_code
    return None


def _row(
    evse: Evse,
    status: ConnectorStatus | None,
    running: Transaction | None,
    *,
    plugged: bool | None,
    authorized: bool,
    now: datetime,
) -> Row:
    if status is ConnectorStatus.FAULTED:
        return _FAULTED if running or not evse.finishing else _FAILED
    if running:
        return _row_of_transaction(evse, running, plugged=plugged)
    if status is ConnectorStatus.UNAVAILABLE:
        return SeccState.UNAVAILABLE, Phase.UNAVAILABLE, evse.view.vehicle_status, None
    if status is ConnectorStatus.RESERVED:
        return _RESERVED
    told = _point_status(evse)
    # a transaction has ended: the status that it had is history until the next one is told
    if told in _BY_POINT_STATUS and not evse.finishing:
        return _BY_POINT_STATUS[told]
    if plugged:
        if evse.finishing:
            return _FINISHING
        return _AWAITING_START if authorized else _UNAUTHORIZED
    if told is ChargePointStatus.PREPARING:
        return _BEFORE_PLUG
    if evse.completed_until is not None and now < evse.completed_until:
        return _COMPLETED
    return _IDLE


def _as_reported(row: Row, reported: Reported | None) -> Row:
    """Return what a charge controller says itself; the phase that is derived where it fits."""
    if reported is None or reported.state is None:
        return row
    phase = reported.phase
    if phase is None:
        phase = row[1] if row[0] is reported.state else PHASE_OF_STATE[reported.state]
    vehicle = reported.vehicle_status or row[2]
    return reported.state, phase, vehicle, reported.controller_status or row[3]


def _point_status(evse: Evse) -> ChargePointStatus | None:
    """Return the word of OCPP 1.6, which has one connector per EVSE; None for OCPP 2.x."""
    said = evse.connectors.get(evse.id)
    return said.point_status if said is not None else None


def _row_of_transaction(evse: Evse, running: Transaction, *, plugged: bool | None) -> Row:
    charging_state = running.charging_state or _guess(evse, running, plugged=plugged)
    if plugged is False or charging_state is ChargingState.IDLE:
        return _LINGERING if running.plug_seen else _BEFORE_PLUG
    row = _BY_CHARGING_STATE.get(charging_state)
    if row is not None:
        return row
    allowed = running.id_token is not None and not running.token_refused
    return _STARTING if allowed else _UNAUTHORIZED


def _guess(evse: Evse, running: Transaction, *, plugged: bool | None) -> ChargingState:
    """Return a charging state for stations that never send one (charger-quirks 38)."""
    meter = evse.meter
    flows = running.charging_started_at is not None
    if meter is not None and (meter.power_w is not None or meter.current_a != _NOT_MEASURED):
        flows = (meter.power_w or 0.0) > 0 or any(a and a >= 1 for a in meter.current_a)
    if flows:
        return ChargingState.CHARGING
    return ChargingState.EV_CONNECTED if plugged else ChargingState.IDLE


def _used_phases(transaction: Transaction | None) -> str | None:
    if transaction is None or transaction.phases_seen is None:
        return None
    return "".join(["1" if used else "0" for used in transaction.phases_seen])
