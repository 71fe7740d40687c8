"""How the rows of a batch are written."""

from operator import itemgetter

from bridge.store.batch import Batch, StationTables
from bridge.store.postgres import statements
from bridge.store.postgres.session import Connection

_FIRST = itemgetter(0)
_CONTROLLER_AND_COMMAND = itemgetter(1, 2)


async def write_batch(connection: Connection, bridge: int, batch: Batch) -> None:
    """Execute everything, within the caller's transaction."""
    await statements.INSERT_EVENTS.run(connection, bridge, batch.events)
    await statements.INSERT_MESSAGES.run(connection, bridge, batch.messages)
    await _write_stations(connection, bridge, batch.station_rows())
    await statements.INSERT_COMMANDS.run(connection, bridge, batch.commands)
    await statements.SAVE_RESULTS.run_by_key(
        connection, bridge, batch.results, key=_CONTROLLER_AND_COMMAND
    )
    await statements.INSERT_AUDIT.run(connection, bridge, batch.audit)
    await statements.SAVE_TRANSACTIONS.run_by_key(
        connection, bridge, batch.transactions, key=_FIRST
    )
    await statements.SAVE_TEAMS.run_by_key(connection, bridge, batch.teams, key=_FIRST)


async def _write_stations(connection: Connection, bridge: int, tables: StationTables) -> None:
    written = [row[:1] for row in tables.documents]
    await statements.SAVE_STATIONS.run(connection, bridge, tables.documents)
    await statements.FORGET_PROGRESS.run(connection, bridge, written + tables.forgotten)
    await statements.SAVE_PROGRESS.run(connection, bridge, tables.progress)
    await statements.FORGET_STATIONS.run(connection, bridge, tables.forgotten)
    await statements.FORGET_APPROVALS.run(connection, bridge, tables.forgotten)
