"""The commands that look into the store, on PostgreSQL."""

import asyncio
import sys
from pathlib import Path

import orjson
import pytest

from bridge.cli import main
from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Transaction
from bridge.ports import Commit
from bridge.store.postgres.journal import PostgresJournal
from bridge.store.postgres.session import Place
from bridge.store.secret_key import secret_key
from tests.store_records import GARAGE, NOON, NoonClock, audited, station

pytestmark = pytest.mark.postgres

KEPT = TransactionRecord(
    station_id=StationId(GARAGE),
    evse_id=1,
    transaction=Transaction(
        id="T1", uuid="uuid-1", started_at=NOON, last_event_at=NOON, started_seen=True
    ),
    vehicle_id=None,
    inserted_at=NOON,
)


@pytest.fixture(autouse=True)
def store(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_STORE__URL", database)
    monkeypatch.setenv("BRIDGE_BRIDGE__DATA_DIR", str(tmp_path))


def written(database: str, tmp_path: Path) -> None:
    """Leave what a run of the bridge leaves."""

    async def run() -> None:
        place = Place(url=database, bridge_id="main")
        journal = await PostgresJournal.open(place, clock=NoonClock())
        await journal.commit(Commit(station=station(), audit=[audited()], transactions=[KEPT]))
        await journal.close()

    secret_key(tmp_path)
    asyncio.run(run())


def test_stations(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(database, tmp_path)

    assert main(["stations", "approve", "NEW"]) == 0
    assert main(["stations", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "NEW is let in once it connects: it has not been seen yet",
        "ID         REGISTRATION            ONLINE  MODEL",
        f"{GARAGE}  Accepted                -",
        "NEW        approved, not seen yet  -",
    ]
    assert main(["stations", "forget", GARAGE]) == 0
    assert main(["stations", "forget", GARAGE]) == 1
    assert f"error: {GARAGE} is not in the store" in capsys.readouterr().err


def test_audit(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(database, tmp_path)

    assert main(["audit", "--format", "json", "--since", "2026-01-01T00:00:00Z"]) == 0
    [record] = orjson.loads(capsys.readouterr().out)
    assert (record["controller"], record["what"], record["result"]) == ("pv", "limit", "done/ok")


def test_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "create", "--name", "app"]) == 0
    assert capsys.readouterr().out.startswith("omb_")
    assert main(["token", "create", "--name", "app"]) == 1
    assert "there is a token 'app' already" in capsys.readouterr().err
    assert main(["token", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("app   read")
    assert main(["token", "revoke", "app"]) == 0


def test_transactions(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(database, tmp_path)

    assert main(["transactions", "list"]) == 0
    assert "uuid-1" not in capsys.readouterr().out
    assert main(["transactions", "show", "uuid-1"]) == 0
    assert orjson.loads(capsys.readouterr().out)["transactionId"] == "T1"
    assert main(["transactions", "export", "--format", "csv"]) == 0
    assert "T1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["stations", "list"], ["audit"], ["transactions", "list"], ["token", "list"]]
)
def test_without_a_store_they_say_so(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret_key(tmp_path)

    assert main(arguments) == 1
    assert "error: there is no store at postgresql://127.0.0.1:" in capsys.readouterr().err


def test_without_the_driver_they_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "bridge.store.postgres.session", None)
    assert main(["stations", "list"]) == 1
    assert "pip install 'ocpp-mqtt-bridge[postgres]'" in capsys.readouterr().err
