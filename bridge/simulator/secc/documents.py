"""What a simulated SECC says: the four documents of its API and the topics of its MQTT API.

Written after the public description and seed 000, with their oddities: energy in kWh as a float
of 32 bits, NaN for what is not set, `endedTime` 0 and `meterStop` equal to `meterStart` while a
session runs, `plugRetentionLock` documented as a float and sent as a boolean.
"""

import json
import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bridge.simulator.car import MINIMUM_CURRENT_A
from bridge.simulator.secc.limits import API
from bridge.simulator.secc.model import SeccModel, TxState
from bridge.simulator.secc.quirks import SeccQuirk

Document = dict[str, Any]
TOPICS: Final = ("configuration", "transaction", "charging", "limits")
"""The documents of REST and WebSocket."""
NAN: Final = float("nan")
FREQUENCY_HZ: Final = 49.98

_STATES: Final[Mapping[TxState, str]] = {
    TxState.IDLE: "Idle",
    TxState.AWAITING_AUTHORIZATION: "SuspendedEVSE",
    TxState.STARTING: "SuspendedEVSE",
    TxState.CHARGING: "Charging",
    TxState.SUSPENDED_EV: "SuspendedEV",
    TxState.SUSPENDED_EVSE: "SuspendedEVSE",
    TxState.STOPPED: "Finishing",
    TxState.COMPLETED: "Idle",
    TxState.FAILED: "Faulted",
}
_UPPER: Final[Mapping[str, str]] = {
    "Idle": "IDLE",
    "SuspendedEVSE": "SUSPENDED_EVSE",
    "SuspendedEV": "SUSPENDED_EV",
    "Charging": "CHARGING",
    "Finishing": "FINISHING",
    "Faulted": "FAULTED",
}
_CODES: Final[Mapping[TxState, tuple[str, str]]] = {
    TxState.IDLE: ("A", "A1"),
    TxState.AWAITING_AUTHORIZATION: ("B", "B1"),
    TxState.STARTING: ("B", "B1"),
    TxState.CHARGING: ("C", "C2"),
    TxState.SUSPENDED_EV: ("B", "B2"),
    TxState.SUSPENDED_EVSE: ("B", "B1"),
    TxState.STOPPED: ("B", "B1"),
    TxState.COMPLETED: ("A", "A1"),
    TxState.FAILED: ("F", "F1"),
}
"""vehicleStatus and chargeControllerStatus."""
_CONNECTOR: Final[Mapping[TxState, str]] = {
    TxState.IDLE: "Available",
    TxState.COMPLETED: "Available",
    TxState.FAILED: "Faulted",
}


def text_of(model: SeccModel, document: Document) -> str:
    """Return a document as the SECC writes it: JSON, but for a bare NaN."""
    if SeccQuirk.NUMBERS_AS_STRINGS in model.quirks:
        document = {name: _as_strings(value) for name, value in document.items()}
    text = json.dumps(document)
    return text.replace("NaN", "null") if SeccQuirk.NULL_FOR_NAN in model.quirks else text


def _as_strings(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_strings(each) for each in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def document(model: SeccModel, topic: str) -> Document:
    """Return one of the documents of REST and WebSocket."""
    return _DOCUMENTS[topic](model)


def configuration(model: SeccModel) -> Document:
    """Return what changes only between sessions."""
    other = SeccQuirk.OTHER_NAMES in model.quirks
    switches = SeccQuirk.NO_PHASE_SWITCHING not in model.quirks
    told: Document = {
        "powerDomainName" if other else "pdName": "Home",
        "controllerName" if other else "ctrlrName": model.name,
        "sessionId": model.session.id,
        "effectiveAmperageLimit": model.limits.effective_max_a,
        "hasPhaseRotation": False,
        "hasPhaseShutoff" if other else "hasPhaseStShutoff": switches,
        "hasPhaseSTTurnon": switches,
    }
    if SeccQuirk.NO_SESSION_ID in model.quirks:
        del told["sessionId"]
    return told


def transaction(model: SeccModel) -> Document:
    """Return the document of seed 000."""
    state = _STATES[model.state]
    vehicle, controller = _codes(model)
    start, stop = _registers_kwh(model)
    told: Document = {
        "state": _UPPER[state] if SeccQuirk.UPPER_SNAKE in model.quirks else state,
        "startedTime": _unix(model.session.started_at),
        "endedTime": _unix(model.session.ended_at),
        "meterStart": start,
        "meterStop": stop,
        "vehicleStatus": vehicle,
        "chargeControllerStatus": controller,
        "usedPhasesSession": _phases(model),
        "startReason": model.session.start_reason,
        "stopReason": model.session.stop_reason,
        "allocationSourceName": model.control.source,
    }
    if SeccQuirk.OLD_TRANSACTION not in model.quirks:
        told |= {
            "onePhaseLimitActive": model.one_phase,
            "phaseLimitSourceName": API,
            "phaseRotationActive": False,
            "phaseRotationSourceName": API,
        }
    return told


def charging(model: SeccModel) -> Document:
    """Return what flows and what may flow."""
    control = model.control
    api_a = model.limits.api.in_force(model.usable_phases)
    return {
        "voltage": [_float32(volts) for volts in model.voltages_v],
        "amperage": [_float32(amps) for amps in model.currents_a],
        "allocatedAmperage": model.limits.effective_max_a,
        "commandedAmperage": NAN if api_a is None else api_a,
        "availableAmperage": control.amps,
        "signaledAmperage": model.signaled_a,
        "frequency": _float32(FREQUENCY_HZ),
        "energyImported": _kwh(model.circuit.register_wh),
        "lastActivePower": _float32(model.power_w),
    }


def limits(model: SeccModel) -> Document:
    """Return what clients of the API have set."""
    lease = model.limits.api
    return {
        "amperageLimit": _or_nan(_shown(lease.amps)),
        "powerLimit": _or_nan(lease.watts),
        "timeout": lease.timeout_ms,
        "enabled": lease.enabled,
    }


_DOCUMENTS: Final = {
    "configuration": configuration,
    "transaction": transaction,
    "charging": charging,
    "limits": limits,
}


# --- MQTT ---------------------------------------------------------------------------------------


def mqtt_documents(model: SeccModel) -> dict[str, Document]:
    """Return what is published, by topic below prefix and client id."""
    return {
        "chargingPoint/status": {
            "evse": {"id": 1},
            "connectorStatus": _CONNECTOR.get(model.state, "Occupied"),
        },
        "charging/status": _charging_status(model),
        "tx/status": _tx_status(model),
        "meter/fiscal": _meter(model),
        "meter/grid": _meter(model),
    }


def _charging_status(model: SeccModel) -> Document:
    vehicle, controller = _codes(model)
    began = model.session.started_at
    ended = model.session.ended_at or model.now
    told: Document = {
        "chargeControllerStatus": controller,
        "vehicleStatus": vehicle,
        "availableAmperage": model.control.amps,
        "signaledAmperage": model.signaled_a,
        "plugRetentionLock": model.car is not None,
        "chargingDuration": 0 if began is None else int((ended - began).total_seconds() * 1000),
        "usedPhasesSession": _phases(model),
    }
    if model.fault is not None:
        told["recentCpErrorCause"] = model.fault
    return told


def _tx_status(model: SeccModel) -> Document:
    start, stop = _registers_kwh(model)
    session = model.session
    return {
        "id": session.id,
        "state": model.state.value,
        "effectiveAmperageLimit": model.limits.effective_max_a,
        "startedTime": _unix(session.started_at),
        "endedTime": _unix(session.ended_at),
        "startReason": session.start_reason,
        "lastMeterValue": _kwh(model.circuit.register_wh),
        "lastActivePower": _float32(model.power_w),
        "meterStart": start,
        "meterStop": stop,
        "peakPhaseAmperage": _float32(session.peak_a),
        "peakActivePower": _float32(session.peak_w),
    }


def _meter(model: SeccModel) -> Document:
    return {
        "voltage": [_float32(volts) for volts in model.voltages_v],
        "amperage": [_float32(amps) for amps in model.currents_a],
        "frequency": _float32(FREQUENCY_HZ),
        "activePower": _float32(model.power_w),
        "energyImported": _kwh(model.circuit.register_wh),
    }


# --- Values --------------------------------------------------------------------------------------


def _codes(model: SeccModel) -> tuple[str, str]:
    vehicle, controller = _CODES[model.state]
    if model.state is TxState.SUSPENDED_EVSE and model.circuit.current_a > 0:
        vehicle, controller = "C", "C1"
    swapped = SeccQuirk.SWAPPED_STATUS in model.quirks
    return (controller, vehicle) if swapped else (vehicle, controller)


def _registers_kwh(model: SeccModel) -> tuple[float, float]:
    session = model.session
    start = _kwh(session.meter_start_wh)
    return start, start if session.ended_at is None else _kwh(session.meter_stop_wh)


def _phases(model: SeccModel) -> str:
    return "".join("1" if used else "0" for used in model.session.phases)


def _shown(amps: float | None) -> float | None:
    return 0.0 if amps is not None and amps < MINIMUM_CURRENT_A else amps


def _or_nan(value: float | None) -> float:
    return NAN if value is None else value


def _unix(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp())


def _kwh(energy_wh: float) -> float:
    return _float32(energy_wh / 1000)


def _float32(value: float) -> float:
    """Return what is left of a number in a float of 32 bits, with nine digits."""
    (short,) = struct.unpack("f", struct.pack("f", value))
    return float(f"{short:.9g}")
