"""start, stop, extend: transactions from afar."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain import remote
from bridge.domain.calls import (
    CallResult,
    RequestStartTransaction,
    RequestStopTransaction,
)
from bridge.domain.commands import Extend, Start, Stop
from bridge.domain.enums import ChargingState, TriggerReason
from bridge.domain.events import IdToken
from bridge.domain.records import replace
from bridge.domain.settings import BelowMinimum
from tests.unit.domain.builders import (
    CALLERROR,
    CUT,
    REJECTED,
    T0,
    TIMEOUT,
    charging,
    ready,
    refusal,
    updated,
)

TOKEN = IdToken(value="AABB", type="ISO14443")
LATER = T0 + timedelta(hours=1)

# --- start


def test_start_asks_for_a_transaction() -> None:
    told = ready()
    command_id = told.command(Start(id_token=TOKEN))
    assert told.request == RequestStartTransaction(evse_id=1, remote_start_id=1, id_token=TOKEN)
    told.answer(CallResult(accepted=True, status="Accepted", transaction_id="T1"))
    assert told.finals(command_id) == [("done", "ok")]
    assert told.result(command_id).data == {
        "remoteStartId": 1,
        "transactionUuid": remote.start_uuid(told.result(command_id).ref),
        "transactionId": "T1",
    }
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


def test_start_gives_a_transaction_that_the_cable_began_its_token() -> None:
    told = ready()
    told.start(charging_state=ChargingState.EV_CONNECTED)
    command_id = told.command(Start(id_token=TOKEN, invoice_id="bill-7"))
    assert told.request == RequestStartTransaction(evse_id=1, remote_start_id=1, id_token=TOKEN)
    told.answer(CallResult(accepted=True, status="Accepted", transaction_id="T1"))
    about = {"trigger_reason": TriggerReason.REMOTE_START, "remote_start_id": 1}
    told.tell(updated(1, told.now, id_token=TOKEN, **about))
    assert told.finals(command_id) == [("done", "ok")]
    assert (told.transaction.id_token, told.transaction.invoice_id) == (TOKEN, "bill-7")
    again = told.command(Start(id_token=TOKEN))
    assert told.finals(again) == [("done", "already_started")]


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


# --- what a start may bring along


def test_a_start_names_its_connector() -> None:
    told = ready()
    told.command(Start(id_token=TOKEN, connector_id=1))
    assert told.request == RequestStartTransaction(
        evse_id=1, remote_start_id=1, id_token=TOKEN, connector_id=1
    )


@pytest.mark.parametrize(
    ("asked", "kept", "code"), [(16.05, 16.0, "ok"), (32.0, 32.0, "ok"), (40.0, 32.0, "clipped")]
)
def test_a_start_with_a_current_is_clipped_to_the_installation(
    asked: float, kept: float, code: str
) -> None:
    told = ready()
    command_id = told.command(Start(id_token=TOKEN, max_a=asked))
    told.answer()
    assert told.finals(command_id) == [("done", code)]
    assert told.result(command_id).data == {
        "remoteStartId": 1,
        "transactionUuid": remote.start_uuid(told.result(command_id).ref),
        "transactionId": None,
        "maxA": kept,
    }


def test_limits_of_a_start_are_kept_for_its_transaction() -> None:
    told = ready()
    told.command(Start(id_token=TOKEN, invoice_id="I1", max_a=10.0, energy_wh=5000.0, until=LATER))
    told.answer()
    (kept,) = told.station.remote_starts
    assert (kept.invoice_id, kept.max_a, kept.energy_wh, kept.until) == (
        "I1",
        10.0,
        5000.0,
        LATER,
    )
    assert (kept.id_token, kept.accepted_at) == (TOKEN, told.now)


@pytest.mark.parametrize(
    ("arguments", "message", "details"),
    [
        (Start(id_token=TOKEN, until=T0), "until has passed", {"pointer": "/until"}),
        (
            Start(id_token=TOKEN, max_a=4.0),
            "maxA must be 0 or come to at least 6 A per phase here (below_minimum = reject)",
            {"pointer": "/maxA", "minimumA": 6.0},
        ),
        (
            Start(id_token=TOKEN, connector_id=7),
            "this EVSE has no connector 7; known: [1]",
            {"pointer": "/connector", "known": [1]},
        ),
    ],
)
def test_a_start_that_cannot_be_is_refused(
    arguments: Start, message: str, details: dict[str, Any]
) -> None:
    told = ready(below_minimum=BelowMinimum.REJECT)
    found = refusal(told, told.command(arguments))
    assert found == ("rejected", "invalid_argument", message, details)
    assert told.calls == []


# --- extend


@pytest.mark.parametrize("evse_id", [0, 1])
def test_extend_moves_the_end_of_the_running_transaction(evse_id: int) -> None:
    told = charging()
    asked = replace(told.transaction, stop_asked_at=T0)
    told.station = replace(told.station, evses={1: replace(told.evse(), transaction=asked)})
    command_id = told.command(Extend(until=LATER), evse_id=evse_id)
    assert [r.status.value for r in told.results] == ["accepted", "done"]
    assert told.result(command_id).data == {
        "transactionId": "T1",
        "until": "2026-01-10T11:00:00.000Z",
    }
    assert (told.transaction.until, told.transaction.stop_asked_at) == (LATER, None)
    forever = told.command(Extend(until=None), evse_id=evse_id)
    assert told.result(forever).data == {"transactionId": "T1", "until": None}
    assert told.transaction.until is None


def test_extend_needs_no_connection() -> None:
    told = charging()
    told.disconnect()
    assert told.finals(told.command(Extend(until=LATER))) == [("done", "ok")]


def test_extend_into_the_past_is_refused() -> None:
    told = charging()
    assert refusal(told, told.command(Extend(until=told.now))) == (
        "rejected",
        "invalid_argument",
        "until has passed",
        {"pointer": "/until"},
    )
    assert told.transaction.until is None


def test_extend_without_a_running_transaction_is_refused() -> None:
    told = ready()
    assert refusal(told, told.command(Extend(until=LATER)))[1] == "transaction_not_found"
    told.start()
    told.end()
    assert refusal(told, told.command(Extend(until=LATER)))[1] == "transaction_ended"


def test_extend_on_the_station_is_refused_where_several_transactions_run() -> None:
    told = ready(evses=2)
    told.start()
    told.start("T2", evse_id=2)
    assert refusal(told, told.command(Extend(until=LATER), evse_id=0))[1:3] == (
        "unknown_evse",
        "several transactions run on this station: name the EVSE in the topic",
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
    # one whose answer is lost may have begun all the same
    lost = isinstance(arguments, Start) and outcome in {TIMEOUT, CUT}
    assert [start.accepted_at for start in told.station.remote_starts] == [None] * lost
