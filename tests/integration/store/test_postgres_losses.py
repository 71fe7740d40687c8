"""The server dies, or the way to it: what was acknowledged is there once, and the journal goes on."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from bridge.ports import Commit, Metrics, StoreError
from bridge.store.postgres import writer
from bridge.store.postgres.journal import PostgresJournal
from bridge.store.postgres.session import Place
from bridge.telemetry.counters import Counters
from tests.postgres import DATABASE, PostgresProxy, PostgresServer, postgres_server
from tests.store_records import (
    GARAGE,
    NoonClock,
    command,
    event,
    message,
    message_of,
    result,
    station,
)

pytestmark = pytest.mark.postgres

STATIONS = 8
PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def module_server() -> Iterator[PostgresServer]:
    """A server that only these tests have."""
    with postgres_server() as own:
        yield own


@pytest.fixture
def server(module_server: PostgresServer) -> PostgresServer:
    """A server that may be killed; it runs when a test begins."""
    if not module_server.running:
        module_server.start()
    return module_server


@pytest.fixture
def url(server: PostgresServer) -> str:
    """An empty database on it."""
    return server.empty_database()


@pytest.fixture
async def proxy(database: str) -> AsyncIterator[PostgresProxy]:
    async with PostgresProxy(database) as way:
        yield way


async def opened(url: str, metrics: Metrics | None = None) -> PostgresJournal:
    place = Place(url=url, bridge_id="main")
    return await PostgresJournal.open(place, clock=NoonClock(), metrics=metrics)


async def committed(journal: PostgresJournal, commit: Commit) -> int:
    """Commit as a station that sends again what it gets no answer to; return how often it did."""
    refusals = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await journal.commit(commit)
            except StoreError:
                refusals += 1
                await asyncio.sleep(0.02)
            else:
                return refusals


class Reporters:
    """Stations that report one event after the other, and send again what was not stored."""

    def __init__(self, journal: PostgresJournal) -> None:
        self.acknowledged: list[str] = []
        self.refused = 0
        self._journal = journal
        self._tasks = [asyncio.create_task(self._report(f"E{n}")) for n in range(STATIONS)]
        self._news = asyncio.Condition()

    async def _report(self, name: str) -> None:
        number = 0
        while True:
            number += 1
            record = event(number, name)
            while not await self._stored(record.event_id, name, number):
                self.refused += 1
                await asyncio.sleep(0.01)
            self.acknowledged.append(record.event_id)
            async with self._news:
                self._news.notify_all()

    async def _stored(self, event_id: str, name: str, number: int) -> bool:
        record = event(number, name)
        commit = Commit(
            station=station(name, revision=number), events=[record], messages=[message_of(record)]
        )
        with suppress(StoreError):
            if not await self._journal.has_event(event_id, record.timestamp):
                await self._journal.commit(commit)
                return True
            msg = f"{event_id} was refused, and is in the store"
            raise AssertionError(msg)
        return False

    async def until_more(self, count: int) -> None:
        """Wait until so many more have been acknowledged."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(lambda: len(self.acknowledged) >= wanted or self._failed())
        assert not self._failed()

    def _failed(self) -> bool:
        return any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.mark.parametrize("end", ["kill", "stop"], ids=["kill -9", "stop -m immediate"])
async def test_what_was_acknowledged_survives_the_server(
    server: PostgresServer, url: str, end: str
) -> None:
    counters = Counters()
    journal = await opened(url, counters)
    reporters = Reporters(journal)
    for _ in range(3):
        await reporters.until_more(100)
        getattr(server, end)()
        await asyncio.to_thread(server.start)
        await reporters.until_more(50)
    await reporters.stop()
    await journal.close()

    stored = Counter(each for (each,) in server.query("SELECT event_id FROM event", url))
    assert set(stored) >= set(reporters.acknowledged)
    assert set(stored.values()) == {1}
    assert max(Counter(reporters.acknowledged).values()) == 1
    assert counters.snapshot()["store.connections_lost"] >= 3
    assert counters.snapshot()["store.failing"] == 0

    journal = await opened(url)
    waiting = await journal.unpublished(0, 1_000_000)
    assert [each.row_id for each in waiting] == list(range(1, len(stored) + 1))
    restored = await journal.restore()
    newest = {f"E{n}": len([e for e in stored if f"-E{n}-" in e]) for n in range(STATIONS)}
    assert {each.id: each.revision for each in restored.values()} == newest
    await journal.close()


async def test_commits_are_refused_at_once_while_there_is_no_server(
    server: PostgresServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    counters = Counters()
    journal = await opened(url, counters)
    await journal.commit(Commit(events=[event(0)]))
    server.kill()

    for number in range(1, 4):
        with pytest.raises(StoreError, match=r"^store postgresql://127"):
            await journal.commit(Commit(events=[event(number)]))
    with pytest.raises(StoreError, match=r"^store postgresql://127"):
        await journal.has_event(event(0).event_id, event(0).timestamp)
    assert counters.snapshot()["store.failing"] == 1

    await asyncio.to_thread(server.start)
    await committed(journal, Commit(events=[event(4)]))
    assert await journal.has_event(event(4).event_id, event(4).timestamp)
    assert not await journal.has_event(event(1).event_id, event(1).timestamp)
    assert counters.snapshot()["store.failing"] == 0
    await journal.close()
    told = [each.message for each in caplog.records if each.name == writer.__name__]
    assert told == ["store cannot write", "store writes again"]


async def test_a_start_without_a_server_says_so(server: PostgresServer, url: str) -> None:
    server.kill()
    with pytest.raises(StoreError, match=r"^store postgresql://127.*: .*Connect call failed"):
        await opened(url)


async def test_an_end_without_a_server_does_not_wait_for_it(
    server: PostgresServer, url: str
) -> None:
    journal = await opened(url)
    server.kill()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await journal.close()


async def test_an_end_does_not_wait_for_a_server_that_is_silent(proxy: PostgresProxy) -> None:
    journal = await opened(proxy.url)
    [stored] = await journal.commit(Commit(messages=[message()]))
    await journal.has_event("none", event(0).timestamp)
    proxy.silent = True
    late = asyncio.create_task(journal.commit(Commit(events=[event(1)])))
    journal.published([stored.row_id])

    async with asyncio.timeout(writer.WRITE_SECONDS - 1):
        await journal.close()
    with pytest.raises(StoreError):
        await late


async def test_a_commit_that_was_carried_out_is_acknowledged_though_its_answer_was_lost(
    proxy: PostgresProxy, database: str, session_postgres: PostgresServer
) -> None:
    journal = await opened(proxy.url)
    proxy.cut_after_commit = True
    record = event(1)

    [stored] = await journal.commit(
        Commit(
            station=station(revision=4),
            events=[record],
            messages=[message_of(record)],
            command=command(),
            results=[result()],
        )
    )
    [second] = await journal.commit(Commit(messages=[message()]))

    assert not proxy.cut_after_commit
    assert (stored.row_id, second.row_id) == (1, 2)
    assert await journal.unpublished(0, 10) == [stored, second]
    assert (await journal.restore())[GARAGE].revision == 4
    await journal.close()
    assert session_postgres.query("SELECT count(*) FROM event", database) == [(1,)]


async def test_a_commit_that_was_not_carried_out_is_refused(
    proxy: PostgresProxy, database: str, session_postgres: PostgresServer
) -> None:
    journal = await opened(proxy.url)
    proxy.cut_before_commit = True
    commit = Commit(events=[event(1)], messages=[message_of(event(1))])

    with pytest.raises(StoreError):
        await journal.commit(commit)
    assert not await journal.has_event(event(1).event_id, event(1).timestamp)
    await committed(journal, commit)

    await journal.close()
    assert session_postgres.query("SELECT count(*) FROM event", database) == [(1,)]


@pytest.mark.parametrize("carried_out", [True, False])
async def test_what_the_broker_has_is_noted_in_spite_of_a_loss(
    proxy: PostgresProxy, database: str, session_postgres: PostgresServer, carried_out: bool
) -> None:
    journal = await opened(proxy.url)
    stored = await journal.commit(Commit(messages=[message(b"1"), message(b"2")]))
    proxy.cut_after_commit = carried_out
    proxy.cut_before_commit = not carried_out

    journal.published([stored[0].row_id])
    async with asyncio.timeout(PATIENCE_SECONDS):
        while proxy.cut_after_commit or proxy.cut_before_commit:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await committed(journal, Commit())

    assert await journal.unpublished(0, 10) == [stored[1]]
    await journal.close()


async def test_a_server_that_falls_silent_is_taken_for_gone(
    proxy: PostgresProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WRITE_SECONDS", 0.5)
    monkeypatch.setattr("bridge.store.postgres.session.READ_SECONDS", 0.5)
    monkeypatch.setattr("bridge.store.postgres.session.CONNECT_SECONDS", 0.5)
    journal = await opened(proxy.url)
    proxy.silent = True

    outcomes = await asyncio.gather(
        journal.commit(Commit(events=[event(1)])),
        journal.has_event(event(1).event_id, event(1).timestamp),
        return_exceptions=True,
    )
    assert all(isinstance(each, StoreError) for each in outcomes), outcomes

    proxy.silent = False
    proxy.cut()
    await committed(journal, Commit(events=[event(1)]))
    await journal.close()


async def test_a_connection_that_the_server_still_holds_does_not_lock_us_out(
    proxy: PostgresProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WRITE_SECONDS", 0.5)
    journal = await opened(proxy.url)
    streams = set(proxy._streams)
    proxy._streams.clear()
    proxy.silent = True  # the server sees no end of this connection
    with pytest.raises(StoreError):
        await journal.commit(Commit(events=[event(1)]))

    proxy.silent = False
    await committed(journal, Commit(events=[event(1)]))

    proxy._streams |= streams
    await journal.close()


async def test_who_was_locked_out_by_another_process_writes_nothing_more(
    proxy: PostgresProxy,
    database: str,
    session_postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As after a pause of a virtual machine that was so long that a spare one was started."""
    monkeypatch.setattr("bridge.store.postgres.session.CONNECT_SECONDS", 0.5)
    first = await opened(proxy.url)
    await first.commit(Commit(events=[event(1)]))
    proxy.silent = True
    session_postgres.end_connections()
    second = await opened(database)
    await second.commit(Commit(events=[event(2)]))

    with pytest.raises(StoreError):
        await first.commit(Commit(events=[event(3)]))
    proxy.silent = False
    await refusal_of(first, "is in use by another bridge")
    await second.close()
    await refusal_of(first, 'another bridge was started as "main"')

    assert not await first.has_event(event(3).event_id, event(3).timestamp)
    await first.close()


async def test_a_database_that_only_reads_refuses_and_is_written_again_later(
    database: str, session_postgres: PostgresServer
) -> None:
    journal = await opened(database)
    session_postgres.query(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on")
    session_postgres.end_connections()

    await refusal_of(journal, "read-only transaction")
    session_postgres.query(f"ALTER DATABASE {DATABASE} RESET default_transaction_read_only")
    session_postgres.end_connections()
    await committed(journal, Commit(events=[event(1)]))

    await journal.close()


async def test_a_database_that_was_set_back_is_written_on(
    database: str, session_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """As after the failure of a server whose replica was not synchronous."""
    journal = await opened(database)
    for number in range(1, 4):
        record = event(number)
        await journal.commit(
            Commit(
                station=station(revision=number), events=[record], messages=[message_of(record)]
            )
        )
    for statement in (
        "UPDATE bridge SET batch = 1, last_row = 1",
        "DELETE FROM event WHERE id > 1",
        "DELETE FROM progress",
    ):
        session_postgres.query(statement, database)
    session_postgres.end_connections()

    record = event(4)
    again = Commit(station=station(revision=4), events=[record], messages=[message_of(record)])
    await committed(journal, again)

    assert [each.row_id for each in await journal.unpublished(0, 10)] == [1, 4]
    assert (await journal.restore())[GARAGE].revision == 4
    assert "store has lost transactions that it had committed" in caplog.messages
    await journal.close()


async def refusal_of(journal: PostgresJournal, sentence: str) -> None:
    """Wait until commits are refused with this."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with pytest.raises(StoreError) as refusal:
                await journal.commit(Commit(events=[event(0)]))
            if sentence in str(refusal.value):
                return
            await asyncio.sleep(0.02)
