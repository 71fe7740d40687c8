"""What a charge controller's API tells of an EVSE beside its transaction (secc.md). Pure.

`configuration` and `charging` as the pulsatrix SECC documents them, for any charger. What is not
known is null where a charge controller writes a bare NaN, which is no JSON.
"""

from typing import Annotated, Final

from pydantic import Field
from typing_extensions import TypedDict

from bridge.api import payloads
from bridge.domain.control import Allocation
from bridge.domain.enums import AllocationSource
from bridge.domain.model import Evse, Meter, Station
from bridge.domain.settings import NumberPhases, StationSettings

TOPICS: Final = ("configuration", "transaction", "charging", "limits")
"""The documents of the API, in the order in which a WebSocket tells them first."""
_SWITCHABLE_PHASES: Final = 3


class SeccConfiguration(TypedDict):
    """What changes only between sessions, in both spellings of the documentation."""

    pdName: Annotated[str, Field(description="Name of the power domain: team, else bridge.")]
    powerDomainName: str
    ctrlrName: Annotated[str, Field(description="Name of the controller: `station/evse`.")]
    controllerName: str
    sessionId: Annotated[
        str | None, Field(description="transactionUuid of the running or the last transaction.")
    ]
    effectiveAmperageLimit: Annotated[
        float, Field(description="A per phase that nothing exceeds: `installation_max_a`.")
    ]
    hasPhaseRotation: bool
    hasPhaseStShutoff: Annotated[bool, Field(description="It can charge on one phase of three.")]
    hasPhaseShutoff: bool
    hasPhaseSTTurnon: bool


class SeccCharging(TypedDict):
    """What flows and what may flow."""

    voltage: Annotated[payloads.PerPhase, Field(description="V.")]
    amperage: Annotated[payloads.PerPhase, Field(description="A; 0 while nothing charges.")]
    allocatedAmperage: Annotated[
        float, Field(description="The lowest of all limits, A per phase.")
    ]
    commandedAmperage: Annotated[
        float | None, Field(description="What clients of the API ask for, A per phase.")
    ]
    availableAmperage: Annotated[float, Field(description="What is in force, A per phase.")]
    signaledAmperage: Annotated[
        float, Field(description="What the vehicle is offered, A; 0 where none may charge.")
    ]
    frequency: Annotated[float | None, Field(description="Hz.")]
    energyImported: payloads.KilowattHours
    lastActivePower: Annotated[float | None, Field(description="W; 0 while nothing charges.")]


def secc_configuration(
    station: Station, evse: Evse, settings: StationSettings, bridge_id: str
) -> SeccConfiguration:
    """Return the document of `GET /api/v1/configuration`."""
    domain = bridge_id if evse.team is None else evse.team.team
    controller = f"{station.id}/{evse.id}"
    switches = _can_switch(station, settings)
    return {
        "pdName": domain,
        "powerDomainName": domain,
        "ctrlrName": controller,
        "controllerName": controller,
        "sessionId": None if evse.transaction is None else evse.transaction.uuid,
        "effectiveAmperageLimit": _whole(settings.installation_max_a),
        "hasPhaseRotation": False,
        "hasPhaseStShutoff": switches,
        "hasPhaseShutoff": switches,
        "hasPhaseSTTurnon": switches,
    }


def _whole(amps: float) -> float:
    """Return an integer where it is one: the documentation calls this value one."""
    return int(amps) if amps.is_integer() else amps


def _can_switch(station: Station, settings: StationSettings) -> bool:
    return (
        settings.phase_switching
        and settings.phases == _SWITCHABLE_PHASES
        and settings.number_phases is not NumberPhases.NEVER
        and station.learnt.phase_switching is not False
    )


def secc_charging(evse: Evse, settings: StationSettings) -> SeccCharging:
    """Return the document of `GET /api/v1/charging`.

    A station tells no more readings once nothing charges: the last ones are of the past then.
    """
    allocation, meter = evse.allocation, evse.meter
    offered = settings.installation_max_a if allocation is None else allocation.offered_a
    pending = None if allocation is None else allocation.pending_a
    return {
        "voltage": [None] * 3 if meter is None else list(meter.voltage_v),
        "amperage": _amperage(evse, meter),
        "allocatedAmperage": offered if pending is None else pending,
        "commandedAmperage": _commanded(allocation),
        "availableAmperage": offered,
        "signaledAmperage": _signaled(evse, meter, offered),
        "frequency": None if meter is None else meter.frequency_hz,
        "energyImported": _energy_kwh(meter),
        "lastActivePower": _power(evse, meter, settings),
    }


def _commanded(allocation: Allocation | None) -> float | None:
    limits = () if allocation is None else allocation.limits
    asked = [limit for limit in limits if limit.source is AllocationSource.API]
    winner = max(asked, key=lambda limit: (limit.binding, limit.priority or 0), default=None)
    return None if winner is None else winner.limit_a


def _amperage(evse: Evse, meter: Meter | None) -> list[float | None]:
    if not evse.view.charging:
        return [0.0, 0.0, 0.0]
    if meter is None or all(current is None for current in meter.current_a):
        return [None, None, None]
    return [0.0 if current is None else current for current in meter.current_a]


def _power(evse: Evse, meter: Meter | None, settings: StationSettings) -> float | None:
    """Return W over all phases: as measured, else of currents and voltages."""
    if not evse.view.charging:
        return 0.0
    if meter is None or meter.power_w is not None:
        return None if meter is None else meter.power_w
    currents = [
        amps * (volts or settings.nominal_voltage_v)
        for amps, volts in zip(meter.current_a, meter.voltage_v, strict=True)
        if amps is not None
    ]
    return round(sum(currents), 1) if currents else None


def _signaled(evse: Evse, meter: Meter | None, offered_a: float) -> float:
    """Return the current of the control pilot: as the station tells it, else what it allows."""
    if not evse.view.plugged or evse.transaction is None or not evse.transaction.open:
        return 0.0
    if meter is not None and meter.offered_a is not None:
        return meter.offered_a
    return offered_a


def _energy_kwh(meter: Meter | None) -> float | None:
    if meter is None or meter.energy_wh is None:
        return None
    return round(meter.energy_wh / 1000, 3)
