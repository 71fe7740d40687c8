"""A process that writes until it is killed; prints each event number once it is acknowledged.

Arguments: data directory, number of concurrent stations, RLIMIT_FSIZE in bytes or 0.
With a limit it prints `refused` at the first StoreError and waits for a line on its standard
input, lifts the limit, writes on and ends.
"""

import asyncio
import resource
import sys
from pathlib import Path

from bridge.ports import Commit, StoreError
from bridge.store.journal import SqliteJournal
from tests.store_records import NoonClock, event, message_of, station


async def write_for_ever(journal: SqliteJournal, name: str) -> None:
    number = 0
    while True:
        number += 1
        record = event(number, name)
        await journal.commit(
            Commit(
                station=station(name, revision=number),
                events=[record],
                messages=[message_of(record)],
            )
        )
        sys.stdout.write(f"{name} {number}\n")
        sys.stdout.flush()


async def write_into_the_limit(journal: SqliteJournal) -> None:
    try:
        await write_for_ever(journal, "E0")
    except StoreError as error:
        sys.stdout.write(f"refused: {error}\n")
        sys.stdout.flush()
    sys.stdin.readline()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await journal.commit(Commit(events=[event(1_000_000, "E0")]))
    await journal.close()


async def main(data_dir: str, stations: str, limit: str) -> None:
    journal = SqliteJournal.open(Path(data_dir), clock=NoonClock())
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
        await write_into_the_limit(journal)
    else:
        await asyncio.gather(*(write_for_ever(journal, f"E{n}") for n in range(int(stations))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
