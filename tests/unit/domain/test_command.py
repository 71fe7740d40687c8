"""What each command does, and why it is refused."""

from typing import Any

import pytest

from bridge.domain.calls import (
    CallResult,
    RequestStartTransaction,
    RequestStopTransaction,
)
from bridge.domain.commands import Get, Pause, Release, Resume, SetLimit, Start, Stop
from bridge.domain.events import IdToken
from tests.unit.domain.builders import (
    CALLERROR,
    CUT,
    REJECTED,
    TIMEOUT,
    Told,
    charging,
    ready,
)

TOKEN = IdToken(value="AABB", type="ISO14443")
EVERY = [
    SetLimit(limit_a=10.0),
    Release(),
    Pause(),
    Resume(),
    Start(id_token=TOKEN),
    Stop(),
    Get(),
]
SLOTS = EVERY[:4]


def refusal(told: Told, command_id: str) -> tuple[str, str, str, dict[str, Any]]:
    result = told.result(command_id)
    assert result.refusal is not None
    details = dict(result.refusal.details)
    return result.status.value, result.code.value, result.refusal.message, details


# --- Refusals


@pytest.mark.parametrize("arguments", EVERY)
def test_an_unknown_evse_is_refused_with_the_known_ones(arguments: Any) -> None:
    told = ready(evses=2)
    command_id = told.command(arguments, evse_id=7)
    assert refusal(told, command_id) == (
        "rejected",
        "unknown_evse",
        "this station has no EVSE 7; known: [1, 2]",
        {"known": [1, 2]},
    )
    empty = Told()
    message = refusal(empty, empty.command(arguments))[2]
    assert message == "this station has no EVSE 1; known: none yet"


@pytest.mark.parametrize("arguments", EVERY)
def test_an_expired_command_is_not_carried_out(arguments: Any) -> None:
    told = charging()
    before = told.station
    command_id = told.command(arguments, expires_at=told.now)
    assert told.finals(command_id) == [("expired", "expired")]
    assert told.station is before


@pytest.mark.parametrize("arguments", EVERY[:6])
def test_an_offline_station_is_refused(arguments: Any) -> None:
    told = charging()
    told.disconnect()
    status, code, message, _ = refusal(told, told.command(arguments))
    assert (status, code) == ("rejected", "station_offline")
    assert ('"defer": true' in message) is (arguments in SLOTS)
    assert told.calls == []


@pytest.mark.parametrize("arguments", [Start(id_token=TOKEN), Stop()])
def test_start_and_stop_cannot_be_deferred(arguments: Any) -> None:
    told = charging()
    told.disconnect()
    assert refusal(told, told.command(arguments, defer=True))[1] == "station_offline"


# --- start


def test_start_asks_for_a_transaction() -> None:
    told = ready()
    command_id = told.command(Start(id_token=TOKEN))
    assert told.request == RequestStartTransaction(evse_id=1, remote_start_id=1, id_token=TOKEN)
    told.answer(CallResult(accepted=True, status="Accepted", transaction_id="T1"))
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {"remoteStartId": 1, "transactionId": "T1"}
    assert told.station.calls == ()


def test_start_on_the_whole_station_lets_it_choose() -> None:
    told = charging()
    told.command(Start(id_token=TOKEN), evse_id=0)
    assert told.request == RequestStartTransaction(evse_id=None, remote_start_id=1, id_token=TOKEN)


def test_answers_find_their_start_or_stop() -> None:
    told = ready(evses=2)
    told.start(evse_id=2)
    first = told.command(Start(id_token=TOKEN), evse_id=1)
    second = told.command(Stop(), evse_id=2)
    told.answer(call_id=told.calls[1].call_id)
    assert (told.finals(first), told.finals(second)) == ([], [("done", "ok")])
    told.answer(call_id=told.calls[0].call_id)
    assert told.finals(first) == [("done", "ok")]


def test_start_where_one_runs_is_done() -> None:
    told = charging()
    command_id = told.command(Start(id_token=TOKEN))
    assert told.finals(command_id) == [("done", "already_started")]
    assert told.result(command_id).data == {
        "transactionId": "T1",
        "transactionUuid": told.transaction.uuid,
    }
    assert told.calls == []


def test_only_the_last_remote_starts_are_remembered() -> None:
    told = ready()
    for _ in range(10):
        told.command(Start(id_token=TOKEN))
        told.answer()
    assert [s.remote_start_id for s in told.station.remote_starts] == list(range(3, 11))


# --- stop


@pytest.mark.parametrize("evse_id", [0, 1])
def test_stop_ends_the_current_transaction(evse_id: int) -> None:
    told = charging()
    command_id = told.command(Stop(), evse_id=evse_id)
    assert told.request == RequestStopTransaction(transaction_id="T1")
    told.answer()
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {"transactionUuid": told.transaction.uuid}


def test_stop_by_id_or_uuid() -> None:
    told = charging()
    uuid = told.transaction.uuid
    for arguments in (Stop(transaction_id="T1"), Stop(transaction_uuid=uuid)):
        assert told.finals(told.command(arguments)) == []
        told.answer()
    both = Stop(transaction_id="T1", transaction_uuid=uuid)
    told.command(both)
    assert [call.request for call in told.calls] == [
        RequestStopTransaction(transaction_id="T1")
    ] * 3


def test_stop_where_nothing_runs_is_done() -> None:
    told = ready()
    assert told.finals(told.command(Stop())) == [("done", "already_stopped")]
    told.start()
    told.end()
    assert told.finals(told.command(Stop())) == [("done", "already_stopped")]
    assert told.finals(told.command(Stop(transaction_id="T1"))) == [("done", "already_stopped")]
    told.start("T2")
    assert told.finals(told.command(Stop(transaction_id="T1"))) == [("done", "already_stopped")]
    assert told.calls == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (Stop(transaction_id="T7"), "T7"),
        (Stop(transaction_id="T1", transaction_uuid="U"), "T1 / U"),
    ],
)
def test_stop_of_an_unknown_transaction_is_refused(arguments: Stop, named: str) -> None:
    told = charging()
    assert refusal(told, told.command(arguments))[:3] == (
        "rejected",
        "transaction_not_found",
        f"no transaction {named} on this EVSE",
    )


# --- what the station makes of a start or stop


@pytest.mark.parametrize(
    ("outcome", "final"),
    [
        (REJECTED, ("rejected", "station_rejected")),
        (CALLERROR, ("failed", "station_error")),
        (TIMEOUT, ("failed", "timeout")),
        (CUT, ("failed", "station_offline")),
    ],
)
@pytest.mark.parametrize("arguments", [Start(id_token=TOKEN), Stop()])
def test_a_refused_start_or_stop_says_why(
    arguments: Any, outcome: Any, final: tuple[str, str]
) -> None:
    told = charging() if isinstance(arguments, Stop) else ready()
    command_id = told.command(arguments)
    told.answer(outcome)
    assert told.finals(command_id) == [final]
    assert told.station.calls == ()
    assert told.station.remote_starts == ()


# --- get


def test_get_is_answered_with_a_snapshot_also_offline() -> None:
    told = charging()
    told.disconnect()
    command_id = told.command(Get(what="state"))
    result = told.result(command_id)
    assert (result.status.value, result.code.value, result.snapshot) == ("done", "ok", "state")
