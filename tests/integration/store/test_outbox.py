"""What waits for the broker, over crashes: nothing is forgotten, little is sent again."""

import asyncio
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.ports import Commit, StoredMessage, StoreError
from bridge.store import receipts, sql
from bridge.store.database import FILE_NAME
from bridge.store.journal import SqliteJournal
from tests.store_records import (
    GARAGE,
    NOON,
    NoonClock,
    event,
    found_by,
    message,
    message_of,
    station,
)


def opened(data_dir: Path) -> SqliteJournal:
    return SqliteJournal.open(data_dir, clock=NoonClock())


def rows(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        return connection.execute(query).fetchall()


def killed(data_dir: Path, number: int = 0) -> Path:
    """Return a copy of the files as they are now: what a kill -9 would leave."""
    copy = powerless(data_dir, number)
    shutil.copy(data_dir / receipts.FILE_NAME, copy / receipts.FILE_NAME)
    return copy


def powerless(data_dir: Path, number: int = 0) -> Path:
    """Return a copy of the store alone: what a power failure would leave at least."""
    copy = data_dir / f"crashed-{number}"
    copy.mkdir()
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):
        shutil.copy(data_dir / name, copy / name)
    return copy


async def left_in(data_dir: Path) -> list[StoredMessage]:
    """Return what a restart finds waiting."""
    journal = opened(data_dir)
    try:
        return list((await found_by(journal)).messages)
    finally:
        await journal.close()


async def report(journal: SqliteJournal, *numbers: int) -> list[StoredMessage]:
    """Commit events, each with its message."""
    stored: list[StoredMessage] = []
    for number in numbers:
        record = event(number)
        stored += await journal.commit(Commit(events=[record], messages=[message_of(record)]))
    return stored


def ids(messages: Sequence[StoredMessage]) -> list[int]:
    return [each.row_id for each in messages]


async def test_an_event_is_one_row_and_no_more(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    stored = await report(journal, 1, 2, 3)
    journal.published(ids(stored))
    await journal.commit(Commit())

    assert rows(tmp_path, "SELECT * FROM outbox") == []
    assert rows(tmp_path, "SELECT position FROM watermark") == [(3,)]
    assert rows(tmp_path, "SELECT payload FROM event") == [(event(n).payload,) for n in (1, 2, 3)]
    await journal.close()


async def test_a_power_failure_between_publishing_and_the_watermark_sends_again(
    tmp_path: Path,
) -> None:
    journal = opened(tmp_path)
    stored = await report(journal, 1, 2, 3)
    journal.published(ids(stored[:2]))
    before = powerless(tmp_path, 1)
    await journal.commit(Commit())
    after = powerless(tmp_path, 2)
    await journal.close()

    assert await left_in(before) == stored
    assert await left_in(after) == stored[2:]


async def begun(data_dir: Path) -> SqliteJournal:
    """Return the journal of a bridge that has run before: its receipts name an event."""
    journal = opened(data_dir)
    journal.published(ids(await report(journal, 0)))
    await journal.close()
    return opened(data_dir)


async def test_a_kill_sends_nothing_again_that_was_acknowledged(tmp_path: Path) -> None:
    journal = await begun(tmp_path)
    stored = [
        *await report(journal, 1, 2),
        *await journal.commit(Commit(messages=[message(b"r1"), message(b"r2")])),
        *await report(journal, 3),
    ]
    journal.published(ids([stored[4], stored[1]]))
    journal.published(ids(stored[2:3]))
    first = killed(tmp_path)
    await journal.close()

    assert await left_in(first) == [stored[0], stored[3]]
    assert await left_in(first) == [stored[0], stored[3]]


async def test_a_kill_after_a_kill_sends_nothing_again_either(tmp_path: Path) -> None:
    journal = await begun(tmp_path)
    stored = await report(journal, 1, 2, 3)
    journal.published(ids(stored[2:]))
    first = killed(tmp_path)
    await journal.close()
    journal = opened(first)
    journal.published(ids(stored[:1]))
    second = killed(first)
    await journal.close()

    assert await left_in(second) == stored[1:2]


async def test_more_receipts_than_there_is_room_for(tmp_path: Path) -> None:
    journal = await begun(tmp_path)
    stored = await report(journal, 1, 2, 3)
    journal.published(ids(stored[:1]) * (receipts.SLOTS + 5) + ids(stored[1:2]))
    journal.published(ids(stored[2:]))
    after = killed(tmp_path)
    await journal.close()

    assert await left_in(after) == []


async def test_receipts_of_another_store_say_nothing(tmp_path: Path) -> None:
    other = await begun(tmp_path / "other")
    other.published(ids(await report(other, *range(1, 9))))
    stale = killed(tmp_path / "other")
    await other.close()
    journal = opened(tmp_path)
    stored = await report(journal, *range(20, 29))
    mine = powerless(tmp_path)
    await journal.close()
    shutil.copy(stale / receipts.FILE_NAME, mine)

    assert await left_in(mine) == stored


async def test_receipts_say_nothing_of_what_came_after_a_restored_backup(tmp_path: Path) -> None:
    journal = await begun(tmp_path)
    stored = await report(journal, 1, 2)
    backup = powerless(tmp_path)
    journal.published(ids(await report(journal, 3, 4)))
    await journal.close()
    shutil.copy(tmp_path / receipts.FILE_NAME, backup)

    journal = opened(backup)
    again = await report(journal, 5, 6)  # by the numbers of those that the backup has not
    second = killed(backup)
    await journal.close()
    assert await left_in(second) == [*stored, *again]


@pytest.mark.parametrize("content", [b"", b"receipt1", b"\xff" * 100_000])
async def test_damaged_receipts_say_nothing(tmp_path: Path, content: bytes) -> None:
    journal = opened(tmp_path)
    stored = await report(journal, 1, 2)
    await journal.close()
    (tmp_path / receipts.FILE_NAME).write_bytes(content)

    assert await left_in(tmp_path) == stored


async def test_a_folder_goes_without_receipts_where_they_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / receipts.FILE_NAME).mkdir()
    journal = opened(tmp_path)
    stored = await report(journal, 1, 2)
    journal.published(ids(stored[:1]))
    await journal.close()

    assert await left_in(tmp_path) == stored[1:]
    assert caplog.messages == ["more than usual is published again after a kill"] * 2


async def test_events_and_results_share_one_order(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    record = event(2)
    stored = [
        *await report(journal, 1),
        *await journal.commit(
            Commit(events=[record], messages=[message(b"r1"), message_of(record), message(b"r2")])
        ),
        *await journal.commit(Commit(messages=[message(b"r3")])),
        *await report(journal, 3),
    ]
    assert ids(stored) == [1, 2, 3, 4, 5, 6]
    assert await journal.unpublished(0, 100) == stored
    assert await journal.unpublished(2, 2) == stored[2:4]

    journal.published([1, 3, 4])
    await journal.commit(Commit())
    assert rows(tmp_path, "SELECT position FROM watermark") == [(4,)]
    assert ids(await journal.unpublished(0, 100)) == [2, 5, 6]
    await journal.close()
    assert ids(await left_in(tmp_path)) == [2, 5, 6]


async def test_a_message_with_correlation_data_keeps_it(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    record = event(1)
    [stored] = await journal.commit(Commit(events=[record], messages=[message(record.payload)]))
    await journal.close()

    assert await left_in(tmp_path) == [stored]
    assert stored.message.correlation is not None


async def test_an_event_that_nobody_publishes_holds_nothing_up(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.commit(Commit(events=[event(1)]))
    stored = await report(journal, 2)
    journal.published(ids(stored))
    await journal.commit(Commit())

    assert rows(tmp_path, "SELECT position FROM watermark") == [(2,)]
    await journal.close()
    assert await left_in(tmp_path) == []


async def test_a_clean_end_sends_nothing_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    stored = await report(journal, *range(10))
    journal.published([stored[2].row_id, stored[4].row_id, stored[9].row_id])
    await journal.close()

    assert ids(await left_in(tmp_path)) == [1, 2, 4, 6, 7, 8, 9]
    journal = opened(tmp_path)
    journal.published([1, 2, 4])
    more = await report(journal, 10)
    assert ids(await journal.unpublished(0, 100)) == [6, 7, 8, 9, 11]
    await journal.close()
    assert (await left_in(tmp_path))[-1] == more[0]
    assert rows(tmp_path, "SELECT count(*) FROM outbox") == [(4,)]


async def test_a_straggler_is_overtaken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.store.leftovers.HELD_UP_LIMIT", 5)
    journal = opened(tmp_path)
    stored = await report(journal, *range(10))
    journal.published(ids(stored[1:4] + stored[6:9]))
    await journal.commit(Commit())
    copy = powerless(tmp_path)

    assert rows(copy, "SELECT row_id, payload FROM outbox") == [(1, None), (5, None), (6, None)]
    assert rows(copy, "SELECT position FROM watermark") == [(9,)]
    assert await left_in(copy) == [stored[each] for each in (0, 4, 5, 9)]

    journal.published([1, 6])
    await journal.commit(Commit())
    assert await journal.unpublished(0, 100) == [stored[4], stored[9]]
    await journal.close()


async def test_a_refused_event_is_a_dead_letter_and_holds_nothing_up(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    stored = await report(journal, 1, 2)
    journal.dead_letter(stored[0], "Packet too large")
    journal.published([stored[1].row_id])
    await journal.commit(Commit())

    assert rows(tmp_path, "SELECT row_id, payload FROM dead_letter") == [(1, event(1).payload)]
    assert rows(tmp_path, "SELECT position FROM watermark") == [(2,)]
    await journal.close()
    assert await left_in(tmp_path) == []


async def test_a_rolled_back_watermark_is_written_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    stored = await report(journal, 1, 2, 3)
    journal.published(ids(stored[1:]))
    with pytest.raises(StoreError):
        await journal.commit(Commit(events=[event(1)]))
    await journal.close()

    assert await left_in(tmp_path) == stored[:1]


OLD_OUTBOX: Final = "INSERT INTO outbox VALUES (?, 'topic', 'key', 60, NULL, ?, ?, 'then')"


async def test_an_outbox_of_the_first_schema_is_sent_to_its_end(tmp_path: Path) -> None:
    """Events and messages were numbered apart then: event 3 waits as message 8."""
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"{sql.MIGRATIONS[0]} PRAGMA user_version = 1;")
        for number in (1, 2, 3):
            record = event(number)
            connection.execute(
                "INSERT INTO event VALUES (?, ?, ?, 1, 'tx-1', 'uuid-1', ?, 'u', ?, ?, ?)",
                (
                    number,
                    record.event_id,
                    record.station_id,
                    number,
                    record.timestamp.isoformat(timespec="microseconds"),
                    NOON.isoformat(timespec="microseconds"),
                    record.payload,
                ),
            )
        connection.execute(OLD_OUTBOX, (8, 3, None))
        connection.execute(OLD_OUTBOX, (9, None, b"result"))
        connection.execute(
            "INSERT INTO station VALUES (?, ?, 'then')", (GARAGE, b'{"id":"DE*ABC*E1"}')
        )
        connection.commit()

    journal = opened(tmp_path)
    restored = await found_by(journal)
    assert [(each.row_id, each.message.payload) for each in restored.messages] == [
        (8, event(3).payload),
        (9, b"result"),
    ]
    assert list(restored.stations) == [GARAGE]
    assert await journal.has_event(event(2).event_id, event(2).timestamp)
    with pytest.raises(StoreError):
        await journal.commit(Commit(station=station(), events=[event(2)]))
    [new] = await report(journal, 4)
    assert new.row_id == 10
    journal.published([8, 10])
    await journal.close()

    assert ids(await left_in(tmp_path)) == [9]


STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.lists(st.booleans(), max_size=4)),
        st.tuples(st.just("acknowledge"), st.lists(st.integers(0, 7), max_size=4)),
        st.tuples(
            st.sampled_from(["refuse", "settle", "fail", "crash", "kill", "restart"]), st.just([])
        ),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_happens_all_that_waits_is_found_in_order(
    steps: list[tuple[str, list[int]]],
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.store.leftovers.HELD_UP_LIMIT", 2)
        asyncio.run(World(Path(folder)).take(steps))


class World:
    """A journal, what was committed to it and not acknowledged, and a place for its copies."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.journal = opened(data_dir)
        self.waiting: list[StoredMessage] = []
        self.acknowledged: list[StoredMessage] = []
        self.count = 0

    async def take(self, steps: list[tuple[str, list[int]]]) -> None:
        for number, (step, detail) in enumerate(steps):
            if step == "commit":
                await self.commit(detail)
            elif step == "acknowledge":
                done = [self.waiting[each] for each in set(detail) if each < len(self.waiting)]
                self.finish(done)
                self.journal.published(ids(done))
            elif step == "refuse" and self.waiting:
                self.journal.dead_letter(self.waiting[0], "no")
                self.finish(self.waiting[:1])
            elif step == "settle":
                await self.journal.commit(Commit())
            elif step == "fail":
                await self.fail()
            elif step == "crash":
                await self.check(await left_in(powerless(self.data_dir, number)), exactly=False)
            elif step == "kill":
                await self.kill(killed(self.data_dir, number))
            elif step == "restart":
                await self.journal.close()
                self.journal = opened(self.data_dir)
                await self.check((await found_by(self.journal)).messages, exactly=True)
        await self.journal.close()
        await self.check(await left_in(self.data_dir), exactly=True)

    async def kill(self, left: Path) -> None:
        """Go on with what a kill has left."""
        await self.journal.close()
        self.data_dir = left
        self.journal = opened(left)
        found = (await found_by(self.journal)).messages
        await self.check(found, exactly=False)
        self.waiting = list(found)
        self.acknowledged = [each for each in self.acknowledged if each not in found]

    async def commit(self, kinds: list[int]) -> None:
        """Commit events, or results where a kind is 0."""
        records, messages = [], []
        for is_event in kinds:
            self.count += 1
            if is_event:
                records.append(event(self.count))
                messages.append(message_of(records[-1]))
            else:
                messages.append(message(b"result %d" % self.count))
        self.waiting += await self.journal.commit(Commit(events=records, messages=messages))

    async def fail(self) -> None:
        """Commit an event twice: the second transaction is rolled back."""
        twice = Commit(events=[event(0)], messages=[message(b"result"), message_of(event(0))])
        try:
            self.waiting += await self.journal.commit(twice)
        except StoreError:
            assert await self.journal.has_event(event(0).event_id, event(0).timestamp)

    def finish(self, done: list[StoredMessage]) -> None:
        self.acknowledged += done
        self.waiting = [each for each in self.waiting if each not in done]

    async def check(self, found: Sequence[StoredMessage], *, exactly: bool) -> None:
        assert ids(found) == sorted(ids(found))
        if exactly:
            assert list(found) == self.waiting
        else:
            assert [each for each in found if each not in self.acknowledged] == self.waiting
