"""Where the Oracle's evidence comes from: the bridge's store and the MQTT trace."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

import orjson

from bench.mqtt_wire import Message, MqttSession
from bench.oracle import Copy, EventKey, LastTransaction

STORE_FILE: Final = "bridge.sqlite3"

_RETAINED_SECONDS: Final = 2.0

_EVENTS: Final = """
SELECT station_id, transaction_id, seq_no, event_type, event_id
FROM event WHERE transaction_id IS NOT NULL ORDER BY id
"""


def read_events(store: Path) -> list[Copy]:
    """Return every transaction event of a bridge's SQLite store, opened read-only.

    Raises:
        sqlite3.Error: the file is no readable store.
    """
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        return [
            Copy(EventKey(station, transaction_id, seq_no, _kind(event_type)), event_id)
            for station, transaction_id, seq_no, event_type, event_id in connection.execute(
                _EVENTS
            )
        ]


class Trace:
    """The log of a subscriber with a persistent session on `event/transaction`."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self.delivered: list[Copy] = []
        self._keys: set[EventKey] = set()
        self._missing: set[EventKey] = set()
        self._arrived = asyncio.Event()

    def take(self, message: Message) -> None:
        """Log one message; runs before its PUBACK is written."""
        document = orjson.loads(message.payload)
        key = EventKey(
            document["cs"],
            _transaction_id(document["transaction"]),
            document["seqNo"],
            document["eventType"],
        )
        self.delivered.append(Copy(key, document.get("id")))
        self._keys.add(key)
        self._missing.discard(key)
        self._arrived.set()

    async def complete(self, expected: set[EventKey]) -> None:
        """Wait until every expected event has arrived."""
        self._missing = expected - self._keys
        while self._missing:
            await self._next()

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing has arrived for so long."""
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(seconds):
                    await self._next()

    async def _next(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()


async def read_retained(broker_url: str, root: str) -> dict[str, LastTransaction]:
    """Return what the retained transaction documents say, by station."""
    found: dict[str, LastTransaction] = {}

    def take(message: Message) -> None:
        if message.retain and message.payload:
            document = orjson.loads(message.payload)
            found[document["cs"]] = _last_transaction(document)

    reader = await MqttSession.connect(
        broker_url, f"torture-retained-{time.monotonic_ns()}", on_message=take
    )
    await reader.subscribe(f"{root}/v1/cs/+/1/transaction")
    await asyncio.sleep(_RETAINED_SECONDS)
    reader.close()
    return found


def _kind(event_type: str) -> str:
    """Return TransactionEventEnumType of the store's `transaction.updated`."""
    return event_type.rpartition(".")[2].capitalize()


def _last_transaction(document: dict[str, Any]) -> LastTransaction:
    return LastTransaction(
        transaction_id=document["transactionId"],
        last_seq_no=document["lastSeqNo"],
        ended=not document["active"] and document["complete"],
    )


def _transaction_id(transaction: dict[str, Any]) -> str:
    found: str = transaction.get("transactionId") or transaction["transaction_id"]
    return found
