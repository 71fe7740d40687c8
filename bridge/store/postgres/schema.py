"""The tables in the database, step by step, and who may change them.

The schema grows by `MIGRATIONS` as that of SQLite does (`bridge.store.sql`): steps are never
edited after a release, only added. `schema_version` tells which were taken, and when.

Every bridge that runs holds the schema's lock together with the others; who takes a step must hold
it alone. So no bridge meets tables that have changed under it.
"""

from typing import Final

import asyncpg

from bridge.crash import passes
from bridge.ports import StoreError
from bridge.store.postgres import statements
from bridge.store.postgres.lease import lock_key
from bridge.store.postgres.session import SCHEMA, Connection, Place

LOCK: Final = lock_key("schema")
_PATIENCE: Final = "SET lock_timeout = '10s'"
_NO_PATIENCE: Final = "SET lock_timeout = DEFAULT"

MIGRATIONS: Final = (
    """
    -- Who writes here. `epoch` counts starts, `batch` transactions (lease.py); one counter numbers
    -- the events and messages of a bridge, and `last_row` is where it stands. Those up to the
    -- watermark are published or in the outbox (ADR 0009).
    CREATE TABLE bridge (
        number    smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id        text COLLATE "C" NOT NULL UNIQUE,
        epoch     bigint NOT NULL DEFAULT 0,
        batch     bigint NOT NULL DEFAULT 0,
        last_row  bigint NOT NULL DEFAULT 0,
        watermark bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50);

    -- What stations reported, kept for ever. `id` is the order of storing of each bridge; `payload`
    -- is the document as it was published, UTF-8. An event that is to be published has a topic.
    -- The index finds resends, also those that came to another bridge; it begins with the time, so
    -- that new entries are next to each other (equal ids have equal times, bridge.domain.ids).
    CREATE TABLE event (
        bridge           smallint NOT NULL,
        id               bigint NOT NULL,
        event_id         text COLLATE "C" NOT NULL,
        station_id       text COLLATE "C" NOT NULL,
        evse_id          bigint NOT NULL,
        transaction_id   text COLLATE "C",
        transaction_uuid text COLLATE "C",
        seq_no           bigint,
        event_type       text NOT NULL,
        "timestamp"      timestamptz NOT NULL,
        inserted_at      timestamptz NOT NULL,
        payload          bytea NOT NULL,
        topic            text,
        ordering_key     text,
        expiry_seconds   bigint,
        PRIMARY KEY (bridge, id)
    );
    CREATE UNIQUE INDEX event_once ON event ("timestamp", event_id);

    -- The latest state of each station, one JSON document (codec.py), and the bridge that wrote
    -- it; and what its EVSEs have done since (stations.py).
    CREATE TABLE station (
        id         text COLLATE "C" PRIMARY KEY,
        bridge     smallint NOT NULL,
        document   bytea NOT NULL,
        updated_at timestamptz NOT NULL
    ) WITH (fillfactor = 70);
    CREATE TABLE progress (
        bridge     smallint NOT NULL,
        station_id text COLLATE "C" NOT NULL,
        evse_id    bigint NOT NULL,
        document   bytea NOT NULL,
        PRIMARY KEY (bridge, station_id, evse_id)
    ) WITH (fillfactor = 50);

    -- Stations that the owner let in by hand, at whichever bridge.
    CREATE TABLE approval (
        station_id  text COLLATE "C" PRIMARY KEY,
        approved_at timestamptz NOT NULL
    );

    -- Messages that the broker has not acknowledged; of an event that was overtaken only the
    -- number, which is the row's.
    CREATE TABLE outbox (
        bridge         smallint NOT NULL,
        row_id         bigint NOT NULL,
        topic          text NOT NULL,
        ordering_key   text NOT NULL,
        expiry_seconds bigint,
        correlation    bytea,
        payload        bytea,
        created_at     timestamptz NOT NULL,
        PRIMARY KEY (bridge, row_id)
    );

    -- Messages that the broker refuses, for people to look at.
    CREATE TABLE dead_letter (
        bridge       smallint NOT NULL,
        row_id       bigint NOT NULL,
        topic        text NOT NULL,
        ordering_key text NOT NULL,
        payload      bytea NOT NULL,
        reason       text NOT NULL,
        failed_at    timestamptz NOT NULL,
        PRIMARY KEY (bridge, row_id)
    );

    -- Command ids that controllers have used at a bridge, at least for 24 h; `result` once it is
    -- final.
    CREATE TABLE command (
        bridge      smallint NOT NULL,
        controller  text COLLATE "C" NOT NULL,
        command_id  text COLLATE "C" NOT NULL,
        station_id  text NOT NULL,
        body_hash   text NOT NULL,
        received_at timestamptz NOT NULL,
        result      bytea,
        PRIMARY KEY (bridge, controller, command_id)
    );
    CREATE INDEX command_received_at ON command (bridge, received_at);

    -- Who did what to an EVSE, and what came of it (`bridge.ports.AuditRecord`), kept for ever.
    CREATE TABLE audit (
        id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at         timestamptz NOT NULL,
        station_id text COLLATE "C" NOT NULL,
        evse_id    bigint NOT NULL,
        kind       text NOT NULL,
        controller text COLLATE "C",
        source     text NOT NULL,
        what       text NOT NULL,
        command_id text,
        before     json,
        after      json,
        result     text NOT NULL
    );

    -- What each bridge must remember of its load-management groups (codec.py).
    CREATE TABLE team (
        bridge   smallint NOT NULL,
        name     text COLLATE "C" NOT NULL,
        document bytea NOT NULL,
        PRIMARY KEY (bridge, name)
    );

    -- All transactions: what they are found by, and the rest as one JSON document (codec.py). `id`
    -- is the order of beginning. A transaction that has not ended is sorted before all that have.
    CREATE TABLE charging_transaction (
        id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        uuid           text COLLATE "C" NOT NULL UNIQUE,
        start_uuid     text COLLATE "C",
        station_id     text COLLATE "C" NOT NULL,
        evse_id        bigint NOT NULL,
        connector_id   bigint,
        transaction_id text COLLATE "C" NOT NULL,
        vehicle_id     text COLLATE "C",
        started_at     timestamptz NOT NULL,
        ended_at       timestamptz,
        inserted_at    timestamptz NOT NULL,
        complete       boolean NOT NULL,
        document       bytea NOT NULL,
        end_key        timestamptz NOT NULL
            GENERATED ALWAYS AS (coalesce(ended_at, '-infinity')) STORED
    );
    CREATE INDEX transaction_start_uuid ON charging_transaction (start_uuid)
        WHERE start_uuid IS NOT NULL;
    -- These four hold all that a page is sorted by: very many are looked through without rows.
    CREATE INDEX transaction_id ON charging_transaction (transaction_id, id)
        INCLUDE (started_at, end_key, inserted_at);
    CREATE INDEX transaction_started ON charging_transaction (started_at, id)
        INCLUDE (end_key, inserted_at, transaction_id);
    CREATE INDEX transaction_ended ON charging_transaction (end_key, id)
        INCLUDE (started_at, inserted_at, transaction_id);
    CREATE INDEX transaction_inserted ON charging_transaction (inserted_at, id)
        INCLUDE (started_at, end_key, transaction_id);
    CREATE INDEX transaction_of_station ON charging_transaction (station_id, started_at);
    CREATE INDEX transaction_of_station_ended ON charging_transaction (station_id, end_key);
    CREATE INDEX transaction_of_station_inserted ON charging_transaction (station_id, inserted_at);
    CREATE INDEX transaction_of_vehicle ON charging_transaction (vehicle_id, started_at);

    -- Up to which of its events a bridge has thinned out the periodic readings (housekeeping.py).
    CREATE TABLE thinned (
        bridge   smallint PRIMARY KEY,
        position bigint NOT NULL
    );

    -- Who may use the HTTP service of a bridge (bridge/store/tokens.py).
    CREATE TABLE token (
        bridge     smallint NOT NULL,
        name       text COLLATE "C" NOT NULL,
        digest     bytea NOT NULL UNIQUE,
        scopes     text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        PRIMARY KEY (bridge, name)
    );
    """,
)

VERSION: Final = len(MIGRATIONS)


async def make_ready(connection: Connection, place: Place) -> None:
    """Make or migrate the tables where it is needed, and hold the schema's lock with the others.

    Raises StoreError where they are of a newer version, or another bridge needs them as they are.
    """
    await connection.execute(_PATIENCE)
    if await version_of(connection) < VERSION:
        await _migrate(connection, place)
    await connection.execute(_NO_PATIENCE)
    await join(connection, place)


async def join(connection: Connection, place: Place) -> None:
    """Hold the schema's lock with the others. Raises StoreError where it is not of this version."""
    await connection.execute(_PATIENCE)
    await connection.execute(statements.SHARE_SCHEMA, LOCK)
    await connection.execute(_NO_PATIENCE)
    await check(connection, place)


async def check(connection: Connection, place: Place) -> None:
    """Raise StoreError unless the tables are those of this version."""
    version = await version_of(connection)
    if version == 0:
        raise StoreError(
            f"there is no store at {place.shown}: has the bridge run with this store.url?"
        )
    if version > VERSION:
        raise StoreError(
            f"store {place.shown} was written by a newer version of the bridge (schema {version},"
            f" this one knows {VERSION}): install that version again"
        )
    if version < VERSION:
        raise StoreError(
            f"store {place.shown} was written by an older version of the bridge (schema {version},"
            f" this one needs {VERSION}): start the bridge, which brings it up to date"
        )


async def version_of(connection: Connection) -> int:
    """Return how many steps were taken; 0 where there is nothing yet."""
    if await connection.fetchval(statements.HAS_TABLES, f"{SCHEMA}.schema_version") is None:
        return 0
    return int(await connection.fetchval(statements.VERSION))


async def _migrate(connection: Connection, place: Place) -> None:
    try:
        await connection.execute(statements.LOCK_SCHEMA, LOCK)
    except asyncpg.LockNotAvailableError as error:
        raise StoreError(
            f"store {place.shown} must be brought up to date for this version, and other bridges"
            " use it as it is: stop them, start this one, then those with the same version"
        ) from error
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        if not await connection.fetchval(statements.HAS_SCHEMA, SCHEMA):
            await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        await connection.execute(statements.MAKE_VERSION_TABLE)
        version = await version_of(connection)
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            await connection.execute(step)
            passes("in-migration")
            await connection.execute(statements.ADD_VERSION, number)
    await connection.execute(statements.UNLOCK_SCHEMA, LOCK)
