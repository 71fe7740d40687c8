"""Replays the recording of a station through a real socket, and tells what came on MQTT for it."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bridge.mqtt import topics
from tests.acceptance.bridges import Bridge
from tests.acceptance.witness import Witness
from tests.mqtt_probe import Received
from tests.schema_check import row_of

RECORDINGS: Final = Path(__file__).parents[1] / "recordings"
GOLDEN: Final = RECORDINGS / "golden"
_HANDSHAKE: Final = ("sec-websocket-", "connection", "upgrade", "host", "user-agent")
_MASK: Final = "*"
CALL_RESULT: Final = 3
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_UNIX_TIMES: Final = frozenset({"startedTime", "endedTime"})
_THIS_RUN: Final = timedelta(minutes=2)
# Members that tell the time of this bridge's clock, wherever they are ...
_VOLATILE: Final = frozenset({"receivedAt", "insertedAt", "bootedAt", "since", "at"})
# ... and documents whose `ts` does too, since no station gave them one.
_BRIDGE_TIME: Final = frozenset({topics.STATION_INFO.name, topics.ALLOCATION.name})

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Connection:
    """One connection of a recording."""

    path: str
    subprotocols: list[Subprotocol]
    headers: dict[str, str]
    calls: list[str] = field(default_factory=list)
    """CALL frames of the station, as they were sent."""
    answers: list[str] = field(default_factory=list)
    """Its answers to the recorded central system."""


def connections(name: str, station: str) -> list[Connection]:
    """Return the connections of one station of a recording, in order."""
    found: list[Connection] = []
    for record in _records(name, station):
        if record["ev"] == "open":
            found.append(
                Connection(
                    path=record["path"],
                    subprotocols=[Subprotocol(each) for each in record["offered"]],
                    headers=_own_headers(record["headers"]),
                )
            )
        elif record["ev"] == "in":
            is_call = record["raw"].startswith("[2,")
            frames = found[-1].calls if is_call else found[-1].answers
            frames.append(record["raw"])
    return found


def _records(name: str, station: str) -> Iterator[Json]:
    for line in (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["cp"] == station:
            yield record


def _own_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that are not part of every WebSocket handshake."""
    return {k: v for k, v in headers.items() if not k.lower().startswith(_HANDSHAKE)}


@asynccontextmanager
async def connected(bridge: Bridge, recorded: Connection) -> AsyncIterator[ClientConnection]:
    """Connect as the recorded station did."""
    async with connect(
        f"{bridge.url}{recorded.path}",
        subprotocols=recorded.subprotocols,
        additional_headers=recorded.headers,
        compression="deflate",
        proxy=None,
    ) as socket:
        assert socket.subprotocol == recorded.subprotocols[0]
        yield socket


class Replay:
    """Sends frame after frame, and after each waits for all that follows from it on MQTT."""

    def __init__(self, bridge: Bridge, witness: Witness, station: str) -> None:
        """Replay to a running bridge whose topics the witness sees."""
        self.lines: list[Json] = []
        """What was sent and what came for it, as a golden file has it."""
        self._bridge = bridge
        self._witness = witness
        self._station = station
        self._seen = 0

    async def run(self, recorded: Sequence[Connection]) -> None:
        """Replay all connections."""
        await self._note({"did": "bridge started"})
        for connection in recorded:
            async with connected(self._bridge, connection) as socket:
                await self._note({"did": f"connect {connection.path}"})
                for raw in connection.calls:
                    await socket.send(raw)
                    answer = json.loads(await socket.recv())
                    assert answer[1] == json.loads(raw)[1], answer
                    told = _timeless(answer[2]) if answer[0] == CALL_RESULT else answer[2:4]
                    await self._note({"sent": json.loads(raw), "answer": told})
            await self._note({"did": "close"})

    async def _note(self, line: Json) -> None:
        """Add a line, and the messages that followed."""
        await self._quiet()
        messages = self._witness.messages[self._seen :]
        self._seen = len(self._witness.messages)
        found = [self._shown(each) for each in messages if f"/cs/{self._station}/" in each.topic]
        # The order over topics is not promised; on each topic it is.
        self.lines += [line, *sorted(found, key=lambda each: str(each["topic"]))]

    async def _quiet(self) -> None:
        """Wait until nothing more follows from what was sent."""
        await self._bridge.at_rest()
        for station in self._bridge.app.engine.stations:
            for evse in station.evses.values():
                if evse.completed_until is not None:
                    # the phase `completed` gives way to `idle` by itself
                    await self._witness.wait_for(
                        self._witness.address(f"{station.id}/{evse.id}/state"),
                        lambda each: each.json["phase"] == "idle" and self._is_new(each),
                    )
        await self._bridge.at_rest()
        # An answer comes to the witness behind everything that was published before it.
        await self._witness.ask("get", place="NOBODY/1")

    def _is_new(self, message: Received) -> bool:
        return any(message is each for each in self._witness.messages[self._seen :])

    def _shown(self, message: Received) -> Json:
        row = row_of(message.topic, self._witness.root)
        topic = message.topic.replace(self._witness.root, "ocpp", 1)
        payload = masked(message.json, row) if row.json else message.text
        return {"topic": topic, "payload": payload}


def masked(document: Any, row: topics.TopicRow) -> Any:
    """Return a document with the times of the bridge's own clock masked.

    Where a station of OCPP 1.6 tells no time it is the bridge's, and so is what is derived of it.
    """
    shown = _mask(document)
    if row.name in _BRIDGE_TIME:
        shown["ts"] = _MASK
    elif shown.get("ts") == _MASK and "id" in shown:
        shown["id"] = _MASK
    for key in _UNIX_TIMES & shown.keys():
        if datetime.now(UTC).timestamp() - shown[key] < _THIS_RUN.total_seconds():
            shown[key] = _MASK
    return shown


def _is_now(value: Any) -> bool:
    """Say whether this is a time of this test run; recordings are minutes older at the least."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    return datetime.now(UTC) - datetime.fromisoformat(value) < _THIS_RUN


def _mask(value: Any) -> Any:
    if isinstance(value, list):
        return [_mask(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _MASK if (key in _VOLATILE and part is not None) or _is_now(part) else _mask(part)
        for key, part in value.items()
    }


def _timeless(answer: Json) -> Json:
    return answer | {"currentTime": _MASK} if "currentTime" in answer else answer


def dump(lines: Sequence[Json]) -> str:
    """Return the text of a golden file."""
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def load(name: str) -> list[Json]:
    """Return the lines of a golden file."""
    text = (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
