"""Requests to stations: one at a time, each answered exactly once, whatever the station does."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call_result
from websockets.asyncio.client import ClientConnection

from bridge.domain.calls import (
    CallFailed,
    CallFailure,
    CallOutcome,
    CallResult,
    RawCall,
    RequestStopTransaction,
    TriggerMessage,
)
from bridge.domain.ids import StationId
from bridge.ocpp.server import OcppServer
from tests.ocpp_inbox import RunningServer, running_server

STATION = StationId("CS1")
STOP = RequestStopTransaction(transaction_id="T1")
ACCEPTED = CallResult(accepted=True, status="Accepted")
DISCONNECTED = CallFailed(failure=CallFailure.DISCONNECTED)
TIMEOUT = CallFailed(failure=CallFailure.TIMEOUT)
WAITED = CallFailed(failure=CallFailure.QUEUE_FULL, description="waited too long")


def calling(
    server: OcppServer, request: Any = STOP, expires_at: datetime | None = None
) -> asyncio.Future[CallOutcome]:
    """Call the station; the future takes one outcome only."""
    outcome: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
    server.call(STATION, request, outcome.set_result, expires_at)
    assert not outcome.done(), "never from within"
    return outcome


async def take(websocket: ClientConnection) -> Any:
    async with asyncio.timeout(5):
        return json.loads(await websocket.recv())


async def answer(websocket: ClientConnection, message: Any) -> None:
    await websocket.send(json.dumps([3, message[1], {"status": "Accepted"}]))


class Station(ChargePoint):  # type: ignore[misc]
    """An independent station that does what it is told."""

    @on("RequestStopTransaction")  # type: ignore[untyped-decorator]
    def stop_(self, transaction_id: str) -> Any:
        return call_result.RequestStopTransaction(status="Accepted")

    @on("TriggerMessage")  # type: ignore[untyped-decorator]
    def trigger(self, requested_message: str, **_: Any) -> Any:
        return call_result.TriggerMessage(
            status="NotImplemented", status_info={"reasonCode": "UnsupportedRequest"}
        )


async def test_an_independent_station_answers(running: RunningServer) -> None:
    async with running.station() as websocket:
        reading = asyncio.create_task(Station("CS1", websocket).start())
        assert await calling(running.server) == ACCEPTED
        refused = await calling(running.server, TriggerMessage(message="Heartbeat"))
        reading.cancel()
    assert refused == CallResult(
        accepted=False, status="NotImplemented", reason_code="UnsupportedRequest"
    )


async def test_one_call_is_out_at_a_time_in_order(running: RunningServer) -> None:
    async with running.station() as websocket:
        outcomes = [
            calling(running.server, RequestStopTransaction(transaction_id=f"T{number}"))
            for number in range(3)
        ]
        for number in range(3):
            message = await take(websocket)
            assert message[2:] == ["RequestStopTransaction", {"transactionId": f"T{number}"}]
            await websocket.send('[2,"h","Heartbeat",{}]')
            crossing = await take(websocket)
            assert crossing[:2] == [3, "h"], "the next call waits for its turn"
            await answer(websocket, message)
        assert await asyncio.gather(*outcomes) == [ACCEPTED] * 3


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ('[4,"{id}","NotSupported","no",{}]', "NotSupported"),
        ('[4,"{id}"]', "GenericError"),
        ('[3,"{id}",{}]', "OccurrenceConstraintViolation"),
        ('[3,"{id}",{"status":1}]', "TypeConstraintViolation"),
        ('[3,"{id}"]', "FormatViolation"),
        ('[3,"{id}","Accepted"]', "FormatViolation"),
    ],
)
async def test_an_unusable_answer_fails_the_call(
    running: RunningServer, reply: str, code: str
) -> None:
    async with running.station() as websocket:
        outcome = calling(running.server)
        message = await take(websocket)
        await websocket.send(reply.replace("{id}", message[1]))
        failed = await outcome
        assert isinstance(failed, CallFailed)
        assert (failed.failure, failed.code) == (CallFailure.ERROR, code)


async def test_a_call_that_expires_while_it_waits_for_its_turn_is_not_sent(
    running: RunningServer,
) -> None:
    async with running.station() as websocket:
        first = calling(running.server)
        soon = datetime.now(tz=UTC) + timedelta(seconds=0.05)
        waiting = calling(running.server, RequestStopTransaction(transaction_id="T2"), soon)
        message = await take(websocket)

        assert await waiting == CallFailed(failure=CallFailure.EXPIRED)
        last = calling(running.server, RequestStopTransaction(transaction_id="T3"))
        await answer(websocket, message)
        message = await take(websocket)
        assert message[3] == {"transactionId": "T3"}
        await answer(websocket, message)
        assert (await first, await last) == (ACCEPTED, ACCEPTED)


async def test_a_late_answer_belongs_to_its_own_call() -> None:
    async with (
        running_server(call_timeout_seconds=0.1) as running,
        running.station() as websocket,
    ):
        first, second = calling(running.server), calling(running.server)
        late = await take(websocket)
        assert await first == CallFailed(failure=CallFailure.TIMEOUT)
        current = await take(websocket)
        await websocket.send(json.dumps([3, late[1], {"status": "Rejected"}]))
        await answer(websocket, current)
        await answer(websocket, current)
        assert await second == ACCEPTED
        await websocket.send('[2,"h","Heartbeat",{}]')
        await take(websocket)
    assert running.metrics.counts["ocpp.answer_unsolicited"] == 2


async def test_what_does_not_get_its_turn_is_given_up_unsent() -> None:
    async with (
        running_server(call_timeout_seconds=0.1) as running,
        running.station() as websocket,
    ):
        *sent, unsent = await asyncio.gather(*[calling(running.server) for _ in range(4)])
        # The third was given a millisecond more than the second, which may be just enough.
        assert sent in ([TIMEOUT, TIMEOUT, WAITED], [TIMEOUT, TIMEOUT, TIMEOUT])
        assert unsent == WAITED
        assert [(await take(websocket))[1] for _ in range(2)] == ["call-2", "call-3"]


async def test_a_station_that_answers_no_call_has_to_dial_again() -> None:
    async with (
        running_server(call_timeout_seconds=0.05) as running,
        running.station() as websocket,
    ):
        for _ in range(2):
            assert await calling(running.server) == TIMEOUT
            await take(websocket)
        outcome = calling(running.server)
        await answer(websocket, await take(websocket))
        assert await outcome == ACCEPTED, "which begins the row anew"
        for _ in range(3):
            assert await calling(running.server) == TIMEOUT
        await websocket.wait_closed()
        assert (websocket.close_code, websocket.close_reason) == (
            1011,
            "3 requests without an answer",
        )
    assert running.metrics.counts["ocpp.closed_unanswered"] == 1


async def test_a_raw_call_is_sent_as_it_is_and_its_answer_handed_on(
    running: RunningServer,
) -> None:
    async with running.station() as websocket:
        outcome = calling(running.server, RawCall(action="GetLocalListVersion", payload={}))
        message = await take(websocket)
        assert message[2:] == ["GetLocalListVersion", {}]
        await websocket.send(json.dumps([3, message[1], {"versionNumber": 7}]))
        assert await outcome == CallResult(accepted=True, status="", payload={"versionNumber": 7})


async def test_a_raw_call_that_is_not_valid_never_reaches_the_station(
    running: RunningServer,
) -> None:
    async with running.station() as websocket:
        refused = await calling(running.server, RawCall(action="Reset", payload={"type": "Hard"}))
        assert refused == CallFailed(
            failure=CallFailure.INVALID,
            code="PropertyConstraintViolation",
            description="/type: enum",
        )
        outcome = calling(running.server)
        message = await take(websocket)
        assert message[2] == "RequestStopTransaction"
        await answer(websocket, message)
        assert await outcome == ACCEPTED


async def test_a_full_queue_refuses_at_once() -> None:
    async with running_server(call_queue_limit=2) as running, running.station() as websocket:
        sent, *waiting, refused = [calling(running.server) for _ in range(4)]
        assert await refused == CallFailed(failure=CallFailure.QUEUE_FULL)
        for outcome in (sent, *waiting):
            await answer(websocket, await take(websocket))
            assert await outcome == ACCEPTED


async def test_without_a_connection_the_call_fails(running: RunningServer) -> None:
    assert await calling(running.server) == DISCONNECTED


async def test_calls_of_a_lost_connection_fail_once(running: RunningServer) -> None:
    async with running.station() as websocket:
        outcomes = [calling(running.server) for _ in range(3)]
        await take(websocket)
        websocket.transport.abort()
        assert await asyncio.gather(*outcomes) == [DISCONNECTED] * 3


async def test_a_call_on_a_closing_connection_fails(running: RunningServer) -> None:
    async with running.station() as websocket:
        running.server.disconnect(STATION, "because")
        assert await calling(running.server) == DISCONNECTED
        await websocket.wait_closed()
        assert (websocket.close_code, websocket.close_reason) == (1000, "because")
