"""`configuration` and `charging` of a charge controller, of what a station of OCPP has told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.api.secc_documents import secc_charging, secc_configuration
from bridge.domain.control import Allocation, Limit, TeamShare
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import StationId
from bridge.domain.knowledge import Learnt
from bridge.domain.model import Evse, EvseView, Meter, Station, Transaction
from bridge.domain.settings import NumberPhases, StationSettings
from tests.records import replace

NOW = datetime(2026, 1, 10, 10, tzinfo=UTC)
SETTINGS = StationSettings(installation_max_a=32.0)
STATION = Station(id=StationId("CS1"))
RUNNING = Transaction(
    id="tx-1", uuid="uuid-1", started_at=NOW, last_event_at=NOW, started_seen=True
)
ENDED = replace(RUNNING, ended_at=NOW)
CHARGING = EvseView(plugged=True, charging=True)
METER = Meter(
    at=NOW,
    energy_wh=12_345.6789,
    power_w=4140.0,
    current_a=(6.0, 6.1, 5.9),
    voltage_v=(230.0, 231.0, 229.0),
    frequency_hz=49.98,
)


def charging(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"transaction": RUNNING, "view": CHARGING, "meter": METER, **fields}
    return dict(secc_charging(Evse(id=1, **values), SETTINGS))


def test_the_configuration() -> None:
    told = secc_configuration(STATION, Evse(id=1, transaction=ENDED), SETTINGS, "main")
    assert told == {
        "pdName": "main",
        "powerDomainName": "main",
        "ctrlrName": "CS1/1",
        "controllerName": "CS1/1",
        "sessionId": "uuid-1",
        "effectiveAmperageLimit": 32,
        "hasPhaseRotation": False,
        "hasPhaseStShutoff": False,
        "hasPhaseShutoff": False,
        "hasPhaseSTTurnon": False,
    }
    assert isinstance(told["effectiveAmperageLimit"], int)


def test_a_load_management_group_is_the_power_domain() -> None:
    evse = Evse(id=1, team=TeamShare(team="garage", limit_a=10.0, at=NOW))
    told = secc_configuration(STATION, evse, replace(SETTINGS, installation_max_a=16.5), "main")
    assert (told["pdName"], told["sessionId"]) == ("garage", None)
    assert told["effectiveAmperageLimit"] == 16.5


@pytest.mark.parametrize(
    ("settings", "learnt", "switches"),
    [
        ({}, None, False),
        ({"phase_switching": True}, None, True),
        ({"phase_switching": True}, True, True),
        ({"phase_switching": True}, False, False),
        ({"phase_switching": True, "phases": 1}, None, False),
        ({"phase_switching": True, "number_phases": NumberPhases.NEVER}, None, False),
    ],
)
def test_whether_it_can_switch_phases(
    settings: dict[str, Any], learnt: bool | None, switches: bool
) -> None:
    station = replace(STATION, learnt=Learnt(phase_switching=learnt))
    told = secc_configuration(station, Evse(id=1), replace(SETTINGS, **settings), "main")
    assert told["hasPhaseStShutoff"] == told["hasPhaseSTTurnon"] == switches


def test_what_flows() -> None:
    assert charging() == {
        "voltage": [230.0, 231.0, 229.0],
        "amperage": [6.0, 6.1, 5.9],
        "allocatedAmperage": 32.0,
        "commandedAmperage": None,
        "availableAmperage": 32.0,
        "signaledAmperage": 32.0,
        "frequency": 49.98,
        "energyImported": 12.346,
        "lastActivePower": 4140.0,
    }


def test_once_nothing_charges_the_last_readings_are_of_the_past() -> None:
    told = charging(view=EvseView(plugged=True), transaction=ENDED)
    assert (told["amperage"], told["lastActivePower"]) == ([0.0, 0.0, 0.0], 0.0)
    assert (told["energyImported"], told["signaledAmperage"]) == (12.346, 0.0)


@pytest.mark.parametrize(
    ("meter", "amperage", "power"),
    [
        (None, [None, None, None], None),
        (Meter(at=NOW), [None, None, None], None),
        (Meter(at=NOW, power_w=3680.0), [None, None, None], 3680.0),
        (Meter(at=NOW, current_a=(16.0, None, None)), [16.0, 0.0, 0.0], 3680.0),
        (
            Meter(at=NOW, current_a=(10.0, 10.0, 10.0), voltage_v=(231.0, 229.0, None)),
            [10.0, 10.0, 10.0],
            6900.0,
        ),
    ],
)
def test_what_a_station_does_not_tell(
    meter: Meter | None, amperage: list[float | None], power: float | None
) -> None:
    told = charging(meter=meter)
    assert (told["amperage"], told["lastActivePower"]) == (amperage, power)
    assert told["energyImported"] is None


def limit(source: AllocationSource, amps: float, **more: Any) -> Limit:
    return Limit(source=source, limit_a=amps, **more)


@pytest.mark.parametrize(
    ("limits", "commanded"),
    [
        ([limit(AllocationSource.MQTT, 10.0, binding=True)], None),
        ([limit(AllocationSource.API, 9.0, priority=100), limit(AllocationSource.API, 8.0)], 9.0),
        (
            [
                limit(AllocationSource.API, 12.0, binding=True, priority=100),
                limit(AllocationSource.API, 8.0, priority=100),
            ],
            12.0,
        ),
    ],
)
def test_what_the_api_commands(limits: list[Limit], commanded: float | None) -> None:
    allocation = Allocation(offered_a=12.0, since=NOW, limits=tuple(limits), pending_a=10.0)
    told = charging(allocation=allocation)
    assert told["commandedAmperage"] == commanded
    assert (told["allocatedAmperage"], told["availableAmperage"]) == (10.0, 12.0)


@pytest.mark.parametrize(
    ("fields", "signaled"),
    [
        ({}, 32.0),
        ({"meter": replace(METER, offered_a=15.9)}, 15.9),
        ({"view": EvseView(plugged=False)}, 0.0),
        ({"view": EvseView()}, 0.0),
        ({"transaction": None}, 0.0),
        ({"transaction": ENDED}, 0.0),
    ],
)
def test_what_the_vehicle_is_offered(fields: dict[str, Any], signaled: float) -> None:
    assert charging(**fields)["signaledAmperage"] == signaled
