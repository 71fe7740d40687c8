"""What a new process finds in the database that another one left, and who may be there with it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Transaction
from bridge.ports import Commit, Metrics, Scope, StoreError, TokenRecord
from bridge.store.audit import AuditQuery
from bridge.store.postgres import schema
from bridge.store.postgres.admin import PostgresTools
from bridge.store.postgres.journal import PostgresJournal
from bridge.store.postgres.session import Place
from bridge.telemetry.counters import Counters
from tests.postgres import PostgresServer, in_a_thread
from tests.records import replace
from tests.store_records import (
    GARAGE,
    NOON,
    NoonClock,
    audited,
    command,
    event,
    found_by,
    message,
    message_of,
    result,
    station,
)

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[3]
Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def rows(database: str, session_postgres: PostgresServer) -> Rows:
    """Return what asks the test's database."""
    return lambda statement: session_postgres.query(statement, database)


async def opened(
    url: str,
    bridge_id: str = "main",
    *,
    clock: NoonClock | None = None,
    metrics: Metrics | None = None,
) -> PostgresJournal:
    place = Place(url=url, bridge_id=bridge_id)
    return await PostgresJournal.open(
        place, clock=clock or NoonClock(), metrics=metrics, patience_seconds=0
    )


async def report(journal: PostgresJournal, *numbers: int, station_id: str = GARAGE) -> list[int]:
    """Commit events, each with its message; return their rows."""
    found: list[int] = []
    for number in numbers:
        record = event(number, station_id)
        stored = await journal.commit(Commit(events=[record], messages=[message_of(record)]))
        found += [each.row_id for each in stored]
    return found


# --- Another start --------------------------------------------------------------------------


async def test_a_restart_finds_equal_stations_and_the_outbox_in_order(database: str) -> None:
    journal = await opened(database)
    stored = await journal.commit(
        Commit(
            station=station(revision=3),
            events=[event(1), event(2)],
            messages=[message_of(event(1)), message_of(event(2))],
            command=command(),
            results=[result()],
        )
    )
    stored = [*stored, *await journal.commit(Commit(messages=[message()]))]
    journal.published([stored[1].row_id])
    await journal.close()

    journal = await opened(database)
    restored = await found_by(journal)
    known = await journal.find_command("pv", "01JD")
    newest = await journal.last_inserted()
    await journal.close()

    assert dict(restored.stations) == {GARAGE: station(revision=3)}
    assert list(restored.messages) == [stored[0], stored[2]]
    assert known is not None
    assert known.result == result().result
    assert newest == event(2).inserted_at


async def test_a_row_id_is_never_used_again(database: str, rows: Rows) -> None:
    journal = await opened(database)
    [first] = await journal.commit(Commit(messages=[message()]))
    journal.published([first.row_id])
    await journal.close()
    assert rows("SELECT * FROM outbox") == []

    journal = await opened(database)
    [second] = await journal.commit(Commit(messages=[message()]))
    await journal.close()

    assert second.row_id > first.row_id


async def test_an_event_is_one_row_and_no_more(database: str, rows: Rows) -> None:
    journal = await opened(database)
    journal.published(await report(journal, 1, 2, 3))
    await journal.commit(Commit())

    assert rows("SELECT * FROM outbox") == []
    assert rows("SELECT last_row, watermark FROM bridge") == [(3, 3)]
    assert rows("SELECT payload FROM event ORDER BY id") == [
        (event(number).payload,) for number in (1, 2, 3)
    ]
    await journal.close()


async def test_a_clean_end_sends_nothing_again(database: str, rows: Rows) -> None:
    journal = await opened(database)
    first, *others = await report(journal, *range(1, 11))
    journal.published(others)
    await journal.close()

    assert rows("SELECT row_id, payload FROM outbox") == [(first, None)]
    journal = await opened(database)
    [left] = await journal.unpublished(0, 100)
    assert (left.row_id, left.message) == (first, message_of(event(1)))
    await journal.close()


async def test_commands_are_remembered_for_a_day(database: str) -> None:
    clock = NoonClock()
    journal = await opened(database, clock=clock)
    await journal.commit(Commit(command=command("old")))

    clock.skipped_seconds = 23 * 3600
    await journal.commit(Commit())
    assert await journal.find_command("pv", "old") is not None

    clock.skipped_seconds = 25 * 3600
    await journal.commit(Commit())
    assert await journal.find_command("pv", "old") is None
    await journal.close()


async def test_a_dead_letter_is_kept_for_people(database: str, rows: Rows) -> None:
    journal = await opened(database)
    [stored] = await journal.commit(Commit(events=[event(1)], messages=[message_of(event(1))]))
    journal.dead_letter(stored, "Packet too large")
    await journal.close()

    assert rows("SELECT row_id, payload, reason FROM dead_letter") == [
        (stored.row_id, event(1).payload, "Packet too large")
    ]


async def test_acknowledged_messages_are_deleted_without_another_commit(database: str) -> None:
    journal = await opened(database)
    stored = await journal.commit(Commit(messages=[message_of(event(n)) for n in range(100)]))

    journal.published([each.row_id for each in stored])

    async with asyncio.timeout(20):
        while await journal.unpublished(0, 1):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)
    await journal.close()


async def test_a_cancelled_caller_harms_nobody(database: str) -> None:
    journal = await opened(database)
    impatient = asyncio.create_task(journal.commit(Commit(events=[event(1)])))
    await asyncio.sleep(0)
    impatient.cancel()

    await journal.commit(Commit(events=[event(2)]))

    assert await journal.has_event(event(2).event_id, event(2).timestamp)
    assert impatient.cancelled()
    await journal.close()


async def test_a_closed_store_says_so(database: str) -> None:
    journal = await opened(database)
    await journal.close()

    with pytest.raises(StoreError, match="is closed"):
        await journal.commit(Commit())
    with pytest.raises(StoreError, match="is closed"):
        await journal.restore()


async def test_closing_waits_for_what_is_under_way(database: str, rows: Rows) -> None:
    journal = await opened(database)
    commits = [asyncio.create_task(journal.commit(Commit(events=[event(n)]))) for n in range(50)]
    await asyncio.sleep(0)

    await journal.close()

    assert len(await asyncio.gather(*commits)) == 50
    assert rows("SELECT count(*) FROM event") == [(50,)]


async def test_commits_that_come_together_share_a_transaction(database: str) -> None:
    counters = Counters()
    journal = await opened(database, metrics=counters)
    await asyncio.gather(*(journal.commit(Commit(events=[event(n)])) for n in range(100)))
    await journal.close()

    counts = counters.snapshot()
    assert counts["store.commits"] == 100
    assert counts["store.batches"] < 5
    assert counts["store.failures"] == 0
    assert counts["store.failing"] == 0


async def test_more_commits_than_may_wait_are_refused(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.postgres.journal.QUEUE_LIMIT", 2)
    journal = await opened(database)

    outcomes = await asyncio.gather(
        *(journal.commit(Commit(events=[event(n)])) for n in range(3)), return_exceptions=True
    )

    assert [isinstance(each, StoreError) for each in outcomes] == [False, False, True]
    await journal.close()


async def test_what_postgresql_cannot_hold_is_kept_as_near_as_can_be(database: str) -> None:
    journal = await opened(database)
    odd = replace(event(1), event_id="nul-event", transaction_id="a\x00b")

    await journal.commit(Commit(events=[odd], command=command("c\x00d")))
    with pytest.raises(StoreError, match="surrogates not allowed"):
        await journal.commit(Commit(events=[replace(event(2), transaction_id="\ud800")]))

    assert await journal.has_event("nul-event", odd.timestamp)
    assert await journal.find_command("pv", "c\x00d") is not None
    await journal.close()


# --- Several bridges ------------------------------------------------------------------------


async def test_a_second_bridge_of_the_same_id_is_refused(database: str) -> None:
    journal = await opened(database)

    with pytest.raises(
        StoreError,
        match=r'^store postgresql://127\.0\.0\.1:\d+/bridge: bridge\.id "main" is in use by'
        r" another bridge \(from 127\.0\.0\.1 since 2[^)]+\): stop it, or give this one an id of"
        r" its own$",
    ):
        await opened(database)

    await journal.commit(Commit(events=[event(1)]))
    await journal.close()
    await (await opened(database)).close()


async def test_bridges_of_different_ids_share_a_database(database: str) -> None:
    one = await opened(database, "one")
    other = await opened(database, "other")
    await one.commit(Commit(station=station("S1"), command=command()))
    await other.commit(Commit(station=station("S2")))
    [row_of_one] = await report(one, 1, station_id="S1")
    [row_of_other] = await report(other, 2, station_id="S2")

    assert row_of_one == row_of_other == 1, "each counts for itself"
    assert list(await one.restore()) == ["S1"]
    assert list(await other.restore()) == ["S2"]
    one.published([row_of_one])
    await one.commit(Commit())
    assert await one.unpublished(0, 10) == []
    [waiting] = await other.unpublished(0, 10)
    assert waiting.message == message_of(event(2, "S2"))
    assert await other.find_command("pv", "01JD") is None
    await other.commit(Commit(command=command()))
    await one.close()
    await other.close()


async def test_an_event_that_another_bridge_has_stored_is_known(database: str) -> None:
    one = await opened(database, "one")
    other = await opened(database, "other")
    await report(one, 1)

    assert await other.has_event(event(1).event_id, event(1).timestamp)
    with pytest.raises(StoreError):
        await report(other, 1)
    assert await report(other, 2) == [1]
    await one.close()
    await other.close()


async def test_a_station_belongs_to_the_bridge_that_wrote_it_last(database: str) -> None:
    one = await opened(database, "one")
    other = await opened(database, "other")
    await one.commit(Commit(station=station(revision=1)))
    await other.commit(Commit(station=station(revision=7)))

    assert await one.restore() == {}
    assert (await other.restore())[GARAGE].revision == 7
    await one.forget(GARAGE)
    assert (await other.restore())[GARAGE].revision == 7
    await one.close()
    await other.close()


# --- Tools ----------------------------------------------------------------------------------


def tools(url: str, bridge_id: str = "main") -> PostgresTools:
    return PostgresTools(Place(url=url, bridge_id=bridge_id))


def test_without_a_store_tools_say_so(database: str) -> None:
    with pytest.raises(StoreError, match="there is no store at postgresql://127"):
        tools(database).stations()


async def test_tools_look_after_stations_beside_the_bridge(database: str) -> None:
    journal = await opened(database)
    await journal.commit(Commit(station=station()))
    beside = tools(database)

    assert in_a_thread(beside.is_running)
    assert in_a_thread(lambda: beside.approve(GARAGE, NoonClock()))
    assert not in_a_thread(lambda: beside.approve(StationId("NEW"), NoonClock()))
    assert await journal.approved(GARAGE)
    listed = in_a_thread(beside.stations)
    assert [(each.id, each.approved, each.record) for each in listed] == [
        (GARAGE, True, station()),
        ("NEW", True, None),
    ]
    with pytest.raises(StoreError, match="is in use by another bridge"):
        in_a_thread(lambda: beside.forget(GARAGE))
    await journal.close()

    assert not in_a_thread(beside.is_running)
    assert in_a_thread(lambda: beside.forget(GARAGE))
    assert not in_a_thread(lambda: beside.forget(GARAGE))
    assert [each.id for each in in_a_thread(beside.stations)] == ["NEW"]


async def test_tools_of_a_bridge_that_never_ran_say_so(database: str) -> None:
    await (await opened(database)).close()

    with pytest.raises(StoreError, match=r'knows no bridge "garage": is it this bridge\.id'):
        in_a_thread(tools(database, "garage").stations)


async def test_the_audit_is_everybodys(database: str) -> None:
    for bridge_id in ("one", "other"):
        journal = await opened(database, bridge_id)
        await journal.commit(Commit(audit=[replace(audited(), command_id=bridge_id)]))
        await journal.close()
    beside = tools(database, "one")

    found = in_a_thread(lambda: beside.audit(AuditQuery()))
    assert [each.command_id for each in found] == ["one", "other"]
    newest = in_a_thread(lambda: beside.audit(AuditQuery(limit=1, controller="pv", since=NOON)))
    assert [each.command_id for each in newest] == ["other"]
    assert in_a_thread(lambda: beside.audit(AuditQuery(station_id="nobody"))) == []


async def test_tokens_are_of_one_bridge_and_made_before_it_runs(database: str) -> None:
    token = TokenRecord(
        name="app", digest=b"d" * 32, scopes=frozenset({Scope.CONTROL}), created_at=NOON
    )
    beside = tools(database)
    assert in_a_thread(lambda: beside.add_token(token))
    assert not in_a_thread(lambda: beside.add_token(replace(token, digest=b"e" * 32)))
    assert in_a_thread(beside.tokens) == [token]

    journal, other = await opened(database), await opened(database, "other")
    assert list(await journal.tokens()) == [token]
    assert list(await other.tokens()) == []
    assert in_a_thread(lambda: beside.revoke_token("app"))
    assert not in_a_thread(lambda: beside.revoke_token("app"))
    assert list(await journal.tokens()) == []
    await journal.close()
    await other.close()


# --- The tables -----------------------------------------------------------------------------


async def test_the_schema_is_what_the_migrations_make(database: str, rows: Rows) -> None:
    await asyncio.gather(*(_started_and_stopped(database, f"b{n}") for n in range(4)))

    assert rows("SELECT version FROM schema_version") == [(1 + n,) for n in range(schema.VERSION)]
    assert rows("SELECT id, epoch FROM bridge ORDER BY id") == [(f"b{n}", 1) for n in range(4)]


async def _started_and_stopped(url: str, bridge_id: str) -> None:
    await (await opened(url, bridge_id)).close()


async def test_the_questions_of_the_how_to_are_answered(
    database: str, session_postgres: PostgresServer
) -> None:
    journal = await opened(database)
    held = Transaction(
        id="T1",
        uuid="uuid-1",
        started_at=NOON,
        ended_at=NOON,
        last_event_at=NOON,
        started_seen=True,
        energy_wh=7_000.0,
    )
    kept = TransactionRecord(
        station_id=GARAGE, evse_id=1, transaction=held, vehicle_id=None, inserted_at=NOON
    )
    reading = replace(event(1), payload=b'{"triggerReason":"MeterValuePeriodic"}')
    await journal.commit(Commit(events=[reading], transactions=[kept]))
    await journal.close()
    page = (ROOT / "docs/how-to/use-postgresql.md").read_text(encoding="utf-8")
    script = page.partition("<<'SQL'\n")[2].partition("\nSQL\n")[0]

    _schema, by_month, newest, _end = script.split(";")

    assert session_postgres.query(by_month, database) == [(datetime(2026, 6, 1, tzinfo=UTC), 1, 7)]
    assert session_postgres.query(newest, database) == [
        (event(1).timestamp, GARAGE, "MeterValuePeriodic")
    ]


async def test_a_newer_store_is_refused(database: str, session_postgres: PostgresServer) -> None:
    await _started_and_stopped(database, "main")
    session_postgres.query("INSERT INTO schema_version (version) VALUES (99)", database)

    with pytest.raises(StoreError, match=r"written by a newer version .* \(schema 99"):
        await opened(database)
    with pytest.raises(StoreError, match="newer version"):
        in_a_thread(tools(database).stations)


async def test_tables_do_not_change_under_a_bridge_that_runs(
    database: str, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = await opened(database, "older")
    steps = (*schema.MIGRATIONS, "ALTER TABLE event ADD COLUMN test_of_a_step integer;")
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    monkeypatch.setattr(schema, "VERSION", len(steps))
    monkeypatch.setattr(schema, "_PATIENCE", "SET lock_timeout = '100ms'")

    with pytest.raises(StoreError, match="must be brought up to date for this version, and other"):
        await opened(database, "newer")
    with pytest.raises(StoreError, match="was written by an older version"):
        in_a_thread(tools(database, "older").stations)
    await older.commit(Commit(events=[event(1)]))
    await older.close()

    newer = await opened(database, "newer")
    assert rows("SELECT test_of_a_step FROM event") == [(None,)]
    await newer.close()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("p%40ss", "wrong", 'password authentication failed for user "bridge"'),
        ("/bridge", "/nothing", 'database "nothing.*" does not exist'),
        ("127.0.0.1", "127.0.0.2", "Connect call failed"),
    ],
)
async def test_a_database_that_cannot_be_used_is_explained(
    database: str, old: str, new: str, sentence: str
) -> None:
    before, _, after = database.rpartition(old)
    with pytest.raises(StoreError, match=f"^store postgresql://127.*{sentence}") as caught:
        await opened(f"{before}{new}{after}")
    assert "ss%2Fword" not in str(caught.value)
