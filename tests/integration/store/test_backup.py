"""`ocpp-mqtt-bridge backup`, beside a store that is written to all the time."""

import asyncio
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.ports import Commit
from bridge.store.journal import SqliteJournal
from bridge.store.secret_key import secret_key
from tests.store_records import GARAGE, NoonClock, event, message_of, station


async def test_it_holds_what_was_acknowledged_before_and_is_a_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir, target = tmp_path / "data", tmp_path / "copy"
    journal = SqliteJournal.open(data_dir, clock=NoonClock())
    key = secret_key(data_dir)
    await journal.commit(Commit(station=station()))
    acknowledged = 0

    async def write() -> None:
        nonlocal acknowledged
        while True:
            record = event(acknowledged + 1)
            await journal.commit(Commit(events=[record], messages=[message_of(record)]))
            acknowledged += 1

    writing = asyncio.create_task(write())
    async with asyncio.timeout(20):
        while acknowledged < 100:  # noqa: ASYNC110  # that many are there
            await asyncio.sleep(0)
    before = acknowledged
    code = await asyncio.to_thread(main, ["backup", "--data-dir", str(data_dir), str(target)])
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await journal.close()

    assert code == 0
    assert str(target) in capsys.readouterr().out
    assert secret_key(target) == key
    assert sorted(path.name for path in target.iterdir()) == ["bridge.sqlite3", "token.key"]
    copy = SqliteJournal.open(target, clock=NoonClock())
    assert (await copy.restore()).keys() == {GARAGE}
    for number in (1, before):
        assert await copy.has_event(event(number).event_id, event(number).timestamp)
    assert len(await copy.unpublished(0, 1_000_000)) >= before
    await copy.close()


async def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = SqliteJournal.open(tmp_path / "data", clock=NoonClock())
    await journal.close()
    arguments = ["backup", "--data-dir", str(tmp_path / "data")]
    assert main([*arguments, str(tmp_path / "data")]) == 1
    assert "has a bridge.sqlite3 already" in capsys.readouterr().err

    (tmp_path / "file").write_text("mine")
    assert main([*arguments, str(tmp_path / "file")]) == 1
    assert (tmp_path / "file").read_text() == "mine"

    assert main(["backup", "--data-dir", str(tmp_path / "none"), str(tmp_path / "copy")]) == 1
    assert "there is no store at" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()
