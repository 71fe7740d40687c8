"""A station's record on disk: one whole document, and the newest progress of its EVSEs beside it.

Theory of operation. Most commits of a busy station move a transaction, its meter values and what
they say of the limit, and nothing else, a fifth of the record. Such a commit writes only that: one
row of `progress` per EVSE that moved. Any other change writes the whole document and removes the
station's progress rows; reading puts the rows, which are always newer, over the document.

What changed is found out, mostly by identity (ADR 0002), against the record that is known to be on disk.
There is none while a commit of the station is under way, or after one that failed: the next one is
written whole. So a row of progress always lies over the very document that it was made against.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.domain.records import replace
from bridge.ports import Readings, StoreError
from bridge.store import sql
from bridge.store.codec import Progress, decode_progress, decode_station, encode

Row = tuple[Any, ...]


class StationRows(Struct, frozen=True, kw_only=True):
    """What to write of a station: its document, or else its progress; neither to forget it."""

    station_id: str
    document: Row | None = None
    """Id and document."""
    progress: tuple[Row, ...] = ()
    """Station, EVSE and document."""


class StationRecords:
    """Knows the record that is on disk of each station; for the event loop's thread."""

    def __init__(self) -> None:
        self._on_disk: dict[StationId, Station] = {}
        self._submitted: dict[StationId, Station] = {}

    def rows(self, station: Station, readings: Readings | None = None) -> StationRows:
        """Return what brings the disk up to date. Raises StoreError for what JSON cannot hold."""
        before = self._on_disk.pop(station.id, None)
        self._submitted[station.id] = station
        if readings is not None and before is readings.since:
            moved = _progress_of(station, readings.evse_id)
            row = (station.id, readings.evse_id, encode(moved))
            return StationRows(station_id=station.id, progress=(row,))
        progress = None if before is None else _progress(before, station)
        if progress:
            return StationRows(
                station_id=station.id,
                progress=tuple((station.id, evse, encode(moved)) for evse, moved in progress),
            )
        return StationRows(station_id=station.id, document=(station.id, encode(station)))

    def written(self, station: Station) -> None:
        """Note that the rows of this record are on disk."""
        if self._submitted.get(station.id) is station:
            del self._submitted[station.id]
            self._on_disk[station.id] = station

    def distrust(self) -> None:
        """Write every station whole again: what is on disk is not what it was."""
        self._on_disk.clear()

    def forget(self, station_id: StationId) -> StationRows:
        """Return what removes the station."""
        self._on_disk.pop(station_id, None)
        self._submitted.pop(station_id, None)
        return StationRows(station_id=station_id)


def read_stations(connection: sqlite3.Connection) -> Iterator[Station]:
    """Read all stations, by id. Raises StoreError, naming the station, for a damaged one."""
    progress = connection.execute(sql.ALL_PROGRESS)
    yield from stations_of(connection.execute(sql.ALL_STATIONS), progress)


def stations_of(documents: Iterable[Row], progress: Iterable[Row]) -> Iterator[Station]:
    """Return the stations of these rows. Raises StoreError, naming the station, for a damaged one.

    `progress` is read before the first of the `documents`.
    """
    moved: dict[str, dict[int, bytes]] = {}
    for station_id, evse_id, document in progress:
        moved.setdefault(station_id, {})[evse_id] = document
    for station_id, document in documents:
        try:
            yield _moved_on(decode_station(document), moved.get(station_id, {}))
        except StoreError as error:
            raise StoreError(f"station {station_id!r}: {error}") from error


def _moved_on(station: Station, progress: dict[int, bytes]) -> Station:
    """Return the station with what its EVSEs have done since its document was written."""
    evses = dict(station.evses)
    revision = station.revision
    for evse_id, document in progress.items():
        if evse_id not in evses:
            raise StoreError(f"a stored record is damaged: there is progress of no EVSE {evse_id}")
        moved = decode_progress(document)
        evses[evse_id] = replace(
            evses[evse_id],
            transaction=moved.transaction,
            meter=moved.meter,
            observed=moved.observed,
        )
        revision = max(revision, moved.revision)
    return replace(station, evses=evses, revision=revision)


def _names_but(kind: type[Struct], *moving: str) -> list[str]:
    return [name for name in kind.__struct_fields__ if name not in moving]


_STATION_REST: Final = attrgetter(*_names_but(Station, "evses", "revision"))
_EVSE_REST: Final = attrgetter(*_names_but(Evse, "transaction", "meter", "observed"))


def _progress(before: Station, after: Station) -> list[tuple[int, Progress]] | None:
    """Return the EVSEs that moved, None where anything else has changed."""
    if before.evses.keys() != after.evses.keys() or _STATION_REST(before) != _STATION_REST(after):
        return None
    moved = []
    for evse_id, evse in after.evses.items():
        earlier = before.evses[evse_id]
        if evse is earlier:
            continue
        if _EVSE_REST(earlier) != _EVSE_REST(evse):
            return None
        moved.append((evse_id, _progress_of(after, evse_id)))
    return moved


def _progress_of(station: Station, evse_id: int) -> Progress:
    evse = station.evses[evse_id]
    return Progress(
        revision=station.revision,
        transaction=evse.transaction,
        meter=evse.meter,
        observed=evse.observed,
    )
