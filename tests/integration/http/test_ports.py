"""Seed 001 over HTTP: every example of its document, against a live bridge and a station."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from bridge.api.transactions import port_uuid
from tests.acceptance.stations import RawStation, Session, reject

PORT = port_uuid("CS1", 1)
NOBODY = "4852c8fe-2c53-4117-aaaf-e80370325507"
PATIENCE_SECONDS = 30


def later(**ahead: int) -> str:
    """Return a time to come, as seed 001's requests write it."""
    return f"{datetime.now(UTC) + timedelta(**ahead):%Y-%m-%dT%H:%M:%S}+0000"


async def available(station: RawStation) -> None:
    await station.status("Available")


async def post(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/1.2/transactions", json=body)


async def patch(client: httpx.AsyncClient, uuid: str, **body: Any) -> httpx.Response:
    return await client.patch(f"/1.2/transactions/{uuid}", json=body)


async def queued(client: httpx.AsyncClient, uuid: str, *states: str) -> dict[str, Any]:
    """Return what the queue tells once it has one of these states or statuses."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await client.get(f"/1.2/queue/{uuid}")
            assert answer.status_code == 200
            told: dict[str, Any] = answer.json()
            if told.get("state", told.get("status")) in states:
                return told
            await asyncio.sleep(0.02)


async def begun(client: httpx.AsyncClient, station: RawStation) -> tuple[dict[str, Any], Session]:
    """Let a client begin a transaction, and the station carry it out."""
    answer = await post(client, port_uuid=PORT, expires=later(hours=1), invoice_id="I-1")
    assert answer.status_code == 201, answer.text
    request = await station.asked("RequestStartTransaction")
    session = Session("tx-1")
    info = {"remoteStartId": request["remoteStartId"]}
    await station.call("TransactionEvent", session.event("Started", "RemoteStart", info=info))
    told: dict[str, Any] = answer.json()
    return told, session


async def test_a_transaction_from_its_begin_to_its_end(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    await available(station)
    [port] = (await client.get("/1.2/ports")).json()
    assert port == {"port_uuid": PORT, "station": "CS1", "evse": 1}

    told, session = await begun(client, station)
    queue_uuid = told["queue_uuid"]
    assert told == {
        "href": f"/queue/{queue_uuid}",
        "queue_uuid": str(UUID(queue_uuid)),
        "transaction_uuid": str(UUID(told["transaction_uuid"])),
    }

    running = await queued(client, queue_uuid, "Open")
    assert running.keys() == {
        *("transaction_uuid", "port_uuid", "state", "started", "ended", "expires")
    }
    assert running["transaction_uuid"] == told["transaction_uuid"]
    assert (running["port_uuid"], running["ended"]) == (PORT, None)
    assert datetime.fromisoformat(running["started"]) == session.begin

    one = await client.get(f"/1.2/transactions/{told['transaction_uuid']}")
    assert (one.status_code, one.json()) == (200, running)

    stop = await patch(client, told["transaction_uuid"], state="Closed")
    assert stop.status_code == 202
    assert stop.json() == {"href": f"/queue/{stop.json()['id']}", "id": stop.json()["id"]}
    assert await station.asked("RequestStopTransaction") == {"transactionId": "tx-1"}
    waiting = await queued(client, stop.json()["id"], "IN PROGRESS")
    assert waiting["id"] == stop.json()["id"]

    await station.call("TransactionEvent", session.event("Ended", "RemoteStop"))
    ended = await queued(client, stop.json()["id"], "Closed")
    assert ended["ended"] is not None
    assert await queued(client, queue_uuid, "Closed") == ended

    again = await patch(client, told["transaction_uuid"], state="closed")
    assert again.status_code == 403
    assert again.json() == {"message": "Transaction already ended, cannot modify"}


async def test_expires_is_moved(client: httpx.AsyncClient, station: RawStation) -> None:
    await available(station)
    told, _ = await begun(client, station)
    uuid = told["transaction_uuid"]

    until = later(hours=2)
    answer = await patch(client, uuid, expires=until)
    assert (answer.status_code, answer.content) == (204, b"")
    one = (await client.get(f"/1.2/transactions/{uuid}")).json()
    assert datetime.fromisoformat(one["expires"]) == datetime.fromisoformat(until)


async def test_at_expires_the_bridge_ends_it(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    await available(station)
    told, session = await begun(client, station)
    assert (
        await patch(client, told["transaction_uuid"], expires=later(seconds=2))
    ).status_code == 204

    assert await station.asked("RequestStopTransaction") == {"transactionId": "tx-1"}
    await station.call("TransactionEvent", session.event("Ended", "RemoteStop"))
    one = (await client.get(f"/1.2/transactions/{told['transaction_uuid']}")).json()
    assert one["state"] == "Closed"


async def test_a_start_that_the_station_refuses_fails_in_the_queue(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    await available(station)
    station.answer_with("RequestStartTransaction", reject)
    answer = await post(client, port_uuid=PORT, expires=later(hours=1))
    assert answer.status_code == 201
    uuid = answer.json()["queue_uuid"]
    failed = await queued(client, uuid, "FAILURE")
    assert failed["id"] == uuid
    assert "Rejected" in failed["reason"]
    missing = await client.get(f"/1.2/transactions/{answer.json()['transaction_uuid']}")
    assert missing.status_code == 404


async def test_a_start_where_one_runs_fails_in_the_queue(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    await available(station)
    await begun(client, station)
    answer = await post(client, port_uuid=PORT, expires=later(hours=1))
    failed = await queued(client, answer.json()["queue_uuid"], "FAILURE")
    assert failed["reason"] == "a transaction runs on this EVSE already"


async def test_the_latest_transactions_of_a_port(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    await available(station)
    for name in ("tx-1", "tx-2", "tx-3"):
        session = Session(name)
        session.begin += timedelta(minutes=int(name[-1]))
        await station.call("TransactionEvent", session.started())
        await station.call("TransactionEvent", session.event("Ended", "StopAuthorized"))

    async def listed(limit: int) -> list[dict[str, Any]]:
        body: dict[str, str | int] = {"port_uuid": PORT, "limit": limit}
        by_body = await client.request("GET", "/1.2/transactions", json=body)
        by_query = await client.get("/1.2/transactions", params=body)
        assert by_body.status_code == by_query.status_code == 200
        assert by_body.json() == by_query.json()
        found: list[dict[str, Any]] = by_body.json()
        return found

    assert await listed(0) == await listed(3)
    latest = await listed(2)
    starts = [datetime.fromisoformat(each["started"]) for each in latest]
    assert starts == sorted(starts, reverse=True)
    assert latest == (await listed(0))[:2]
    assert {each["state"] for each in latest} == {"Closed"}


WRONG: Final[Sequence[tuple[str, str, Any, int, str]]] = (
    ("POST", "transactions", {"expires": "2099-01-01T00:00:00+0000"}, 400, "port_uuid is"),
    ("POST", "transactions", {"port_uuid": PORT}, 400, "expires is missing"),
    ("POST", "transactions", {"port_uuid": 7, "expires": "x"}, 400, "port_uuid must be"),
    ("POST", "transactions", {"port_uuid": PORT, "expires": "soon"}, 400, "expires is no ISO"),
    (
        *("POST", "transactions"),
        {"port_uuid": PORT, "expires": "2099-01-01T00:00:00+0000", "invoice_id": 5},
        *(400, "invoice_id must be"),
    ),
    ("POST", "transactions", [], 400, "the body must be a JSON object"),
    (
        *("POST", "transactions"),
        {"port_uuid": NOBODY, "expires": "2099-01-01T00:00:00+0000"},
        *(404, "EVSE not found"),
    ),
    ("GET", "queue/7", None, 400, "not a UUID"),
    ("GET", f"queue/{NOBODY}", None, 404, "Queue item not found"),
    ("GET", "transactions", {"port_uuid": PORT}, 400, "limit is missing"),
    ("GET", "transactions", {"limit": 1}, 400, "port_uuid is missing"),
    ("GET", "transactions", {"port_uuid": PORT, "limit": -1}, 400, "limit must be"),
    ("GET", "transactions", {"port_uuid": PORT, "limit": True}, 400, "limit must be"),
    ("GET", "transactions", {"port_uuid": NOBODY, "limit": 1}, 404, "EVSE not found"),
    ("GET", "transactions/7", None, 400, "not a UUID"),
    ("GET", f"transactions/{NOBODY}", None, 404, "Transaction not found"),
    ("PATCH", f"transactions/{NOBODY}", {}, 400, "the body must be a JSON object with"),
    ("PATCH", f"transactions/{NOBODY}", {"invoice_id": "x"}, 400, "give either"),
    (
        *("PATCH", f"transactions/{NOBODY}"),
        {"state": "closed", "expires": "2099-01-01T00:00:00+0000"},
        *(400, "give either"),
    ),
    ("PATCH", f"transactions/{NOBODY}", {"state": "open"}, 400, "state can only be"),
    ("PATCH", f"transactions/{NOBODY}", {"state": "closed"}, 404, "Transaction not found"),
)


async def test_what_is_wrong_is_told(client: httpx.AsyncClient, station: RawStation) -> None:
    await available(station)
    for method, path, body, status, message in WRONG:
        answer = await client.request(method, f"/1.2/{path}", json=body)
        case = (method, path, body, answer.text)
        assert answer.status_code == status, case
        assert answer.json().keys() == {"message"}, case
        assert answer.json()["message"].startswith(message), case


async def test_a_time_that_has_passed_is_told_in_the_words_of_the_seed(
    client: httpx.AsyncClient, station: RawStation
) -> None:
    await available(station)
    answer = await post(client, port_uuid=PORT, expires="2022-01-05T20:40:00+0000")
    assert answer.status_code == 400
    now, received = answer.json()["message"].split("Current UTC time is ")[1].split(". Received ")
    assert abs(datetime.fromisoformat(f"{now}+00:00") - datetime.now(UTC)) < timedelta(minutes=1)
    assert received == "UTC time is 2022-01-05 20:40:00+00:00."
    assert answer.json()["message"].startswith(
        "Expiry time must be in the future. Please ensure the time you have entered is in the "
        "correct timezone (UTC) and try again. "
    )


STAGED: Final[Sequence[tuple[str, str, dict[str, Any], int]]] = (
    ("POST", "transactions", {"stg": True}, 201),
    ("GET", f"queue/{NOBODY}", {"stg": True, "stg_input": "Success"}, 200),
    ("GET", f"queue/{NOBODY}", {"stg": True, "stg_input": "Failure"}, 200),
    ("GET", f"queue/{NOBODY}", {"stg": True, "stg_input": "InProgress"}, 200),
    ("GET", f"queue/{NOBODY}", {"stg": True, "stg_input": "Perhaps"}, 400),
    ("GET", "transactions", {"stg": True}, 200),
    ("GET", f"transactions/{NOBODY}", {"stg": True}, 200),
    ("PATCH", f"transactions/{NOBODY}", {"stg": True, "state": "closed"}, 202),
    ("PATCH", f"transactions/{NOBODY}", {"stg": True, "expires": later(hours=1)}, 204),
    ("GET", "transactions", {"stg": "perhaps"}, 400),
)


async def test_staging_gives_examples(client: httpx.AsyncClient) -> None:
    told = {"Failure": "FAILURE", "InProgress": "IN PROGRESS"}
    for method, path, body, status in STAGED:
        answer = await client.request(method, f"/1.2/{path}", json=body)
        assert answer.status_code == status, (method, path, body)
        wanted = told.get(body.get("stg_input", ""))
        assert wanted is None or answer.json()["status"] == wanted


class TestToken:
    """Who has no token, or one that may only read."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"http": {"auth": "token"}}

    async def test_is_refused(self, client: httpx.AsyncClient) -> None:
        for method, path in (
            ("POST", "transactions"),
            ("GET", f"queue/{NOBODY}"),
            ("GET", "transactions"),
            ("GET", f"transactions/{NOBODY}"),
            ("PATCH", f"transactions/{NOBODY}"),
        ):
            headers = {"x-api-key": "wrong"}
            answer = await client.request(method, f"/1.2/{path}", json={}, headers=headers)
            assert answer.status_code == 401, (method, path)
