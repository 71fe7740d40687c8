"""Commands over HTTP: what they do, how they are answered, and that they are those of MQTT."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.api import commands
from bridge.api.rate_limit import BURST
from bridge.app import Application
from bridge.domain.commands import ResultCode
from bridge.http.commands import SCOPES
from bridge.http.problems import STATUSES, HttpCode
from bridge.ports import Scope
from bridge.store.tokens import create_token
from tests.acceptance.bridges import Options
from tests.acceptance.stations import CallError, RawStation, Session, amperes, iso, played, reject
from tests.integration.http.test_auth import CLOCK
from tests.schema_check import check_document

LOOPBACK = "127.0.0.1"
EVSE = "/api/v1/stations/CS1/evses/1"
COMMANDS = f"{EVSE}/commands"
PATIENCE_SECONDS = 30
TRIGGER = {"message": "StatusNotification"}


async def give(
    client: httpx.AsyncClient, name: str, body: Any = None, **options: Any
) -> httpx.Response:
    return await client.post(f"{COMMANDS}/{name}", json=body or {}, **options)


def test_each_command_has_a_scope_and_each_code_a_status() -> None:
    assert SCOPES.keys() == commands.API_MODELS.keys()
    assert STATUSES.keys() == {*ResultCode, *HttpCode}


async def test_a_limit_is_in_force_at_the_station_when_it_is_answered(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    answer = await give(client, "limit", {"limitA": 10, "id": "first"})
    assert answer.status_code == 200
    result = answer.json()
    check_document("result", result)
    assert {
        key: result[key] for key in ("id", "cmd", "status", "code", "cs", "evse", "final")
    } == {
        "id": "first",
        "cmd": "limit",
        "status": "done",
        "code": "ok",
        "cs": "CS1",
        "evse": 1,
        "final": True,
    }
    assert result["data"]["appliedA"] == 10
    assert result["data"]["allocationSourceName"] == "API"
    (profile,) = station.calls_of("SetChargingProfile")
    assert amperes(profile["chargingProfile"]) == 10

    allocation = (await client.get(f"{EVSE}/allocation")).json()
    assert (allocation["allocationSourceName"], allocation["offeredA"]) == ("API", 10)
    assert allocation["limits"][0]["controller"] == "http"
    secc = (await client.get("/api/v1/transaction")).json()
    assert secc["allocationSourceName"] == "API"

    assert (await give(client, "release")).json()["status"] == "done"
    allocation = (await client.get(f"{EVSE}/allocation")).json()
    assert allocation["allocationSourceName"] == "Unmanaged"


@pytest.fixture
async def silent(bridge: Application) -> AsyncIterator[RawStation]:
    """A station that never answers SetChargingProfile."""
    url = f"ws://{LOOPBACK}:{bridge.server.port}"
    async with played(url, answers={"SetChargingProfile": None}) as station:
        await station.boot()
        yield station


async def test_the_answer_can_be_had_before_the_station_has_answered(
    client: httpx.AsyncClient, silent: RawStation
) -> None:
    answer = await give(client, "limit", {"limitA": 10, "id": "a/b"}, params={"wait": 0})
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["final"]) == ("accepted", False)
    assert answer.headers["location"] == "/api/v1/commands/a%2Fb"


async def test_what_takes_too_long_is_answered_with_where_to_look(
    client: httpx.AsyncClient, silent: RawStation
) -> None:
    answer = await give(client, "limit", {"limitA": 10, "id": "slow"}, params={"wait": "0.2"})
    assert answer.status_code == 202
    await silent.asked("SetChargingProfile")
    place = answer.headers["location"]
    state = (await client.get(place)).json()
    assert state == {"id": "slow", "final": False, "result": None}


async def test_a_result_can_be_read_afterwards(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    given = (await give(client, "limit", {"limitA": 10, "id": "mine"})).json()
    state = (await client.get("/api/v1/commands/mine")).json()
    assert state == {"id": "mine", "final": True, "result": given}
    answer = await client.get("/api/v1/commands/nobodys")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_a_command_without_a_body(client: httpx.AsyncClient, station: RawStation) -> None:
    answer = await client.post(f"{COMMANDS}/release")
    assert (answer.status_code, answer.json()["status"]) == (200, "done")


async def test_a_repeated_command_is_not_carried_out_again(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await give(client, "trigger", TRIGGER, headers=headers)
    assert (first.status_code, first.json()["id"]) == (200, "once")
    again = await give(client, "trigger", TRIGGER, headers=headers)
    assert (again.status_code, again.json()["code"]) == (200, "duplicate")
    assert again.json()["data"] == first.json()["data"]
    by_id = await give(client, "trigger", TRIGGER | {"id": "once"})
    assert by_id.json()["code"] == "duplicate"
    other = await give(client, "trigger", TRIGGER | {"id": "once", "connector": 1})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "id_conflict")
    assert len(station.calls_of("TriggerMessage")) == 1


async def test_two_who_repeat_one_command_at_once_get_its_result(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    answers = await asyncio.gather(
        *(give(client, "trigger", TRIGGER | {"id": "one"}) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["status"] for answer in answers} == {"done"}
    assert len(station.calls_of("TriggerMessage")) == 1


async def test_a_transaction_from_begin_to_end(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    until = iso(datetime.now(tz=UTC) + timedelta(hours=1))
    started = (await give(client, "start", {"maxA": 8, "until": until})).json()
    assert (started["status"], started["code"]) == ("done", "ok")
    request = await station.asked("RequestStartTransaction")
    assert request["idToken"] == {"idToken": "API", "type": "Central"}
    session = Session()
    info = {"chargingState": "Charging", "remoteStartId": request["remoteStartId"]}
    await station.call("TransactionEvent", session.event("Started", "RemoteStart", info=info))

    later = iso(datetime.now(tz=UTC) + timedelta(hours=2))
    assert (await give(client, "extend", {"until": later})).status_code == 200
    assert (await client.get(f"{EVSE}/transaction")).json()["until"] == later

    assert (await give(client, "stop", {"transactionId": "tx-1"})).json()["status"] == "done"
    assert await station.asked("RequestStopTransaction") == {"transactionId": "tx-1"}
    await station.event(session, "Ended", "RemoteStop", info={"stoppedReason": "Remote"})
    ended = await give(client, "stop", {"transactionId": "tx-1"})
    assert ended.json()["code"] == "already_stopped"
    assert ended.status_code == 200
    unknown = await give(client, "stop", {"transactionId": "tx-2"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (
        404,
        "transaction_not_found",
    )


async def test_get_has_the_documents(client: httpx.AsyncClient, station: RawStation) -> None:
    result = (await give(client, "get", {"what": "secc"})).json()
    assert result["data"]["secc"] == (await client.get("/api/v1/transaction")).json()


async def test_the_whole_station_is_evse_0(client: httpx.AsyncClient, station: RawStation) -> None:
    answer = await client.post(
        "/api/v1/stations/CS1/evses/0/commands/availability", json={"operative": False}
    )
    assert answer.status_code == 200
    assert (await station.asked("ChangeAvailability"))["operationalStatus"] == "Inoperative"


# --- what is wrong


@pytest.mark.parametrize(
    ("name", "body", "status", "code", "details"),
    [
        ("limit", {}, 400, "invalid_argument", {"pointer": ""}),
        ("limit", {"limitA": "10"}, 400, "invalid_argument", {"pointer": "/limitA"}),
        ("limit", {"limitA": -1}, 400, "invalid_argument", {"pointer": "/limitA"}),
        ("limit", {"limitA": 1e308}, 400, "invalid_argument", {"pointer": "/limitA"}),
        ("limit", {"limitA": 10, "limitW": 1}, 400, "invalid_argument", {"pointer": ""}),
        ("limit", {"limit": 10}, 400, "invalid_argument", {"pointer": "/limit"}),
        ("unlock", {}, 400, "missing_id", {"pointer": "/id"}),
        ("call", {"id": "x", "action": "ClearCache", "payload": {}}, 403, "not_authorised", {}),
        ("extend", {"until": None}, 404, "transaction_not_found", None),
        ("limit", {"limitA": 9, "ts": "2020-01-10T10:00:00Z"}, 409, "stale_command", None),
        ("limit", {"limitA": 9, "expiresAt": "2020-01-10T10:00:00Z"}, 409, "expired", None),
        ("limit", {"limitA": 9, "ts": "2120-01-10T10:00:00Z"}, 409, "clock_skew", None),
    ],
)
async def test_a_command_that_is_refused(
    client: httpx.AsyncClient,
    station: RawStation,
    name: str,
    body: Any,
    status: int,
    code: str,
    details: Any,
) -> None:
    answer = await give(client, name, body)
    result = answer.json()
    check_document("result", result)
    assert (answer.status_code, result["error"]["code"]) == (status, code)
    assert result["code"] == code
    assert result["error"]["message"]
    if details is not None:
        assert result["error"]["details"] == details
    assert not station.calls_of("SetChargingProfile")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the payload is no JSON"),
        (b'{"limitA": NaN}', "the payload is no JSON"),
        (b'{"limitA": 1, "limitA": 2}', "is there twice"),
        (b"\xff", "the payload is no JSON"),
        (b"[" * 2000, "the payload is no JSON"),
    ],
    ids=range(5),
)
async def test_a_body_that_is_no_json(
    client: httpx.AsyncClient, station: RawStation, body: bytes, message: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post(f"{COMMANDS}/limit", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
    assert message in answer.json()["error"]["message"]


async def test_a_body_without_a_length_that_is_too_large(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    headers = {"Content-Type": "application/json"}
    answer = await client.post(f"{COMMANDS}/limit", content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("stations/CS9/evses/1/commands/limit", 404, "unknown_station"),
        ("stations/CS1/evses/9/commands/limit", 404, "unknown_evse"),
        ("stations/CS1/evses/x/commands/limit", 400, "invalid_argument"),
        ("stations/CS1/evses/1/commands/limits", 404, "unsupported"),
        ("stations/CS1/evses/1/commands/limit?wait=x", 400, "invalid_argument"),
        ("stations/CS1/evses/1/commands/limit?wait=1000", 400, "invalid_argument"),
        ("teams/garage/commands/limit", 404, "unknown_team"),
        ("teams/garage/commands/pause", 404, "unsupported"),
    ],
)
async def test_a_place_that_there_is_not(
    client: httpx.AsyncClient, station: RawStation, path: str, status: int, code: str
) -> None:
    answer = await client.post(f"/api/v1/{path}", json={"limitA": 10})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_misspelt_command_is_told_what_there_is(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    error = (await give(client, "Limti")).json()["error"]
    assert error["message"] == "there is no command 'Limti'; did you mean limit?"
    assert "limit" in error["details"]["known"]


async def test_an_id_in_the_body_counts_before_that_of_the_header(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    answer = await give(
        client, "limit", {"id": "a", "limitA": 9}, headers={"Idempotency-Key": "b"}
    )
    assert (answer.status_code, answer.json()["id"]) == (200, "a")


async def test_a_station_that_refuses_and_one_that_errs(
    client: httpx.AsyncClient, bridge: Application
) -> None:
    url = f"ws://{LOOPBACK}:{bridge.server.port}"
    answers: Mapping[str, Any] = {
        "ChangeAvailability": reject,
        "UnlockConnector": lambda _payload: CallError("InternalError"),
    }
    async with played(url, answers=answers) as station:
        await station.boot()
        refused = await give(client, "availability", {"operative": False})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "station_rejected")
        erred = await give(client, "unlock", {"id": "x"})
        assert (erred.status_code, erred.json()["error"]["code"]) == (502, "station_error")
    gone = await give(client, "unlock", {"id": "y"})
    assert (gone.status_code, gone.json()["error"]["code"]) == (503, "station_offline")
    assert gone.json()["error"]["retryable"] is True


class TestTimeout:
    @pytest.fixture
    def options(self) -> Options:
        return {"ocpp": {"call_timeout_seconds": 1}}

    async def test_a_station_that_does_not_answer(
        self, client: httpx.AsyncClient, silent: RawStation
    ) -> None:
        answer = await give(client, "limit", {"limitA": 10})
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")


async def test_a_flood_of_commands_is_held_up(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    asked = (give(client, "get", {"what": "state"}) for _ in range(200))
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200, 429}
    assert sum(answer.status_code == 200 for answer in answers) >= BURST
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limited"
    assert refused.headers["retry-after"] == "1"


async def test_the_end_of_the_bridge_lets_nobody_wait(
    client: httpx.AsyncClient, bridge: Application, silent: RawStation
) -> None:
    assert bridge.http is not None
    waiting = asyncio.create_task(give(client, "limit", {"limitA": 10}))
    await silent.asked("SetChargingProfile")
    bridge.desk.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await waiting).status_code == 202


# --- scopes


class TestScopes:
    @pytest.fixture
    def options(self) -> Options:
        return {"http": {"auth": "token"}}

    @pytest.mark.parametrize("name", SCOPES)
    async def test_what_each_token_may_command(
        self, client: httpx.AsyncClient, data_dir: Path, station: RawStation, name: str
    ) -> None:
        assert (await give(client, name)).status_code == 401
        for scope in Scope:
            token = create_token(data_dir, scope, [scope], expires_at=None, clock=CLOCK)
            body = {"id": "x", "no such argument": 1}
            answer = await give(client, name, body, headers={"x-api-key": token})
            may = SCOPES[name] in {scope, Scope.READ}
            expected = (400, "invalid_argument") if may else (403, "not_authorised")
            assert (answer.status_code, answer.json()["error"]["code"]) == expected, scope
            if not may:
                assert answer.json()["error"]["details"] == {"scope": SCOPES[name]}
                assert "insufficient_scope" in answer.headers["www-authenticate"]

    async def test_the_controller_is_the_token_and_sees_its_own_commands_only(
        self, client: httpx.AsyncClient, data_dir: Path, station: RawStation
    ) -> None:
        tokens = {
            name: {
                "x-api-key": create_token(
                    data_dir, name, [Scope.CONTROL], expires_at=None, clock=CLOCK
                )
            }
            for name in ("pv", "grid")
        }
        body = {"limitA": 10, "id": "1"}
        assert (await give(client, "limit", body, headers=tokens["pv"])).status_code == 200
        allocation = await client.get(f"{EVSE}/allocation", headers=tokens["pv"])
        assert allocation.json()["limits"][0]["controller"] == "pv"
        mine = await client.get("/api/v1/commands/1", headers=tokens["pv"])
        assert mine.json()["final"] is True
        theirs = await client.get("/api/v1/commands/1", headers=tokens["grid"])
        assert theirs.status_code == 404


class TestControllers:
    @pytest.fixture
    def options(self) -> Options:
        return {
            "http": {"auth": "token"},
            "controllers": {"pv": {"stations": ["CS1"], "commands": ["limit"], "max_priority": 5}},
        }

    async def test_rights_of_the_configuration_hold_here_too(
        self, client: httpx.AsyncClient, data_dir: Path, station: RawStation
    ) -> None:
        keys = {
            name: {
                "x-api-key": create_token(
                    data_dir, name, [Scope.CONTROL], expires_at=None, clock=CLOCK
                )
            }
            for name in ("pv", "grid")
        }
        for name, command, body, status in (
            ("pv", "limit", {"limitA": 10}, 200),
            ("pv", "limit", {"limitA": 10, "priority": 6}, 403),
            ("pv", "pause", {}, 403),
            ("grid", "limit", {"limitA": 10}, 403),
        ):
            answer = await give(client, command, body, headers=keys[name])
            assert answer.status_code == status, (name, command)


class TestTeams:
    @pytest.fixture
    def options(self) -> Options:
        return {"teams": {"garage": {"members": ["CS1/1"], "max_a": 32}}}

    async def test_the_total_of_a_team(
        self, client: httpx.AsyncClient, station: RawStation
    ) -> None:
        path = "/api/v1/teams/garage/commands"
        answer = await client.post(f"{path}/limit", json={"limitA": 16, "id": "t"})
        assert answer.status_code == 200
        check_document("teamResult", answer.json())
        assert (answer.json()["team"], answer.json()["status"]) == ("garage", "done")
        assert (await client.get("/api/v1/commands/t")).json()["result"] == answer.json()
        again = await client.post(f"{path}/limit", json={"limitA": 16, "id": "t"})
        assert again.json()["code"] == "duplicate"
        assert (await client.post(f"{path}/release", json={})).status_code == 200
