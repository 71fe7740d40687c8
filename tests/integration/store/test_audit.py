"""The audit as it is read beside a bridge: which records, in which order, of which stores."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.domain.ids import StationId
from bridge.ports import AuditRecord, Commit, StoreError
from bridge.store import sql
from bridge.store.audit import AuditQuery, read_audit
from bridge.store.database import FILE_NAME
from bridge.store.journal import SqliteJournal
from tests.records import replace
from tests.store_records import GARAGE, NOON, NoonClock, audited, change_audited


async def kept(data_dir: Path, *records: AuditRecord) -> None:
    journal = SqliteJournal.open(data_dir, clock=NoonClock())
    for record in records:
        await journal.commit(Commit(audit=[record]))
    await journal.close()


def numbered(count: int) -> list[AuditRecord]:
    return [
        replace(audited(), command_id=str(number), at=NOON + timedelta(minutes=number))
        for number in range(count)
    ]


async def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    await kept(tmp_path, audited(), change_audited())

    assert read_audit(tmp_path, AuditQuery()) == [audited(), change_audited()]


async def test_it_is_read_while_the_bridge_runs(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, clock=NoonClock())
    await journal.commit(Commit(audit=[audited()]))
    try:
        assert read_audit(tmp_path, AuditQuery()) == [audited()]
    finally:
        await journal.close()


async def test_the_newest_are_read_and_the_oldest_of_them_is_first(tmp_path: Path) -> None:
    await kept(tmp_path, *numbered(5))

    found = read_audit(tmp_path, AuditQuery(limit=2))
    assert [record.command_id for record in found] == ["3", "4"]


async def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    other = replace(audited(), station_id=StationId("E2"), controller="nodered")
    await kept(tmp_path, *numbered(3), other)

    def found(query: AuditQuery) -> list[str | None]:
        return [record.command_id for record in read_audit(tmp_path, query)]

    assert found(AuditQuery(station_id=GARAGE)) == ["0", "1", "2"]
    assert found(AuditQuery(controller="nodered")) == ["01JD"]
    assert found(AuditQuery(since=NOON + timedelta(minutes=1))) == ["1", "2"]
    assert found(AuditQuery(station_id=GARAGE, controller="nodered")) == []


async def test_what_json_does_not_know_is_kept_as_text_and_what_it_cannot_hold_is_refused(
    tmp_path: Path,
) -> None:
    await kept(tmp_path, replace(audited(), after={"path": Path("a")}))
    [found] = read_audit(tmp_path, AuditQuery())
    assert found.after == {"path": "a"}

    with pytest.raises(StoreError, match="cannot be kept for the audit"):
        await kept(tmp_path / "other", replace(audited(), after={"text": "\ud800"}))


async def test_a_store_of_an_older_version_has_none(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"{''.join(sql.MIGRATIONS[:3])} PRAGMA user_version = 3;")

    assert read_audit(tmp_path, AuditQuery()) == []
    await kept(tmp_path, audited())
    assert read_audit(tmp_path, AuditQuery()) == [audited()]


async def test_a_damaged_record_says_so(tmp_path: Path) -> None:
    await kept(tmp_path, audited())
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("UPDATE audit SET after = '{'")
        connection.commit()

    with pytest.raises(StoreError, match=r"a record of the audit, of 2026-06-01.*is damaged"):
        read_audit(tmp_path, AuditQuery())


def test_where_no_bridge_has_run_there_is_no_audit(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        read_audit(tmp_path, AuditQuery())
