"""Files that must not be opened, and what their owner reads then."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bridge.ports import Commit, StoreError
from bridge.store import receipts
from bridge.store.database import FILE_NAME, LOCK_NAME
from bridge.store.journal import SqliteJournal
from tests.store_records import NoonClock, event, station


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Return a data directory whose store holds 50 events."""

    async def fill() -> None:
        journal = SqliteJournal.open(tmp_path, clock=NoonClock())
        for number in range(50):
            await journal.commit(Commit(station=station(), events=[event(number)]))
        await journal.close()

    asyncio.run(fill())
    return tmp_path


def refusal(data_dir: Path) -> str:
    """Open the store, which must fail without changing the file, and return the sentence."""
    path = data_dir / FILE_NAME
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError) as caught:
        SqliteJournal.open(data_dir, clock=NoonClock())
    assert (path.read_bytes() if path.is_file() else None) == before
    return str(caught.value)


def test_a_file_that_is_no_database(filled: Path) -> None:
    (filled / FILE_NAME).write_bytes(b"not a database, certainly " * 400)

    assert "is damaged (file is not a database) and was left as it is" in refusal(filled)


def test_an_emptied_file(filled: Path) -> None:
    (filled / FILE_NAME).write_bytes(b"")

    assert "is damaged (the file is empty)" in refusal(filled)


def test_a_truncated_file(filled: Path) -> None:
    path = filled / FILE_NAME
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert "is damaged" in refusal(filled)


def test_an_overwritten_page(filled: Path) -> None:
    path = filled / FILE_NAME
    content = bytearray(path.read_bytes())
    content[2 * 4096 : 3 * 4096] = b"\xff" * 4096
    path.write_bytes(content)

    sentence = refusal(filled)

    assert "is damaged" in sentence
    assert "restore a backup" in sentence


def test_a_damaged_station_names_the_place(filled: Path) -> None:
    with closing(sqlite3.connect(filled / FILE_NAME)) as connection:
        connection.execute("UPDATE station SET document = '{\"id\": 5}'")
        connection.commit()

    async def restore() -> None:
        journal = SqliteJournal.open(filled, clock=NoonClock())
        try:
            await journal.restore()
        finally:
            await journal.close()

    with pytest.raises(StoreError, match=r"'DE\*ABC\*E1'.*damaged at 'id'"):
        asyncio.run(restore())


def test_a_file_of_another_program(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE theirs (x)")

    assert "is an SQLite file of another program" in refusal(tmp_path)


def test_a_file_of_a_newer_version(filled: Path) -> None:
    with closing(sqlite3.connect(filled / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 999")

    assert "written by a newer version of the bridge (schema 999" in refusal(filled)


def test_a_data_dir_that_is_in_use(tmp_path: Path) -> None:
    async def while_open() -> str:
        journal = SqliteJournal.open(tmp_path, clock=NoonClock())
        try:
            return refusal_of_another_process(tmp_path)
        finally:
            await journal.close()

    sentence = asyncio.run(while_open())

    assert f"is in use by another bridge (process {os.getpid()})" in sentence


def refusal_of_another_process(data_dir: Path) -> str:
    program = (
        "import sys; from pathlib import Path; from bridge.store.database import DataDirLock\n"
        "DataDirLock(Path(sys.argv[1]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(data_dir)], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 1
    return ended.stderr


def test_the_data_dir_is_free_again_after_closing(filled: Path) -> None:
    async def twice() -> None:
        for _ in range(2):
            await SqliteJournal.open(filled, clock=NoonClock()).close()

    asyncio.run(twice())


def test_a_refused_opening_lets_go_of_the_lock(filled: Path) -> None:
    good = (filled / FILE_NAME).read_bytes()
    (filled / FILE_NAME).write_bytes(b"")
    refusal(filled)
    (filled / FILE_NAME).write_bytes(good)

    async def once() -> None:
        await SqliteJournal.open(filled, clock=NoonClock()).close()

    asyncio.run(once())


def test_a_data_dir_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    assert "cannot make data_dir" in refusal(tmp_path / "data")


def test_a_lock_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).mkdir()

    assert "cannot write to data_dir" in refusal(tmp_path)


def test_a_draft_left_by_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "bridge.new").write_bytes(b"half a schema")

    async def once() -> None:
        await SqliteJournal.open(tmp_path, clock=NoonClock()).close()

    asyncio.run(once())
    left = sorted(each.name for each in tmp_path.iterdir())
    assert left == [LOCK_NAME, receipts.FILE_NAME, FILE_NAME]


def test_only_the_owner_reads_the_store(tmp_path: Path) -> None:
    async def once() -> None:
        await SqliteJournal.open(tmp_path / "data", clock=NoonClock()).close()

    asyncio.run(once())

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / FILE_NAME).stat().st_mode & 0o777 == 0o600
