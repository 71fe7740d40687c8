"""Identifiers and how stable ones are derived."""

import hmac
from datetime import datetime
from hashlib import sha1, sha256
from typing import Final, NewType
from uuid import UUID

from bridge.domain.units import in_full

StationId = NewType("StationId", str)
"""The raw identity of a charging station, percent-decoded (OCPP-J part 4, 3.1.1)."""

STATION_EVSE: Final = 0
"""EVSE id 0 stands for the whole charging station (OCPP 2.x, also connector 0 of 1.6)."""

_TOKEN_HASH_LENGTH: Final = 16
_VARIANTS: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""The digit of a UUID that says its variant, by the one of the digest (RFC 9562, 4.1)."""
_NAMESPACE: Final = UUID("6f1d2b52-6f0f-5d5c-9d52-4d5154540001").bytes


def event_id(
    station_id: StationId,
    transaction_id: str,
    seq_no: int,
    event_type: str,
    timestamp: datetime,
) -> str:
    """Return the id of a TransactionEvent, the same for every resend of it.

    seqNo alone is not enough: there are stations that send 0 on every event of a transaction
    (charger-quirks 34), so the type and the station's time take part.
    """
    # as isoformat() has it, which is kept already where there are fractions of a second
    at = in_full(timestamp) if timestamp.microsecond else timestamp.isoformat()
    return _uuid5(f"{station_id}\n{transaction_id}\n{seq_no}\n{event_type}\n{at}")


def transaction_uuid(station_id: StationId, transaction_id: str, first_seen_at: datetime) -> str:
    """Return the id of a transaction that is unique over all stations (seed 001)."""
    return _uuid5(f"{station_id}\n{transaction_id}\n{first_seen_at.isoformat()}")


def requested_uuid(controller: str, command_id: str) -> str:
    """Return the uuid of the transaction that a `start` asks for, before there is one."""
    return _uuid5(f"start\n{controller}\n{command_id}")


def _uuid5(name: str) -> str:
    """Return what `str(uuid5(_NAMESPACE, name))` does, in a quarter of its time."""
    text = sha1(_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANTS[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def token_hash(key: bytes, token: str) -> str:
    """Return what stands for an idToken wherever it is shown; upper and lower case are one (OCPP).

    A keyed hash (HMAC-SHA256) cannot be reversed by trying all card numbers without the key.
    64 bits of it tell the tokens of an installation apart.
    """
    return hmac.digest(key, token.casefold().encode(), sha256).hex()[:_TOKEN_HASH_LENGTH]
