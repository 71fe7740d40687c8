"""Looking after stations in the store's file, beside a running bridge or without one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import Struct

from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.ports import Clock, StoreError
from bridge.store import sql
from bridge.store.codec import encode_time
from bridge.store.database import (
    FILE_NAME,
    DataDirLock,
    explained,
    open_for_reading,
    open_for_writing,
)
from bridge.store.stations import read_stations


class StationEntry(Struct, frozen=True, kw_only=True):
    """A station of the store; `record` is None where only its approval is there yet."""

    id: StationId
    record: Station | None
    approved: bool


def list_stations(data_dir: Path) -> list[StationEntry]:
    """Return all stations by id, also while the bridge runs.

    Raises StoreError where there is no store yet or a record is damaged.
    """
    path = data_dir / FILE_NAME
    with explained(path), closing(open_for_reading(path)) as connection:
        approved = {station_id for (station_id,) in connection.execute(sql.ALL_APPROVALS)}
        records = {station.id: station for station in read_stations(connection)}
    return [
        StationEntry(
            id=StationId(station_id),
            record=records.get(StationId(station_id)),
            approved=station_id in approved,
        )
        for station_id in sorted(approved | records.keys())
    ]


def approve_station(data_dir: Path, station_id: StationId, clock: Clock) -> bool:
    """Let a station in from its next BootNotification on, also while the bridge runs.

    Returns whether the station has been seen already. Raises StoreError.
    """
    path = data_dir / FILE_NAME
    with writing_to(path) as connection:
        connection.execute(sql.APPROVE, (station_id, encode_time(clock.now())))
        return connection.execute(sql.HAS_STATION, (station_id,)).fetchone() is not None


def forget_station(data_dir: Path, station_id: StationId) -> bool:
    """Remove a station's record and approval; its events stay. Returns whether there was one.

    Raises StoreError while a bridge runs: it would write the record again.
    """
    lock = DataDirLock(data_dir)
    try:
        with writing_to(data_dir / FILE_NAME) as connection:
            sql.FORGET_APPROVALS.run(connection, [(station_id,)])
            sql.FORGET_PROGRESS.run(connection, [(station_id,)])
            known = connection.execute(sql.HAS_STATION, (station_id,)).fetchone() is not None
            sql.FORGET_STATIONS.run(connection, [(station_id,)])
            return known
    finally:
        lock.release()


def is_running(data_dir: Path) -> bool:
    """Say whether a bridge holds the data directory at this moment."""
    try:
        DataDirLock(data_dir).release()
    except StoreError:
        return True
    return False


@contextmanager
def writing_to(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a store that must be there already, for one transaction. Raises StoreError."""
    if not path.exists():
        raise StoreError(f"there is no store at {path}: has the bridge run with this data_dir?")
    with explained(path), closing(open_for_writing(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
