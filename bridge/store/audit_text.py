"""The audit for people and for programs: lines of a table, JSON, CSV."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bridge.domain.units import rfc3339
from bridge.ports import AuditKind, AuditRecord

HEADINGS: Final = ("TIME", "STATION", "EVSE", "WHO", "WHAT", "DETAIL", "RESULT")
_KEYS: Final = {
    "at": "at",
    "station_id": "cs",
    "evse_id": "evse",
    "kind": "kind",
    "controller": "controller",
    "source": "source",
    "what": "what",
    "command_id": "commandId",
    "before": "before",
    "after": "after",
    "result": "result",
}
"""Fields of a record in the words of the MQTT documents."""


def table_line(record: AuditRecord) -> tuple[str, ...]:
    """Return the cells below `HEADINGS`."""
    change = record.kind is AuditKind.ALLOCATION
    return (
        rfc3339(record.at),
        record.station_id,
        str(record.evse_id),
        record.controller or "-",
        f"allocation ({record.what})" if change else record.what,
        _change(record) if change else (record.after or {}).get("message", ""),
        record.result,
    )


def _change(record: AuditRecord) -> str:
    return " -> ".join(_control(facts) for facts in (record.before, record.after) if facts)


def _control(facts: Mapping[str, Any]) -> str:
    text = f"{facts['allocationSourceName']} {facts['offeredA']:g} A"
    return f"{text} 1-phase" if facts["onePhaseLimitActive"] else text


def as_json(records: Iterable[AuditRecord]) -> str:
    """Return a JSON array with one object a line."""
    lines = (json.dumps(_object(record), ensure_ascii=False) for record in records)
    return "[\n" + ",\n".join(lines) + "\n]"


def as_csv(records: Sequence[AuditRecord]) -> str:
    """Return RFC 4180 CSV with a heading; `before` and `after` are JSON."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(_KEYS.values()))
    writer.writeheader()
    for record in records:
        row = _object(record)
        for key in ("before", "after"):
            row[key] = "" if row[key] is None else json.dumps(row[key], ensure_ascii=False)
        writer.writerow(row)
    return text.getvalue().rstrip("\r\n")


def _object(record: AuditRecord) -> dict[str, Any]:
    found = {key: getattr(record, name) for name, key in _KEYS.items()}
    return found | {"at": rfc3339(record.at), "kind": record.kind.value}
