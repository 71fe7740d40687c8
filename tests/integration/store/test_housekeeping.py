"""What is given up of a store, and what never is."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Transaction
from bridge.ports import Commit, EventRecord
from bridge.store import housekeeping
from bridge.store.housekeeping import Keeping
from bridge.store.journal import SqliteJournal
from bridge.store.postgres.journal import PostgresJournal
from bridge.store.postgres.session import Place
from bridge.telemetry.counters import Counters
from tests.postgres import PostgresServer
from tests.records import replace
from tests.store_records import GARAGE, NOON, NoonClock, audited, message_of, station

DAY = 86_400.0
PATIENCE_SECONDS = 20

Journals = SqliteJournal | PostgresJournal
Open = Callable[[Keeping], Awaitable[Journals]]
Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def clock() -> NoonClock:
    return NoonClock()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str | None:
    """The URL of a database, None for the file."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("session_postgres")
    return server.empty_database()


@pytest.fixture
def query(database: str | None, tmp_path: Path, request: pytest.FixtureRequest) -> Query:
    """Return what asks the store."""
    if database is not None:
        server: PostgresServer = request.getfixturevalue("session_postgres")
        return lambda statement: server.query(statement, database)

    def asked(statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(tmp_path / "bridge.sqlite3")) as connection:
            return connection.execute(statement).fetchall()

    return asked


@pytest.fixture
async def opened(
    database: str | None,
    tmp_path: Path,
    clock: NoonClock,
    counters: Counters,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Open]:
    """Open the store with rules, again after it was closed; looks are as frequent as can be."""
    monkeypatch.setattr(housekeeping, "ROUND_SECONDS", 0.02)
    monkeypatch.setattr(housekeeping, "LOOK_SECONDS", 0.02)
    journals: list[Journals] = []

    async def open_(keeping: Keeping) -> Journals:
        if journals:
            await journals.pop().close()
        if database is None:
            journals.append(
                SqliteJournal.open(tmp_path, clock=clock, metrics=counters, keeping=keeping)
            )
        else:
            place = Place(url=database, bridge_id="main")
            journals.append(
                await PostgresJournal.open(place, clock=clock, metrics=counters, keeping=keeping)
            )
        return journals[-1]

    yield open_
    for journal in journals:
        await journal.close()


def event(minute: int, kind: str = "Updated", trigger: str = "MeterValuePeriodic") -> EventRecord:
    at = NOON + timedelta(minutes=minute)
    return EventRecord(
        event_id=f"e{minute}",
        station_id=GARAGE,
        evse_id=1,
        event_type=kind,
        timestamp=at,
        inserted_at=at,
        payload=b'{"triggerReason":"%s"}' % trigger.encode(),
        transaction_id="T1",
        transaction_uuid="uuid-1",
        seq_no=minute,
    )


HOUR = [
    event(0, "Started", "CablePluggedIn"),
    *(event(minute) for minute in range(1, 31)),
    event(31, trigger="ChargingStateChanged"),
    *(event(minute) for minute in range(32, 59)),
    event(59, "Ended", "StopAuthorized"),
]
"""A transaction with a reading a minute; what happens in minute 31 is no reading."""


async def written(journal: Journals, *, sent: bool = True) -> None:
    commits = [Commit(events=[each], messages=[message_of(each)]) for each in HOUR]
    rows = [row for commit in commits for row in await journal.commit(commit)]
    if sent:
        journal.published([row.row_id for row in rows])


def stored(query: Query) -> list[int]:
    return [row[0] for row in query("SELECT seq_no FROM event ORDER BY id")]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  # a thread of the store has no event for it
            await asyncio.sleep(0.01)


async def looked(counters: Counters, times: int = 5) -> None:
    """Return when the store was looked after so many times more."""
    for _ in range(times):
        counters.gauge("store.outbox_events", -1)
        await until(lambda: counters.snapshot()["store.outbox_events"] != -1)


async def test_everything_is_kept_unless_the_owner_says_otherwise(
    opened: Open, clock: NoonClock, counters: Counters, query: Query
) -> None:
    journal = await opened(Keeping())
    await written(journal)
    clock.skipped_seconds = 1000 * DAY
    await looked(counters)
    await until(lambda: counters.snapshot()["store.outbox_events"] == 0)
    assert stored(query) == list(range(60))


async def test_what_is_older_than_the_retention_goes(
    opened: Open, clock: NoonClock, query: Query
) -> None:
    journal = await opened(Keeping(retention=timedelta(days=30)))
    await journal.commit(Commit(station=station(), audit=[audited()]))
    await written(journal)
    clock.skipped_seconds = 30 * DAY + 1800
    await until(lambda: stored(query) == list(range(31, 60)))

    clock.skipped_seconds = 31 * DAY
    await until(lambda: stored(query) == [])
    await until(lambda: query("SELECT count(*) FROM audit") == [(0,)])
    assert (await journal.restore()).keys() == {GARAGE}


async def test_transactions_that_have_ended_go_and_those_that_run_stay(
    opened: Open, clock: NoonClock, query: Query
) -> None:
    journal = await opened(Keeping(retention=timedelta(days=30)))
    for number, ended_at in enumerate((NOON, NOON + timedelta(days=9), None)):
        held = Transaction(
            id=f"T{number}",
            uuid=f"uuid-{number}",
            started_at=NOON,
            last_event_at=NOON,
            started_seen=True,
            ended_at=ended_at,
        )
        record = TransactionRecord(
            station_id=GARAGE, evse_id=1, transaction=held, vehicle_id=None, inserted_at=NOON
        )
        await journal.commit(Commit(transactions=[record]))
    left = "SELECT transaction_id FROM charging_transaction ORDER BY id"

    clock.skipped_seconds = 31 * DAY
    await until(lambda: query(left) == [("T1",), ("T2",)])
    clock.skipped_seconds = 1000 * DAY
    await until(lambda: query(left) == [("T2",)])


async def test_what_the_broker_has_not_had_stays(
    opened: Open, clock: NoonClock, counters: Counters, query: Query
) -> None:
    journal = await opened(Keeping(retention=timedelta(days=1), thin_after=timedelta(days=1)))
    await written(journal, sent=False)
    clock.skipped_seconds = 10 * DAY
    await until(lambda: counters.snapshot().get("store.outbox_oldest_seconds", 0) > 9 * DAY)
    assert counters.snapshot()["store.outbox_events"] == 60
    assert stored(query) == list(range(60))


async def test_readings_are_thinned_out_and_nothing_else(
    opened: Open, clock: NoonClock, query: Query
) -> None:
    journal = await opened(Keeping(thin_after=timedelta(days=7), thin_to=timedelta(minutes=15)))
    await written(journal)
    clock.skipped_seconds = 8 * DAY
    # of each quarter of an hour the first; the begin, the end and the change of state as well
    await until(lambda: stored(query) == [0, 15, 30, 31, 45, 59])


@pytest.mark.parametrize("database", [None])
async def test_readings_are_thinned_out_at_once_where_there_is_little_room(
    opened: Open,
    clock: NoonClock,
    counters: Counters,
    query: Query,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _path: usage._replace(free=usage.total // 1000)
    )
    monkeypatch.setattr(housekeeping, "LOW_SPACE_BYTES", usage.total)
    journal = await opened(Keeping())
    await written(journal)
    clock.skipped_seconds = 3600
    await until(lambda: stored(query) == [0, 15, 30, 31, 45, 59])
    assert counters.snapshot()["store.little_room"] == 1


async def test_too_many_waiting_events_cost_the_oldest_readings_their_publication(
    opened: Open, counters: Counters, query: Query
) -> None:
    journal = await opened(Keeping(outbox_events=10))
    await written(journal, sent=False)
    await until(lambda: counters.snapshot().get("store.outbox_shed") == 50)
    await looked(counters)

    waiting = [row.message.payload for row in await journal.unpublished(0, 100)]
    kinds = [b"Periodic" in payload for payload in waiting]
    assert kinds == [False, False, *[True] * 7, False]  # Started, the change of state, Ended
    assert stored(query) == list(range(60))
    assert counters.snapshot()["store.outbox_shed"] == 50
    assert counters.snapshot()["store.outbox_events"] == 10


async def test_messages_that_are_no_events_are_not_touched(
    opened: Open, counters: Counters
) -> None:
    journal = await opened(Keeping(outbox_events=1))
    result = replace(message_of(event(0)), payload=b"{}")
    await journal.commit(Commit(messages=[result, result, result]))
    await looked(counters)
    assert len(await journal.unpublished(0, 100)) == 3


async def test_after_everything_has_gone_what_is_new_still_waits_for_the_broker(
    opened: Open, clock: NoonClock, query: Query
) -> None:
    """Numbers go on after a restart, though no row has the last one any more."""
    journal = await opened(Keeping(retention=timedelta(days=1)))
    await written(journal)
    clock.skipped_seconds = 2 * DAY
    await until(lambda: stored(query) == [])

    journal = await opened(Keeping())
    new = event(2 * 24 * 60)
    (message,) = await journal.commit(Commit(events=[new], messages=[message_of(new)]))

    assert await journal.unpublished(0, 10) == [message]
    assert message.row_id == 61
