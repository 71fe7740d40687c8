"""Commands to the station itself: what is sent, and what is made of the answer."""

from typing import Any

import pytest

from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallResult,
    ChangeAvailability,
    GetTransactionStatus,
    GetVariables,
    RawCall,
    Reset,
    ResetType,
    SetVariables,
    StationRequest,
    TriggerMessage,
    UnlockConnector,
    VariableName,
    VariableResult,
)
from bridge.domain.commands import (
    Arguments,
    AskTransactionStatus,
    CallStation,
    ReadVariables,
    ResetStation,
    SetAvailability,
    Trigger,
    Unlock,
    WriteVariables,
)
from bridge.domain.enums import ConnectorStatus
from bridge.domain.events import Connected
from bridge.domain.station import Restarted
from tests.unit.domain.builders import (
    CALLERROR,
    CUT,
    REJECTED,
    TIMEOUT,
    Told,
    charging,
    ready,
    refusal,
)

UNIT = VariableName(component="SmartChargingCtrlr", variable="RateUnit")
INTERVAL = VariableName(
    component="Connector",
    variable="Interval",
    evse_id=1,
    connector_id=2,
    component_instance="a",
    variable_instance="b",
    attribute="Target",
)
ON_IDLE = ResetStation(type=ResetType.ON_IDLE)
RESUME = ResetStation(type=ResetType.IMMEDIATE_AND_RESUME)


def answered(status: str, **more: Any) -> CallResult:
    return CallResult(accepted=True, status=status, **more)


def speaking_1_6(told: Told) -> Told:
    told.tell(Connected(version="1.6", connection_id="c2", remote="127.0.0.1"))
    return told


# --- What is sent


@pytest.mark.parametrize(
    ("arguments", "evse_id", "request_"),
    [
        (SetAvailability(operative=False), 0, ChangeAvailability(operative=False)),
        (SetAvailability(operative=True), 1, ChangeAvailability(operative=True, evse_id=1)),
        (Unlock(), 1, UnlockConnector(evse_id=1, connector_id=1)),
        (Unlock(connector_id=1), 1, UnlockConnector(evse_id=1, connector_id=1)),
        (ON_IDLE, 0, Reset(type=ResetType.ON_IDLE)),
        (ON_IDLE, 1, Reset(type=ResetType.ON_IDLE, evse_id=1)),
        (Trigger(message="Heartbeat"), 0, TriggerMessage(message="Heartbeat")),
        (
            Trigger(message="StatusNotification", connector_id=1),
            1,
            TriggerMessage(message="StatusNotification", evse_id=1, connector_id=1),
        ),
        (ReadVariables(names=(UNIT,)), 0, GetVariables(names=(UNIT,))),
        (WriteVariables(values=((UNIT, "W"),)), 1, SetVariables(values=((UNIT, "W"),))),
        (AskTransactionStatus(), 0, GetTransactionStatus()),
        (AskTransactionStatus(), 1, GetTransactionStatus(transaction_id="T1")),
        (
            AskTransactionStatus(transaction_id="T7"),
            0,
            GetTransactionStatus(transaction_id="T7"),
        ),
        (
            CallStation(action="ClearCache", payload={"a": 1}),
            0,
            RawCall(action="ClearCache", payload={"a": 1}),
        ),
    ],
)
def test_a_command_is_one_request(
    arguments: Arguments, evse_id: int, request_: StationRequest
) -> None:
    told = charging()
    command_id = told.command(arguments, evse_id=evse_id)
    assert [call.request for call in told.calls] == [request_]
    assert [r.status.value for r in told.results] == ["accepted"]
    assert told.finals(command_id) == []


def test_unlock_means_the_connector_in_use_else_the_lowest() -> None:
    told = Told()
    for connector_id in (2, 3):
        told.status(ConnectorStatus.AVAILABLE, connector_id=connector_id)
    told.command(Unlock())
    told.start(connector_id=3)
    told.command(Unlock())
    told.start("T2", evse_id=2)
    told.command(Unlock(), evse_id=2)
    assert [call.request for call in told.calls] == [
        UnlockConnector(evse_id=1, connector_id=2),
        UnlockConnector(evse_id=1, connector_id=3),
        UnlockConnector(evse_id=2, connector_id=1),
    ]


# --- What is refused


@pytest.mark.parametrize(
    "arguments", [Unlock(connector_id=7), Trigger(message="Heartbeat", connector_id=7)]
)
def test_an_unknown_connector_is_refused(arguments: Arguments) -> None:
    told = ready()
    assert refusal(told, told.command(arguments)) == (
        "rejected",
        "invalid_argument",
        "this EVSE has no connector 7; known: [1]",
        {"pointer": "/connector", "known": [1]},
    )


def test_where_no_connector_is_known_any_may_be_named() -> None:
    told = Told()
    told.start()
    told.command(Unlock(connector_id=7))
    assert told.request == UnlockConnector(evse_id=1, connector_id=7)


def test_unlock_needs_an_evse() -> None:
    told = ready()
    assert refusal(told, told.command(Unlock(), evse_id=0))[1:3] == (
        "unknown_evse",
        "unlock is for one EVSE: name it in the topic instead of 0",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (ON_IDLE, "OCPP 1.6 restarts the whole station only: use EVSE 0"),
        (RESUME, "OCPP 1.6 restarts the whole station only: use EVSE 0"),
        (AskTransactionStatus(), "OCPP 1.6 cannot be asked for the status of a transaction"),
    ],
)
def test_what_ocpp_1_6_does_not_have_is_unsupported(arguments: Arguments, message: str) -> None:
    told = speaking_1_6(ready())
    found = refusal(told, told.command(arguments))
    assert found == ("rejected", "unsupported", message, {})
    told.command(ON_IDLE, evse_id=0)
    assert told.request == Reset(type=ResetType.ON_IDLE)


def test_a_raw_call_past_the_arbiter_is_refused() -> None:
    told = ready()
    command_id = told.command(CallStation(action="UpdateDynamicSchedule", payload={}))
    assert refusal(told, command_id)[1] == "invalid_argument"
    assert told.calls == []


# --- What the station answers


@pytest.mark.parametrize(
    ("arguments", "answer", "data"),
    [
        (SetAvailability(operative=True), answered("Accepted"), {"status": "Accepted"}),
        (SetAvailability(operative=False), answered("Scheduled"), {"status": "Scheduled"}),
        (Unlock(), answered("Unlocked"), {"status": "Unlocked"}),
        (ON_IDLE, answered("Scheduled"), {"status": "Scheduled"}),
        (Trigger(message="Heartbeat"), answered("Accepted"), {"status": "Accepted"}),
        (
            AskTransactionStatus(transaction_id="T7"),
            answered("", ongoing=False, messages_in_queue=True),
            {"transactionId": "T7", "ongoingIndicator": False, "messagesInQueue": True},
        ),
        (
            AskTransactionStatus(),
            answered("", messages_in_queue=False),
            {"transactionId": None, "ongoingIndicator": None, "messagesInQueue": False},
        ),
        (
            CallStation(action="ClearCache", payload={}),
            CallResult(accepted=False, status="Rejected", payload={"status": "Rejected"}),
            {"status": "Rejected", "payload": {"status": "Rejected"}},
        ),
        (
            CallStation(action="GetTransactionStatus", payload={}),
            answered("", payload={"messagesInQueue": True}),
            {"status": None, "payload": {"messagesInQueue": True}},
        ),
    ],
)
def test_the_answer_is_the_result(
    arguments: Arguments, answer: CallResult, data: dict[str, Any]
) -> None:
    told = ready()
    command_id = told.command(arguments)
    told.answer(answer)
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == data
    assert told.station.calls == ()


@pytest.mark.parametrize(
    ("answer", "final"),
    [
        (REJECTED, ("rejected", "station_rejected")),
        (CALLERROR, ("failed", "station_error")),
        (TIMEOUT, ("failed", "timeout")),
        (CUT, ("failed", "station_offline")),
        (CallFailed(failure=CallFailure.INVALID), ("rejected", "invalid_argument")),
    ],
)
@pytest.mark.parametrize(
    "arguments", [SetAvailability(operative=True), Unlock(), ON_IDLE, Trigger(message="Heartbeat")]
)
def test_a_refused_request_says_why(
    arguments: Arguments, answer: Any, final: tuple[str, str]
) -> None:
    told = ready()
    command_id = told.command(arguments)
    told.answer(answer)
    assert told.finals(command_id) == [final]


def test_a_refusal_names_the_stations_words() -> None:
    told = charging()
    command_id = told.command(Unlock())
    told.answer(CallResult(accepted=False, status="OngoingAuthorizedTransaction"))
    assert refusal(told, command_id)[2:] == (
        "the station answered OngoingAuthorizedTransaction",
        {"status": "OngoingAuthorizedTransaction", "reasonCode": None, "additionalInfo": None},
    )


# --- Variables


def test_variables_are_told_one_by_one_also_where_some_are_refused() -> None:
    told = ready()
    command_id = told.command(ReadVariables(names=(UNIT, INTERVAL)))
    read = VariableResult(name=UNIT, status="Accepted", value="A,W")
    missing = VariableResult(name=INTERVAL, status="UnknownVariable", reason_code="NotFound")
    told.answer(answered("", variables=(read, missing)))
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {
        "variables": [
            {
                "component": "SmartChargingCtrlr",
                "componentInstance": None,
                "evse": None,
                "connector": None,
                "variable": "RateUnit",
                "variableInstance": None,
                "attribute": "Actual",
                "status": "Accepted",
                "value": "A,W",
                "reasonCode": None,
            },
            {
                "component": "Connector",
                "componentInstance": "a",
                "evse": 1,
                "connector": 2,
                "variable": "Interval",
                "variableInstance": "b",
                "attribute": "Target",
                "status": "UnknownVariable",
                "value": None,
                "reasonCode": "NotFound",
            },
        ]
    }


@pytest.mark.parametrize(
    ("statuses", "final"),
    [
        (("RebootRequired",), ("done", "ok")),
        (("Rejected", "Accepted"), ("done", "ok")),
        (("Rejected", "UnknownVariable"), ("rejected", "station_rejected")),
    ],
)
def test_writing_is_refused_where_the_station_takes_no_variable(
    statuses: tuple[str, ...], final: tuple[str, str]
) -> None:
    told = ready()
    command_id = told.command(WriteVariables(values=((UNIT, "W"), (INTERVAL, "1"))))
    results = tuple(VariableResult(name=UNIT, status=status) for status in statuses)
    told.answer(answered("", variables=results))
    assert told.finals(command_id) == [final]


def test_refused_variables_are_named_in_the_refusal() -> None:
    told = ready()
    command_id = told.command(ReadVariables(names=(UNIT,)))
    told.answer(answered("", variables=(VariableResult(name=UNIT, status="Rejected"),)))
    _, _, message, details = refusal(told, command_id)
    assert message == "the station refused every variable"
    assert [each["status"] for each in details["variables"]] == ["Rejected"]


# --- Configuration keys of OCPP 1.6, one by one


def writing_keys() -> tuple[Told, str]:
    """A station of OCPP 1.6 that is to write two keys."""
    told = speaking_1_6(ready())
    return told, told.command(WriteVariables(values=((UNIT, "W"), (INTERVAL, "1"))), evse_id=0)


def statuses(details: Any) -> list[tuple[str, str, str | None]]:
    return [(v["variable"], v["status"], v["reasonCode"]) for v in details["variables"]]


def test_each_key_is_one_request_and_the_last_answer_tells_of_all() -> None:
    told, command_id = writing_keys()
    assert [call.request for call in told.calls] == [
        SetVariables(values=((UNIT, "W"),)),
        SetVariables(values=((INTERVAL, "1"),)),
    ]
    told.answer(CallResult(accepted=False, status="NotSupported"), told.calls[0].call_id)
    assert told.finals(command_id) == []
    told.answer(CallResult(accepted=True, status="RebootRequired"), told.calls[1].call_id)
    assert told.finals(command_id) == [("done", "ok")]
    assert statuses(told.result(command_id).data) == [
        (UNIT.variable, "NotSupported", None),
        (INTERVAL.variable, "RebootRequired", None),
    ]
    assert told.station.calls == ()


def test_where_no_key_is_taken_the_command_is_refused() -> None:
    told, command_id = writing_keys()
    told.answer(CALLERROR, told.calls[0].call_id)
    told.answer(CallResult(accepted=False, status="Rejected"), told.calls[1].call_id)
    _, code, _, details = refusal(told, command_id)
    assert code == "station_rejected"
    assert statuses(details) == [
        (UNIT.variable, "error", CALLERROR.code),
        (INTERVAL.variable, "Rejected", None),
    ]


def test_where_no_key_is_answered_the_command_fails_by_the_last() -> None:
    told, command_id = writing_keys()
    for call in told.calls:
        told.answer(TIMEOUT, call.call_id)
    assert told.finals(command_id) == [("failed", "timeout")]


def test_keys_on_their_way_when_the_bridge_died_are_one_unknown_command() -> None:
    told, command_id = writing_keys()
    told.tell(Restarted())
    assert told.finals(command_id) == [("unknown", "unknown")]


# --- Restarting


def test_only_ocpp_2_1_goes_on_with_its_transactions() -> None:
    told = ready()
    command_id = told.command(RESUME, evse_id=0)
    _, code, message, _ = refusal(told, command_id)
    assert code == "unsupported"
    assert message == "OCPP 2.0.1 resumes no transaction: use Immediate or OnIdle"
    told.tell(Connected(version="2.1", connection_id="c2", remote="127.0.0.1"))
    told.command(RESUME, evse_id=0)
    assert told.request == Reset(type=ResetType.IMMEDIATE_AND_RESUME)
