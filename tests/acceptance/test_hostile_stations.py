"""Hostile stations, end to end: each frame gets its answer, and a neighbour notices nothing.

tests/integration/ocpp/test_hostile_frames.py has the long list of frames; here is what comes
through to the station model, the store and MQTT, or fails to.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.acceptance.bridges import Bridge
from tests.acceptance.stations import RawStation, Session, played
from tests.acceptance.witness import Witness, outcome

EVENT: dict[str, Any] = {
    "eventType": "Updated",
    "timestamp": "2026-11-21T08:00:00Z",
    "triggerReason": "Trigger",
    "seqNo": 1,
    "transactionInfo": {"transactionId": "T1"},
    "evse": {"id": 1},
}


def event(**changes: Any) -> str:
    return json.dumps([2, "x", "TransactionEvent", EVENT | changes])


def reading(*values: float) -> list[dict[str, Any]]:
    samples = [{"value": value} for value in values]
    return [{"timestamp": "2026-11-21T08:00:00Z", "sampledValue": samples}]


REFUSED = {
    "no JSON": ("{", "-1", "RpcFrameworkError"),
    "5,000 levels": ("[" * 5_000 + "]" * 5_000, "-1", "RpcFrameworkError"),
    "integer of 5,000 digits": (
        '[2,"x","Heartbeat",{"a":' + "9" * 5_000 + "}]",
        "-1",
        "RpcFrameworkError",
    ),
    "action as list": ('[2,"x",["a"],{}]', "x", "RpcFrameworkError"),
    "unknown action": ('[2,"x","CustomOperation",{}]', "x", "NotImplemented"),
    "CALLRESULTERROR": ('[5,"x","InternalError","",{}]', "x", "MessageTypeNotSupported"),
    "SEND": ('[6,"x","NotifyPeriodicEventStream",{}]', "x", "MessageTypeNotSupported"),
    "wrong type": (event(seqNo="one"), "x", "TypeConstraintViolation"),
    "unknown trigger": (event(triggerReason="Boredom"), "x", "PropertyConstraintViolation"),
    "year 9999, beyond UTC": (
        event(timestamp="9999-12-31T23:59:59-14:00"),
        "x",
        "PropertyConstraintViolation",
    ),
    "more than any meter shows": (
        event(meterValue=reading(1e25)),
        "x",
        "PropertyConstraintViolation",
    ),
}


# Valid by OCPP's schemas, and nothing that a station should say. All are answered; the second
# word is the EVSE under which the event shows.
STRANGE: dict[str, tuple[dict[str, Any], int]] = {
    "a clock that was never set": ({"timestamp": "0001-01-01T00:00:00Z"}, 1),
    "negative seqNo": ({"seqNo": -7}, 1),
    "largest seqNo": ({"seqNo": 2**53 - 1}, 1),
    "wildcards, controls": ({"transactionInfo": {"transactionId": "a/+#$\n\u0000\u202e"}}, 1),
    "EVSE below zero": ({"evse": {"id": -3}}, 0),
    "EVSE beyond all": ({"evse": {"id": 10**9}}, 0),
    "a large reading": ({"meterValue": reading(-1e24)}, 1),
    "phases and cable below zero": ({"numberOfPhasesUsed": -1, "cableMaxCurrent": -5}, 1),
    "ten thousand readings": ({"meterValue": reading(*range(10_000))}, 1),
}


@pytest.fixture
async def neighbour(bridge: Bridge, witness: Witness) -> AsyncIterator[RawStation]:
    """A healthy station, charging; in the end it has one connection and all of its events."""
    session = Session("healthy")
    async with played(bridge.url, "GOOD") as station:
        await station.boot()
        await station.call("TransactionEvent", session.started())
        stop = asyncio.Event()
        talking = asyncio.create_task(_talk(station, session, stop))
        yield station
        stop.set()
        sent = await talking
        await station.event(session, "Ended")
        await witness.until("GOOD/1/event/transaction", eventType="Ended")
        events = witness.documents("GOOD/1/event/transaction")
        assert [each["seqNo"] for each in events] == list(range(sent + 2))
        assert not any(each["gap"] or each["late"] for each in events)
        assert [each.text for each in witness.matching(witness.address("GOOD/availability"))] == [
            "online"
        ]


async def _talk(station: RawStation, session: Session, stop: asyncio.Event) -> int:
    """Send an event after the other until told to stop; return how many."""
    sent = 0
    while not stop.is_set():
        async with asyncio.timeout(1):
            await station.event(session, "Updated")
        sent += 1
    return sent


async def test_bad_frames_are_answered_by_name_and_go_no_further(
    bridge: Bridge, witness: Witness, neighbour: RawStation
) -> None:
    async with played(bridge.url, "BAD") as station:
        await station.boot()
        for name, (frame, message_id, code) in REFUSED.items():
            answer = await station.exchange(frame)
            assert answer[:3] == [4, message_id, code], name
            assert len(answer) == 5
        for unsolicited in ('[3,"nobody",{}]', '[4,"nobody","InternalError","",{}]'):
            await station.send(unsolicited)
        await station.call("Heartbeat", {})
        await witness.settle()
        assert not witness.matching(witness.address("BAD/+/event/transaction"))
    assert bridge.counts["ocpp.answer_unsolicited"] == 2


async def test_strange_events_are_kept_answered_and_published_by_the_schema(
    bridge: Bridge, witness: Witness, neighbour: RawStation
) -> None:
    async with played(bridge.url, "ODD") as station:
        await station.boot()
        for number, (changes, evse) in enumerate(STRANGE.values()):
            topic = witness.address(f"ODD/{evse}/event/transaction")
            before = len(witness.matching(topic))
            named = {"transactionInfo": {"transactionId": f"T{number}"}}
            await station.call("TransactionEvent", EVENT | named | changes)
            await witness.wait_for_count(before + 1, topic)
        results = await witness.ask("limit", {"limitA": 10}, place="ODD/1")
        assert outcome(results)[-1][0] == "done"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\x00\x01binary", 1003),
        ('[2,"x","DataTransfer",{"vendorId":"v","data":"' + "z" * 10_000_000 + '"}]', 1009),
    ],
    ids=["binary", "10 MB"],
)
async def test_what_is_no_ocpp_at_all_ends_that_connection_alone(
    bridge: Bridge, witness: Witness, neighbour: RawStation, message: Any, code: int
) -> None:
    async with played(bridge.url, "BAD") as station:
        await station.boot()
        with suppress(ConnectionClosed):
            await station.send(message)
        assert await station.closed() == code
        await witness.until_text("BAD/availability", "offline")
    async with played(bridge.url, "BAD") as station:
        await station.boot()


async def test_a_flood_of_invented_evses_stays_within_bounds(
    bridge: Bridge, witness: Witness, neighbour: RawStation
) -> None:
    async with played(bridge.url, "MANY") as station:
        await station.boot()
        for number in range(2, 300):
            await station.call(
                "TransactionEvent",
                EVENT
                | {"evse": {"id": number}, "transactionInfo": {"transactionId": f"T{number}"}},
            )
    many = next(each for each in bridge.app.engine.stations if each.id == "MANY")
    assert len(many.evses) == 256
