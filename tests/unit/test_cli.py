"""What the command line answers, and with which exit code."""

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bridge import __version__
from bridge.cli import COMMANDS, main
from bridge.domain.enums import Registration
from bridge.domain.events import BootNotification
from bridge.domain.ids import StationId
from bridge.domain.passwords import ScryptPassword
from bridge.ports import Commit
from bridge.store.database import FILE_NAME
from bridge.store.journal import SqliteJournal
from tests.records import replace
from tests.store_records import GARAGE, NoonClock, audited, change_audited, event, station

TIME = "2026-06-01T12:00:00.000Z"
PENDING = replace(
    station("E2\x1b[2J"),
    registration=Registration.PENDING,
    online=True,
    boot=BootNotification(vendor_name="Vendor", model="Model 3", reason="PowerUp"),
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("BRIDGE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return a data directory with an accepted and a pending station."""

    async def fill(journal: SqliteJournal) -> None:
        await journal.commit(Commit(station=station(), events=[event(1)]))
        await journal.commit(Commit(station=PENDING))

    in_store(tmp_path / "data", fill)
    return tmp_path / "data"


def in_store(data_dir: Path, work: Callable[[SqliteJournal], Awaitable[None]]) -> None:
    async def opened() -> None:
        journal = SqliteJournal.open(data_dir, clock=NoonClock())
        try:
            await work(journal)
        finally:
            await journal.close()

    asyncio.run(opened())


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


# --- Usage --------------------------------------------------------------------------------


def test_help_names_every_command() -> None:
    ended = program("--help")

    assert ended.returncode == 0
    assert all(f"    {command.name}" in ended.stdout for command in COMMANDS)


def test_help_does_not_import_what_it_does_not_need() -> None:
    code = (
        "import sys, bridge.cli; bridge.cli.main(['--help']); sys.exit('pydantic' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2],
                          capture_output=True).returncode == 0  # fmt: skip


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ocpp-mqtt-bridge {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["rnu"], ["run", "--nonsense"], ["stations"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: ocpp-mqtt-bridge" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mqtt-url", "broker"], "error: mqtt.url = 'broker': must be mqtt://"),
        (["--ocpp-listen", "9000"], "error: ocpp.listen = '9000': must be \"host:port\""),
        (["--config", "absent.toml"], "error: absent.toml: cannot be read: No such file"),
    ],
)
def test_a_wrong_configuration_does_not_run(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *arguments]) == 2
    assert capsys.readouterr().err.startswith(sentence)


def test_a_reader_that_has_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    ended = subprocess.run(
        [sys.executable, "-m", "bridge", "check-config"],
        check=False,
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (0, b"")


# --- check-config -------------------------------------------------------------------------


def test_check_config_prints_what_takes_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text('[mqtt]\nurl = "mqtt://me:canary@h"\n[controllers.pv]\n')
    monkeypatch.setenv("BRIDGE_BRIDGE__ID", "second")

    assert main(["check-config", str(path)]) == 0

    printed = capsys.readouterr().out
    assert "canary" not in printed
    effective = tomllib.loads(printed)
    assert effective["bridge"]["id"] == "second"
    assert effective["mqtt"]["url"] == "mqtt://***@h"
    assert effective["controllers"]["pv"]["max_priority"] == 100


def test_check_config_explains_by_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bridge.toml"
    path.write_text("[mqtt]\nulr = 1\n[stations.defaults]\nupstream = 1\n")

    assert main(["check-config", str(path)]) == 2

    assert capsys.readouterr().err.splitlines() == [
        "error: mqtt.ulr: there is no such key; did you mean mqtt.url?",
        "error: stations.defaults.upstream: not available in this version",
    ]


def test_check_config_needs_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config"]) == 0
    assert 'listen = "0.0.0.0:9000"' in capsys.readouterr().out


# --- export-schemas -----------------------------------------------------------------------


def test_the_exported_schemas_are_the_committed_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed = Path(__file__).parents[2] / "schemas"

    assert main(["export-schemas", str(tmp_path / "new")]) == 0

    exported = sorted(each for each in (tmp_path / "new").rglob("*.json"))
    assert f"{len(exported)} documents written" in capsys.readouterr().out
    assert tmp_path / "new" / "config.schema.json" in exported
    for each in exported:
        relative = each.relative_to(tmp_path / "new")
        assert each.read_text() == (committed / relative).read_text(), f"{relative} is out of date"


def test_schemas_cannot_be_written_into_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    assert main(["export-schemas", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith(f"error: cannot write {tmp_path}/file")


# --- stations -----------------------------------------------------------------------------


def test_stations_list(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stations", "list"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "ID         REGISTRATION  ONLINE  MODEL",
        "DE*ABC*E1  Accepted      -",
        "E2\\x1b[2J  Pending       -       Vendor Model 3",
    ]


def test_stations_list_knows_who_is_online_while_a_bridge_runs(data_dir: Path) -> None:
    printed: list[str] = []

    async def look(_journal: SqliteJournal) -> None:
        ended = await asyncio.to_thread(program, "stations", "list", "--data-dir", str(data_dir))
        printed.extend(ended.stdout.splitlines())

    in_store(data_dir, look)

    assert [line.split()[2] for line in printed] == ["ONLINE", "no", "yes"]


def test_an_approval_reaches_the_running_bridge(data_dir: Path) -> None:
    seen: list[bool] = []

    async def approve(journal: SqliteJournal) -> None:
        seen.append(await journal.approved(PENDING.id))
        ended = await asyncio.to_thread(program, "stations", "approve", PENDING.id)
        assert ended.stdout == f"{PENDING.id} is let in now, or when it connects\n"
        seen.append(await journal.approved(PENDING.id))

    in_store(data_dir, approve)

    assert seen == [False, True]


def test_an_approval_may_come_first(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stations", "approve", "E9"]) == 0
    assert "has not been seen yet" in capsys.readouterr().out

    assert main(["stations", "approve", PENDING.id]) == 0
    assert main(["stations", "list"]) == 0
    listed = capsys.readouterr().out
    assert "E9         approved, not seen yet" in listed
    assert "Pending, approved" in listed


def test_a_forgotten_station_leaves_its_events(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["stations", "approve", GARAGE])
    assert main(["stations", "forget", GARAGE]) == 0
    assert f"{GARAGE} is forgotten" in capsys.readouterr().out

    async def look(journal: SqliteJournal) -> None:
        assert set(await journal.restore()) == {PENDING.id}
        assert not await journal.approved(GARAGE)
        assert await journal.has_event(event(1).event_id, event(1).timestamp)

    in_store(data_dir, look)
    assert main(["stations", "forget", GARAGE]) == 1
    assert capsys.readouterr().err == f"error: {GARAGE} is not in the store\n"


def test_a_running_bridge_would_write_the_record_again(data_dir: Path) -> None:
    async def forget(journal: SqliteJournal) -> None:
        ended = await asyncio.to_thread(program, "stations", "forget", GARAGE)
        assert ended.returncode == 1
        assert "is in use by another bridge" in ended.stderr
        assert StationId(GARAGE) in await journal.restore()

    in_store(data_dir, forget)


def test_a_password_is_hashed_as_the_configuration_takes_it(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\nnext line\n"))
    assert main(["stations", "hash-password"]) == 0
    printed = capsys.readouterr().out
    assert "horse" not in printed
    password = ScryptPassword.parse(printed.strip())
    assert password.matches(b"correct horse")

    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["stations", "hash-password"]) == 1
    assert "there is no password" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("listen", "sentence"),
    [("", 'http.listen is "": publish'), ("127.0.0.1:1", "no bridge answers at 127.0.0.1:1")],
)
def test_a_password_is_changed_by_the_bridge_that_runs(
    data_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    listen: str,
    sentence: str,
) -> None:
    monkeypatch.setenv("BRIDGE_HTTP__LISTEN", listen)
    assert main(["stations", "password", GARAGE]) == 1
    assert sentence in capsys.readouterr().err
    assert main(["token", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize("action", [["list"], ["approve", "E1"], ["password", "E1"]])
def test_stations_without_a_store(
    action: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stations", *action, "--data-dir", str(tmp_path / "none")]) == 1

    assert "error: there is no store at" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_stations_of_a_damaged_store(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_dir / FILE_NAME).write_bytes(b"")

    assert main(["stations", "list"]) == 1
    assert "is damaged" in capsys.readouterr().err


# --- audit --------------------------------------------------------------------------------


@pytest.fixture
def audit_dir(tmp_path: Path) -> Path:
    """Return a data directory with a command, what it changed, and a refusal."""
    refused = replace(
        audited(),
        controller="evil\x1b[2J",
        after={"message": "not yours", "details": {}},
        result="rejected/not_authorised",
    )

    async def fill(journal: SqliteJournal) -> None:
        await journal.commit(Commit(audit=[audited(), change_audited()]))
        await journal.commit(Commit(audit=[refused]))

    in_store(tmp_path / "data", fill)
    return tmp_path / "data"


def test_audit_table(audit_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit"]) == 0

    assert [line.split("  ") for line in map(_narrow, capsys.readouterr().out.splitlines())] == [
        ["TIME", "STATION", "EVSE", "WHO", "WHAT", "DETAIL", "RESULT"],
        [TIME, GARAGE, "1", "pv", "limit", "done/ok"],
        [
            *(TIME, GARAGE, "1", "-", "allocation (external_limit)"),
            *("Unmanaged 32 A -> OCPP Profile 6.5 A", "released"),
        ],
        [TIME, GARAGE, "1", "evil\\x1b[2J", "limit", "not yours", "rejected/not_authorised"],
    ]


def _narrow(line: str) -> str:
    """Return a line of a table with two blanks between its cells."""
    return re.sub(" {2,}", "  ", line)


def test_audit_for_programs(audit_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--format", "json", "--limit", "2"]) == 0
    change, refusal = json.loads(capsys.readouterr().out)
    assert change == {
        "at": TIME,
        "cs": GARAGE,
        "evse": 1,
        "kind": "allocation",
        "controller": None,
        "source": "OCPP Profile",
        "what": "external_limit",
        "commandId": None,
        "before": change_audited().before,
        "after": change_audited().after,
        "result": "released",
    }
    assert refusal["result"] == "rejected/not_authorised"

    assert main(["audit", "--format", "csv", "--controller", "pv"]) == 0
    [row] = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (row["what"], row["before"], row["after"]) == ("limit", "", '{"appliedA": 10.0}')


def test_audit_of_nothing(audit_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--station", "E9"]) == 0
    assert main(["audit", "--station", "E9", "--format", "json"]) == 0
    assert main(["audit", "--station", "E9", "--format", "csv"]) == 0

    table, *rest = capsys.readouterr().out.splitlines()
    assert table.split() == ["TIME", "STATION", "EVSE", "WHO", "WHAT", "DETAIL", "RESULT"]
    assert json.loads("".join(rest[:-1])) == []
    assert rest[-1].startswith("at,cs,evse,")


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2026-06-01T12:00:00Z", 3),
        ("2026-06-01T12:00:01", 0),
        ("2026-06-01T14:00:00+02:00", 3),
        ("36500d", 3),
        ("999999d", 3),
    ],
)
def test_audit_since(
    audit_dir: Path, capsys: pytest.CaptureFixture[str], since: str, found: int
) -> None:
    assert main(["audit", "--since", since, "--format", "csv"]) == 0

    assert len(capsys.readouterr().out.splitlines()) == 1 + found


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--since", ""], ["--since", "d"], ["--since", "yesterday"], ["--since", "1w"]),
        ["--since", "99999999999d"],
        *(["--limit", "0"], ["--limit", "-1"], ["--limit", "many"]),
    ],
)
def test_audit_with_wrong_arguments(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_audit_while_a_bridge_runs(audit_dir: Path) -> None:
    printed: list[str] = []

    async def look(_journal: SqliteJournal) -> None:
        ended = await asyncio.to_thread(program, "audit", "--data-dir", str(audit_dir))
        printed.extend(ended.stdout.splitlines())

    in_store(audit_dir, look)

    assert len(printed) == 4


def test_audit_without_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--data-dir", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith("error: there is no store at")
