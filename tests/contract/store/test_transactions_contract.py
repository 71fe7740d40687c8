"""What readers of the record of transactions may rely on, whichever store it is in."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Transaction
from bridge.domain.queries import TRANSACTION_ID, TransactionMoment, TransactionQuery
from bridge.engine.testing import MemoryJournal, MemoryTransactions
from bridge.ports import Commit, Journal, Transactions
from bridge.store.journal import SqliteJournal
from bridge.store.postgres.journal import PostgresJournal
from bridge.store.postgres.session import Place
from bridge.store.postgres.transactions import PostgresTransactions
from bridge.store.transactions import SqliteTransactions
from tests.records import replace
from tests.store_records import NOON, NoonClock

Stores = tuple[Journal, Transactions]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    if request.param == "memory":
        memory = MemoryJournal()
        yield memory, MemoryTransactions(memory)
        return
    journal: SqliteJournal | PostgresJournal
    transactions: SqliteTransactions | PostgresTransactions
    if request.param == "sqlite":
        journal = SqliteJournal.open(tmp_path, clock=NoonClock())
        transactions = SqliteTransactions.open(tmp_path, clock=NoonClock())
    else:
        place = Place(url=request.getfixturevalue("database"), bridge_id="main")
        journal = await PostgresJournal.open(place, clock=NoonClock())
        transactions = PostgresTransactions(place, NoonClock())
    yield journal, transactions
    await transactions.close()
    await journal.close()


def record(
    number: int, *, station_id: str = "GARAGE", minutes: float = 0, **fields: Any
) -> TransactionRecord:
    began = NOON + timedelta(minutes=number)
    values: dict[str, Any] = {
        "id": f"T{number}",
        "uuid": f"uuid-{number}",
        "started_at": began,
        "last_event_at": began,
        "started_seen": True,
        "connector_id": 1,
    }
    return TransactionRecord(
        station_id=StationId(station_id),
        evse_id=1 + number % 2,
        transaction=Transaction(**values | fields),
        vehicle_id=f"V{number % 3}",
        inserted_at=NOON + timedelta(minutes=minutes or number),
    )


async def kept(journal: Journal, *records: TransactionRecord) -> None:
    for each in records:
        await journal.commit(Commit(transactions=[each]))


async def test_what_was_written_last_holds(stores: Stores) -> None:
    journal, transactions = stores
    first = record(1)
    ended = replace(first.transaction, ended_at=NOON + timedelta(hours=1))
    closing = replace(first, transaction=ended, inserted_at=NOON + timedelta(hours=1))
    await kept(journal, first, closing)

    assert await transactions.find("uuid-1") == closing
    assert await journal.transaction("uuid-1") == closing
    assert await transactions.page(TransactionQuery()) == [closing]
    assert await transactions.find("uuid-2") is None
    assert await journal.transaction("uuid-2") is None


async def test_what_is_found_out_after_the_end_does_not_make_it_new(stores: Stores) -> None:
    journal, transactions = stores
    ended = record(1, ended_at=NOON + timedelta(hours=1))
    later = replace(
        ended,
        transaction=replace(ended.transaction, unplugged_at=NOON + timedelta(hours=2)),
        inserted_at=NOON + timedelta(hours=2),
    )
    await kept(journal, ended, later)

    assert await transactions.find("uuid-1") == replace(later, inserted_at=ended.inserted_at)


async def test_the_end_of_one_that_was_taken_as_ended_makes_it_new(stores: Stores) -> None:
    journal, transactions = stores
    guessed = record(1, ended_at=NOON, complete=False)
    ended = replace(
        guessed,
        transaction=replace(guessed.transaction, complete=True),
        inserted_at=NOON + timedelta(hours=2),
    )
    await kept(journal, guessed, ended)

    assert await transactions.find("uuid-1") == ended


async def test_it_is_found_by_the_uuid_of_its_start(stores: Stores) -> None:
    journal, transactions = stores
    await kept(journal, record(1, start_uuid="asked"), record(2))

    assert await transactions.find("asked") == record(1, start_uuid="asked")


async def test_ids_of_stations_are_unique_in_each_only(stores: Stores) -> None:
    journal, transactions = stores
    one = record(1, id="7")
    other = record(2, id="7", station_id="CARPORT")
    await kept(journal, one, other, record(3))

    assert await transactions.named("7") == [other, one]
    assert await transactions.named("7", "GARAGE") == [one]
    assert await transactions.named("8") == []


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (TransactionQuery(), [1, 2, 3, 4]),
        (TransactionQuery(descending=True), [4, 3, 2, 1]),
        (TransactionQuery(offset=1, limit=2), [2, 3]),
        (TransactionQuery(offset=4), []),
        (TransactionQuery(station_id="CARPORT"), [4]),
        (TransactionQuery(evse_id=1), [2, 4]),
        (TransactionQuery(connector_id=1), [1, 2, 4]),
        (TransactionQuery(vehicle_id="V1"), [1, 4]),
        (TransactionQuery(since=NOON + timedelta(minutes=2)), [2, 3, 4]),
        (TransactionQuery(before=NOON + timedelta(minutes=2)), [1]),
        (
            TransactionQuery(filter_by=TransactionMoment.ENDED, since=NOON),
            [1, 3],
        ),
        (
            TransactionQuery(
                filter_by=TransactionMoment.ENDED, before=NOON + timedelta(minutes=500)
            ),
            [3],
        ),
        (TransactionQuery(order_by=TransactionMoment.ENDED), [2, 4, 3, 1]),
        (TransactionQuery(order_by=TransactionMoment.ENDED, descending=True), [1, 3, 4, 2]),
        (TransactionQuery(order_by=TRANSACTION_ID, descending=True), [4, 3, 2, 1]),
    ],
)
async def test_queries(stores: Stores, query: TransactionQuery, numbers: list[int]) -> None:
    journal, transactions = stores
    every = [
        record(1, ended_at=NOON + timedelta(hours=9)),
        record(2),
        record(3, ended_at=NOON + timedelta(hours=8), connector_id=2),
        record(4, station_id="CARPORT"),
    ]
    await kept(journal, *every)

    found = await transactions.page(query)

    assert [int(each.transaction.id[1:]) for each in found] == numbers


@pytest.mark.parametrize(
    ("order_by", "descending"),
    list(product([*TransactionMoment, TRANSACTION_ID], [False, True])),
)
async def test_pages_that_follow_each_other_hold_each_one_once(
    stores: Stores, order_by: str, *, descending: bool
) -> None:
    """Also where many are equal in what they are sorted by, and some have not ended."""
    journal, transactions = stores
    for number in range(40):
        ended = NOON + timedelta(minutes=number // 4) if number % 3 else None
        began = NOON + timedelta(minutes=number // 5)
        await kept(
            journal,
            record(number, minutes=1 + number // 7, started_at=began, ended_at=ended, id="X"),
        )
    query = TransactionQuery(order_by=order_by, descending=descending, limit=7)

    walked = [
        each
        for offset in range(0, 42, 7)
        for each in await transactions.page(replace(query, offset=offset))
    ]

    assert walked == await transactions.page(replace(query, limit=100))
    assert len({each.transaction.uuid for each in walked}) == 40
