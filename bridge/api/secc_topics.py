"""What a charge controller's MQTT API tells of an EVSE, and takes (secc.md, MQTT API). Pure.

Five documents below a prefix and a client id, for any charger, and three topics that clients write
numbers to as text. `tx/status` has more than the description: who is in control, and why it ended,
as in seed 000. What is not known is null.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field
from typing_extensions import TypedDict

from bridge.api import payloads
from bridge.api.documents import secc
from bridge.api.secc_documents import secc_charging
from bridge.api.secc_limits import Write, WriteError, read_value
from bridge.domain import iec61851
from bridge.domain.enums import ConnectorStatus, Phase, SeccState
from bridge.domain.model import Evse, EvseView, Station, Transaction
from bridge.domain.settings import StationSettings


class SeccPointEvse(TypedDict):
    """Which EVSE of the controller: it has one."""

    id: Annotated[int, Field(description="Always 1.")]


class SeccPointStatus(TypedDict):
    """`chargingPoint/status`."""

    evse: SeccPointEvse
    connectorStatus: ConnectorStatus


class SeccChargingStatus(TypedDict):
    """`charging/status`."""

    chargeControllerStatus: Annotated[
        str | None, Field(description="Code of IEC 61851-1, e.g. C2.")
    ]
    vehicleStatus: Annotated[str, Field(description="State of IEC 61851-1, e.g. C.")]
    availableAmperage: Annotated[float, Field(description="What is in force, A per phase.")]
    signaledAmperage: Annotated[float, Field(description="What the vehicle is offered, A.")]
    plugRetentionLock: Annotated[bool | None, Field(description="Not known of a charger.")]
    chargingDuration: Annotated[int, Field(ge=0, description="ms.")]
    usedPhasesSession: payloads.UsedPhases
    recentCpErrorCause: Annotated[str | None, Field(description="While it is faulted.")]


class SeccTxStatus(TypedDict):
    """`tx/status`."""

    id: Annotated[
        str | None, Field(description="transactionUuid of the running or the last transaction.")
    ]
    state: Annotated[str, Field(description="One of the eleven, in capitals.")]
    effectiveAmperageLimit: Annotated[
        float, Field(description="A per phase that nothing exceeds: `installation_max_a`.")
    ]
    startedTime: Annotated[int, Field(ge=0, description="Unix s; 0: not yet.")]
    endedTime: Annotated[int, Field(ge=0, description="Unix s; 0 while it runs.")]
    startReason: Annotated[str | None, Field(description="TriggerReasonEnumType.")]
    stopReason: Annotated[str | None, Field(description="ReasonEnumType.")]
    lastMeterValue: payloads.KilowattHours
    lastActivePower: Annotated[float | None, Field(description="W.")]
    meterStart: payloads.KilowattHours
    meterStop: Annotated[
        float | None, Field(description="kWh; equal to `meterStart` while it runs.")
    ]
    peakPhaseAmperage: Annotated[float | None, Field(description="Not kept: null.")]
    peakActivePower: Annotated[float | None, Field(description="Not kept: null.")]
    allocationSourceName: payloads.SourceName
    onePhaseLimitActive: Annotated[bool, Field(description="Held to one phase.")]
    phaseLimitSourceName: Annotated[str, Field(description="By whom; `API` by nobody.")]


class SeccMeter(TypedDict):
    """`meter/fiscal`, of the EVSE; `meter/grid`, which no charger tells: all null."""

    voltage: Annotated[payloads.PerPhase, Field(description="V.")]
    amperage: Annotated[payloads.PerPhase, Field(description="A; 0 while nothing charges.")]
    frequency: Annotated[float | None, Field(description="Hz.")]
    activePower: Annotated[float | None, Field(description="W; 0 while nothing charges.")]
    energyImported: payloads.KilowattHours


Document = Mapping[str, Any]


def secc_topics(
    station: Station, evse: Evse, settings: StationSettings, now: datetime
) -> dict[str, Document]:
    """Return the documents of an EVSE, by topic below prefix and client id."""
    return {topic: tell(station, evse, settings, now) for topic, tell in _TELLERS.items()}


# --- Documents ------------------------------------------------------------------------------------


def _point(
    _station: Station, evse: Evse, _settings: StationSettings, _now: datetime
) -> SeccPointStatus:
    status = evse.view.connector_status or iec61851.CONNECTOR_STATUS[evse.view.state]
    return {"evse": {"id": 1}, "connectorStatus": status}


def _charging(
    station: Station, evse: Evse, settings: StationSettings, now: datetime
) -> SeccChargingStatus:
    told, charging = secc(station, evse, now), secc_charging(evse, settings)
    return {
        "chargeControllerStatus": told["chargeControllerStatus"],
        "vehicleStatus": told["vehicleStatus"],
        "availableAmperage": charging["availableAmperage"],
        "signaledAmperage": charging["signaledAmperage"],
        "plugRetentionLock": None,
        "chargingDuration": _duration_ms(evse.transaction, now),
        "usedPhasesSession": told["usedPhasesSession"],
        "recentCpErrorCause": evse.view.error_code,
    }


def _tx(station: Station, evse: Evse, settings: StationSettings, now: datetime) -> SeccTxStatus:
    told, charging = secc(station, evse, now), secc_charging(evse, settings)
    return {
        "id": None if evse.transaction is None else evse.transaction.uuid,
        "state": tx_state(evse.view).name,
        "effectiveAmperageLimit": settings.installation_max_a,
        "startedTime": told["startedTime"],
        "endedTime": told["endedTime"],
        "startReason": told["startReason"],
        "stopReason": told["stopReason"],
        "lastMeterValue": charging["energyImported"],
        "lastActivePower": charging["lastActivePower"],
        "meterStart": told["meterStart"],
        "meterStop": told["meterStop"],
        "peakPhaseAmperage": None,
        "peakActivePower": None,
        "allocationSourceName": told["allocationSourceName"],
        "onePhaseLimitActive": told["onePhaseLimitActive"],
        "phaseLimitSourceName": told["phaseLimitSourceName"],
    }


def _fiscal(_station: Station, evse: Evse, settings: StationSettings, _now: datetime) -> SeccMeter:
    charging = secc_charging(evse, settings)
    return {
        "voltage": charging["voltage"],
        "amperage": charging["amperage"],
        "frequency": charging["frequency"],
        "activePower": charging["lastActivePower"],
        "energyImported": charging["energyImported"],
    }


def _grid(_station: Station, _evse: Evse, _settings: StationSettings, _now: datetime) -> SeccMeter:
    nothing: list[float | None] = [None, None, None]
    return {
        "voltage": nothing,
        "amperage": nothing,
        "frequency": None,
        "activePower": None,
        "energyImported": None,
    }


_TELLERS: Final[Mapping[str, Callable[[Station, Evse, StationSettings, datetime], Document]]] = {
    "chargingPoint/status": _point,
    "charging/status": _charging,
    "tx/status": _tx,
    "meter/fiscal": _fiscal,
    "meter/grid": _grid,
}

_PHASES: Final[Mapping[SeccState, Phase]] = {
    SeccState.IDLE: Phase.IDLE,
    SeccState.RESERVED: Phase.IDLE,
    SeccState.UNAVAILABLE: Phase.IDLE,
    SeccState.FAULTED: Phase.FAILED,
    SeccState.FINISHING: Phase.STOPPED,
    SeccState.CHARGING: Phase.CHARGING,
    SeccState.SUSPENDED_EV: Phase.SUSPENDED_EV,
    SeccState.SUSPENDED_EVSE: Phase.SUSPENDED_EVSE,
}
"""Where an EVSE has a phase that a controller's transaction cannot have; the connector's status says
the rest."""


def tx_state(view: EvseView) -> Phase:
    """Return the state of a controller's transaction (mapping.md, 2): one of the eleven."""
    if iec61851.STATE_OF_PHASE.get(view.phase) is view.state:
        return view.phase
    return _PHASES[view.state]


def _duration_ms(transaction: Transaction | None, now: datetime) -> int:
    """Return for how long it has charged: as the station counts, else since it began to."""
    if transaction is None:
        return 0
    if transaction.time_spent_charging_seconds is not None:
        return transaction.time_spent_charging_seconds * 1000
    if transaction.charging_started_at is None:
        return 0
    until = transaction.ended_at or now
    return max(0, int((until - transaction.charging_started_at).total_seconds() * 1000))


# --- What is written ------------------------------------------------------------------------------

_WRITABLE: Final[Mapping[str, str]] = {
    "charging/amperageLimit": "amperageLimit",
    "charging/powerLimit": "powerLimit",
    "charging/limitTimeout": "timeout",
}
WRITABLE: Final = tuple(_WRITABLE)
"""Topics that clients write, below prefix and client id."""


def read_topic(topic: str, payload: bytes) -> Write:
    """Return what a message writes; MQTT has no `enabled`: what is set counts. Raises WriteError."""
    key = _WRITABLE[topic]
    text = payload.decode(errors="replace").strip()
    if not text:
        raise WriteError(f"{topic} is empty: NaN gives a limit up")
    return {**read_value(key, text), "enabled": True}
