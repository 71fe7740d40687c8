"""A CALL that is answered later: what a station on a real socket notices meanwhile."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection

from bridge.domain.calls import CallOutcome, CallResult, RequestStopTransaction
from bridge.domain.effects import Later
from bridge.domain.events import Authorize
from bridge.domain.ids import StationId
from tests.ocpp_inbox import Respond, RunningServer, reply_to

STATION = StationId("CS1")
CALL = '[2,"a","Authorize",{"idToken":{"idToken":"04A2","type":"ISO14443"}}]'
ANSWER = [3, "a", {"idTokenInfo": {"status": "Accepted"}}]
DATA = '[2,"h","DataTransfer",{"vendorId":"v"}]'
DATA_ANSWER = [3, "h", {"status": "UnknownVendorId"}]


async def take(websocket: ClientConnection) -> Any:
    async with asyncio.timeout(20):
        return json.loads(await websocket.recv())


async def ask_in_vain(running: RunningServer, websocket: ClientConnection) -> Respond:
    """Send an Authorize that is told to wait; return how it is answered."""
    running.inbox.holding = True
    await websocket.send(CALL)
    await running.inbox.until(lambda: bool(running.inbox.held))
    ((message, respond),) = running.inbox.held
    assert isinstance(message, Authorize)
    respond(Later(ticket="t"))
    running.inbox.held.clear()
    running.inbox.holding = False
    return respond


def answer(respond: Respond) -> None:
    reply = reply_to(Authorize(id_token=None))  # type: ignore[arg-type]  # whose is no matter
    respond(reply)


async def test_other_calls_of_both_sides_go_on_while_one_waits(running: RunningServer) -> None:
    async with running.station() as station:
        running.inbox.high_mark = 1  # the mailbox is full by one message
        respond = await ask_in_vain(running, station)
        await station.send(DATA)
        assert await take(station) == DATA_ANSWER
        outcome: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
        running.server.call(
            STATION, RequestStopTransaction(transaction_id="T"), outcome.set_result
        )
        asked = await take(station)
        await station.send(json.dumps([3, asked[1], {"status": "Accepted"}]))
        async with asyncio.timeout(20):
            assert await outcome == CallResult(accepted=True, status="Accepted")
        answer(respond)
        assert await take(station) == ANSWER


async def test_it_is_answered_once(running: RunningServer) -> None:
    async with running.station() as station:
        respond = await ask_in_vain(running, station)
        answer(respond)
        answer(respond)
        assert await take(station) == ANSWER
        await station.send(DATA)
        assert await take(station) == DATA_ANSWER


async def test_a_station_that_sends_it_again_gets_the_answer_once_and_then_as_stored(
    running: RunningServer,
) -> None:
    async with running.station() as station:
        respond = await ask_in_vain(running, station)
        await station.send(CALL)
        await station.send(DATA)
        assert await take(station) == DATA_ANSWER
        answer(respond)
        assert await take(station) == ANSWER
        await station.send(CALL)
        assert await take(station) == ANSWER
    assert len([1 for _, m in running.inbox.messages if isinstance(m, Authorize)]) == 1


async def test_a_station_that_has_come_back_gets_the_answer_there(running: RunningServer) -> None:
    async with running.station() as old:
        respond = await ask_in_vain(running, old)
    async with running.station() as new:
        await new.send(CALL)
        await new.send(DATA)
        assert await take(new) == DATA_ANSWER
        answer(respond)
        assert await take(new) == ANSWER
