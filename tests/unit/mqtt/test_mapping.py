"""The published documents: exact keys and values, and that each fits its committed schema."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from bridge.domain.commands import (
    CommandRef,
    CommandResult,
    Refusal,
    ReplyTo,
    ResultCode,
    ResultStatus,
)
from bridge.domain.control import ExternalLimit
from bridge.domain.enums import (
    AllocationSource,
    StoppedReason,
)
from bridge.domain.knowledge import Learnt
from bridge.domain.model import Evse, Station
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import RateUnit
from bridge.mqtt.mapping import (
    TokenMask,
    availability,
    meter,
    secc,
)
from tests.records import replace
from tests.schema_check import check_document, check_message
from tests.unit.mqtt.example_station import (
    AT,
    DOCUMENTS,
    EVSE,
    NOW,
    PRESENTER,
    STATION,
    STATION_ID,
    TOKEN,
    TRANSACTION,
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
        "ocpp": {
            "version": "2.0.1",
            "chargingState": "Charging",
            "operationMode": None,
            "status": None,
            "errorCode": None,
        },
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


def test_the_secc_document_names_who_holds_it_to_one_phase() -> None:
    assert EVSE.allocation is not None
    held = replace(EVSE.allocation, phase_limit=1, phase_source=AllocationSource.MQTT)
    document = secc(STATION, replace(EVSE, allocation=held), NOW)
    check_document("secc", document)
    assert (document["onePhaseLimitActive"], document["phaseLimitSourceName"]) == (True, "MQTT")


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


def test_the_transaction_document_hides_the_token() -> None:
    document = DOCUMENTS.transaction(STATION, EVSE, NOW)
    assert document is not None
    check_document("transaction", orjson.loads(orjson.dumps(document)))
    assert (document["active"], document["energyWh"]) == (True, 999.5)
    assert b"04E1F2" not in orjson.dumps(document)
    assert document["idToken"] == TokenMask(b"k" * 32)(TOKEN)


def test_a_transaction_may_have_limits_of_its_own() -> None:
    limited = replace(TRANSACTION, until=NOW, max_a=10.0, energy_limit_wh=20000.0)
    document = DOCUMENTS.transaction(STATION, replace(EVSE, transaction=limited), NOW)
    assert document is not None
    check_document("transaction", orjson.loads(orjson.dumps(document)))
    assert document["until"] == "2026-01-10T10:00:01.123Z"
    assert (document["maxA"], document["energyLimitWh"]) == (10.0, 20000.0)
    free = DOCUMENTS.transaction(STATION, EVSE, NOW)
    assert free is not None
    assert [free["until"], free["maxA"], free["energyLimitWh"]] == [None] * 3


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
    assert document["evses"] == [{"evse": 1, "connectors": [1], "phases": 3}]
    check_document("stationInfo", DOCUMENTS.station_info(Station(id=STATION_ID), NOW))
    assert availability(STATION) == "online"
    assert availability(replace(STATION, online=False)) == "offline"


def test_station_info_says_what_the_station_can_do_and_who_else_limits_it() -> None:
    schedule = Schedule(unit=RateUnit.AMPERE, periods=(Period(start_seconds=0, limit=16.0),))
    grid = ExternalLimit(limit_source="SO", at=AT, evse_id=1, grid_critical=True)
    station = replace(
        STATION,
        learnt=Learnt(tx_profile=False, rate_units=("A", "W"), max_stack_level=9),
        profiles=(
            ChargingProfile(
                profile_id=1,
                evse_id=0,
                purpose="TxDefaultProfile",
                kind="Absolute",
                stack_level=0,
                schedule=schedule,
            ),
        ),
        external_limits=(grid, replace(grid, limit_source="EMS", schedule=schedule)),
    )
    document = orjson.loads(orjson.dumps(DOCUMENTS.station_info(station, NOW)))
    check_document("stationInfo", document)
    assert document["capabilities"] == {
        "readsProfiles": None,
        "compositeSchedule": None,
        "txProfile": False,
        "startProfile": None,
        "stationMaxProfile": None,
        "defaultGovernsRunning": None,
        "validTo": None,
        "rateUnits": ["A", "W"],
        "maxStackLevel": 9,
        "phaseSwitching": None,
    }
    assert document["externalProfiles"] == 1
    assert document["externalLimits"][0] == {
        "evse": 1,
        "limitSource": "SO",
        "gridCritical": True,
        "known": False,
        "at": "2026-01-10T10:00:00.123Z",
    }
    assert document["externalLimits"][1]["known"] is True


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
