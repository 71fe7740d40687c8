"""The published documents: exact keys and values, and that each fits its committed schema."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from bridge.domain.calls import ProfilePurpose
from bridge.domain.commands import (
    CommandRef,
    CommandResult,
    Refusal,
    ReplyTo,
    ResultCode,
    ResultStatus,
)
from bridge.domain.effects import StatusRecorded, TransactionRecorded
from bridge.domain.enums import (
    AllocationSource,
    ChargingState,
    ConnectorStatus,
    ControllerStatus,
    EventType,
    Phase,
    Registration,
    SeccState,
    StoppedReason,
    TriggerReason,
    VehicleStatus,
)
from bridge.domain.events import (
    BootNotification,
    IdToken,
    MeterValue,
    SampledValue,
    TransactionEvent,
)
from bridge.domain.ids import StationId
from bridge.domain.model import (
    Allocation,
    Connector,
    Evse,
    EvseView,
    InstalledProfile,
    Limit,
    Meter,
    Station,
    Transaction,
)
from bridge.domain.settings import StationSettings
from bridge.mqtt import topics
from bridge.mqtt.mapping import (
    Documents,
    MessagePresenter,
    TokenMask,
    availability,
    documents_changed,
    meter,
    only_energy_moved,
    secc,
)
from bridge.mqtt.topics import Topics
from tests.schema_check import check_document, check_message

AT = datetime(2026, 1, 10, 10, 0, 0, 123_000, tzinfo=UTC)
NOW = AT + timedelta(seconds=1)
STATION_ID = StationId("DE*ABC*E1")
TOKEN = IdToken(value="04E1F2", type="ISO14443")

DOCUMENTS = Documents("main", TokenMask(b"k" * 32), lambda _: StationSettings())
PRESENTER = MessagePresenter(Topics("ocpp", "main"), DOCUMENTS)

TRANSACTION = Transaction(
    id="tx-1",
    uuid="0b5c",
    started_at=AT,
    last_event_at=AT + timedelta(seconds=60),
    started_seen=True,
    connector_id=1,
    start_reason=TriggerReason.AUTHORIZED,
    charging_started_at=AT + timedelta(seconds=30),
    charging_state=ChargingState.CHARGING,
    id_token=TOKEN,
    meter_start_wh=302.999973,
    meter_last_wh=1302.5,
    energy_wh=999.5,
)
EVSE = Evse(
    id=1,
    connectors={1: Connector(status=ConnectorStatus.OCCUPIED, at=AT)},
    transaction=TRANSACTION,
    meter=Meter(at=AT, energy_wh=1302.5, power_w=6900.0, current_a=(9.8, 9.9, None)),
    view=EvseView(
        state=SeccState.CHARGING,
        phase=Phase.CHARGING,
        vehicle_status=VehicleStatus.CHARGE_REQUEST,
        controller_status=ControllerStatus.CHARGING,
        connector_status=ConnectorStatus.OCCUPIED,
        charging_state=ChargingState.CHARGING,
        plugged=True,
        charging=True,
        used_phases="111",
        transaction_id="tx-1",
    ),
    allocation=Allocation(
        source=AllocationSource.MQTT,
        offered_a=10.0,
        since=AT,
        state="active",
        limits=(
            Limit(
                source=AllocationSource.MQTT,
                limit_a=10.0,
                controller="pv",
                priority=100,
                expires_at=NOW,
                binding=True,
            ),
            Limit(source=AllocationSource.UNMANAGED, limit_a=32.0),
        ),
        accepted=InstalledProfile(
            profile_id=7, purpose=ProfilePurpose.TX, limit_a=10.0, at=AT, transaction_id="tx-1"
        ),
        requested_a=10.0,
    ),
)
STATION = Station(
    id=STATION_ID,
    registration=Registration.ACCEPTED,
    online=True,
    version="2.0.1",
    boot=BootNotification(vendor_name="V", model="M", reason="PowerUp", serial_number="1"),
    booted_at=AT,
    evses={1: EVSE},
)


def ended(**changes: Any) -> Evse:
    values: dict[str, Any] = {
        "ended_at": AT + timedelta(seconds=90),
        "stopped_reason": StoppedReason.REMOTE,
    }
    return replace(EVSE, transaction=replace(TRANSACTION, **values | changes))


def test_the_state_document() -> None:
    document = DOCUMENTS.state(STATION, EVSE, NOW)
    check_document("state", orjson.loads(orjson.dumps(document)))
    assert document == {
        "v": 1,
        "ts": "2026-01-10T10:01:00.123Z",
        "receivedAt": "2026-01-10T10:00:01.123Z",
        "cs": "DE*ABC*E1",
        "evse": 1,
        "stale": False,
        "state": "Charging",
        "phase": "charging",
        "vehicleStatus": "C",
        "chargeControllerStatus": "C2",
        "iecSource": "derived",
        "connectorStatus": "Occupied",
        "ocpp": {"version": "2.0.1", "chargingState": "Charging", "errorCode": None},
        "plugged": True,
        "charging": True,
        "allocationSourceName": "MQTT",
        "offeredA": 10.0,
        "usedPhasesSession": "111",
        "transactionId": "tx-1",
    }


def test_the_secc_document_while_charging() -> None:
    document = secc(STATION, EVSE, NOW)
    check_document("secc", document)
    assert document == {
        "state": "Charging",
        "startedTime": 1768039230,
        "endedTime": 0,
        "meterStart": 0.303,
        "meterStop": 0.303,
        "vehicleStatus": "C",
        "chargeControllerStatus": "C2",
        "usedPhasesSession": "111",
        "startReason": "Authorized",
        "stopReason": None,
        "allocationSourceName": "MQTT",
        "onePhaseLimitActive": False,
        "phaseLimitSourceName": "API",
        "phaseRotationActive": False,
        "phaseRotationSourceName": "API",
    }


def test_the_last_transaction_stays_visible_in_the_secc_document() -> None:
    document = secc(STATION, ended(), NOW)
    assert document["endedTime"] == 1768039290
    assert (document["meterStart"], document["meterStop"]) == (0.303, 1.302)
    assert document["stopReason"] == "Remote"


def test_a_transaction_that_never_charged_started_when_it_started() -> None:
    running = replace(EVSE, transaction=replace(TRANSACTION, charging_started_at=None))
    assert secc(STATION, running, NOW)["startedTime"] == 0
    assert secc(STATION, ended(charging_started_at=None), NOW)["startedTime"] == 1768039200


def test_an_evse_without_history() -> None:
    document = secc(STATION, Evse(id=1), NOW)
    check_document("secc", document)
    assert (document["startedTime"], document["endedTime"]) == (0, 0)
    assert [document["meterStart"], document["startReason"], document["stopReason"]] == [None] * 3
    assert document["allocationSourceName"] == "Unmanaged"
    state = DOCUMENTS.state(STATION, Evse(id=1), NOW)
    check_document("state", state)
    assert [state["ts"], state["offeredA"]] == [None, None]
    assert DOCUMENTS.transaction(STATION, Evse(id=1), NOW) is None
    assert DOCUMENTS.allocation(STATION, Evse(id=1), NOW) is None
    assert meter(STATION, Evse(id=1), NOW) is None


def test_the_allocation_document() -> None:
    document = DOCUMENTS.allocation(STATION, EVSE, NOW)
    assert document is not None
    check_document("allocation", document)
    assert (document["offeredA"], document["offeredW"], document["phases"]) == (10.0, 6900.0, 3)
    assert document["requested"] == {"limitA": 10.0}
    assert document["accepted"] == {
        "at": "2026-01-10T10:00:00.123Z",
        "via": "TxProfile",
        "profileId": 7,
        "limitA": 10.0,
    }
    assert document["limits"][0] == {
        "source": "MQTT",
        "limitA": 10.0,
        "controller": "pv",
        "priority": 100,
        "expiresAt": "2026-01-10T10:00:01.123Z",
        "binding": True,
    }
    assert [document["pending"], document["observed"]] == [None, None]


@pytest.mark.parametrize(
    ("used", "charging", "phases"), [("100", True, 1), ("100", False, 3), (None, True, 3)]
)
def test_watts_count_the_phases_in_use_while_charging(
    used: str | None, charging: bool, phases: int
) -> None:
    evse = replace(EVSE, view=replace(EVSE.view, used_phases=used, charging=charging))
    document = DOCUMENTS.allocation(STATION, evse, NOW)
    assert document is not None
    assert (document["phases"], document["offeredW"]) == (phases, phases * 2300.0)


def test_a_limit_on_its_way_is_pending() -> None:
    assert EVSE.allocation is not None
    waiting = replace(EVSE, allocation=replace(EVSE.allocation, pending_a=6.0))
    document = DOCUMENTS.allocation(STATION, waiting, NOW)
    assert document is not None
    check_document("allocation", document)
    assert document["pending"] == {"limitA": 6.0, "via": None}


def test_the_transaction_document_hides_the_token() -> None:
    document = DOCUMENTS.transaction(STATION, EVSE, NOW)
    assert document is not None
    check_document("transaction", orjson.loads(orjson.dumps(document)))
    assert (document["active"], document["energyWh"]) == (True, 999.5)
    assert b"04E1F2" not in orjson.dumps(document)
    assert document["idToken"] == TokenMask(b"k" * 32)(TOKEN)


def test_a_token_keeps_its_hash_whatever_its_casing_and_key_by_key() -> None:
    mask = TokenMask(b"k" * 32)
    lower = replace(TOKEN, value="04e1f2")
    assert mask(TOKEN) == mask(lower)
    assert mask(TOKEN) != TokenMask(b"x" * 32)(TOKEN)
    assert mask(TOKEN) != mask(replace(TOKEN, value="04E1F3"))
    assert TokenMask(None)(TOKEN) == {"type": "ISO14443", "value": "04E1F2"}


def test_the_meter_document() -> None:
    document = meter(STATION, EVSE, NOW)
    assert document is not None
    check_document("meter", document)
    assert document["currentA"] == [9.8, 9.9, None]
    assert (document["transactionId"], document["transactionEnergyWh"]) == ("tx-1", 999.5)
    closed = meter(STATION, ended(), NOW)
    assert closed is not None
    assert [closed["transactionId"], closed["transactionEnergyWh"]] == [None, None]


def test_station_info_and_availability() -> None:
    document = DOCUMENTS.station_info(STATION, NOW)
    check_document("stationInfo", document)
    assert (document["bridge"], document["cs"]) == ("main", "DE*ABC*E1")
    assert document["evses"] == [{"evse": 1, "connectors": [1]}]
    check_document("stationInfo", DOCUMENTS.station_info(Station(id=STATION_ID), NOW))
    assert availability(STATION) == "online"
    assert availability(replace(STATION, online=False)) == "offline"


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
        "allocation_source": AllocationSource.MQTT,
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
    )
    message = PRESENTER.event(event, NOW)
    assert message.topic.endswith("/1/event/status")
    check_message(message.topic, message.payload)
    document = orjson.loads(message.payload)
    assert (document["connectorStatus"], document["previousStatus"]) == ("Occupied", "Available")


def result(**changes: Any) -> CommandResult:
    ref = CommandRef(
        id="c1",
        name="limit",
        controller="me",
        source=AllocationSource.MQTT,
        evse_id=changes.pop("evse_id", 1),
        reply_to=changes.pop("reply_to", ReplyTo(name="limit")),
    )
    values: dict[str, Any] = {
        "ref": ref,
        "status": ResultStatus.DONE,
        "code": ResultCode.OK,
        "at": AT,
    }
    return CommandResult(**values | changes)


def test_a_result() -> None:
    (message,) = PRESENTER.results(
        result(data={"requestedA": 10, "appliedA": 10.0}), STATION, STATION_ID
    )
    assert message.topic == "ocpp/v1/cs/DE=2AABC=2AE1/1/res/me/limit"
    assert (message.expiry_seconds, message.correlation) == (300, None)
    check_message(message.topic, message.payload)
    assert orjson.loads(message.payload) == {
        "v": 1,
        "id": "c1",
        "cmd": "limit",
        "status": "done",
        "code": "ok",
        "ts": "2026-01-10T10:00:00.123Z",
        "cs": "DE*ABC*E1",
        "evse": 1,
        "final": True,
        "data": {"requestedA": 10, "appliedA": 10.0},
        "error": None,
    }


def test_a_refusal_says_what_can_be_done() -> None:
    refusal = Refusal(
        code=ResultCode.STATION_OFFLINE, message="the station is offline", details={"a": 1}
    )
    (message,) = PRESENTER.results(
        result(status=ResultStatus.REJECTED, code=refusal.code, refusal=refusal), None, STATION_ID
    )
    check_message(message.topic, message.payload)
    assert orjson.loads(message.payload)["error"] == {
        "code": "station_offline",
        "message": "the station is offline",
        "retryable": True,
        "details": {"a": 1},
    }


def test_a_response_topic_gets_the_result_too_with_its_correlation() -> None:
    reply_to = ReplyTo(name="set_limitA", topic="ocpp/v1/client/me/r", correlation="00ff")
    first, second = PRESENTER.results(result(reply_to=reply_to), STATION, STATION_ID)
    assert first.topic.endswith("/res/me/set_limitA")
    assert second.topic == "ocpp/v1/client/me/r"
    assert first.correlation == second.correlation == b"\x00\xff"


@pytest.mark.parametrize(
    ("wanted", "evse_id", "keys"),
    [
        (
            "all",
            1,
            ["info", "availability", "state", "secc", "transaction", "allocation", "meter"],
        ),
        ("secc", 1, ["secc"]),
        ("info", 1, ["info"]),
        ("all", 0, ["info", "availability", "evses"]),
        ("state", 0, ["evses"]),
    ],
)
def test_get_gives_the_documents_that_were_asked_for(
    wanted: str, evse_id: int, keys: list[str]
) -> None:
    (message,) = PRESENTER.results(result(snapshot=wanted, evse_id=evse_id), STATION, STATION_ID)
    check_message(message.topic, message.payload)
    found = orjson.loads(message.payload)["data"]
    assert list(found) == keys
    for name in set(keys) & {"state", "secc", "transaction", "allocation", "meter"}:
        check_document(name, found[name])


def changed(before: Station | None, after: Station) -> set[str]:
    return {row.name for _, row in documents_changed(before, after)}


def with_evse(evse: Evse) -> Station:
    return replace(STATION, evses={1: evse})


ALL_OF_EVSE = {row.name for row in topics.EVSE_ROWS}


def test_a_new_station_has_all_its_documents_published() -> None:
    assert changed(None, STATION) == ALL_OF_EVSE | {"availability", "stationInfo"}


def test_a_station_that_waits_for_approval_shows_only_itself() -> None:
    pending = replace(STATION, registration=Registration.PENDING)
    assert changed(None, pending) == {"availability", "stationInfo"}
    assert changed(pending, STATION) == ALL_OF_EVSE | {"stationInfo"}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (replace(STATION, revision=9), set[str]()),
        (replace(STATION, online=False), {"availability"}),
        (replace(STATION, version="2.1"), {"stationInfo"}),
        (with_evse(replace(EVSE, meter=Meter(at=NOW))), {"meter"}),
        (
            with_evse(replace(EVSE, transaction=replace(TRANSACTION, energy_wh=1.0))),
            {"transaction", "meter"},
        ),
        (
            with_evse(replace(EVSE, transaction=replace(TRANSACTION, ended_at=AT))),
            {"transaction", "meter", "secc"},
        ),
        (
            with_evse(replace(EVSE, view=replace(EVSE.view, stale=True))),
            {"state", "secc", "transaction", "allocation"},
        ),
        (
            with_evse(replace(EVSE, allocation=Allocation(offered_a=6.0, since=AT))),
            {"state", "secc", "allocation"},
        ),
        (
            with_evse(
                replace(EVSE, connectors={2: Connector(status=ConnectorStatus.OCCUPIED, at=AT)})
            ),
            {"stationInfo"},
        ),
    ],
)
def test_only_what_a_change_touches_is_looked_at(after: Station, expected: set[str]) -> None:
    assert changed(STATION, after) == expected


def test_energy_alone_is_told_from_everything_else() -> None:
    more = replace(TRANSACTION, energy_wh=2.0, last_seq_no=9, last_event_at=NOW)
    assert only_energy_moved(TRANSACTION, more)
    assert not only_energy_moved(TRANSACTION, replace(more, charging_state=None))
    assert not only_energy_moved(TRANSACTION, None)
    assert only_energy_moved(None, None)
