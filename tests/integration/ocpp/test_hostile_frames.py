"""Whatever arrives on a socket: each gets its answer, and nobody else is disturbed."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.ocpp_inbox import RunningServer

HEARTBEAT = '[2,"alive","Heartbeat",{}]'
EVENT: dict[str, Any] = {
    "eventType": "Updated",
    "timestamp": "2026-11-21T08:00:00Z",
    "triggerReason": "Trigger",
    "seqNo": 1,
    "transactionInfo": {"transactionId": "T1"},
}


async def ask(websocket: ClientConnection, text: str) -> Any:
    await websocket.send(text)
    async with asyncio.timeout(5):
        return json.loads(await websocket.recv())


async def is_alive(websocket: ClientConnection) -> bool:
    answer = await ask(websocket, HEARTBEAT)
    return bool(answer[:2] == [3, "alive"])


async def closed_with(websocket: ClientConnection) -> int | None:
    """Return the close code; answers that still come before it are left aside."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(5):
            async for _ in websocket:
                pass
    return websocket.close_code


async def send_in_vain(websocket: ClientConnection, message: Any) -> int | None:
    """Send what the server will not read to its end; return the close code."""
    with suppress(ConnectionClosed):
        await websocket.send(message)
    await websocket.wait_closed()
    return websocket.close_code


def event(**changes: Any) -> str:
    return json.dumps([2, "x", "TransactionEvent", EVENT | changes])


ANSWERED = {
    "no JSON": ("{", "-1", "RpcFrameworkError"),
    "empty text": ("", "-1", "RpcFrameworkError"),
    "comma in the place of a value": ('[2,"x","Heartbeat",{"a":,}]', "-1", "RpcFrameworkError"),
    "two commas": ('[2,,"x","Heartbeat",{}]', "-1", "RpcFrameworkError"),
    "no array": ('{"a":1}', "-1", "RpcFrameworkError"),
    "empty array": ("[]", "-1", "RpcFrameworkError"),
    "NaN": ('[2,"x","Heartbeat",{"a":NaN}]', "-1", "RpcFrameworkError"),
    "5,000 levels": ("[" * 5_000 + "]" * 5_000, "-1", "RpcFrameworkError"),
    "500 levels": (
        '[2,"x","DataTransfer",{"vendorId":"v","data":' + "[" * 500 + "]" * 500 + "}]",
        "x",
        "RpcFrameworkError",
    ),
    "levels hidden by brackets in strings": (
        '[2,"x","DataTransfer",{"vendorId":"v","data":'
        + '["]",' * 100
        + "1"
        + ',"["]' * 100
        + "}]",
        "x",
        "RpcFrameworkError",
    ),
    "integer of 5,000 digits": (
        '[2,"x","Heartbeat",{"a":' + "9" * 5_000 + "}]",
        "-1",
        "RpcFrameworkError",
    ),
    "type as text": ('["2","x","Heartbeat",{}]', "x", "RpcFrameworkError"),
    "type as boolean": ('[true,"x","Heartbeat",{}]', "x", "RpcFrameworkError"),
    "id as number": ('[2,7,"Heartbeat",{}]', "-1", "RpcFrameworkError"),
    "empty id": ('[2,"","Heartbeat",{}]', "-1", "RpcFrameworkError"),
    "id of 300 characters": (f'[2,"{"i" * 300}","Heartbeat",{{}}]', "-1", "RpcFrameworkError"),
    "action as list": ('[2,"x",["a"],{}]', "x", "RpcFrameworkError"),
    "action as object": ('[2,"x",{},{}]', "x", "RpcFrameworkError"),
    "too few elements": ('[2,"x","Heartbeat"]', "x", "RpcFrameworkError"),
    "too many elements": ('[2,"x","Heartbeat",{},{}]', "x", "RpcFrameworkError"),
    "payload as list": ('[2,"x","Heartbeat",[]]', "x", "FormatViolation"),
    "payload as text": ('[2,"x","Heartbeat","{}"]', "x", "FormatViolation"),
    "unknown action": ('[2,"x","CustomOperation",{}]', "x", "NotImplemented"),
    "the CSMS's action": ('[2,"x","SetVariables",{}]', "x", "NotSupported"),
    "CALLRESULTERROR": ('[5,"x","InternalError","",{}]', "x", "MessageTypeNotSupported"),
    "SEND": ('[6,"x","NotifyPeriodicEventStream",{}]', "x", "MessageTypeNotSupported"),
    "type 99": ('[99,"x"]', "x", "MessageTypeNotSupported"),
    "missing field": (
        '[2,"x","BootNotification",{"reason":"PowerUp"}]',
        "x",
        "OccurrenceConstraintViolation",
    ),
    "wrong type": (event(seqNo="one"), "x", "TypeConstraintViolation"),
    "enumeration of the wrong type": (event(eventType=3), "x", "TypeConstraintViolation"),
    "timestamp without meaning": (
        event(timestamp="yesterday"),
        "x",
        "PropertyConstraintViolation",
    ),
    "unknown event type": (event(eventType="Exploded"), "x", "PropertyConstraintViolation"),
    "integer beyond 64 bits": (event(seqNo=2**64), "x", "PropertyConstraintViolation"),
    "integer beyond 53 bits": (event(seqNo=2**53), "x", "PropertyConstraintViolation"),
    "multiplier of a billion": (
        event(
            meterValue=[
                {
                    "timestamp": "2026-11-21T08:00:00Z",
                    "sampledValue": [
                        {"value": 1, "unitOfMeasure": {"unit": "Wh", "multiplier": 10**9}}
                    ],
                }
            ]
        ),
        "x",
        "PropertyConstraintViolation",
    ),
    "value beyond any number": (
        event(
            meterValue=[
                {
                    "timestamp": "2026-11-21T08:00:00Z",
                    "sampledValue": [{"value": 1e308, "unitOfMeasure": {"unit": "kWh"}}],
                }
            ]
        ),
        "x",
        "PropertyConstraintViolation",
    ),
}


@pytest.mark.parametrize(("text", "message_id", "code"), ANSWERED.values(), ids=ANSWERED)
async def test_a_bad_frame_is_answered_and_the_connection_goes_on(
    running: RunningServer, text: str, message_id: str, code: str
) -> None:
    async with running.station() as websocket:
        number, *answer, details = await ask(websocket, text)
        assert (number, details) == (4, {})
        assert answer[:2] == [message_id, code]
        assert 0 < len(answer[2]) <= 255
        assert await is_alive(websocket)
    assert [type(message).__name__ for _, message in running.inbox.messages] == ["Heartbeat"]


@pytest.mark.parametrize(
    "text",
    [
        '[3,"nobody-asked",{}]',
        '[3,7,"three"]',
        '[3,"x"]',
        "[3]",
        "[4]",
        '[4,"-1","GenericError","",{}]',
        '[4,"x",["unhashable"],{},[]]',
        '[5,{"no":"id"}]',
        "[6]",
    ],
)
async def test_what_wants_no_answer_gets_none(running: RunningServer, text: str) -> None:
    async with running.station() as websocket:
        await websocket.send(text)
        assert await is_alive(websocket)


async def test_the_description_names_the_field_and_no_value(running: RunningServer) -> None:
    async with running.station() as websocket:
        secret = event(transactionInfo={"transactionId": [4711_0815]})
        assert (await ask(websocket, secret))[3] == "/transactionInfo/transactionId: type"
        answer = await ask(websocket, event(timestamp="s3cret"))
        assert answer[3] == "/timestamp: not a date and a time"


async def test_brackets_within_strings_are_not_levels(running: RunningServer) -> None:
    async with running.station() as websocket:
        data = json.dumps("[" * 500)
        answer = await ask(websocket, f'[2,"x","DataTransfer",{{"vendorId":"v","data":{data}}}]')
        assert answer == [3, "x", {"status": "UnknownVendorId"}]


async def test_many_unsolicited_answers_end_the_connection(running: RunningServer) -> None:
    async with running.station("A") as hostile, running.station("B") as other:
        for number in range(100):
            await hostile.send(f'[3,"{number}",{{}}]')
        assert await closed_with(hostile) == 1008
        assert await is_alive(other)


async def test_a_frame_of_10_mb_ends_only_its_own_connection(running: RunningServer) -> None:
    async with running.station("A") as hostile, running.station("B") as other:
        huge = '[2,"x","DataTransfer",{"data":"' + "x" * 10_000_000 + '"}]'
        assert await send_in_vain(hostile, huge) == 1009
        assert await is_alive(other)


async def test_many_small_fragments_do_not_get_around_the_limit(running: RunningServer) -> None:
    async with running.station("A") as hostile, running.station("B") as other:

        def fragments() -> Any:
            yield '[2,"x","DataTransfer",{"data":"'
            for _ in range(400):
                yield "x" * 1024

        assert await send_in_vain(hostile, fragments()) == 1009
        assert await is_alive(other)


async def test_a_message_in_fragments_is_one_message(running: RunningServer) -> None:
    async with running.station() as websocket:
        await websocket.send(['[2,"al', 'ive","Heart', "", 'beat",{}]'])
        assert json.loads(await websocket.recv())[:2] == [3, "alive"]


async def test_a_binary_frame_ends_the_connection(running: RunningServer) -> None:
    async with running.station() as websocket:
        await websocket.send(HEARTBEAT.encode())
        assert await closed_with(websocket) == 1003


@pytest.mark.parametrize("data", [b'[2,"\xff","Heartbeat",{}]', b"\xc3"])
async def test_text_that_is_no_utf8_ends_the_connection(
    running: RunningServer, data: bytes
) -> None:
    async with running.station() as websocket:
        websocket.transport.write(Frame(Opcode.TEXT, data).serialize(mask=True))
        assert await closed_with(websocket) == 1007


async def test_bytes_that_are_no_frames_end_the_connection(running: RunningServer) -> None:
    async with running.station("A") as hostile, running.station("B") as other:
        hostile.transport.write(b"\xff" * 5_000)
        assert await closed_with(hostile) == 1002
        assert await is_alive(other)


async def test_a_compressed_bomb_ends_only_its_own_connection(running: RunningServer) -> None:
    async with (
        running.station("A", compression="deflate") as hostile,
        running.station("B") as other,
    ):
        assert await send_in_vain(hostile, "[" + " " * 50_000_000 + "]") == 1009
        assert await is_alive(other)
