"""What the engine may rely on, whichever journal it was given."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.domain.commands import OnExpire
from bridge.domain.control import Slot
from bridge.domain.enums import AllocationSource
from bridge.domain.team_total import TeamRecord
from bridge.engine.testing import MemoryJournal
from bridge.ports import AuditRecord, Commit, Journal, StoredCommand, StoredMessage, StoreError
from bridge.store.audit import AuditQuery, read_audit
from bridge.store.journal import SqliteJournal
from bridge.store.postgres.admin import PostgresTools
from bridge.store.postgres.journal import PostgresJournal
from bridge.store.postgres.session import Place
from tests.postgres import in_a_thread
from tests.store_records import (
    GARAGE,
    NOON,
    NoonClock,
    audited,
    change_audited,
    command,
    event,
    found_by,
    message,
    message_of,
    result,
    station,
)


@dataclass(frozen=True)
class Store:
    journal: Journal
    read_audit: Callable[[], list[AuditRecord]]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        memory = MemoryJournal()
        yield Store(memory, lambda: memory.audit)
    elif request.param == "sqlite":
        durable = SqliteJournal.open(tmp_path, clock=NoonClock())
        yield Store(durable, lambda: read_audit(tmp_path, AuditQuery()))
        await durable.close()
    else:
        place = Place(url=request.getfixturevalue("database"), bridge_id="main")
        shared = await PostgresJournal.open(place, clock=NoonClock())
        tools = PostgresTools(place)
        yield Store(shared, lambda: in_a_thread(lambda: tools.audit(AuditQuery())))
        await shared.close()


@pytest.fixture
def journal(store: Store) -> Journal:
    return store.journal


@pytest.fixture
def audit(store: Store) -> Callable[[], list[AuditRecord]]:
    """Return what reads the audit of the journal."""
    return store.read_audit


async def test_a_new_journal_is_empty(journal: Journal) -> None:
    restored = await found_by(journal)

    assert dict(restored.stations) == {}
    assert list(restored.messages) == []
    assert not await journal.has_event("event-1", NOON)
    assert await journal.find_command("pv", "01JD") is None
    assert not await journal.approved(GARAGE)


async def test_a_commit_is_there_as_a_whole(journal: Journal) -> None:
    record = event(1)

    [stored] = await journal.commit(
        Commit(station=station(), events=[record], messages=[message_of(record)])
    )

    restored = await found_by(journal)
    assert dict(restored.stations) == {GARAGE: station()}
    assert list(restored.messages) == [stored]
    assert stored.message == message_of(record)
    assert await journal.has_event(record.event_id, record.timestamp)


async def test_who_does_not_wait_is_told_later_and_may_submit_more_at_once(
    journal: Journal,
) -> None:
    told: list[Sequence[StoredMessage] | StoreError] = []
    over = asyncio.Event()

    def done(outcome: Sequence[StoredMessage] | StoreError) -> None:
        told.append(outcome)
        if len(told) == 1:
            again = Commit(events=[event(1)], messages=[message_of(event(1))])
            journal.submit(again, done)
        else:
            over.set()

    journal.submit(Commit(events=[event(1)], messages=[message_of(event(1))]), done)
    assert not told
    async with asyncio.timeout(10):
        await over.wait()

    first, second = told
    assert not isinstance(first, StoreError)
    assert list(first) == list(await journal.unpublished(0, 10))
    assert isinstance(second, StoreError)


async def test_an_empty_commit_is_allowed(journal: Journal) -> None:
    assert list(await journal.commit(Commit())) == []


async def test_the_newest_document_of_a_station_counts(journal: Journal) -> None:
    await asyncio.gather(
        *(journal.commit(Commit(station=station(revision=number))) for number in range(20))
    )

    restored = await found_by(journal)
    assert restored.stations[GARAGE].revision == 19


async def test_row_ids_rise_in_the_order_of_creation(journal: Journal) -> None:
    commits = [
        Commit(messages=[message(b"a%d" % number), message(b"b%d" % number)])
        for number in range(50)
    ]

    batches = await asyncio.gather(*map(journal.commit, commits))

    stored = [each for batch in batches for each in batch]
    row_ids = [each.row_id for each in stored]
    assert row_ids == sorted(set(row_ids))
    assert list(await journal.unpublished(0, 1000)) == stored


async def test_a_message_that_is_no_event_keeps_its_own_payload(journal: Journal) -> None:
    record = event(1)

    await journal.commit(Commit(events=[record], messages=[message(b"x"), message_of(record)]))

    payloads = [each.message.payload for each in await journal.unpublished(0, 10)]
    assert payloads == [b"x", record.payload]


async def test_each_message_finds_its_own_event(journal: Journal) -> None:
    records = [event(1), event(2), event(3)]

    await asyncio.gather(
        journal.commit(Commit(events=[event(0)])),
        journal.commit(Commit(events=records, messages=[message_of(each) for each in records])),
    )

    payloads = [each.message.payload for each in await journal.unpublished(0, 10)]
    assert payloads == [each.payload for each in records]


async def test_optional_facts_may_be_absent(journal: Journal) -> None:
    bare = message().__class__(topic="t", payload=b"", ordering_key="k")

    [stored] = await journal.commit(Commit(messages=[bare]))

    assert list(await journal.unpublished(0, 1)) == [stored]
    assert stored.message == bare


async def test_an_event_is_stored_once(journal: Journal) -> None:
    await journal.commit(Commit(events=[event(1)], messages=[message_of(event(1))]))

    with pytest.raises(StoreError):
        await journal.commit(
            Commit(station=station(), events=[event(1)], messages=[message_of(event(1))])
        )

    restored = await found_by(journal)
    assert len(restored.messages) == 1
    assert not restored.stations, "the refused commit left no trace"


async def test_a_bad_commit_does_not_harm_its_neighbours(journal: Journal) -> None:
    await journal.commit(Commit(events=[event(7)]))

    outcomes = await asyncio.gather(
        *(
            journal.commit(Commit(events=[event(number)], messages=[message_of(event(number))]))
            for number in range(15)
        ),
        return_exceptions=True,
    )

    failed = [number for number, each in enumerate(outcomes) if isinstance(each, StoreError)]
    assert failed == [7]
    assert all(
        [
            await journal.has_event(event(number).event_id, event(number).timestamp)
            for number in range(15)
        ]
    )
    payloads = [each.message.payload for each in await journal.unpublished(0, 100)]
    assert payloads == [event(number).payload for number in range(15) if number != 7]


async def test_published_messages_leave_the_outbox(journal: Journal) -> None:
    stored = await journal.commit(Commit(messages=[message(b"1"), message(b"2"), message(b"3")]))

    journal.published([stored[0].row_id, stored[2].row_id])
    await journal.commit(Commit())

    assert list(await journal.unpublished(0, 10)) == [stored[1]]


async def test_a_dead_letter_leaves_the_outbox(journal: Journal) -> None:
    stored = await journal.commit(Commit(messages=[message(b"1"), message(b"2")]))

    journal.dead_letter(stored[0], "Packet too large")
    await journal.commit(Commit())

    assert list(await journal.unpublished(0, 10)) == [stored[1]]


async def test_a_spilled_publisher_reads_on(journal: Journal) -> None:
    stored = await journal.commit(Commit(messages=[message(b"%d" % each) for each in range(7)]))

    seen: list[StoredMessage] = []
    while page := await journal.unpublished(seen[-1].row_id if seen else 0, 3):
        assert len(page) <= 3
        seen += page

    assert seen == list(stored)


async def test_a_command_is_known_from_its_commit_on(journal: Journal) -> None:
    await journal.commit(Commit(command=command(body_hash="abc")))

    known = StoredCommand(station_id=command().station_id, body_hash="abc", result=None)
    assert await journal.find_command("pv", "01JD") == known
    assert await journal.find_command("other", "01JD") is None


async def test_a_command_remembers_its_final_result(journal: Journal) -> None:
    await journal.commit(Commit(command=command(body_hash="abc")))
    await journal.commit(Commit(results=[result()]))

    known = StoredCommand(station_id=command().station_id, body_hash="abc", result=result().result)
    assert await journal.find_command("pv", "01JD") == known


async def test_a_command_may_be_answered_in_its_own_commit(journal: Journal) -> None:
    await journal.commit(Commit(command=command(), results=[result()]))

    found = await journal.find_command("pv", "01JD")
    assert found is not None
    assert found.result == result().result


async def test_a_result_of_an_unknown_command_is_no_error(journal: Journal) -> None:
    await journal.commit(Commit(results=[result()]))

    assert await journal.find_command("pv", "01JD") is None


async def test_a_command_id_is_taken_once(journal: Journal) -> None:
    await journal.commit(Commit(command=command(body_hash="abc")))

    with pytest.raises(StoreError):
        await journal.commit(Commit(command=command(body_hash="other")))

    found = await journal.find_command("pv", "01JD")
    assert found is not None
    assert found.body_hash == "abc"


async def test_forgetting_a_station_keeps_its_events(journal: Journal) -> None:
    await journal.commit(Commit(station=station(), events=[event(1)]))
    await journal.commit(Commit(station=station("other")))

    await journal.forget(GARAGE)

    restored = await found_by(journal)
    assert set(restored.stations) == {"other"}
    assert await journal.has_event(event(1).event_id, event(1).timestamp)


async def test_the_audit_is_kept_in_the_order_of_the_commits(
    journal: Journal, audit: Callable[[], list[AuditRecord]]
) -> None:
    assert audit() == []

    await journal.commit(Commit(audit=[audited(), change_audited()]))
    await journal.commit(Commit(audit=[audited()]))

    assert audit() == [audited(), change_audited(), audited()]


async def test_the_audit_is_written_with_its_commit_or_not_at_all(
    journal: Journal, audit: Callable[[], list[AuditRecord]]
) -> None:
    await journal.commit(Commit(command=command()))

    with pytest.raises(StoreError):
        await journal.commit(Commit(command=command(), audit=[audited()]))

    assert audit() == []


async def test_forgetting_a_station_keeps_its_audit(
    journal: Journal, audit: Callable[[], list[AuditRecord]]
) -> None:
    await journal.commit(Commit(station=station(), audit=[audited()]))

    await journal.forget(GARAGE)

    assert audit() == [audited()]


async def test_the_claims_on_a_teams_total_are_remembered(journal: Journal) -> None:
    claim = Slot(
        controller="grid",
        source=AllocationSource.MQTT,
        priority=100,
        since=NOON,
        limit_a=32.0,
        expires_at=NOON,
        on_expire=OnExpire.FAILSAFE,
    )
    lowered = TeamRecord(name="house", slots=(claim,))
    await journal.commit(Commit(team=lowered, command=command("01JD")))
    await journal.commit(Commit(team=TeamRecord(name="garage")))
    assert await journal.teams() == {"garage": TeamRecord(name="garage"), "house": lowered}
    await journal.commit(Commit(team=TeamRecord(name="house")))
    assert (await journal.teams())["house"].slots == ()
