"""The audit's rows: written with each commit, and read beside a running bridge or without one."""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct

from bridge.domain.ids import StationId
from bridge.ports import AuditKind, AuditRecord, StoreError
from bridge.store import sql
from bridge.store.codec import encode_time
from bridge.store.database import FILE_NAME, explained, open_for_reading
from bridge.store.stations import Row


class AuditQuery(Struct, frozen=True, kw_only=True):
    """Which records to read; None = whichever."""

    station_id: str | None = None
    controller: str | None = None
    since: datetime | None = None
    limit: int = 50
    """At most as many, the newest ones."""


def read_audit(data_dir: Path, query: AuditQuery) -> list[AuditRecord]:
    """Return records in the order in which they were written, also while the bridge runs.

    Raises StoreError where there is no store yet or a record is damaged.
    """
    path = data_dir / FILE_NAME
    wanted = {
        "station": query.station_id,
        "controller": query.controller,
        "since": None if query.since is None else encode_time(query.since),
        "limit": query.limit,
    }
    with explained(path), closing(open_for_reading(path)) as connection:
        if connection.execute(sql.HAS_AUDIT).fetchone() is None:
            return []  # written by an older version that kept none, and not opened since
        rows = connection.execute(sql.READ_AUDIT, wanted).fetchall()
    return [audit_record(row) for row in reversed(rows)]


def audit_row(record: AuditRecord) -> Row:
    """Return a record as it is stored. Raises StoreError for what JSON cannot hold."""
    return (
        encode_time(record.at),
        record.station_id,
        record.evse_id,
        record.kind.value,
        record.controller,
        record.source,
        record.what,
        record.command_id,
        _encoded(record.before),
        _encoded(record.after),
        record.result,
    )


def audit_record(row: Row) -> AuditRecord:
    """Return the record of a row of `sql.READ_AUDIT`. Raises StoreError where it is damaged."""
    at, station_id, evse_id, kind, controller, source, what, command_id, before, after, result = (
        row
    )
    try:
        return AuditRecord(
            at=datetime.fromisoformat(at),
            station_id=StationId(station_id),
            evse_id=evse_id,
            kind=AuditKind(kind),
            controller=controller,
            source=source,
            what=what,
            command_id=command_id,
            before=_decoded(before),
            after=_decoded(after),
            result=result,
        )
    except ValueError as error:
        raise StoreError(f"a record of the audit, of {at}, is damaged: {error}") from error


def _encoded(facts: Mapping[str, Any] | None) -> str | None:
    if facts is None:
        return None
    try:
        return orjson.dumps(facts, default=str).decode()
    except orjson.JSONEncodeError as error:
        raise StoreError(f"this cannot be kept for the audit: {error}") from error


def _decoded(facts: str | None) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = None if facts is None else orjson.loads(facts)
    return found
