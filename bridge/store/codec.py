"""Records of the domain as JSON documents, and back.

Written and read by msgspec straight from and to the records: a field that was added later takes its
default, a field of a newer version is ignored. Neither NaN nor an infinity survives JSON; the domain
has none.
"""

from datetime import datetime
from typing import Final, TypeVar

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Decoder, Encoder

from bridge.domain.commands import CommandResult
from bridge.domain.control import Observed
from bridge.domain.model import Meter, Station, Transaction
from bridge.domain.team_total import TeamRecord
from bridge.domain.units import in_full
from bridge.ports import StoreError

RecordT = TypeVar("RecordT")


class Progress(Struct, frozen=True, kw_only=True):
    """What moves with each meter reading of an EVSE; `revision` is the station's."""

    revision: int
    transaction: Transaction | None
    meter: Meter | None
    observed: Observed | None = None


_STATION: Final = Decoder(Station)
_TRANSACTION: Final = Decoder(Transaction)
_PROGRESS: Final = Decoder(Progress)
_RESULT: Final = Decoder(CommandResult)
_TEAM: Final = Decoder(TeamRecord)
_encode: Final = Encoder().encode


def encode(record: Station | Progress | CommandResult | TeamRecord | Transaction) -> bytes:
    """Return the JSON document of a record.

    Raises StoreError for what JSON cannot hold (a lone surrogate).
    """
    try:
        return _encode(record)
    except (TypeError, ValueError, OverflowError) as error:
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


def _decode(decoder: Decoder[RecordT], document: bytes) -> RecordT:
    try:
        return decoder.decode(document)
    except ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        where = place.removesuffix("`")
        raise StoreError(f"a stored record is damaged at {where!r}: {reason}") from error
    except (DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"a stored record is damaged at '': {error}") from error


def encode_time(moment: datetime) -> str:
    """Return an aware moment in UTC as text that sorts by time."""
    return in_full(moment)
