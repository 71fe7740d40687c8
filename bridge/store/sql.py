"""Every SQL statement of the store, and its schema, step by step.

The schema grows by `MIGRATIONS`: step n brings `PRAGMA user_version` from n - 1 to n, in one
transaction. Steps are never edited after a release, only added, so that an old file always opens.

Times are TEXT, RFC 3339 in UTC with microseconds and offset `+00:00`: they sort as they read.
"""

from collections.abc import Sequence
from itertools import chain
from sqlite3 import Connection
from typing import Any, Final

APPLICATION_ID: Final = 0x4F4D4251
"""`PRAGMA application_id` ("OMBQ"): tells our file from any other SQLite file."""
PAGE_SIZE: Final = 8192
"""Bytes of a page of a new file. An event takes 2.1 kB: three to such a page, one to a page of 4096."""

MIGRATIONS: Final = (
    """
    -- What stations reported, kept for ever. `id` is the order of storing; `payload` is the
    -- document as it was published.
    CREATE TABLE event (
        id               INTEGER PRIMARY KEY,
        event_id         TEXT NOT NULL UNIQUE,
        station_id       TEXT NOT NULL,
        evse_id          INTEGER NOT NULL,
        transaction_id   TEXT,
        transaction_uuid TEXT,
        seq_no           INTEGER,
        event_type       TEXT NOT NULL,
        timestamp        TEXT NOT NULL,
        inserted_at      TEXT NOT NULL,
        payload          BLOB NOT NULL
    );

    -- The latest state of each station, one JSON document (codec.py).
    CREATE TABLE station (
        id         TEXT PRIMARY KEY,
        document   BLOB NOT NULL,
        updated_at TEXT NOT NULL
    );

    -- Stations that the owner let in by hand; read at their next BootNotification.
    CREATE TABLE approval (
        station_id  TEXT PRIMARY KEY,
        approved_at TEXT NOT NULL
    ) WITHOUT ROWID;

    -- Messages that the broker has not acknowledged. The payload of an event is not kept twice:
    -- `event` names its row instead. AUTOINCREMENT, so that a row id is never used again.
    CREATE TABLE outbox (
        row_id         INTEGER PRIMARY KEY AUTOINCREMENT,
        topic          TEXT NOT NULL,
        ordering_key   TEXT NOT NULL,
        expiry_seconds INTEGER,
        correlation    BLOB,
        event          INTEGER REFERENCES event (id),
        payload        BLOB,
        created_at     TEXT NOT NULL,
        CHECK ((event IS NULL) <> (payload IS NULL))
    );

    -- Messages that the broker refuses, for people to look at.
    CREATE TABLE dead_letter (
        row_id       INTEGER PRIMARY KEY,
        topic        TEXT NOT NULL,
        ordering_key TEXT NOT NULL,
        payload      BLOB NOT NULL,
        reason       TEXT NOT NULL,
        failed_at    TEXT NOT NULL
    );

    -- Command ids that controllers have used, at least for 24 h; `result` once it is final.
    CREATE TABLE command (
        controller  TEXT NOT NULL,
        command_id  TEXT NOT NULL,
        station_id  TEXT NOT NULL,
        body_hash   TEXT NOT NULL,
        received_at TEXT NOT NULL,
        result      BLOB,
        PRIMARY KEY (controller, command_id)
    ) WITHOUT ROWID;
    CREATE INDEX command_received_at ON command (received_at);
    """,
    """
    -- What an EVSE has done since its station's document was written (stations.py). Small rows,
    -- several to a page, for they change with each event. (Without a rowid, SQLite would give
    -- those beyond 1,002 bytes a page each.)
    CREATE TABLE progress (
        station_id TEXT NOT NULL,
        evse_id    INTEGER NOT NULL,
        document   BLOB NOT NULL,
        PRIMARY KEY (station_id, evse_id)
    );
    """,
    """
    -- An event that is to be published carries its address itself (ADR 0009): it waits as long as
    -- its `id` is beyond the watermark. From here on, one counter numbers events and messages.
    -- The index finds resends; it begins with the time, so that new entries are next to each other
    -- (equal ids have equal times, bridge.domain.ids).
    CREATE TABLE event_3 (
        id               INTEGER PRIMARY KEY,
        event_id         TEXT NOT NULL,
        station_id       TEXT NOT NULL,
        evse_id          INTEGER NOT NULL,
        transaction_id   TEXT,
        transaction_uuid TEXT,
        seq_no           INTEGER,
        event_type       TEXT NOT NULL,
        timestamp        TEXT NOT NULL,
        inserted_at      TEXT NOT NULL,
        payload          BLOB NOT NULL,
        topic            TEXT,
        ordering_key     TEXT,
        expiry_seconds   INTEGER
    );
    INSERT INTO event_3 SELECT *, NULL, NULL, NULL FROM event;
    DROP TABLE event;
    ALTER TABLE event_3 RENAME TO event;
    CREATE UNIQUE INDEX event_once ON event (timestamp, event_id);

    CREATE TABLE watermark (position INTEGER NOT NULL);
    INSERT INTO watermark SELECT coalesce(max(id), 0) FROM event;
    """,
    """
    -- Who did what to an EVSE, and what came of it (`bridge.ports.AuditRecord`), kept for ever.
    -- `before` and `after` are JSON. No index: it is written all the time and seldom read.
    CREATE TABLE audit (
        id         INTEGER PRIMARY KEY,
        at         TEXT NOT NULL,
        station_id TEXT NOT NULL,
        evse_id    INTEGER NOT NULL,
        kind       TEXT NOT NULL,
        controller TEXT,
        source     TEXT NOT NULL,
        what       TEXT NOT NULL,
        command_id TEXT,
        before     TEXT,
        after      TEXT,
        result     TEXT NOT NULL
    );
    """,
    """
    -- What must be remembered of a load-management group: the claims on its total, one JSON
    -- document (codec.py). The shares of its members are in the stations' records.
    CREATE TABLE team (
        name     TEXT PRIMARY KEY,
        document BLOB NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    -- All transactions (bridge/store/transactions.py): what they are found by, and the rest as one
    -- JSON document (codec.py). `id` is the order of beginning. Each index ends with it.
    CREATE TABLE charging_transaction (
        id             INTEGER PRIMARY KEY,
        uuid           TEXT NOT NULL,
        start_uuid     TEXT,
        station_id     TEXT NOT NULL,
        evse_id        INTEGER NOT NULL,
        connector_id   INTEGER,
        transaction_id TEXT NOT NULL,
        vehicle_id     TEXT,
        started_at     TEXT NOT NULL,
        ended_at       TEXT,
        inserted_at    TEXT NOT NULL,
        complete       INTEGER NOT NULL,
        document       BLOB NOT NULL
    );
    CREATE UNIQUE INDEX transaction_uuid ON charging_transaction (uuid);
    CREATE INDEX transaction_start_uuid ON charging_transaction (start_uuid)
        WHERE start_uuid IS NOT NULL;
    CREATE INDEX transaction_id ON charging_transaction (transaction_id);
    -- These three hold all that a page is sorted by: very many are looked through without rows.
    CREATE INDEX transaction_started
        ON charging_transaction (started_at, id, ended_at, inserted_at, transaction_id);
    CREATE INDEX transaction_ended
        ON charging_transaction (ended_at, id, started_at, inserted_at, transaction_id);
    CREATE INDEX transaction_inserted
        ON charging_transaction (inserted_at, id, started_at, ended_at, transaction_id);
    CREATE INDEX transaction_of_station ON charging_transaction (station_id, started_at);
    CREATE INDEX transaction_of_station_ended ON charging_transaction (station_id, ended_at);
    CREATE INDEX transaction_of_station_inserted ON charging_transaction (station_id, inserted_at);
    CREATE INDEX transaction_of_vehicle ON charging_transaction (vehicle_id, started_at);
    """,
    """
    -- Who may use the HTTP service (bridge/store/tokens.py). `digest` is the SHA-256 of a token.
    CREATE TABLE token (
        name       TEXT PRIMARY KEY,
        digest     BLOB NOT NULL UNIQUE,
        scopes     TEXT NOT NULL,
        created_at TEXT NOT NULL,
        expires_at TEXT
    ) WITHOUT ROWID;
    """,
    """
    -- Up to which event the periodic readings are thinned out (bridge/store/housekeeping.py).
    CREATE TABLE thinned (position INTEGER NOT NULL);
    INSERT INTO thinned VALUES (0);
    """,
)

SCHEMA_VERSION: Final = len(MIGRATIONS)

WRITER_SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged event survives a power failure
    "PRAGMA wal_autocheckpoint = 0",  # the writer does it when nobody waits
    "PRAGMA temp_store = MEMORY",  # else what a statement may have to undo goes to files
    "PRAGMA busy_timeout = 5000",  # ms; `stations approve` may hold the lock for a moment
)


class BulkStatement:
    """A statement that takes many rows in a few steps.

    Python's sqlite3 lets go of the interpreter lock at each step and must win it back from a busy
    event loop, which can take 5 ms each time. So a step takes up to 64 rows, not one. The sizes
    are few: their prepared statements stay in the connection's cache.
    """

    SIZES: Final = (64, 16, 4, 1)

    def __init__(self, template: str, *, width: int) -> None:
        """`template` has `{rows}` where the groups of `width` parameters belong."""
        group = f"({','.join('?' * width)})"
        self._statements = tuple(
            (size, template.format(rows=",".join([group] * size))) for size in self.SIZES
        )

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute for all rows, in their order."""
        start = 0
        for size, statement in self._statements:
            while len(rows) - start >= size:
                chunk = rows[start : start + size]
                connection.execute(statement, tuple(chain.from_iterable(chunk)))
                start += size


INSERT_EVENTS: Final = BulkStatement(
    "INSERT INTO event (id, event_id, station_id, evse_id, transaction_id, transaction_uuid,"
    " seq_no, event_type, timestamp, inserted_at, payload, topic, ordering_key, expiry_seconds)"
    " VALUES {rows}",
    width=14,
)
SAVE_STATIONS: Final = BulkStatement(
    "INSERT INTO station (id, document, updated_at) VALUES {rows}"
    " ON CONFLICT (id) DO UPDATE SET document = excluded.document,"
    " updated_at = excluded.updated_at",
    width=3,
)
SAVE_PROGRESS: Final = BulkStatement(
    "INSERT INTO progress (station_id, evse_id, document) VALUES {rows}"
    " ON CONFLICT (station_id, evse_id) DO UPDATE SET document = excluded.document",
    width=3,
)
FORGET_PROGRESS: Final = BulkStatement(
    "DELETE FROM progress WHERE station_id IN (VALUES {rows})", width=1
)
FORGET_STATIONS: Final = BulkStatement("DELETE FROM station WHERE id IN (VALUES {rows})", width=1)
FORGET_APPROVALS: Final = BulkStatement(
    "DELETE FROM approval WHERE station_id IN (VALUES {rows})", width=1
)
INSERT_MESSAGES: Final = BulkStatement(
    "INSERT INTO outbox (row_id, topic, ordering_key, expiry_seconds, correlation, payload,"
    " created_at) VALUES {rows}",
    width=7,
)
INSERT_OVERTAKEN: Final = BulkStatement(
    "INSERT OR IGNORE INTO outbox (row_id, topic, ordering_key, expiry_seconds, event, created_at)"
    " SELECT id, topic, ordering_key, expiry_seconds, id, inserted_at FROM event"
    " WHERE id IN (VALUES {rows}) AND topic IS NOT NULL",
    width=1,
)
DELETE_MESSAGES: Final = BulkStatement(
    "DELETE FROM outbox WHERE row_id IN (VALUES {rows})", width=1
)
INSERT_DEAD_LETTERS: Final = BulkStatement(
    "INSERT OR IGNORE INTO dead_letter (row_id, topic, ordering_key, payload, reason, failed_at)"
    " VALUES {rows}",
    width=6,
)
INSERT_COMMANDS: Final = BulkStatement(
    "INSERT INTO command (controller, command_id, station_id, body_hash, received_at)"
    " VALUES {rows}",
    width=5,
)
INSERT_AUDIT: Final = BulkStatement(
    "INSERT INTO audit (at, station_id, evse_id, kind, controller, source, what, command_id,"
    " before, after, result) VALUES {rows}",
    width=11,
)
SAVE_TRANSACTIONS: Final = BulkStatement(
    "INSERT INTO charging_transaction (uuid, start_uuid, station_id, evse_id, connector_id,"
    " transaction_id, vehicle_id, started_at, ended_at, inserted_at, complete, document)"
    " VALUES {rows}"
    " ON CONFLICT (uuid) DO UPDATE SET start_uuid = excluded.start_uuid,"
    " evse_id = excluded.evse_id, connector_id = excluded.connector_id,"
    " vehicle_id = excluded.vehicle_id, started_at = excluded.started_at,"
    " ended_at = excluded.ended_at, complete = excluded.complete, document = excluded.document,"
    # what is found out after the end does not make it new again
    " inserted_at = iif(charging_transaction.ended_at IS NULL OR NOT charging_transaction.complete,"
    " excluded.inserted_at, charging_transaction.inserted_at)",
    width=12,
)
SAVE_RESULT: Final = "UPDATE command SET result = ? WHERE controller = ? AND command_id = ?"
SAVE_TEAM: Final = (
    "INSERT INTO team (name, document) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET document = excluded.document"
)
ALL_TEAMS: Final = "SELECT document FROM team ORDER BY name"
PRUNE_COMMANDS: Final = "DELETE FROM command WHERE received_at < ?"
APPROVE: Final = "INSERT OR IGNORE INTO approval (station_id, approved_at) VALUES (?, ?)"

# The watermark too: where all events were given up by their age, no row has the last number.
LAST_ROW: Final = (
    "SELECT max(coalesce((SELECT max(id) FROM event), 0),"
    " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0),"
    " (SELECT position FROM watermark))"
)
NEXT_EVENT: Final = "SELECT id FROM event WHERE id > ? AND topic IS NOT NULL ORDER BY id LIMIT 1"
NEWEST_EVENT: Final = "SELECT id, event_id FROM event ORDER BY id DESC LIMIT 1"
NAMED_EVENT: Final = "SELECT id, event_id FROM event WHERE id = ?"
WATERMARK: Final = "SELECT position FROM watermark"
MOVE_WATERMARK: Final = "UPDATE watermark SET position = ?"
ANY_MESSAGE: Final = "SELECT 1 FROM outbox LIMIT 1"
HAS_EVENT: Final = "SELECT 1 FROM event WHERE timestamp = ? AND event_id = ?"
FIND_COMMAND: Final = (
    "SELECT station_id, body_hash, result FROM command WHERE controller = ? AND command_id = ?"
)
IS_APPROVED: Final = "SELECT 1 FROM approval WHERE station_id = ?"
HAS_STATION: Final = "SELECT 1 FROM station WHERE id = ?"
ALL_APPROVALS: Final = "SELECT station_id FROM approval"
ALL_STATIONS: Final = "SELECT id, document FROM station ORDER BY id"
MESSAGES_AFTER: Final = (
    "SELECT outbox.row_id, outbox.topic, coalesce(outbox.payload, event.payload),"
    " outbox.ordering_key, outbox.expiry_seconds, correlation"
    " FROM outbox LEFT JOIN event ON event.id = outbox.event WHERE outbox.row_id > :after"
    " UNION ALL"
    " SELECT id, topic, payload, ordering_key, expiry_seconds, NULL FROM event"
    " WHERE id > max(:after, (SELECT position FROM watermark)) AND topic IS NOT NULL"
    " ORDER BY 1 LIMIT :limit"
)
READ_AUDIT: Final = (
    "SELECT at, station_id, evse_id, kind, controller, source, what, command_id, before, after,"
    " result FROM audit"
    " WHERE (:station IS NULL OR station_id = :station)"
    " AND (:controller IS NULL OR controller = :controller)"
    " AND (:since IS NULL OR at >= :since)"
    " ORDER BY id DESC LIMIT :limit"
)
FIND_TRANSACTION: Final = (
    "SELECT station_id, evse_id, vehicle_id, inserted_at, document FROM charging_transaction"
    " WHERE uuid = :uuid OR start_uuid = :uuid ORDER BY uuid = :uuid DESC LIMIT 1"
)
NAMED_TRANSACTIONS: Final = (
    "SELECT station_id, evse_id, vehicle_id, inserted_at, document FROM charging_transaction"
    " WHERE transaction_id = :id AND (:station IS NULL OR station_id = :station)"
    " ORDER BY id DESC LIMIT :limit"
)
ADD_TOKEN: Final = (
    "INSERT INTO token (name, digest, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?)"  # noqa: S105  # a statement, no secret
    " ON CONFLICT (name) DO NOTHING"
)
REVOKE_TOKEN: Final = "DELETE FROM token WHERE name = ?"  # noqa: S105  # a name, no secret
ALL_TOKENS: Final = "SELECT name, digest, scopes, created_at, expires_at FROM token ORDER BY name"
WAITING: Final = (
    "SELECT count(*), min(inserted_at) FROM (SELECT inserted_at FROM event"
    " WHERE id > (SELECT position FROM watermark) AND topic IS NOT NULL LIMIT :limit)"
)
_SENT: Final = (
    " id <= (SELECT position FROM watermark)"
    " AND id NOT IN (SELECT event FROM outbox WHERE event IS NOT NULL)"
)
_PERIODIC: Final = (
    "(event_type = 'Updated' AND json_extract(payload, '$.triggerReason')"
    " IN ('MeterValuePeriodic', 'MeterValueClock'))"
)
# `id` is the order of insertion, so the oldest are the first
OLD_EVENTS: Final = (
    "SELECT id FROM (SELECT id, inserted_at FROM event ORDER BY id LIMIT :limit)"  # noqa: S608  # constants
    " WHERE inserted_at < :before AND" + _SENT
)
FORGET_EVENTS: Final = BulkStatement("DELETE FROM event WHERE id IN (VALUES {rows})", width=1)
OLD_TRANSACTIONS: Final = (
    "SELECT id FROM charging_transaction WHERE ended_at < :before ORDER BY ended_at LIMIT :limit"
)
FORGET_TRANSACTIONS: Final = BulkStatement(
    "DELETE FROM charging_transaction WHERE id IN (VALUES {rows})", width=1
)
OLD_AUDIT: Final = (
    "SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT :limit) WHERE at < :before"
)
FORGET_AUDIT: Final = BulkStatement("DELETE FROM audit WHERE id IN (VALUES {rows})", width=1)
THINNABLE: Final = (
    "SELECT id, transaction_uuid, timestamp, "  # noqa: S608  # constants
    + _PERIODIC
    + " FROM event"
    " WHERE id > (SELECT position FROM thinned) AND inserted_at < :before AND"
    + _SENT
    + " AND transaction_uuid IS NOT NULL ORDER BY id LIMIT :limit"
)
THINNED: Final = "UPDATE thinned SET position = ?"
SHEDDABLE: Final = (
    "SELECT id FROM event WHERE id > (SELECT position FROM watermark)"  # noqa: S608  # constants
    " AND topic IS NOT NULL AND " + _PERIODIC + " ORDER BY id LIMIT :limit"
)
SHED_EVENTS: Final = BulkStatement(
    "UPDATE event SET topic = NULL WHERE id IN (VALUES {rows})", width=1
)
LAST_INSERTED: Final = "SELECT inserted_at FROM event ORDER BY id DESC LIMIT 1"
HAS_AUDIT: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'audit'"
ALL_PROGRESS: Final = "SELECT station_id, evse_id, document FROM progress"
CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
