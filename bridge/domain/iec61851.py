"""What a charge controller (SECC) measures, in the words of OCPP and of seed 000. Pure tables.

A SECC tells IEC 61851-1 codes and, on MQTT, the state of its own transaction (mapping.md, 2 and
3b). Where it tells seed 000's `state` itself, that counts and nothing is derived; `Finishing`
and `Reserved` can never be derived from the codes.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from msgspec import Struct

from bridge.domain.enums import (
    ChargePointStatus,
    ChargingState,
    ConnectorStatus,
    ControllerStatus,
    Phase,
    SeccState,
    VehicleStatus,
)
from bridge.domain.records import replace

NO_CURRENT_FOR: Final = timedelta(seconds=60)
"""C2 with less than 1 A on each phase for longer than this: it is the EV that does not charge."""
RESTART_TAKES: Final = timedelta(seconds=60)
"""S1 for longer than this is no restart any more, but a fault."""

STATE_OF_PHASE: Final[Mapping[Phase, SeccState]] = {
    Phase.IDLE: SeccState.IDLE,
    Phase.AWAITING_START: SeccState.SUSPENDED_EVSE,
    Phase.AWAITING_AUTHORIZATION: SeccState.SUSPENDED_EVSE,
    Phase.STARTING: SeccState.SUSPENDED_EVSE,
    Phase.SUSPENDED_EVSE: SeccState.SUSPENDED_EVSE,
    Phase.SUSPENDED_EV: SeccState.SUSPENDED_EV,
    Phase.CHARGING: SeccState.CHARGING,
    Phase.FAILED: SeccState.FAULTED,
    Phase.STOPPED: SeccState.FINISHING,
    Phase.LINGERING: SeccState.FINISHING,
    Phase.COMPLETED: SeccState.IDLE,
}
"""State of seed 000 by the state of a SECC's transaction (mapping.md, 2), which it writes in
capitals (`Phase.read`). A station of OCPP has states of its own for the same phases: with a token
and before the plug it is Idle and awaiting_start, where a SECC has no transaction yet."""


PHASE_OF_STATE: Final[Mapping[SeccState, Phase]] = {
    SeccState.IDLE: Phase.IDLE,
    SeccState.CHARGING: Phase.CHARGING,
    SeccState.SUSPENDED_EVSE: Phase.SUSPENDED_EVSE,
    SeccState.SUSPENDED_EV: Phase.SUSPENDED_EV,
    SeccState.FINISHING: Phase.STOPPED,
    SeccState.RESERVED: Phase.RESERVED,
    SeccState.UNAVAILABLE: Phase.UNAVAILABLE,
    SeccState.FAULTED: Phase.FAULTED,
}
"""The finer state where only the state is known."""

CONNECTOR_STATUS: Final[Mapping[SeccState, ConnectorStatus]] = {
    SeccState.IDLE: ConnectorStatus.AVAILABLE,
    SeccState.CHARGING: ConnectorStatus.OCCUPIED,
    SeccState.SUSPENDED_EVSE: ConnectorStatus.OCCUPIED,
    SeccState.SUSPENDED_EV: ConnectorStatus.OCCUPIED,
    SeccState.FINISHING: ConnectorStatus.OCCUPIED,
    SeccState.RESERVED: ConnectorStatus.RESERVED,
    SeccState.UNAVAILABLE: ConnectorStatus.UNAVAILABLE,
    SeccState.FAULTED: ConnectorStatus.FAULTED,
}
"""Status of the connector, where the SECC tells only its state."""

CHARGING_STATE: Final[Mapping[SeccState, ChargingState]] = {
    SeccState.CHARGING: ChargingState.CHARGING,
    SeccState.SUSPENDED_EVSE: ChargingState.SUSPENDED_EVSE,
    SeccState.SUSPENDED_EV: ChargingState.SUSPENDED_EV,
    SeccState.FAULTED: ChargingState.SUSPENDED_EVSE,
}
"""What a state says of the transaction that runs; the others say nothing of it."""

RUNNING: Final[Mapping[SeccState, bool]] = {
    SeccState.IDLE: False,
    SeccState.FINISHING: False,
    SeccState.CHARGING: True,
    SeccState.SUSPENDED_EVSE: True,
    SeccState.SUSPENDED_EV: True,
}
"""Whether a transaction runs in a state; the others do not tell."""


class Derived(Struct, frozen=True):
    """What follows from a code of the charge controller (mapping.md, 3b)."""

    vehicle_status: VehicleStatus
    state: SeccState
    charging_state: ChargingState | None
    """None where no transaction can be told of."""
    connector_status: ConnectorStatus
    point_status: ChargePointStatus
    """The same in OCPP 1.6."""
    error_code: str | None = None
    """OCPP 1.6, where one fits."""


def _suspended(vehicle: VehicleStatus) -> Derived:
    """Return the row of an EV that charges not, since it is not granted."""
    return Derived(
        vehicle,
        SeccState.SUSPENDED_EVSE,
        ChargingState.SUSPENDED_EVSE,
        ConnectorStatus.OCCUPIED,
        ChargePointStatus.SUSPENDED_EVSE,
    )


def _charging(vehicle: VehicleStatus) -> Derived:
    return Derived(
        vehicle,
        SeccState.CHARGING,
        ChargingState.CHARGING,
        ConnectorStatus.OCCUPIED,
        ChargePointStatus.CHARGING,
    )


def _faulted(vehicle: VehicleStatus, error_code: str | None = None) -> Derived:
    return Derived(
        vehicle,
        SeccState.FAULTED,
        ChargingState.SUSPENDED_EVSE,
        ConnectorStatus.FAULTED,
        ChargePointStatus.FAULTED,
        error_code,
    )


_BY_CODE: Final[Mapping[ControllerStatus, Derived]] = {
    ControllerStatus.STANDBY: Derived(
        VehicleStatus.DISCONNECTED,
        SeccState.IDLE,
        ChargingState.IDLE,
        ConnectorStatus.AVAILABLE,
        ChargePointStatus.AVAILABLE,
    ),
    ControllerStatus.VEHICLE_DETECTED: _suspended(VehicleStatus.CONNECTED),
    ControllerStatus.CHARGING_OFFERED: Derived(
        VehicleStatus.CONNECTED,
        SeccState.SUSPENDED_EV,
        ChargingState.SUSPENDED_EV,
        ConnectorStatus.OCCUPIED,
        ChargePointStatus.SUSPENDED_EV,
    ),
    ControllerStatus.CHARGE_REQUEST: _suspended(VehicleStatus.CHARGE_REQUEST),
    ControllerStatus.CHARGING: _charging(VehicleStatus.CHARGE_REQUEST),
    ControllerStatus.VENTILATION_REQUEST: _suspended(VehicleStatus.VENTILATION_REQUEST),
    ControllerStatus.CHARGING_VENTILATED: _charging(VehicleStatus.VENTILATION_REQUEST),
    ControllerStatus.SHUT_OFF: _faulted(VehicleStatus.SHORT_CIRCUIT),
    ControllerStatus.ERROR: _faulted(VehicleStatus.ERROR),
    ControllerStatus.RESTART: Derived(
        VehicleStatus.UNKNOWN,
        SeccState.UNAVAILABLE,
        None,
        ConnectorStatus.UNAVAILABLE,
        ChargePointStatus.UNAVAILABLE,
    ),
    ControllerStatus.DIODE_FAIL: _faulted(VehicleStatus.DIODE_FAIL, "EVCommunicationError"),
}

CODE_OF_VEHICLE: Final[Mapping[VehicleStatus, ControllerStatus]] = {
    VehicleStatus.DISCONNECTED: ControllerStatus.STANDBY,
    VehicleStatus.CONNECTED: ControllerStatus.VEHICLE_DETECTED,
    VehicleStatus.CHARGE_REQUEST: ControllerStatus.CHARGING,
    VehicleStatus.VENTILATION_REQUEST: ControllerStatus.CHARGING_VENTILATED,
    VehicleStatus.SHORT_CIRCUIT: ControllerStatus.SHUT_OFF,
    VehicleStatus.ERROR: ControllerStatus.ERROR,
    VehicleStatus.UNKNOWN: ControllerStatus.RESTART,
    VehicleStatus.DIODE_FAIL: ControllerStatus.DIODE_FAIL,
}
"""What the charge controller's own code would be, where it tells only that of the vehicle."""

PLUGGED: Final[Mapping[VehicleStatus, bool]] = {
    VehicleStatus.DISCONNECTED: False,
    VehicleStatus.CONNECTED: True,
    VehicleStatus.CHARGE_REQUEST: True,
    VehicleStatus.VENTILATION_REQUEST: True,
}
"""Whether an EV is plugged in, by the code of the vehicle; the others do not tell."""

_CONNECTED: Final = Derived(
    VehicleStatus.CONNECTED,
    SeccState.SUSPENDED_EVSE,
    ChargingState.EV_CONNECTED,
    ConnectorStatus.OCCUPIED,
    ChargePointStatus.PREPARING,
)


def derived(
    code: ControllerStatus,
    *,
    energy_flowed: bool = False,
    no_current_for: timedelta = timedelta(0),
    in_code_for: timedelta = timedelta(0),
) -> Derived:
    """Return what a code of the charge controller says.

    Args:
        code: IEC 61851-1 code of the charge controller.
        energy_flowed: Energy has flowed in this session: B1 is a pause then.
        no_current_for: For how long each phase has carried less than 1 A. Only seed 000's state
            follows it: the controller still grants the charging.
        in_code_for: For how long the controller has told this code.
    """
    if code is ControllerStatus.VEHICLE_DETECTED and not energy_flowed:
        return _CONNECTED
    row = _BY_CODE[code]
    if code is ControllerStatus.CHARGING and no_current_for > NO_CURRENT_FOR:
        return replace(row, state=SeccState.SUSPENDED_EV)
    if code is ControllerStatus.RESTART and in_code_for > RESTART_TAKES:
        return replace(row, state=SeccState.FAULTED)
    return row
