"""Killed, or out of space: what was acknowledged is there, and the store comes back."""

import asyncio
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from bridge.ports import Commit, EventRecord, StoreError
from bridge.store.journal import SqliteJournal
from bridge.telemetry.counters import Counters
from tests.records import replace
from tests.store_records import Found, NoonClock, event, found_by

REPOSITORY = Path(__file__).parents[3]
CHILD = [sys.executable, "-m", "tests.integration.store.writing_child"]


def acknowledged(lines: list[str]) -> dict[str, list[int]]:
    """Return the acknowledged event numbers by station; a cut-off last line counts for nothing."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        if line.startswith("E") and line.endswith("\n"):
            name, number = line.split()
            numbers[name].append(int(number))
    return numbers


async def contents(data_dir: Path, wanted: list[EventRecord]) -> tuple[Found, list[EventRecord]]:
    """Return what a restart finds, and which of the wanted events are missing."""
    journal = SqliteJournal.open(data_dir, clock=NoonClock())
    try:
        missing = [
            each for each in wanted if not await journal.has_event(each.event_id, each.timestamp)
        ]
        return await found_by(journal), missing
    finally:
        await journal.close()


def lines_until(stream: IO[str], count: int) -> list[str]:
    return [stream.readline() for _ in range(count)]


@pytest.mark.parametrize("lines_before_the_kill", [1, 40, 200, 500, 1000])
def test_kill_9_loses_nothing_acknowledged(tmp_path: Path, lines_before_the_kill: int) -> None:
    with subprocess.Popen(
        [*CHILD, str(tmp_path), "20", "0"], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as child:
        assert child.stdout is not None
        seen = lines_until(child.stdout, lines_before_the_kill)
        child.kill()
        seen += child.stdout.readlines()

    by_station = acknowledged(seen)
    wanted = [event(n, name) for name, numbers in by_station.items() for n in numbers]
    restored, missing = asyncio.run(contents(tmp_path, wanted))

    assert len(wanted) >= lines_before_the_kill
    assert missing == []
    for name, numbers in by_station.items():
        payloads = [m.message.payload for m in restored.messages if m.message.ordering_key == name]
        complete = [event(n, name).payload for n in range(1, len(payloads) + 1)]
        assert payloads == complete, "each event once, in order, without a hole"
        assert len(payloads) >= max(numbers)
        assert restored.stations[next(s for s in restored.stations if s == name)].revision == len(
            payloads
        ), "state and events were written together"


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*CHILD, str(tmp_path), "1", str(512 * 1024)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        seen: list[str] = []
        while not seen or seen[-1].startswith("E"):
            seen.append(child.stdout.readline())
        with suppress(BrokenPipeError):
            child.stdin.write("more space\n")
            child.stdin.close()
        assert child.wait(20) == 0

    assert seen[-1].startswith(f"refused: store {tmp_path}/bridge.sqlite3: ")
    numbers = acknowledged(seen)["E0"]
    wanted = [event(n, "E0") for n in [*numbers, 1_000_000]]
    restored, missing = asyncio.run(contents(tmp_path, wanted))
    assert len(numbers) > 100
    assert missing == []
    assert len(restored.messages) == len(numbers), "what was refused left no trace"


async def test_everybody_hears_of_a_refusal_and_of_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    counters = Counters()
    journal = SqliteJournal.open(tmp_path, clock=NoonClock(), metrics=counters)
    [(pages,)] = journal._writer._connection.execute("PRAGMA page_count").fetchall()
    journal._writer._connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    large = [replace(event(number), payload=b"x" * 100_000) for number in range(30)]

    for _ in range(2):
        outcomes = await asyncio.gather(
            *(journal.commit(Commit(events=[each])) for each in large), return_exceptions=True
        )
        assert all(isinstance(each, StoreError) for each in outcomes)
        assert "database or disk is full" in str(outcomes[-1])
        assert counters.snapshot()["store.failing"] == 1

    journal._writer._connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    await asyncio.gather(*(journal.commit(Commit(events=[each])) for each in large))
    await journal.close()

    assert counters.snapshot()["store.failing"] == 0
    assert counters.snapshot()["store.failures"] == 60
    assert [record.message for record in caplog.records] == [
        "store cannot write",
        "store writes again",
    ]
