"""Stations that need to be connected otherwise: charger-quirks 10, 12, 29 and 31."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from websockets.asyncio.client import ClientConnection

from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallOutcome,
    CallResult,
    RequestStopTransaction,
    Reset,
    ResetType,
    StationRequest,
)
from bridge.domain.events import StatusNotification
from bridge.domain.ids import StationId
from bridge.domain.settings import StationSettings
from tests.ocpp_inbox import RunningServer, running_server

STOP = RequestStopTransaction(transaction_id="T1")
TIMEOUT = CallFailed(failure=CallFailure.TIMEOUT)
LONG_SECONDS = 3600


def needing(**stations: StationSettings) -> Any:
    """What each station needs; the others are like all."""
    return lambda station_id: stations.get(station_id, StationSettings())


async def called(
    running: RunningServer, station: str = "CS1", request: StationRequest = STOP
) -> CallOutcome:
    outcome: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
    running.server.call(StationId(station), request, outcome.set_result)
    return await asyncio.wait_for(outcome, 10)


async def take(websocket: ClientConnection) -> Any:
    async with asyncio.timeout(10):
        return json.loads(await websocket.recv())


async def test_item_10_a_station_without_pongs_is_not_taken_for_dead() -> None:
    silent = StationSettings(pings=False, heartbeat_interval_seconds=LONG_SECONDS)
    async with (
        running_server(
            ping_interval_seconds=0.1,
            closing_timeout_seconds=0.1,
            station_settings=needing(CS2=silent),
        ) as running,
        running.station("CS1") as usual,
        running.station("CS2") as without_pongs,
    ):
        usual.transport.pause_reading()
        without_pongs.transport.pause_reading()
        await running.inbox.until(lambda: ("CS1", "gone") in running.inbox.connections)

        assert ("CS2", "gone") not in running.inbox.connections
        without_pongs.transport.resume_reading()
        await without_pongs.send('[2,"h","Heartbeat",{}]')
        assert (await take(without_pongs))[:2] == [3, "h"], "and it got no ping"
        usual.transport.abort()


async def test_item_10_without_pongs_three_missed_heartbeats_end_the_connection() -> None:
    silent = StationSettings(pings=False, heartbeat_interval_seconds=1)
    async with (
        running_server(
            ping_interval_seconds=LONG_SECONDS, station_settings=needing(CS1=silent)
        ) as running,
        running.station() as websocket,
    ):
        async with asyncio.timeout(20):
            await websocket.wait_closed()
        assert (websocket.close_code, websocket.close_reason) == (
            1011,
            "nothing heard for too long",
        )


async def test_item_12_a_station_that_answers_no_call_is_closed_after_n_time_outs() -> None:
    impatient = StationSettings(max_unanswered_calls=2, call_timeout_seconds=0.05)
    async with (
        running_server(station_settings=needing(CS1=impatient)) as running,
        running.station() as websocket,
    ):
        assert await called(running) == TIMEOUT
        await websocket.send('[2,"h","Heartbeat",{}]')
        await take(websocket)
        assert (await take(websocket))[:2] == [3, "h"], "heartbeats flow all the while"
        assert await called(running) == TIMEOUT
        async with asyncio.timeout(10):
            await websocket.wait_closed()
        assert websocket.close_reason == "2 requests without an answer"


async def test_item_31_what_a_station_leaves_unanswered_does_not_end_its_connection() -> None:
    needs = {"CS1": StationSettings(max_unanswered_calls=0, call_timeout_seconds=0.05)}
    async with (
        running_server(station_settings=lambda station_id: needs[station_id]) as running,
        running.station() as websocket,
    ):
        for _ in range(5):
            assert await called(running) == TIMEOUT
            await take(websocket)

        needs["CS1"] = StationSettings(max_unanswered_calls=0)
        outcome = asyncio.create_task(called(running))
        message = await take(websocket)
        await websocket.send(json.dumps([3, message[1], {"status": "Accepted"}]))
        assert await outcome == CallResult(accepted=True, status="Accepted")


async def test_item_31_a_slow_station_has_its_own_time_to_answer() -> None:
    slow = StationSettings(call_timeout_seconds=30.0)
    async with (
        running_server(call_timeout_seconds=0.05, station_settings=needing(CS2=slow)) as running,
        running.station("CS1"),
        running.station("CS2") as websocket,
    ):
        outcome = asyncio.create_task(called(running, "CS2"))
        message = await take(websocket)
        assert await called(running, "CS1") == TIMEOUT

        await websocket.send(json.dumps([3, message[1], {"status": "Accepted"}]))
        assert await outcome == CallResult(accepted=True, status="Accepted")


async def test_item_31_a_request_has_its_own_time_to_answer() -> None:
    needs = StationSettings(call_timeouts={"RequestStopTransaction": 30.0})
    async with (
        running_server(call_timeout_seconds=0.05, station_settings=needing(CS1=needs)) as running,
        running.station("CS1") as websocket,
        running.station("CS2"),
    ):
        reset = asyncio.create_task(called(running, request=Reset(type=ResetType.IMMEDIATE)))
        await take(websocket)
        assert await reset == TIMEOUT
        outcome = asyncio.create_task(called(running))
        message = await take(websocket)
        assert message[2] == "RequestStopTransaction"
        assert await called(running, "CS2") == TIMEOUT
        await websocket.send(json.dumps([3, message[1], {"status": "Accepted"}]))
        assert await outcome == CallResult(accepted=True, status="Accepted")


async def test_item_29_a_station_that_tells_local_time_is_understood() -> None:
    zone = StationSettings(time_zone="Etc/GMT-2")  # two hours ahead of UTC
    status = {
        "connectorStatus": "Available",
        "evseId": 1,
        "connectorId": 1,
        "timestamp": "2026-01-10T12:00:00",
    }
    async with (
        running_server(station_settings=needing(CS1=zone)) as running,
        running.station("CS1") as local,
        running.station("CS2") as other,
    ):
        for websocket in (local, other):
            await websocket.send(json.dumps([2, "s", "StatusNotification", status]))
            assert (await take(websocket))[:2] == [3, "s"]
        told = [
            (station, message.timestamp, message.warnings)
            for station, message in running.inbox.messages
            if isinstance(message, StatusNotification)
        ]
    noon = datetime(2026, 1, 10, 12, tzinfo=UTC)
    assert told == [
        ("CS1", noon - timedelta(hours=2), ()),
        ("CS2", noon, ("time_zone_missing:timestamp",)),
    ]
