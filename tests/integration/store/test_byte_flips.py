"""Bits rot: the store then starts with what it had, or says that it is damaged."""

import asyncio
import random
from pathlib import Path
from typing import Final

import pytest

from bridge.ports import Commit, StoreError
from bridge.store.database import FILE_NAME
from bridge.store.journal import SqliteJournal
from tests.store_records import NoonClock, event, found_by, message_of, station

FLIPS: Final = 100
EVENTS: Final = 60


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the content of a store with events, a full outbox and stations."""
    data_dir = tmp_path_factory.mktemp("sound")

    async def fill() -> None:
        journal = SqliteJournal.open(data_dir, clock=NoonClock())
        for number in range(EVENTS):
            record = event(number)
            await journal.commit(
                Commit(
                    station=station(f"E{number}"), events=[record], messages=[message_of(record)]
                )
            )
        await journal.close()

    asyncio.run(fill())
    return (data_dir / FILE_NAME).read_bytes()


async def start_and_count(data_dir: Path) -> tuple[int, int]:
    """Return how many stations and messages a start finds. Raises StoreError."""
    journal = SqliteJournal.open(data_dir, clock=NoonClock())
    try:
        restored = await found_by(journal)
        await journal.commit(Commit(events=[event(1_000_000)]))
        return len(restored.stations), len(restored.messages)
    finally:
        await journal.close()


def test_a_flipped_byte_never_empties_the_store(sound: bytes, tmp_path: Path) -> None:
    chance = random.Random(7)
    refused = 0
    for number in range(FLIPS):
        content = bytearray(sound)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        data_dir = tmp_path / str(number)
        data_dir.mkdir()
        (data_dir / FILE_NAME).write_bytes(content)
        try:
            found = asyncio.run(start_and_count(data_dir))
        except StoreError:
            refused += 1
        else:
            assert found == (EVENTS, EVENTS)

    assert refused > 0
