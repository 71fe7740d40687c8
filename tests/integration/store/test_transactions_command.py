"""`ocpp-mqtt-bridge transactions`, beside a store that is in use."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.cli import main
from bridge.domain.enums import StoppedReason
from bridge.domain.events import IdToken
from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Transaction
from bridge.ports import Commit
from bridge.store.journal import SqliteJournal
from tests.store_records import NOON, NoonClock


def record(number: int, **fields: Any) -> TransactionRecord:
    began = NOON + timedelta(hours=number)
    values: dict[str, Any] = {
        "id": f"T{number}",
        "uuid": f"uuid-{number}",
        "started_at": began,
        "last_event_at": began,
        "started_seen": True,
        "ended_at": began + timedelta(minutes=30),
        "stopped_reason": StoppedReason.LOCAL,
        "energy_wh": 1000.0 * number,
        "id_token": IdToken(value="04AB", type="ISO14443"),
    }
    return TransactionRecord(
        station_id=StationId("=GARAGE" if number == 3 else "GARAGE"),
        evse_id=1,
        transaction=Transaction(**values | fields),
        vehicle_id=None,
        inserted_at=began + timedelta(minutes=30),
    )


@pytest.fixture
async def data_dir(tmp_path: Path) -> AsyncIterator[Path]:
    journal = SqliteJournal.open(tmp_path, clock=NoonClock())
    running = record(4, ended_at=None, stopped_reason=None)
    await journal.commit(Commit(transactions=[record(1), record(2), record(3), running]))
    yield tmp_path
    await journal.close()


def run(data_dir: Path, *arguments: str) -> int:
    action, *rest = arguments
    return main(["transactions", action, "--data-dir", str(data_dir), *rest])


def test_list_prints_the_newest_first(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data_dir, "list", "--limit", "2") == 0

    heading, newest, older = capsys.readouterr().out.splitlines()
    assert heading.split() == [
        *("STARTED", "ENDED", "STATION", "EVSE", "TRANSACTION", "WHO", "KWH", "RESULT")
    ]
    assert newest.split()[0] == "2026-06-01T16:00:00.000Z"
    assert newest.split()[1:5] == ["-", "GARAGE", "1", "T4"]
    assert newest.split()[6:] == ["4.000", "runs"]
    assert older.split()[4:] == ["T3", newest.split()[5], "3.000", "Local"]


def test_list_chooses(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = ("--since", "2026-06-01T13:30:01Z", "--before", "2026-06-01T15:30:00Z")
    assert run(data_dir, "list", "--station", "GARAGE", "--by", "EndAt", *times) == 0
    assert [line.split()[4] for line in capsys.readouterr().out.splitlines()[1:]] == ["T2"]


def test_show_tells_all_of_one(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data_dir, "show", "T2") == 0
    by_id = json.loads(capsys.readouterr().out)
    assert (by_id["transactionUuid"], by_id["energyWh"]) == ("uuid-2", 2000.0)
    assert by_id["idToken"].keys() == {"type", "hash"}

    assert run(data_dir, "show", "uuid-2") == 0
    assert json.loads(capsys.readouterr().out) == by_id

    assert run(data_dir, "show", "T9") == 1
    assert capsys.readouterr().err == "error: there is no transaction T9\n"


def test_export_writes_csv_that_no_spreadsheet_takes_for_a_program(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(data_dir, "export") == 0

    told = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(told.out)))
    assert [row["transactionId"] for row in rows] == ["T1", "T2", "T3", "T4"]
    assert rows[2]["cs"] == "'=GARAGE"
    assert (rows[3]["endedAt"], rows[3]["active"]) == ("", "True")
    assert told.err == "4 transactions\n"


def test_export_writes_json_to_a_file(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    assert run(data_dir, "export", "--format", "json", "--output", str(file)) == 0
    assert [each["transactionId"] for each in json.loads(file.read_text())] == [
        *("T1", "T2", "T3", "T4")
    ]

    assert (
        run(data_dir, "export", "--format", "json", "--vehicle", "V", "--output", str(file)) == 0
    )
    assert json.loads(file.read_text()) == []


def test_a_folder_without_a_store_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "list") == 1
    assert "error: there is no store at" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
