"""How long a page of the record of transactions takes, with very many of them (seed 002).

    python -m bench.transactions --transactions 1000000
    python -m bench.transactions --url postgresql://...

Fills a store with transactions of a year, then asks for pages by every filter and order, walks
some of them to the end, and prints the slowest page of each kind.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Final

import orjson

from bridge.domain.enums import StoppedReason
from bridge.domain.ids import StationId, transaction_uuid
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Transaction
from bridge.domain.queries import TRANSACTION_ID, TransactionMoment, TransactionQuery
from bridge.domain.records import replace
from bridge.engine.clock import SystemClock
from bridge.ports import Transactions
from bridge.store import sql
from bridge.store.database import open_for_writing
from bridge.store.opening import StorePlace, open_transactions
from bridge.store.postgres import statements
from bridge.store.postgres.schema import make_ready
from bridge.store.postgres.session import Place, connected, disconnected
from bridge.store.rows import transaction_row

YEAR: Final = datetime(2025, 1, 1, tzinfo=UTC)
STATIONS: Final = 500
VEHICLES: Final = 20_000
BATCH: Final = 10_000
PAGES: Final = (0, 1, 10, 100, 1000, 9000)
WALKED: Final = 300
LIMIT: Final = 100


def record(number: int, total: int, chance: random.Random) -> TransactionRecord:
    """Return one of `total` transactions of a year, some of them told late."""
    began = YEAR + timedelta(days=365 * number / total)
    ended = began + timedelta(minutes=chance.randint(10, 600))
    told = ended + timedelta(days=chance.choice([0] * 19 + [3]), seconds=1)
    station = StationId(f"STATION{chance.randrange(STATIONS):04d}")
    held = Transaction(
        id=f"{number:08d}",
        uuid=transaction_uuid(station, f"{number:08d}", began),
        started_at=began,
        last_event_at=ended,
        started_seen=True,
        connector_id=1 + number % 2,
        ended_at=ended,
        stopped_reason=StoppedReason.LOCAL,
        meter_start_wh=float(number),
        energy_wh=20_000.0,
    )
    return TransactionRecord(
        station_id=station,
        evse_id=1 + number % 2,
        transaction=held,
        vehicle_id=f"V{chance.randrange(VEHICLES)}",
        inserted_at=told,
    )


def fill(path: Path, total: int) -> None:
    """Write the transactions as the journal writes them, many in each commit."""
    chance = random.Random(1)
    connection = open_for_writing(path)
    for first in range(0, total, BATCH):
        numbers = range(first, min(first + BATCH, total))
        rows = [transaction_row(record(number, total, chance)) for number in numbers]
        connection.execute("BEGIN")
        sql.SAVE_TRANSACTIONS.run(connection, rows)
        connection.execute("COMMIT")
        print(f"\rfilled {first + len(rows)} of {total} ", end="", file=sys.stderr, flush=True)
    connection.execute(sql.CHECKPOINT).fetchall()
    connection.close()
    print(file=sys.stderr)


async def fill_database(place: StorePlace, total: int) -> None:
    """Do the same in a database; nothing where there are transactions already."""
    chance = random.Random(1)
    database = Place(url=str(place.url), bridge_id=place.bridge_id)
    connection = await connected(database)
    await make_ready(connection, database)
    if await connection.fetchval("SELECT 1 FROM charging_transaction LIMIT 1") is None:
        for first in range(0, total, BATCH):
            numbers = range(first, min(first + BATCH, total))
            rows = [transaction_row(record(number, total, chance)) for number in numbers]
            await statements.SAVE_TRANSACTIONS.run(connection, 0, rows)
            print(f"\rfilled {first + len(rows)} of {total} ", end="", file=sys.stderr, flush=True)
        await connection.execute("ANALYZE charging_transaction")
        print(file=sys.stderr)
    await disconnected(connection)


def queries() -> list[tuple[str, TransactionQuery]]:
    """Return every filter with every order."""
    filters: list[tuple[str, TransactionQuery]] = [
        ("all", TransactionQuery()),
        ("charger", TransactionQuery(station_id="STATION0007")),
        ("charger+connector", TransactionQuery(station_id="STATION0007", connector_id=1)),
        ("connector", TransactionQuery(connector_id=2)),
        ("vehicle", TransactionQuery(vehicle_id="V77")),
        ("charger+vehicle", TransactionQuery(station_id="STATION0007", vehicle_id="V77")),
    ]
    for moment, (name, days) in product(
        TransactionMoment, [("day", 1), ("month", 30), ("half a year", 183)]
    ):
        span = TransactionQuery(
            filter_by=moment,
            since=YEAR + timedelta(days=180),
            before=YEAR + timedelta(days=180 + days),
        )
        filters.append((f"{name} by {moment}", span))
        filters.append((f"charger, {name} by {moment}", replace(span, station_id="STATION0007")))
    return [
        (
            f"{name}, order {order} {'desc' if descending else 'asc'}",
            replace(query, order_by=order, descending=descending, limit=LIMIT),
        )
        for (name, query), order, descending in product(
            filters, [*TransactionMoment, TRANSACTION_ID], [False, True]
        )
    ]


async def timed(transactions: Transactions, query: TransactionQuery) -> float:
    """Return the milliseconds of one page."""
    began = time.perf_counter()
    await transactions.page(query)
    return (time.perf_counter() - began) * 1000


async def measure(place: StorePlace, total: int) -> dict[str, object]:
    """Return the slowest page of each kind, and how flat a walk is."""
    if place.url is not None:
        await fill_database(place, total)
    transactions = open_transactions(place, clock=SystemClock())
    slowest: dict[str, float] = {}
    for name, query in queries():
        slowest[name] = max([await timed(transactions, query) for _ in range(2)])
    jumps = {
        str(page): await timed(
            transactions,
            TransactionQuery(descending=True, offset=page * LIMIT + 1, limit=LIMIT),
        )
        for page in PAGES
    }
    walk = [
        await timed(transactions, TransactionQuery(offset=page * LIMIT, limit=LIMIT))
        for page in range(WALKED)
    ]
    await transactions.close()
    worst = sorted(slowest.items(), key=lambda item: -item[1])
    return {
        "kinds": len(slowest),
        "median_ms": round(statistics.median(slowest.values()), 2),
        "slowest_ms": {name: round(value, 1) for name, value in worst[:15]},
        "walk_first_ms": round(statistics.median(walk[:20]), 2),
        "walk_last_ms": round(statistics.median(walk[-20:]), 2),
        "jump_to_page_ms": {page: round(value, 1) for page, value in jumps.items()},
    }


def main() -> int:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.transactions", description=__doc__)
    parser.add_argument("--transactions", type=int, default=1_000_000)
    parser.add_argument("--data-dir", type=Path, help="a store filled before, or to be kept")
    parser.add_argument("--url", help="of a PostgreSQL database instead, which is kept")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data_dir = arguments.data_dir or Path(folder)
        data_dir.mkdir(exist_ok=True)
        path = data_dir / "bridge.sqlite3"
        if arguments.url is None and not path.exists():
            fill(path, arguments.transactions)
        place = StorePlace(data_dir=data_dir, url=arguments.url)
        total = arguments.transactions
        report = {"transactions": total} | asyncio.run(measure(place, total))
    text = orjson.dumps(report, option=orjson.OPT_INDENT_2).decode()
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
