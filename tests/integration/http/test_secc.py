"""Seed 000 over HTTP: its fields, their order, their values; and the push of the same."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bridge.app import Application
from tests.acceptance.stations import RawStation, Session, energy, iso, played

LOOPBACK = "127.0.0.1"
TRANSACTION = "/api/v1/transaction"
PATIENCE_SECONDS = 30
IDLE = {
    "state": "Idle",
    "startedTime": 0,
    "endedTime": 0,
    "meterStart": None,
    "meterStop": None,
    "vehicleStatus": "A",
    "chargeControllerStatus": "A1",
    "usedPhasesSession": None,
    "startReason": None,
    "stopReason": None,
    "allocationSourceName": "Unmanaged",
    "onePhaseLimitActive": False,
    "phaseLimitSourceName": "API",
    "phaseRotationActive": False,
    "phaseRotationSourceName": "API",
}


async def test_the_only_evse_before_and_after_a_transaction(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    answer = await client.get(TRANSACTION)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert list(answer.json().items()) == list(IDLE.items())

    await station.status("Occupied")
    session = Session()
    started = session.started() | {
        "meterValue": energy(iso(session.begin), 302.9999, "Transaction.Begin")
    }
    await station.call("TransactionEvent", started)
    running = (await client.get(TRANSACTION)).json()
    assert running == IDLE | {
        "state": "Charging",
        "startedTime": int(session.begin.timestamp()),
        "meterStart": 0.303,
        "meterStop": 0.303,
        "vehicleStatus": "C",
        "chargeControllerStatus": "C2",
        "usedPhasesSession": running["usedPhasesSession"],
        "startReason": "CablePluggedIn",
    }

    await station.event(
        session,
        "Ended",
        "StopAuthorized",
        info={"chargingState": "EVConnected", "stoppedReason": "Local"},
        meterValue=energy(iso(session.begin), 1303, "Transaction.End"),
    )
    ended = (await client.get(TRANSACTION)).json()
    assert (ended["state"], ended["stopReason"]) == ("Finishing", "Local")
    assert (ended["meterStart"], ended["meterStop"]) == (0.303, 1.303)
    assert ended["endedTime"] == int(session.begin.timestamp()) + 1


async def test_no_evse_is_there(client: httpx.AsyncClient) -> None:
    answer = await client.get(TRANSACTION)
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "code": "not_found",
        "message": "no station has told of an EVSE yet",
        "retryable": False,
        "details": {},
    }


async def test_where_there_are_several_one_has_to_be_named(
    client: httpx.AsyncClient, bridge: Application, station: RawStation
) -> None:
    async with played(f"ws://{LOOPBACK}:{bridge.server.port}", "CS2") as other:
        await other.boot()
        await other.status("Faulted", evse_id=2)

        answer = await client.get(TRANSACTION)
        assert answer.status_code == 409
        error = answer.json()["error"]
        assert (error["code"], error["details"]) == (
            "ambiguous",
            {
                "known": [
                    {"station": "CS1", "evse": 1},
                    {"station": "CS2", "evse": 1},
                    {"station": "CS2", "evse": 2},
                ]
            },
        )
        assert error["message"] == ("there are 3 EVSEs: say which, e.g. ?station=CS1&evse=1")
        for query, status, expected in (
            ({"station": "CS1"}, 200, "Idle"),
            ({"evse": "2"}, 200, "Faulted"),
            ({"station": "CS2", "evse": "2"}, 200, "Faulted"),
            ({"station": "CS2"}, 409, "ambiguous"),
            ({"evse": "1"}, 409, "ambiguous"),
            ({"station": "CS2", "evse": "3"}, 404, "unknown_evse"),
            ({"station": "CS3"}, 404, "unknown_station"),
            ({"evse": "3"}, 404, "not_found"),
            ({"evse": "x"}, 400, "invalid_argument"),
        ):
            answer = await client.get(TRANSACTION, params=query)
            body: dict[str, Any] = answer.json()
            found = body["state"] if status == 200 else body["error"]["code"]
            assert (answer.status_code, found) == (status, expected), query


# --- the push


def url(bridge: Application, query: str = "") -> str:
    assert bridge.http is not None
    return f"ws://{LOOPBACK}:{bridge.http.port}{TRANSACTION}/ws{query}"


async def test_each_change_is_pushed_once(
    client: httpx.AsyncClient, bridge: Application, station: RawStation
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), connect(url(bridge)) as socket:
        assert orjson.loads(await socket.recv()) == IDLE
        session = Session()
        await station.call("TransactionEvent", session.started())
        charging = orjson.loads(await socket.recv())
        assert charging["state"] == "Charging"
        assert charging == (await client.get(TRANSACTION)).json()

        await station.call("Heartbeat", {})  # tells nothing new
        await station.event(session, "Updated", info={"chargingState": "SuspendedEV"})
        assert orjson.loads(await socket.recv())["state"] == "SuspendedEV"


async def test_what_a_client_says_there_is_passed_over(
    bridge: Application, station: RawStation
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), connect(url(bridge)) as socket:
        await socket.recv()
        await socket.send("hello")
        await station.status("Unavailable")
        assert orjson.loads(await socket.recv())["state"] == "Unavailable"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?station=CS9", 404, "unknown_station"),
        ("?evse=9", 404, "not_found"),
        ("?evse=x", 400, "invalid_argument"),
    ],
)
async def test_a_push_that_cannot_be(
    bridge: Application, station: RawStation, query: str, status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url(bridge, query)).__aenter__()
    assert refused.value.response.status_code == status
    assert orjson.loads(refused.value.response.body or b"")["error"]["code"] == code


async def test_a_page_of_another_site_gets_no_push(
    bridge: Application, station: RawStation
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url(bridge), origin="http://evil.test").__aenter__()  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403


async def test_who_has_gone_is_not_waited_for(bridge: Application, station: RawStation) -> None:
    assert bridge.http is not None
    async with asyncio.timeout(PATIENCE_SECONDS), connect(url(bridge)) as socket:
        await socket.recv()
        socket.transport.abort()
    await station.status("Unavailable")


async def test_the_end_of_the_service_ends_the_push(
    bridge: Application, station: RawStation
) -> None:
    assert bridge.http is not None
    async with asyncio.timeout(PATIENCE_SECONDS), connect(url(bridge)) as socket:
        await socket.recv()
        stopping = asyncio.create_task(bridge.http.stop())
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1012
        await stopping
