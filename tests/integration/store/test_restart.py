"""What a new process finds in the file that another one left."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from bridge.ports import Commit, Metrics, StoreError
from bridge.store import sql
from bridge.store.database import FILE_NAME
from bridge.store.journal import SqliteJournal
from bridge.telemetry.counters import Counters
from tests.store_records import (
    GARAGE,
    NoonClock,
    command,
    event,
    found_by,
    message_of,
    result,
    station,
)


def opened(
    data_dir: Path, clock: NoonClock | None = None, metrics: Metrics | None = None
) -> SqliteJournal:
    return SqliteJournal.open(data_dir, clock=clock or NoonClock(), metrics=metrics)


def rows(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        return connection.execute(query).fetchall()


async def test_a_restart_finds_equal_stations_and_the_outbox_in_order(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    stored = await journal.commit(
        Commit(
            station=station(revision=3),
            events=[event(1), event(2)],
            messages=[message_of(event(1)), message_of(event(2))],
            command=command(),
            results=[result()],
        )
    )
    stored = [*stored, *await journal.commit(Commit(messages=[message_of(event(9))]))]
    journal.published([stored[1].row_id])
    await journal.close()

    journal = opened(tmp_path)
    restored = await found_by(journal)
    known = await journal.find_command("pv", "01JD")
    await journal.close()

    assert dict(restored.stations) == {GARAGE: station(revision=3)}
    assert list(restored.messages) == [stored[0], stored[2]]
    assert known is not None
    assert known.result == result().result


async def test_a_row_id_is_never_used_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    [first] = await journal.commit(Commit(messages=[message_of(event(1))]))
    journal.published([first.row_id])
    await journal.close()

    journal = opened(tmp_path)
    [second] = await journal.commit(Commit(messages=[message_of(event(2))]))
    await journal.close()

    assert second.row_id > first.row_id


async def test_the_payload_of_an_event_is_on_disk_once(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.commit(Commit(events=[event(1)], messages=[message_of(event(1))]))
    await journal.close()

    assert rows(tmp_path, "SELECT * FROM outbox") == []
    assert rows(tmp_path, "SELECT payload FROM event") == [(event(1).payload,)]


async def test_commands_are_remembered_for_a_day(tmp_path: Path) -> None:
    clock = NoonClock()
    journal = opened(tmp_path, clock)
    await journal.commit(Commit(command=command("old")))

    clock.skipped_seconds = 23 * 3600
    await journal.commit(Commit())
    assert await journal.find_command("pv", "old") is not None

    clock.skipped_seconds = 25 * 3600
    await journal.commit(Commit())
    assert await journal.find_command("pv", "old") is None
    await journal.close()


async def test_a_dead_letter_is_kept_for_people(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    [stored] = await journal.commit(Commit(events=[event(1)], messages=[message_of(event(1))]))
    journal.dead_letter(stored, "Packet too large")
    await journal.close()

    assert rows(tmp_path, "SELECT row_id, payload, reason FROM dead_letter") == [
        (stored.row_id, event(1).payload, "Packet too large")
    ]


async def test_acknowledged_messages_are_deleted_without_another_commit(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    stored = await journal.commit(Commit(messages=[message_of(event(n)) for n in range(100)]))

    journal.published([each.row_id for each in stored])

    async with asyncio.timeout(5):
        while await journal.unpublished(0, 1):  # noqa: ASYNC110 - the file tells nobody
            await asyncio.sleep(0.01)
    await journal.close()


async def test_a_caller_with_a_bug_harms_nobody(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    told: list[int] = []
    all_told = asyncio.Event()

    def take(number: int, _outcome: object) -> None:
        told.append(number)
        if len(told) == 50:
            all_told.set()
        raise ValueError(number)

    for number in range(50):  # several at least are of one batch
        journal.submit(Commit(), partial(take, number))
    async with asyncio.timeout(20):
        await all_told.wait()
    await journal.close()

    assert told == [*range(50)]


async def test_a_cancelled_caller_harms_nobody(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    impatient = asyncio.create_task(journal.commit(Commit(events=[event(1)])))
    await asyncio.sleep(0)
    impatient.cancel()

    await journal.commit(Commit(events=[event(2)]))

    assert await journal.has_event(event(2).event_id, event(2).timestamp)
    assert impatient.cancelled()
    await journal.close()


async def test_the_log_does_not_grow_without_bound(tmp_path: Path) -> None:
    journal = opened(tmp_path)

    for first in range(0, 12_000, 200):
        await asyncio.gather(
            *(journal.commit(Commit(events=[event(n)])) for n in range(first, first + 200))
        )

    log = Path(f"{tmp_path / FILE_NAME}-wal")
    assert log.stat().st_size < 16_000_000
    await journal.close()
    assert not log.exists()


async def test_more_commits_than_may_wait_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.journal.QUEUE_LIMIT", 2)
    journal = opened(tmp_path)

    outcomes = await asyncio.gather(
        *(journal.commit(Commit(events=[event(n)])) for n in range(3)), return_exceptions=True
    )

    assert [isinstance(each, StoreError) for each in outcomes] == [False, False, True]
    await journal.close()


async def test_counters_tell_how_well_commits_share_a_write(tmp_path: Path) -> None:
    class Counts(dict[str, float]):
        def count(self, name: str, amount: int = 1) -> None:
            self[name] = self.get(name, 0) + amount

        def gauge(self, name: str, value: float) -> None:
            self[name] = value

    counts = Counts()
    journal = SqliteJournal.open(tmp_path, clock=NoonClock(), metrics=counts)
    await asyncio.gather(*(journal.commit(Commit(events=[event(n)])) for n in range(100)))
    await journal.close()

    assert counts["store.commits"] == 100
    assert counts["store.batches"] < 20
    assert counts["store.failures"] == 0
    assert counts["store.failing"] == 0


async def test_a_quiet_store_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.writer.GATHER_SECONDS", 5.0)
    journal = opened(tmp_path)

    async with asyncio.timeout(5):
        for number in range(0, 70, 7):  # ten times as many at once as stay below "busy"
            await asyncio.gather(
                *(journal.commit(Commit(events=[event(n)])) for n in range(number, number + 7))
            )
    await journal.close()


async def test_a_busy_store_gathers_what_comes_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.writer.GATHER_SECONDS", 0.3)
    counters = Counters()
    journal = opened(tmp_path, metrics=counters)
    await asyncio.gather(*(journal.commit(Commit(events=[event(n)])) for n in range(30)))
    batches = counters.snapshot()["store.batches"]

    async def at(number: int) -> None:
        await asyncio.sleep(number / 1000)
        await journal.commit(Commit(events=[event(number)]))

    await asyncio.gather(*(at(number) for number in range(30, 60)))
    await journal.close()

    assert counters.snapshot()["store.batches"] == batches + 1


async def test_closing_does_not_wait_to_gather(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.writer.GATHER_SECONDS", 60.0)
    journal = opened(tmp_path)
    await asyncio.gather(*(journal.commit(Commit(events=[event(n)])) for n in range(30)))
    last = asyncio.create_task(journal.commit(Commit(events=[event(30)])))
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await journal.close()
        await last


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.close()

    with pytest.raises(StoreError, match="is closed"):
        await journal.commit(Commit())
    with pytest.raises(StoreError, match="is closed"):
        await journal.restore()


async def test_closing_waits_for_what_is_under_way(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    commits = [asyncio.create_task(journal.commit(Commit(events=[event(n)]))) for n in range(50)]
    await asyncio.sleep(0)

    await journal.close()

    assert len(await asyncio.gather(*commits)) == 50
    assert rows(tmp_path, "SELECT count(*) FROM event") == [(50,)]


def test_the_schema_is_what_the_migrations_make(tmp_path: Path) -> None:
    opened_and_closed(tmp_path)

    assert rows(tmp_path, "PRAGMA user_version") == [(sql.SCHEMA_VERSION,)]
    assert rows(tmp_path, "PRAGMA application_id") == [(sql.APPLICATION_ID,)]
    assert rows(tmp_path, "PRAGMA journal_mode") == [("wal",)]


def opened_and_closed(data_dir: Path) -> None:
    async def once() -> None:
        await opened(data_dir).close()

    asyncio.run(once())
