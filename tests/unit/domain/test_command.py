"""Which commands are refused at once, and what becomes of those that a crash overtook."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    ProfileCriteria,
    ResetType,
    VariableName,
)
from bridge.domain.commands import (
    AskTransactionStatus,
    CallStation,
    Extend,
    Get,
    Pause,
    ReadComposite,
    ReadProfiles,
    ReadVariables,
    Release,
    ResetStation,
    Resume,
    SetAvailability,
    SetLimit,
    SetPhases,
    Start,
    Stop,
    Trigger,
    Unlock,
    WriteVariables,
)
from bridge.domain.events import IdToken
from bridge.domain.station import Restarted
from tests.unit.domain.builders import Told, charging, ready, refusal

TOKEN = IdToken(value="AABB", type="ISO14443")
UNIT = VariableName(component="SmartChargingCtrlr", variable="RateUnit")
CLAIMS = [SetLimit(limit_a=10.0), Release(), Pause(), Resume(), SetPhases(phases=None)]
CALLS = [
    Start(id_token=TOKEN),
    SetAvailability(operative=False),
    Unlock(),
    ResetStation(type=ResetType.ON_IDLE),
    Trigger(message="StatusNotification"),
    ReadVariables(names=(UNIT,)),
    WriteVariables(values=((UNIT, "A"),)),
    AskTransactionStatus(),
    ReadProfiles(criteria=ProfileCriteria()),
    ReadComposite(duration_seconds=60),
    CallStation(action="ClearCache", payload={}),
]
"""Each is one request to the station."""
EVERY = [*CLAIMS, *CALLS, Stop(), Extend(until=None), Get()]


def name(arguments: Any) -> str:
    return type(arguments).__name__


# --- Refusals


@pytest.mark.parametrize("arguments", EVERY, ids=name)
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


@pytest.mark.parametrize("arguments", EVERY, ids=name)
def test_an_expired_command_is_not_carried_out(arguments: Any) -> None:
    told = charging()
    before = told.station
    command_id = told.command(arguments, expires_at=told.now)
    assert told.finals(command_id) == [("expired", "expired")]
    assert told.station is before


@pytest.mark.parametrize("arguments", [*CLAIMS, *CALLS, Stop()], ids=name)
def test_an_offline_station_is_refused(arguments: Any) -> None:
    told = charging()
    told.disconnect()
    status, code, message, _ = refusal(told, told.command(arguments))
    assert (status, code) == ("rejected", "station_offline")
    assert ('"defer": true' in message) is (arguments in CLAIMS)
    assert told.calls == []


@pytest.mark.parametrize("arguments", [*CALLS, Stop()], ids=name)
def test_what_is_asked_of_the_station_cannot_be_deferred(arguments: Any) -> None:
    told = charging()
    told.disconnect()
    assert refusal(told, told.command(arguments, defer=True))[1] == "station_offline"


@pytest.mark.parametrize("arguments", CALLS, ids=name)
def test_a_request_may_not_leave_after_its_commands_expiry(arguments: Any) -> None:
    told = ready()
    expires_at = told.now + timedelta(seconds=60)
    command_id = told.command(arguments, expires_at=expires_at)
    assert told.calls[-1].expires_at == expires_at
    told.answer(CallFailed(failure=CallFailure.EXPIRED))
    assert told.finals(command_id) == [("expired", "expired")]


# --- Overtaken by a crash


@pytest.mark.parametrize("arguments", CALLS, ids=name)
def test_what_was_on_its_way_at_a_restart_is_unknown_and_not_sent_again(arguments: Any) -> None:
    told = ready()
    command_id = told.command(arguments)
    assert len(told.calls) == 1
    told.tell(Restarted())
    assert refusal(told, command_id) == (
        "unknown",
        "unknown",
        "the bridge was restarted before the station answered; not sent again",
        {"evses": {"1": "Idle"}},
    )
    told.connect()
    assert len(told.calls) == 1
    assert len(told.finals(command_id)) == 1
    assert told.station.calls == ()


# --- get


def test_get_is_answered_with_a_snapshot_also_offline() -> None:
    told = charging()
    told.disconnect()
    command_id = told.command(Get(what="state"))
    result = told.result(command_id)
    assert (result.status.value, result.code.value, result.snapshot) == ("done", "ok", "state")
