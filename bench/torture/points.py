"""Scenario `points`: the bridge dies at each of its named crash points, again and again.

`in-migration` has a store of the first schema each time, with events that wait for the broker:
they must all be there, and be published, when the migration was interrupted at a random step.
"""

import contextlib
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import orjson

from bench.evidence import STORE_FILE, TRACED, Trace, read_store, tracing
from bench.oracle import EventKey, Evidence, Violation, judge
from bench.torture.stage import Findings, Stage, drained
from bench.torture.victim import Victim
from bridge import crash
from bridge.demo.broker import free_port
from bridge.store import sql

_DEATH_SECONDS: Final = 60.0
"""For a bridge to pass its point."""
_MIGRATION: Final = "in-migration"
_PASSAGES: Final[dict[crash.Point, int]] = {"in-tidy": 3, "in-prune": 1}
"""Passages of a point that a bridge lives through at most, where there are few of it."""
_MOST_PASSAGES: Final = 60
_OLD_COMMANDS: Final = 100
_OLD_EVENTS: Final = 50


async def points(stage: Stage) -> Findings:
    """Have the bridge die at each point once in each round."""
    victim = stage.victim
    findings = Findings()
    deaths: dict[str, int] = {}
    await victim.kill()
    for number in range(1, stage.torment.rounds + 1):
        for point in crash.POINTS:
            if point == _MIGRATION:
                died = await _die_migrating(stage, number, findings)
            else:
                died = await _die(stage, point)
            deaths[point] = deaths.get(point, 0) + died
        stage.progress(number)
    await victim.start()
    findings.figures["deaths"] = deaths
    findings.deaths = sum(deaths.values()) - deaths[_MIGRATION]  # which has a store of its own
    findings.violations += [
        Violation("harness", f"died {count} times of {stage.torment.rounds} at {point}")
        for point, count in deaths.items()
        if count != stage.torment.rounds
    ]
    return findings


def _wish(stage: Stage, point: crash.Point, passages: int) -> dict[str, str]:
    return {crash.VARIABLE: f"{point}:{stage.chance.randint(1, passages)}"}


async def _die(stage: Stage, point: crash.Point) -> bool:
    """Start the bridge to die at a point; tell whether it did."""
    if point == "in-prune":
        _add_old_commands(stage.store)
    wish = _wish(stage, point, _PASSAGES.get(point, _MOST_PASSAGES))
    await stage.victim.start(wait=False, environment=wish)
    code = await stage.victim.died(_DEATH_SECONDS)
    await stage.victim.kill()
    return code == crash.EXIT_CODE


def _add_old_commands(store: Path) -> None:
    """Give the bridge something to delete when it starts."""
    long_ago = datetime.now(UTC) - timedelta(days=2)
    rows = [
        ("old", f"{long_ago.timestamp()}-{number}", "FLOOD000", "", long_ago.isoformat())
        for number in range(_OLD_COMMANDS)
    ]
    with contextlib.closing(sqlite3.connect(store)) as connection, connection:
        sql.INSERT_COMMANDS.run(connection, rows)


# --- Migrations -----------------------------------------------------------------------------


async def _die_migrating(stage: Stage, number: int, findings: Findings) -> bool:
    """Have another bridge die in a migration, start it again, and judge what it made of that."""
    root = f"{stage.place.root}-old{number}"
    directory = stage.place.directory / f"old{number}"
    place = replace(stage.place, root=root, directory=directory, port=free_port())
    store = directory / "data" / STORE_FILE
    keys = _make_old_store(store, root)
    victim = Victim(stage.torment.subject, place, stage.broker_wire)
    trace = Trace()
    try:
        async with tracing(trace, stage.broker.url, root):
            wish = _wish(stage, _MIGRATION, sql.SCHEMA_VERSION - 1)
            await victim.start(wait=False, environment=wish)
            code = await victim.died(_DEATH_SECONDS)
            await victim.kill()
            await victim.start()
            await drained(trace, set(keys), 0.0)
            await victim.stop()
    finally:
        await victim.kill()
    stored = read_store(store)
    verdict = judge(
        Evidence(
            sent=keys,
            acknowledged=frozenset(keys),
            refused=[],
            stored=stored.events,
            inserted_at=stored.inserted_at,
            delivered=trace.delivered,
            truth={},
            retained={},
        )
    )
    findings.violations += verdict.violations
    return code == crash.EXIT_CODE


def _make_old_store(store: Path, root: str) -> list[EventKey]:
    """Write a store as the first schema had it: all of its events wait for the broker."""
    store.parent.mkdir(parents=True)
    keys = [
        EventKey("OLD", "OLD-1", seq_no, "Updated" if seq_no else "Started")
        for seq_no in range(_OLD_EVENTS)
    ]
    now = datetime.now(UTC)
    with contextlib.closing(sqlite3.connect(store)) as connection:
        connection.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"{sql.MIGRATIONS[0]} PRAGMA user_version = 1;")
        with connection:
            for row_id, key in enumerate(keys, start=1):
                _insert(connection, row_id, key, now + timedelta(seconds=row_id), root)
    return keys


_EVENT: Final = "INSERT INTO event VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)"
_WAITING: Final = "INSERT INTO outbox VALUES (?, ?, ?, NULL, NULL, ?, NULL, ?)"


def _insert(
    connection: sqlite3.Connection, row_id: int, key: EventKey, at: datetime, root: str
) -> None:
    event_id, moment = f"old-{row_id}", at.isoformat(timespec="microseconds")
    payload = orjson.dumps(
        {
            "id": event_id,
            "cs": key.station,
            "eventType": key.event_type,
            "seqNo": key.seq_no,
            "transaction": {"transactionId": key.transaction_id},
        }
    )
    facts = (key.transaction_id, "old-uuid", key.seq_no, key.event_type, moment, moment, payload)
    connection.execute(_EVENT, (row_id, event_id, key.station, *facts))
    topic = f"{root}/v1/cs/{key.station}/1{TRACED}"
    connection.execute(_WAITING, (row_id, topic, f"{key.station}/1", row_id, moment))
