"""The published events: exact keys and values, and that each fits its committed schema."""

from typing import Any

import orjson

from bridge.domain.control import Allocation, Cause, ChangeReason
from bridge.domain.effects import (
    AllocationRecorded,
    FaultRecorded,
    SecurityRecorded,
    StatusRecorded,
    TransactionRecorded,
)
from bridge.domain.enums import (
    AllocationSource,
    ConnectorStatus,
    EventType,
    SecurityCode,
    StoppedReason,
    TriggerReason,
)
from bridge.domain.events import (
    MeterValue,
    SampledValue,
    TransactionEvent,
)
from tests.records import replace
from tests.schema_check import check_message
from tests.unit.mqtt.example_station import (
    AT,
    EVSE,
    NOW,
    PRESENTER,
    STATION_ID,
    TOKEN,
    TRANSACTION,
)


def recorded(event_type: EventType = EventType.UPDATED, **changes: Any) -> TransactionRecorded:
    event = TransactionEvent(
        event_type=event_type,
        timestamp=AT,
        trigger_reason=TriggerReason.METER_VALUE_PERIODIC,
        seq_no=5,
        transaction_id="tx-1",
        id_token=TOKEN,
        meter_values=(
            MeterValue(
                timestamp=AT,
                sampled_values=(
                    SampledValue(measurand="Power.Active.Import", value=6900.0, unit="W"),
                ),
            ),
        ),
    )
    values: dict[str, Any] = {
        "event_id": "e-1",
        "station_id": STATION_ID,
        "evse_id": 1,
        "connector_id": 1,
        "event": event,
        "received_at": AT,
        "transaction": TRANSACTION,
        "meter": EVSE.meter,
        "allocation_source": "MQTT",
    }
    return TransactionRecorded(**values | changes)


def test_a_transaction_event() -> None:
    message = PRESENTER.event(recorded(), NOW)
    assert message.topic == "ocpp/v1/cs/DE=2AABC=2AE1/1/event/transaction"
    assert (message.ordering_key, message.expiry_seconds) == ("DE*ABC*E1/1", 86_400)
    check_message(message.topic, message.payload)
    document = orjson.loads(message.payload)
    assert document["type"] == "transaction.updated"
    assert document["insertedAt"] == "2026-01-10T10:00:01.123Z"
    assert document["meter"] == {"energyWh": 1302.5, "powerW": 6900.0}
    assert document["transaction"]["chargingState"] == "Charging"
    assert document["meterValue"][0]["sampledValue"][0]["value"] == 6900.0
    assert (document["gap"], document["duplicate"], document["late"]) == (False, False, False)
    assert b"04E1F2" not in message.payload


def test_a_late_event_does_not_borrow_the_present_state() -> None:
    message = PRESENTER.event(recorded(late=True, meter=None, gap=True), NOW)
    document = orjson.loads(message.payload)
    check_message(message.topic, message.payload)
    assert document["transaction"]["chargingState"] is None
    assert document["meter"] == {"energyWh": None, "powerW": None}
    assert (document["late"], document["gap"]) == (True, True)


def test_an_end_without_a_reason_has_the_one_that_the_standard_implies() -> None:
    transaction = replace(TRANSACTION, ended_at=AT, stopped_reason=StoppedReason.LOCAL)
    message = PRESENTER.event(recorded(EventType.ENDED, transaction=transaction), NOW)
    document = orjson.loads(message.payload)
    assert document["type"] == "transaction.ended"
    assert document["transaction"]["stoppedReason"] == "Local"


def test_a_status_event() -> None:
    event = StatusRecorded(
        event_id="e-2",
        station_id=STATION_ID,
        evse_id=1,
        connector_id=1,
        status=ConnectorStatus.OCCUPIED,
        previous=ConnectorStatus.AVAILABLE,
        timestamp=AT,
        received_at=AT,
        warnings=("value_spelling:connectorStatus",),
    )
    message = PRESENTER.event(event, NOW)
    assert message.topic.endswith("/1/event/status")
    check_message(message.topic, message.payload)
    document = orjson.loads(message.payload)
    assert (document["connectorStatus"], document["previousStatus"]) == ("Occupied", "Available")
    assert document["warnings"] == ["value_spelling:connectorStatus"]


def test_an_allocation_event() -> None:
    assert EVSE.allocation is not None
    before = Allocation(offered_a=32.0, since=AT)
    event = AllocationRecorded(
        event_id="e-3",
        station_id=STATION_ID,
        evse_id=1,
        at=AT,
        before=before,
        after=replace(EVSE.allocation, phase_limit=1, phase_source=AllocationSource.API),
        cause=Cause(reason=ChangeReason.COMMAND, controller="pv", command_id="01JD"),
    )
    message = PRESENTER.event(event, NOW)
    assert message.topic == "ocpp/v1/cs/DE=2AABC=2AE1/1/event/allocation"
    assert (message.ordering_key, message.expiry_seconds) == ("DE*ABC*E1/1", 86_400)
    check_message(message.topic, message.payload)
    assert orjson.loads(message.payload) == {
        "v": 1,
        "id": "e-3",
        "type": "allocation",
        "ts": "2026-01-10T10:00:00.123Z",
        "receivedAt": "2026-01-10T10:00:00.123Z",
        "insertedAt": "2026-01-10T10:00:01.123Z",
        "cs": "DE*ABC*E1",
        "evse": 1,
        "connector": None,
        "from": "Unmanaged",
        "to": "MQTT",
        "previousOfferedA": 32.0,
        "offeredA": 10.0,
        "state": "active",
        "mode": "normal",
        "onePhaseLimitActive": True,
        "phaseLimitSourceName": "API",
        "reason": "command",
        "controller": "pv",
        "commandId": "01JD",
    }
    first = orjson.loads(PRESENTER.event(replace(event, before=None), NOW).payload)
    assert [first["from"], first["previousOfferedA"]] == [None, None]


def test_a_fault_event() -> None:
    event = FaultRecorded(
        event_id="e-4",
        station_id=STATION_ID,
        evse_id=1,
        received_at=AT,
        code="limit_not_observed",
        message="16 A flow where 10 A are allowed",
        details={"currentA": 16.0, "offeredA": 10.0},
    )
    message = PRESENTER.event(event, NOW)
    assert message.topic.endswith("/1/event/fault")
    check_message(message.topic, message.payload)
    document = orjson.loads(message.payload)
    assert (document["type"], document["code"]) == ("fault", "limit_not_observed")
    assert document["message"] == "16 A flow where 10 A are allowed"
    assert document["details"] == {"currentA": 16.0, "offeredA": 10.0}


def test_a_security_event() -> None:
    event = SecurityRecorded(
        event_id="e-5",
        station_id=STATION_ID,
        at=AT,
        received_at=AT,
        code=SecurityCode.DUPLICATE_REFUSED,
        message="two addresses fight for this identity: the newer was refused",
        alarm=True,
        details={"remote": "192.0.2.1:4711", "present": "192.0.2.2:4711", "leftOut": 0},
    )
    message = PRESENTER.event(event, NOW)
    assert message.topic == "ocpp/v1/cs/DE=2AABC=2AE1/0/event/security"
    check_message(message.topic, message.payload)
    assert orjson.loads(message.payload) == {
        "v": 1,
        "id": "e-5",
        "ts": "2026-01-10T10:00:00.123Z",
        "receivedAt": "2026-01-10T10:00:00.123Z",
        "insertedAt": "2026-01-10T10:00:01.123Z",
        "cs": "DE*ABC*E1",
        "evse": 0,
        "connector": None,
        "type": "security",
        "code": "duplicate_refused",
        "message": "two addresses fight for this identity: the newer was refused",
        "alarm": True,
        "details": {"remote": "192.0.2.1:4711", "present": "192.0.2.2:4711", "leftOut": 0},
    }
