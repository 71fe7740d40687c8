"""Where the Oracle's evidence comes from: the bridge's store and the MQTT trace."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from bench.mqtt_wire import Message, MqttSession
from bench.oracle import Copy, EventKey, LastTransaction, Record

STORE_FILE: Final = "bridge.sqlite3"
TRACED: Final = "/event/transaction"
"""How the topics end that are traced."""

_RETAINED_QUIET_SECONDS: Final = 0.5
"""Retained messages follow the SUBACK: nothing for so long means that there are no more."""

_EVENTS: Final = """
SELECT station_id, transaction_id, seq_no, event_type, event_id, inserted_at
FROM event WHERE transaction_id IS NOT NULL ORDER BY id
"""
_RECORDS: Final = (
    "SELECT station_id, transaction_id, ended_at FROM charging_transaction ORDER BY id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a bridge's store holds of transactions."""

    events: list[Copy]
    inserted_at: list[str]
    """Of each event."""
    records: list[Record]


def read_store(store: Path) -> Stored:
    """Read a bridge's SQLite store, opened read-only.

    Raises:
        sqlite3.Error: the file is no readable store.
    """
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        rows = connection.execute(_EVENTS).fetchall()
        records = connection.execute(_RECORDS).fetchall()
    return Stored(
        events=[
            Copy(EventKey(station, transaction_id, seq_no, _kind(event_type)), event_id)
            for station, transaction_id, seq_no, event_type, event_id, _ in rows
        ],
        inserted_at=[inserted_at for *_, inserted_at in rows],
        records=[
            Record(station, transaction_id, ended=ended_at is not None)
            for station, transaction_id, ended_at in records
        ],
    )


class Trace:
    """The log of transaction events on MQTT, in the order of their arrival."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self.delivered: list[Copy] = []
        self._keys: set[EventKey] = set()
        self._missing: set[EventKey] = set()
        self._arrived = asyncio.Event()

    def take(self, message: Message) -> None:
        """Log a message that is a transaction event; runs before its PUBACK is written."""
        if not message.topic.endswith(TRACED):
            return
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


@asynccontextmanager
async def tracing(trace: Trace, broker_url: str, root: str) -> AsyncIterator[None]:
    """Have a subscriber with a persistent session fill the trace while in the context."""
    subscriber = await MqttSession.connect(
        broker_url, f"trace-{root}", on_message=trace.take, clean=False
    )
    await subscriber.subscribe(f"{root}/v1/cs/+/+{TRACED}")
    try:
        yield
    finally:
        subscriber.close()


async def read_retained(broker_url: str, topic_filter: str) -> dict[str, bytes]:
    """Return what is retained on the topics of a filter."""
    found: dict[str, bytes] = {}
    news = asyncio.Event()

    def take(message: Message) -> None:
        if message.retain and message.payload:
            found[message.topic] = message.payload
            news.set()

    reader = await MqttSession.connect(
        broker_url, f"retained-{time.monotonic_ns():x}", on_message=take
    )
    await reader.subscribe(topic_filter)
    with contextlib.suppress(TimeoutError):
        while True:
            news.clear()
            async with asyncio.timeout(_RETAINED_QUIET_SECONDS):
                await news.wait()
    reader.close()
    return found


async def read_last_transactions(broker_url: str, root: str) -> dict[str, LastTransaction]:
    """Return what the retained transaction documents say, by station."""
    retained = await read_retained(broker_url, f"{root}/v1/cs/+/1/transaction")
    documents = map(orjson.loads, retained.values())
    return {document["cs"]: _last_transaction(document) for document in documents}


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
