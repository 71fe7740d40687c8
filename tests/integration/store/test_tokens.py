"""Tokens of the HTTP service in the store's file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.engine.clock import SystemClock
from bridge.ports import Scope, StoreError, TokenRecord
from bridge.store.journal import SqliteJournal
from bridge.store.tokens import create_token, digest_of, list_tokens, revoke_token

CLOCK = SystemClock()


def create(data_dir: Path, name: str = "app", *scopes: Scope, **options: datetime) -> str:
    return create_token(
        data_dir,
        name,
        scopes or (Scope.READ,),
        expires_at=options.get("expires_at"),
        clock=CLOCK,
    )


def test_a_token_is_kept_without_itself(tmp_path: Path) -> None:
    expires_at = datetime(2040, 1, 10, tzinfo=UTC)
    token = create(tmp_path, "app", Scope.CONTROL, Scope.READ, expires_at=expires_at)
    assert token.startswith("omb_")
    assert len(token) == 4 + 43, "32 random bytes"
    (kept,) = list_tokens(tmp_path)
    assert kept == TokenRecord(
        name="app",
        digest=digest_of(token),
        scopes=frozenset({Scope.READ, Scope.CONTROL}),
        created_at=kept.created_at,
        expires_at=expires_at,
    )
    assert CLOCK.now() - kept.created_at < timedelta(minutes=1)
    for file in tmp_path.iterdir():
        assert token.encode() not in file.read_bytes()


def test_two_tokens_differ(tmp_path: Path) -> None:
    assert create(tmp_path, "one") != create(tmp_path, "two")


def test_a_name_is_used_once_until_it_is_revoked(tmp_path: Path) -> None:
    first = create(tmp_path)
    with pytest.raises(StoreError, match="there is a token 'app' already: revoke it first"):
        create(tmp_path)
    assert revoke_token(tmp_path, "app")
    assert not revoke_token(tmp_path, "app")
    assert create(tmp_path) != first


def test_without_a_store_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        list_tokens(tmp_path)
    with pytest.raises(StoreError, match="there is no store"):
        revoke_token(tmp_path, "app")


async def test_a_running_bridge_sees_them_come_and_go(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, clock=CLOCK)
    try:
        assert await journal.tokens() == []
        token = create(tmp_path)
        (seen,) = await journal.tokens()
        assert (seen.name, seen.digest) == ("app", digest_of(token))
        revoke_token(tmp_path, "app")
        assert await journal.tokens() == []
    finally:
        await journal.close()


# --- the command line


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--data-dir", str(tmp_path)]
    create_it = ["token", "create", *place, "--name", "pv", "--scope", "control,read"]
    assert main([*create_it, "--expires", "2040-01-10T10:00:00Z"]) == 0
    token = capsys.readouterr().out.strip()
    assert digest_of(token) == list_tokens(tmp_path)[0].digest

    assert main(create_it) == 1
    assert capsys.readouterr().err == ("error: there is a token 'pv' already: revoke it first\n")
    assert main(["token", "create", *place, "--name", "old", "--expires", "2020-01-10"]) == 0
    capsys.readouterr()
    assert main(["token", "list", *place]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "SCOPES", "CREATED", "EXPIRES"]
    assert lines[1].startswith("old   read          20")
    assert lines[1].endswith("2020-01-10 00:00+00:00 (expired)")
    assert lines[2].startswith("pv    read,control  20")
    assert lines[2].endswith("2040-01-10 10:00+00:00")

    assert main(["token", "revoke", *place, "pv"]) == 0
    assert main(["token", "revoke", *place, "pv"]) == 1
    assert "error: there is no token 'pv'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--name", "a/b"],
        ["--name", ""],
        ["--name", "x" * 33],
        ["--name", "x", "--scope", "all"],
        ["--name", "x", "--scope", ""],
        ["--name", "x", "--expires", "soon"],
        [],
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    assert main(["token", "create", "--data-dir", str(tmp_path), *arguments]) == 2
    assert not list(tmp_path.iterdir())
