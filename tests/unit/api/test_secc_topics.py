"""A charge controller's MQTT topics of what a station of OCPP has told, and what clients write."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from bridge.api.secc_limits import WriteError
from bridge.api.secc_topics import WRITABLE, read_topic, secc_topics, tx_state
from bridge.domain.control import Allocation
from bridge.domain.enums import (
    AllocationSource,
    ConnectorStatus,
    ControllerStatus,
    Phase,
    SeccState,
    VehicleStatus,
)
from bridge.domain.model import Evse, EvseView
from bridge.secc import payloads as as_read
from bridge.simulator.secc import SeccOptions
from bridge.simulator.secc.documents import mqtt_documents
from bridge.simulator.secc.model import SeccModel
from bridge.simulator.secc.writing import MQTT_WRITABLE
from tests.records import replace
from tests.unit.api.test_secc_documents import ENDED, METER, NOW, RUNNING, SETTINGS, STATION

VIEW = EvseView(
    state=SeccState.CHARGING,
    phase=Phase.CHARGING,
    vehicle_status=VehicleStatus.CHARGE_REQUEST,
    controller_status=ControllerStatus.CHARGING,
    connector_status=ConnectorStatus.OCCUPIED,
    plugged=True,
    charging=True,
    used_phases="111",
)
BEGUN = replace(
    RUNNING,
    charging_started_at=NOW,
    meter_start_wh=12_000.4,
    meter_last_wh=12_345.6,
)
CHARGING = Evse(
    id=2,
    view=VIEW,
    transaction=BEGUN,
    meter=METER,
    allocation=Allocation(source=AllocationSource.MQTT, offered_a=6.0, since=NOW),
)


def told(evse: Evse = CHARGING, seconds: float = 90) -> dict[str, dict[str, Any]]:
    documents = secc_topics(STATION, evse, SETTINGS, NOW + timedelta(seconds=seconds))
    found: dict[str, dict[str, Any]] = orjson.loads(orjson.dumps(documents))
    return found


def test_a_car_that_charges() -> None:
    assert told() == {
        "chargingPoint/status": {"evse": {"id": 1}, "connectorStatus": "Occupied"},
        "charging/status": {
            "chargeControllerStatus": "C2",
            "vehicleStatus": "C",
            "availableAmperage": 6.0,
            "signaledAmperage": 6.0,
            "plugRetentionLock": None,
            "chargingDuration": 90_000,
            "usedPhasesSession": "111",
            "recentCpErrorCause": None,
        },
        "tx/status": {
            "id": "uuid-1",
            "state": "CHARGING",
            "effectiveAmperageLimit": 32.0,
            "startedTime": int(NOW.timestamp()),
            "endedTime": 0,
            "startReason": None,
            "stopReason": None,
            "lastMeterValue": 12.346,
            "lastActivePower": 4140.0,
            "meterStart": 12.0,
            "meterStop": 12.0,
            "peakPhaseAmperage": None,
            "peakActivePower": None,
            "allocationSourceName": "MQTT",
            "onePhaseLimitActive": False,
            "phaseLimitSourceName": "API",
        },
        "meter/fiscal": {
            "voltage": [230.0, 231.0, 229.0],
            "amperage": [6.0, 6.1, 5.9],
            "frequency": 49.98,
            "activePower": 4140.0,
            "energyImported": 12.346,
        },
        "meter/grid": {
            "voltage": [None] * 3,
            "amperage": [None] * 3,
            "frequency": None,
            "activePower": None,
            "energyImported": None,
        },
    }


def test_after_the_end_the_last_transaction_stays_visible() -> None:
    ended = replace(ENDED, charging_started_at=NOW, ended_at=NOW + timedelta(seconds=60))
    evse = replace(CHARGING, transaction=replace(ended, meter_start_wh=1000, meter_last_wh=2000))
    documents = told(evse, seconds=600)
    assert documents["charging/status"]["chargingDuration"] == 60_000
    tx = documents["tx/status"]
    assert (tx["endedTime"], tx["meterStart"], tx["meterStop"]) == (
        int(NOW.timestamp()) + 60,
        1.0,
        2.0,
    )


def test_a_station_that_has_told_nothing() -> None:
    documents = told(Evse(id=1))
    assert documents["chargingPoint/status"]["connectorStatus"] == "Unavailable"
    assert (documents["tx/status"]["id"], documents["tx/status"]["state"]) == (None, "IDLE")
    assert documents["charging/status"]["chargingDuration"] == 0


@pytest.mark.parametrize(
    ("state", "phase", "shown"),
    [
        ("Idle", "idle", "IDLE"),
        ("Idle", "completed", "COMPLETED"),
        ("Idle", "awaiting_start", "IDLE"),  # a token before the plug: no transaction to a SECC
        ("SuspendedEVSE", "awaiting_authorization", "AWAITING_AUTHORIZATION"),
        ("SuspendedEVSE", "suspended_evse", "SUSPENDED_EVSE"),
        ("Finishing", "lingering", "LINGERING"),
        ("Reserved", "reserved", "IDLE"),
        ("Unavailable", "unavailable", "IDLE"),
        ("Faulted", "faulted", "FAILED"),
        ("Faulted", "failed", "FAILED"),
    ],
)
def test_the_state_is_one_of_the_eleven(state: str, phase: str, shown: str) -> None:
    view = replace(VIEW, state=SeccState(state), phase=Phase(phase))
    assert tx_state(view).name == shown


def test_another_bridge_understands_each_field() -> None:
    fields = []
    for topic, document in told().items():
        if topic in as_read.MQTT_TOPICS:
            understood = as_read.understand(document, as_read.MQTT_TOPICS[topic])
            assert understood.unread == ()
            fields.append(understood.fields)
    reading = as_read.reading_of(fields)
    assert (reading.session_id, reading.state, reading.connector_status) == (
        "uuid-1",
        "Charging",
        "Occupied",
    )
    assert (reading.available_a, reading.energy_wh, reading.source_name) == (6.0, 12346.0, "MQTT")


@pytest.mark.parametrize(
    ("topic", "payload", "write"),
    [
        ("charging/amperageLimit", b"8.5", {"amps": 8.5, "enabled": True}),
        ("charging/amperageLimit", b" 0 ", {"amps": 0.0, "enabled": True}),
        ("charging/amperageLimit", b"NaN", {"amps": None, "enabled": True}),
        ("charging/amperageLimit", b"nan", {"amps": None, "enabled": True}),
        ("charging/powerLimit", b"4140", {"watts": 4140.0, "enabled": True}),
        ("charging/limitTimeout", b"60000", {"timeout_ms": 60_000, "enabled": True}),
    ],
)
def test_what_clients_write(topic: str, payload: bytes, write: dict[str, Any]) -> None:
    assert read_topic(topic, payload) == write


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("charging/amperageLimit", b""),
        ("charging/amperageLimit", b"much"),
        ("charging/amperageLimit", b"-1"),
        ("charging/amperageLimit", b"inf"),
        ("charging/amperageLimit", b"true"),
        ("charging/amperageLimit", b"\xff"),
        ("charging/amperageLimit", b'{"amperageLimit": 8}'),
        ("charging/powerLimit", b"1e9"),
        ("charging/limitTimeout", b"0"),
        ("charging/limitTimeout", b"NaN and more"),
    ],
)
def test_what_cannot_be_read(topic: str, payload: bytes) -> None:
    with pytest.raises(WriteError):
        read_topic(topic, payload)


def test_the_simulated_controller_has_the_same_topics_and_no_more_keys() -> None:
    """It was written after the public description alone."""
    assert set(WRITABLE) == set(MQTT_WRITABLE)
    model = SeccModel("SECC001", SeccOptions(), now=NOW, new_id=lambda: "S1")
    model.plug_in()
    model.break_down("EvNotStopping")
    ours, theirs = told(), mqtt_documents(model)
    assert ours.keys() == theirs.keys()
    for topic, document in theirs.items():
        assert document.keys() <= ours[topic].keys(), topic
    beside = {topic: ours[topic].keys() - theirs[topic].keys() for topic in ours}
    assert {topic: keys for topic, keys in beside.items() if keys} == {
        "tx/status": {
            *("stopReason", "allocationSourceName", "onePhaseLimitActive"),
            "phaseLimitSourceName",
        }
    }
