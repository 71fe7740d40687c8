"""Records of the domain as JSON documents, and back.

Written by orjson straight from the frozen dataclasses, read by pydantic against the same
dataclasses: a field that was added later takes its default, a field of a newer version is
ignored. Neither NaN nor an infinity survives JSON; the domain has none.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from bridge.domain.commands import CommandResult
from bridge.domain.control import Observed
from bridge.domain.model import Meter, Station, Transaction
from bridge.domain.team_total import TeamRecord
from bridge.ports import StoreError

RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What moves with each meter reading of an EVSE; `revision` is the station's."""

    revision: int
    transaction: Transaction | None
    meter: Meter | None
    observed: Observed | None = None


_STATION: Final = TypeAdapter(Station)
_TRANSACTION: Final = TypeAdapter(Transaction)
_PROGRESS: Final = TypeAdapter(Progress)
_RESULT: Final = TypeAdapter(CommandResult)
_TEAM: Final = TypeAdapter(TeamRecord)


def encode(record: Station | Progress | CommandResult | TeamRecord | Transaction) -> bytes:
    """Return the JSON document of a record.

    Raises StoreError for what JSON cannot hold (an integer beyond 64 bits, a lone surrogate).
    """
    try:
        return orjson.dumps(record, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError as error:
        raise StoreError(f"this {type(record).__name__} cannot be stored: {error}") from error


def decode_station(document: bytes) -> Station:
    """Return the station of a document. Raises StoreError where it is damaged."""
    return _decode(_STATION, document)


def decode_transaction(document: bytes) -> Transaction:
    """Return the transaction of a document. Raises StoreError where it is damaged."""
    return _decode(_TRANSACTION, document)


def decode_progress(document: bytes) -> Progress:
    """Return the progress of a document. Raises StoreError where it is damaged."""
    return _decode(_PROGRESS, document)


def decode_result(document: bytes) -> CommandResult:
    """Return the command result of a document. Raises StoreError where it is damaged."""
    return _decode(_RESULT, document)


def decode_team(document: bytes) -> TeamRecord:
    """Return the team of a document. Raises StoreError where it is damaged."""
    return _decode(_TEAM, document)


def _decode(adapter: TypeAdapter[RecordT], document: bytes) -> RecordT:
    try:
        return adapter.validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"a stored record is damaged at {place!r}: {first['msg']}") from error


def encode_time(moment: datetime) -> str:
    """Return an aware moment in UTC as text that sorts by time."""
    return moment.isoformat(timespec="microseconds")
