"""Invalid frames that can be understood, on a socket: answered by a CALLRESULT, and life goes on."""

import asyncio
import json
from typing import Any

import pytest

from bridge.domain.calls import CallOutcome, CallResult, ClearChargingProfile
from bridge.domain.events import MeterValues, warnings_of
from bridge.domain.ids import StationId
from tests.ocpp_inbox import RunningServer, running_server

FRAMES: dict[str, tuple[str, str, list[str]]] = {
    "28-leading-comma": (
        "ocpp1.6",
        (
            '[2,"x","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-11-21T08:00:00Z",'
            '"sampledValue":[,{"value":"1","context":"Other","measurand":"SoC","unit":"Percent"}]}]}]'
        ),
        ["stray_comma"],
    ),
    "21-numbers-as-text": (
        "ocpp1.6",
        (
            '[2,"x","MeterValues",{"connectorId":"1","meterValue":[{"timestamp":"2026-11-21T08:00:00Z"'
            ',"sampledValue":[{"value":1,"context":"Other","measurand":"SoC","unit":"Percent"}]}]}]'
        ),
        ["number_as_text:connectorId", "text_as_number:sampledValue.value"],
    ),
    "29-local-time": (
        "ocpp1.6",
        (
            '[2,"x","StatusNotification",{"connectorId":1,"status":"Available","errorCode":"NoError",'
            '"timestamp":"2026-11-21T08:00:00"}]'
        ),
        ["time_zone_missing:timestamp"],
    ),
    "29-no-time": (
        "ocpp2.0.1",
        '[2,"x","StatusNotification",{"evseId":1,"connectorId":1,"connectorStatus":"Available"}]',
        ["timestamp_missing:timestamp"],
    ),
    "44-empty-and-null": (
        "ocpp2.0.1",
        (
            '[2,"x","BootNotification",{"reason":"","chargingStation":{"model":"M","vendorName":"V",'
            '"serialNumber":null,"modem":{"iccid":"","imsi":""}}}]'
        ),
        ["default_assumed:reason", "null_dropped:chargingStation.serialNumber"],
    ),
    "27-over-long": (
        "ocpp2.1",
        (
            '[2,"x","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M",'
            f'"vendorName":"{"V" * 60}"}}}}]'
        ),
        ["too_long:chargingStation.vendorName"],
    ),
    "null-payload": ("ocpp1.6", '[2,"x","Heartbeat",null]', ["payload_null"]),
}


@pytest.mark.parametrize("name", FRAMES)
async def test_it_is_answered_remarked_and_counted(running: RunningServer, name: str) -> None:
    subprotocol, frame, warnings = FRAMES[name]
    async with running.station(subprotocols=(subprotocol,)) as websocket, asyncio.timeout(10):
        await websocket.send(frame)
        assert json.loads(await websocket.recv())[:2] == [3, "x"]
        await websocket.send('[2,"alive","Heartbeat",{}]')
        assert json.loads(await websocket.recv())[:2] == [3, "alive"]
    (_, message), _ = running.inbox.messages
    assert list(warnings_of(message)) in (warnings, [])  # a Heartbeat has no place for them
    counted = {name: n for name, n in running.metrics.counts.items() if "warning" in name}
    assert counted == {f"ocpp.warning.{each.partition(':')[0]}": 1 for each in warnings}


async def test_what_is_shown_of_a_frame_is_as_readable_as_what_is_made_of_it() -> None:
    shown: list[Any] = []

    def on_frame(_station: str, direction: str, _action: str, text: bytes) -> None:
        shown.append((direction, json.loads(text)))

    frame = '[2,"x","Authorize",{,"idTag":"TAG1"}]'
    async with (
        running_server(on_frame=on_frame) as server,
        server.station(subprotocols=("ocpp1.6",)) as websocket,
        asyncio.timeout(10),
    ):
        await websocket.send(frame)
        await websocket.recv()
    assert [direction for direction, _ in shown] == ["rx", "tx"]
    assert shown[0][1][3]["idTag"] != "TAG1"


async def test_an_answer_in_another_spelling_is_that_answer(running: RunningServer) -> None:
    answered: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
    async with running.station(subprotocols=("ocpp2.0.1",)) as websocket, asyncio.timeout(10):
        await running.inbox.until(lambda: bool(running.inbox.connections))
        request = ClearChargingProfile(profile_id=1)
        running.server.call(StationId("CS1"), request, answered.set_result)
        message_id = json.loads(await websocket.recv())[1]
        await websocket.send(
            json.dumps([3, message_id, {"status": "ACCEPTED", "statusInfo": None}])
        )
        outcome = await answered
    assert isinstance(outcome, CallResult)
    assert outcome.accepted
    assert running.metrics.counts["ocpp.warning.value_spelling"] == 1
    assert running.metrics.counts["ocpp.warning.null_dropped"] == 1


async def test_a_large_frame_full_of_faults_is_answered_too(running: RunningServer) -> None:
    sample = {"value": "1", "context": "", "location": None, "measurand": "'SoC'"}
    value = {"timestamp": "2026-11-21T08:00:00", "sampledValue": [sample] * 900}
    frame = json.dumps([2, "x", "MeterValues", {"evseId": "1", "meterValue": [value, value]}])
    async with running.station() as websocket, asyncio.timeout(30):
        await websocket.send(frame)
        assert json.loads(await websocket.recv())[:2] in ([3, "x"], [4, "x"])
        await websocket.send('[2,"alive","Heartbeat",{}]')
        assert json.loads(await websocket.recv())[:2] == [3, "alive"]


async def test_a_frame_of_many_samples_keeps_each(running: RunningServer) -> None:
    samples = [
        {"value": str(number), "context": "Other", "measurand": "SoC"} for number in range(900)
    ]
    value = {"timestamp": "2026-11-21T08:00:00Z", "sampledValue": samples}
    frame = json.dumps([2, "x", "MeterValues", {"evseId": 1, "meterValue": [value]}])
    async with running.station() as websocket, asyncio.timeout(30):
        await websocket.send(frame)
        assert json.loads(await websocket.recv()) == [3, "x", {}]
    ((_, message),) = running.inbox.messages
    assert isinstance(message, MeterValues)
    read = [sample.value for sample in message.meter_values[0].sampled_values]
    assert read == [float(number) for number in range(900)]
    assert running.metrics.counts["ocpp.warning.number_as_text"] == 1
