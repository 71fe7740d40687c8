"""Every SQL statement on PostgreSQL but the schema's (schema.py).

What many rows are written by takes one array for each column, so that a batch is a few statements,
whatever its size. Times go in as text, as SQLite has them (`codec.encode_time`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from bridge.store.stations import Row

_NUL: Final = "\x00"
_NUL_SYMBOL: Final = "\u2400"
_NAMED: Final = re.compile(r"(?<!:):([a-z_]+)")


def text_of(value: str) -> str:
    """Return a text as PostgreSQL can keep it: it knows no U+0000."""
    return value.replace(_NUL, _NUL_SYMBOL)


def numbered(statement: str, parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return a statement with `:name` parameters as the driver takes it, and their values."""
    names: list[str] = []

    def position(match: re.Match[str]) -> str:
        name = match[1]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    statement = _NAMED.sub(position, statement)
    values = [parameters[name] for name in names]
    return statement, [text_of(each) if isinstance(each, str) else each for each in values]


class Rows:
    """A statement that takes many rows of one bridge: `$1` is its number, `given` the rows."""

    def __init__(self, columns: Mapping[str, str], template: str) -> None:
        """`template` has `{rows}` where they are selected from; `columns` gives their types."""
        arrays = ", ".join(
            f"${number}::{'text' if kind in {'timestamptz', 'json'} else kind}[]"
            for number, kind in enumerate(columns.values(), start=2)
        )
        selected = ", ".join(
            f"given.{name}::{kind} AS {name}"
            if kind in {"timestamptz", "json"}
            else f"given.{name}"
            for name, kind in columns.items()
        )
        names = ", ".join(columns)
        self._statement = template.format(
            names=names,
            rows=f"(SELECT {selected} FROM unnest({arrays}) AS given ({names})) AS given",  # noqa: S608  # constants
        )
        self._texts = [kind in {"text", "timestamptz", "json"} for kind in columns.values()]

    async def run(self, connection: Any, bridge: int, rows: Sequence[Row]) -> None:
        """Execute it for all rows at once, where there are any."""
        if rows:
            columns = zip(*rows, strict=True)
            arrays = [
                list(map(_kept, column)) if is_text else column
                for is_text, column in zip(self._texts, columns, strict=True)
            ]
            await connection.execute(self._statement, bridge, *arrays)

    async def run_by_key(
        self, connection: Any, bridge: int, rows: Sequence[Row], key: Callable[[Row], object]
    ) -> None:
        """Execute it so that rows of one key take effect one after the other."""
        for each in _rounds(rows, key):
            await self.run(connection, bridge, each)


def _kept(value: str | None) -> str | None:
    return value if value is None or _NUL not in value else text_of(value)


def _rounds(rows: Sequence[Row], key: Callable[[Row], object]) -> Iterator[list[Row]]:
    """Return the rows in as few lists as have no key twice, those of one key in their order."""
    rounds: list[list[Row]] = []
    seen: dict[object, int] = {}
    for row in rows:
        place = seen[key(row)] = seen.get(key(row), -1) + 1
        if place == len(rounds):
            rounds.append([])
        rounds[place].append(row)
    yield from rounds


# --- The bridge and its locks ---------------------------------------------------------------

TRY_LOCK: Final = "SELECT pg_try_advisory_lock($1)"
LOCK_SCHEMA: Final = "SELECT pg_advisory_lock($1)"
SHARE_SCHEMA: Final = "SELECT pg_advisory_lock_shared($1)"
UNLOCK_SCHEMA: Final = "SELECT pg_advisory_unlock($1)"
LOCK_HOLDER: Final = (
    "SELECT client_addr, backend_start FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND classid = $1::bigint::oid AND objid = $2::bigint::oid"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
OWN_BACKEND: Final = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
END_BACKEND: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2"
)
HAS_SCHEMA: Final = "SELECT to_regnamespace($1) IS NOT NULL"
HAS_TABLES: Final = "SELECT to_regclass($1)"
MAKE_VERSION_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS schema_version"
    " (version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now())"
)
VERSION: Final = "SELECT coalesce(max(version), 0) FROM schema_version"
ADD_VERSION: Final = "INSERT INTO schema_version (version) VALUES ($1)"
_BRIDGE: Final = "number, epoch, batch, last_row, watermark"
START_BRIDGE: Final = (
    "INSERT INTO bridge (id, epoch) VALUES ($1, 1)"  # noqa: S608  # a constant
    f" ON CONFLICT (id) DO UPDATE SET epoch = bridge.epoch + 1 RETURNING {_BRIDGE}"
)
FIND_BRIDGE: Final = f"SELECT {_BRIDGE} FROM bridge WHERE number = $1"  # noqa: S608  # a constant
BRIDGE_NUMBER: Final = "SELECT number FROM bridge WHERE id = $1"
MAKE_BRIDGE: Final = "INSERT INTO bridge (id) VALUES ($1) ON CONFLICT (id) DO NOTHING"
MOVE_ON: Final = (
    "UPDATE bridge SET batch = $3, last_row = $4, watermark = $5 WHERE number = $1 AND epoch = $2"
)

# --- Writing --------------------------------------------------------------------------------

INSERT_EVENTS: Final = Rows(
    {
        "id": "bigint",
        "event_id": "text",
        "station_id": "text",
        "evse_id": "bigint",
        "transaction_id": "text",
        "transaction_uuid": "text",
        "seq_no": "bigint",
        "event_type": "text",
        '"timestamp"': "timestamptz",
        "inserted_at": "timestamptz",
        "payload": "bytea",
        "topic": "text",
        "ordering_key": "text",
        "expiry_seconds": "bigint",
    },
    "INSERT INTO event (bridge, {names}) SELECT $1::smallint, given.* FROM {rows}",
)
INSERT_MESSAGES: Final = Rows(
    {
        "row_id": "bigint",
        "topic": "text",
        "ordering_key": "text",
        "expiry_seconds": "bigint",
        "correlation": "bytea",
        "payload": "bytea",
        "created_at": "timestamptz",
    },
    "INSERT INTO outbox (bridge, {names}) SELECT $1::smallint, given.* FROM {rows}",
)
SAVE_STATIONS: Final = Rows(
    {"id": "text", "document": "bytea", "updated_at": "timestamptz"},
    "INSERT INTO station (bridge, {names}) SELECT $1::smallint, given.* FROM {rows} ORDER BY id"
    " ON CONFLICT (id) DO UPDATE SET bridge = excluded.bridge, document = excluded.document,"
    " updated_at = excluded.updated_at",
)
FORGET_PROGRESS: Final = Rows(
    {"station_id": "text"},
    "DELETE FROM progress USING {rows} WHERE progress.bridge = $1::smallint"
    " AND progress.station_id = given.station_id",
)
SAVE_PROGRESS: Final = Rows(
    {"station_id": "text", "evse_id": "bigint", "document": "bytea"},
    "INSERT INTO progress (bridge, {names}) SELECT $1::smallint, given.* FROM {rows}"
    " ON CONFLICT (bridge, station_id, evse_id) DO UPDATE SET document = excluded.document",
)
FORGET_STATIONS: Final = Rows(
    {"id": "text"},
    "DELETE FROM station USING {rows} WHERE station.bridge = $1::smallint"
    " AND station.id = given.id",
)
FORGET_APPROVALS: Final = Rows(
    {"station_id": "text"},
    "DELETE FROM approval USING {rows} WHERE approval.station_id = given.station_id"
    " AND $1::smallint IS NOT NULL",
)
INSERT_COMMANDS: Final = Rows(
    {
        "controller": "text",
        "command_id": "text",
        "station_id": "text",
        "body_hash": "text",
        "received_at": "timestamptz",
    },
    "INSERT INTO command (bridge, {names}) SELECT $1::smallint, given.* FROM {rows}",
)
SAVE_RESULTS: Final = Rows(
    {"result": "bytea", "controller": "text", "command_id": "text"},
    "UPDATE command SET result = given.result FROM {rows} WHERE command.bridge = $1::smallint"
    " AND command.controller = given.controller AND command.command_id = given.command_id",
)
INSERT_AUDIT: Final = Rows(
    {
        "at": "timestamptz",
        "station_id": "text",
        "evse_id": "bigint",
        "kind": "text",
        "controller": "text",
        "source": "text",
        "what": "text",
        "command_id": "text",
        "before": "json",
        "after": "json",
        "result": "text",
    },
    "INSERT INTO audit ({names}) SELECT given.* FROM {rows} WHERE $1::smallint IS NOT NULL",
)
SAVE_TEAMS: Final = Rows(
    {"name": "text", "document": "bytea"},
    "INSERT INTO team (bridge, {names}) SELECT $1::smallint, given.* FROM {rows}"
    " ON CONFLICT (bridge, name) DO UPDATE SET document = excluded.document",
)
SAVE_TRANSACTIONS: Final = Rows(
    {
        "uuid": "text",
        "start_uuid": "text",
        "station_id": "text",
        "evse_id": "bigint",
        "connector_id": "bigint",
        "transaction_id": "text",
        "vehicle_id": "text",
        "started_at": "timestamptz",
        "ended_at": "timestamptz",
        "inserted_at": "timestamptz",
        "complete": "boolean",
        "document": "bytea",
    },
    "INSERT INTO charging_transaction AS kept ({names}) SELECT given.* FROM {rows}"
    " WHERE $1::smallint IS NOT NULL"
    " ON CONFLICT (uuid) DO UPDATE SET start_uuid = excluded.start_uuid,"
    " evse_id = excluded.evse_id, connector_id = excluded.connector_id,"
    " vehicle_id = excluded.vehicle_id, started_at = excluded.started_at,"
    " ended_at = excluded.ended_at, complete = excluded.complete, document = excluded.document,"
    # what is found out after the end does not make it new again
    " inserted_at = CASE WHEN kept.ended_at IS NULL OR NOT kept.complete"
    " THEN excluded.inserted_at ELSE kept.inserted_at END",
)
INSERT_DEAD_LETTERS: Final = Rows(
    {
        "row_id": "bigint",
        "topic": "text",
        "ordering_key": "text",
        "payload": "bytea",
        "reason": "text",
        "failed_at": "timestamptz",
    },
    "INSERT INTO dead_letter (bridge, {names}) SELECT $1::smallint, given.* FROM {rows}"
    " ON CONFLICT DO NOTHING",
)
INSERT_OVERTAKEN: Final = Rows(
    {"id": "bigint"},
    "INSERT INTO outbox (bridge, row_id, topic, ordering_key, expiry_seconds, created_at)"
    " SELECT bridge, id, topic, ordering_key, expiry_seconds, inserted_at"
    " FROM event JOIN {rows} USING (id) WHERE bridge = $1::smallint AND topic IS NOT NULL"
    " ON CONFLICT DO NOTHING",
)
DELETE_MESSAGES: Final = Rows(
    {"row_id": "bigint"},
    "DELETE FROM outbox USING {rows} WHERE outbox.bridge = $1::smallint"
    " AND outbox.row_id = given.row_id",
)
PRUNE_COMMANDS: Final = "DELETE FROM command WHERE bridge = $1 AND received_at < $2"
APPROVE: Final = (
    "INSERT INTO approval (station_id, approved_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"
)
ADD_TOKEN: Final = (
    "INSERT INTO token (bridge, name, digest, scopes, created_at, expires_at)"  # noqa: S105  # a statement, no secret
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (bridge, name) DO NOTHING RETURNING name"
)
REVOKE_TOKEN: Final = "DELETE FROM token WHERE bridge = $1 AND name = $2 RETURNING name"  # noqa: S105  # likewise

# --- Reading --------------------------------------------------------------------------------

HAS_EVENT: Final = 'SELECT 1 FROM event WHERE "timestamp" = $1 AND event_id = $2'
FIND_COMMAND: Final = (
    "SELECT station_id, body_hash, result FROM command"
    " WHERE bridge = $1 AND controller = $2 AND command_id = $3"
)
IS_APPROVED: Final = "SELECT 1 FROM approval WHERE station_id = $1"
HAS_STATION: Final = "SELECT 1 FROM station WHERE id = $1"
OWN_STATION: Final = "SELECT 1 FROM station WHERE bridge = $1 AND id = $2"
OWN_APPROVALS: Final = (
    "SELECT station_id FROM approval WHERE NOT EXISTS"
    " (SELECT FROM station WHERE station.id = approval.station_id AND bridge <> $1)"
)
ALL_STATIONS: Final = "SELECT id, document FROM station WHERE bridge = $1 ORDER BY id"
ALL_PROGRESS: Final = "SELECT station_id, evse_id, document FROM progress WHERE bridge = $1"
ALL_TEAMS: Final = "SELECT document FROM team WHERE bridge = $1 ORDER BY name"
ALL_TOKENS: Final = (
    "SELECT name, digest, scopes, created_at, expires_at FROM token WHERE bridge = $1"  # likewise
    " ORDER BY name"
)
NEXT_EVENT: Final = (
    "SELECT id FROM event WHERE bridge = $1 AND id > $2 AND topic IS NOT NULL ORDER BY id LIMIT 1"
)
MESSAGES_AFTER: Final = (
    "(SELECT outbox.row_id, outbox.topic, coalesce(outbox.payload, event.payload),"
    " outbox.ordering_key, outbox.expiry_seconds, correlation"
    " FROM outbox LEFT JOIN event ON event.bridge = outbox.bridge AND event.id = outbox.row_id"
    " WHERE outbox.bridge = $1 AND outbox.row_id > $2 ORDER BY outbox.row_id LIMIT $3)"
    " UNION ALL"
    " (SELECT id, topic, payload, ordering_key, expiry_seconds, NULL FROM event"
    " WHERE bridge = $1 AND id > greatest($2, (SELECT watermark FROM bridge WHERE number = $1))"
    " AND topic IS NOT NULL ORDER BY id LIMIT $3)"
    " ORDER BY 1 LIMIT $3"
)
LAST_INSERTED: Final = (
    "SELECT max(newest.inserted_at) FROM bridge CROSS JOIN LATERAL"
    " (SELECT inserted_at FROM event WHERE event.bridge = bridge.number"
    " ORDER BY id DESC LIMIT 1) AS newest"
)
READ_AUDIT: Final = (
    "SELECT at, station_id, evse_id, kind, controller, source, what, command_id, before, after,"
    " result FROM audit"
    " WHERE ($1::text IS NULL OR station_id = $1)"
    " AND ($2::text IS NULL OR controller = $2)"
    " AND ($3::timestamptz IS NULL OR at >= $3)"
    " ORDER BY id DESC LIMIT $4"
)
FIND_TRANSACTION: Final = (
    "SELECT station_id, evse_id, vehicle_id, inserted_at, document FROM charging_transaction"
    " WHERE uuid = $1 OR start_uuid = $1 ORDER BY uuid = $1 DESC LIMIT 1"
)
NAMED_TRANSACTIONS: Final = (
    "SELECT station_id, evse_id, vehicle_id, inserted_at, document FROM charging_transaction"
    " WHERE transaction_id = $1 AND ($2::text IS NULL OR station_id = $2)"
    " ORDER BY id DESC LIMIT $3"
)

# --- Housekeeping ---------------------------------------------------------------------------

_WATERMARK: Final = "(SELECT watermark FROM bridge WHERE number = $1)"
_PERIODIC: Final = (
    "(event_type = 'Updated' AND convert_from(payload, 'UTF8')::json ->> 'triggerReason'"
    " IN ('MeterValuePeriodic', 'MeterValueClock'))"
)
_SENT: Final = (
    f"id <= {_WATERMARK} AND NOT EXISTS (SELECT FROM outbox"  # constants, as below
    " WHERE outbox.bridge = $1 AND outbox.row_id = id)"
)
WAITING: Final = (
    "SELECT count(*), min(inserted_at) FROM (SELECT inserted_at FROM event"  # noqa: S608
    f" WHERE bridge = $1 AND id > {_WATERMARK} AND topic IS NOT NULL LIMIT $2) AS waiting"
)
FORGET_EVENTS: Final = (
    "DELETE FROM event WHERE bridge = $1 AND id IN (SELECT id FROM"  # noqa: S608
    " (SELECT id, inserted_at FROM event WHERE bridge = $1 ORDER BY id LIMIT $3) AS oldest"
    f" WHERE inserted_at < $2 AND {_SENT})"
)
FORGET_TRANSACTIONS: Final = (
    "DELETE FROM charging_transaction WHERE id IN (SELECT id FROM charging_transaction"
    " WHERE end_key > '-infinity' AND end_key < $1 ORDER BY end_key LIMIT $2)"
)
FORGET_AUDIT: Final = (
    "DELETE FROM audit WHERE id IN"
    " (SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT $2) AS oldest WHERE at < $1)"
)
THINNABLE: Final = (
    f'SELECT id, transaction_uuid, "timestamp", {_PERIODIC} FROM event'  # noqa: S608
    " WHERE bridge = $1"
    " AND id > coalesce((SELECT position FROM thinned WHERE thinned.bridge = $1), 0)"
    f" AND inserted_at < $2 AND {_SENT} AND transaction_uuid IS NOT NULL ORDER BY id LIMIT $3"
)
DELETE_EVENTS: Final = Rows(
    {"id": "bigint"},
    "DELETE FROM event USING {rows} WHERE event.bridge = $1::smallint AND event.id = given.id",
)
THINNED: Final = (
    "INSERT INTO thinned (bridge, position) VALUES ($1, $2)"
    " ON CONFLICT (bridge) DO UPDATE SET position = excluded.position"
)
SHED_EVENTS: Final = (
    "UPDATE event SET topic = NULL WHERE bridge = $1 AND id IN (SELECT id FROM event"  # noqa: S608
    f" WHERE bridge = $1 AND id > {_WATERMARK} AND topic IS NOT NULL AND {_PERIODIC}"
    " ORDER BY id LIMIT $2)"
)
