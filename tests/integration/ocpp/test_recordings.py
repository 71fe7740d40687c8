"""What independent clients really sent, sent again: every message is understood and answered."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.events import TransactionEvent
from bridge.ocpp.frames import Call, parse
from tests.ocpp_inbox import RunningServer, running_server

RECORDINGS = Path(__file__).parents[2] / "recordings"


def frames(name: str, version: str) -> list[str]:
    """Return what the station said, in order."""
    lines = (RECORDINGS / name).read_text().splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [r["raw"] for r in records if r["ev"] == "in" and r["ver"] == version]


@pytest.fixture
async def running() -> AsyncIterator[RunningServer]:
    async with running_server(versions=("ocpp2.1", "ocpp2.0.1")) as server:
        yield server


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("solidstudio-vcp-2.0.1.jsonl", "2.0.1"),
        ("solidstudio-vcp-2.1.jsonl", "2.1"),
        ("npm-ocpp-rpc.jsonl", "2.0.1"),
    ],
)
async def test_every_call_of_a_recording_is_answered(
    running: RunningServer, name: str, version: str
) -> None:
    calls = [raw for raw in frames(name, version) if raw.startswith("[2,")]
    async with running.station("VCP", subprotocols=(f"ocpp{version}",)) as websocket:
        for raw in calls:
            await websocket.send(raw)
            number, message_id, _ = json.loads(await websocket.recv())
            assert (number, message_id) == (3, json.loads(raw)[1])
    assert len(running.inbox.messages) == len(calls)
    assert not running.metrics.counts["ocpp.call_tolerated"]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.0.1", [0.0, 150_070.0, 300_110.0, 332.42]),
        ("2.1", [0.0, 150.06, 300.09, 0.332_51]),
    ],
)
async def test_the_virtual_charge_point_is_understood(
    running: RunningServer, version: str, expected: list[float]
) -> None:
    async with running.station("VCP", subprotocols=(f"ocpp{version}",)) as websocket:
        for raw in frames(f"solidstudio-vcp-{version}.jsonl", version):
            await websocket.send(raw)
            if raw.startswith("[2,"):
                await websocket.recv()
    messages = [message for _, message in running.inbox.messages]
    kinds = Counter(type(message).__name__ for message in messages)
    assert kinds == {
        "BootNotification": 4,
        "StatusNotification": 7,
        "Authorize": 1,
        "TransactionEvent": 6,
        "Heartbeat": 1,
        "Notice": 1,
    }
    events = [message for message in messages if isinstance(message, TransactionEvent)]
    assert [event.seq_no for event in events] == [0, 1, 0, 0, 0, 0]
    readings = [event.meter_values[0].sampled_values[0].value for event in events[2:]]
    assert readings == expected


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_recorded_frame_can_be_read(path: Path) -> None:
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if "action" in record:  # the others were sent to see what a station makes of nonsense
            frame = parse(record["raw"].encode())
            assert frame.message_id == json.loads(record["raw"])[1]
            assert not isinstance(frame, Call) or frame.action == record["action"]
