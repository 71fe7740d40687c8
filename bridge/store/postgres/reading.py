"""Records of the rows that are read; times come as aware moments in UTC."""

from collections.abc import Iterable, Sequence

from bridge.domain.ledger import TransactionRecord
from bridge.ports import AuditRecord, TokenRecord
from bridge.store.audit import audit_record
from bridge.store.codec import encode_time
from bridge.store.postgres import statements
from bridge.store.postgres.session import Connection
from bridge.store.rows import transaction_record
from bridge.store.stations import Row
from bridge.store.tokens import token_record


async def station_rows(connection: Connection, bridge: int) -> tuple[Sequence[Row], Sequence[Row]]:
    """Return documents and progress of a bridge's stations, of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        documents = await connection.fetch(statements.ALL_STATIONS, bridge)
        return documents, await connection.fetch(statements.ALL_PROGRESS, bridge)


def transaction_records(rows: Iterable[Row]) -> list[TransactionRecord]:
    """Return the records of rows of `charging_transaction`."""
    return [
        transaction_record((station_id, evse_id, vehicle_id, encode_time(inserted_at), document))
        for station_id, evse_id, vehicle_id, inserted_at, document in rows
    ]


def audit_of(row: Row) -> AuditRecord:
    """Return the record of a row of `statements.READ_AUDIT`. Raises StoreError if it is damaged."""
    at, *rest = row
    return audit_record((encode_time(at), *rest))


def token_of(row: Row) -> TokenRecord:
    """Return the token of a row of `statements.ALL_TOKENS`."""
    name, digest, scopes, created_at, expires_at = row
    expires = None if expires_at is None else encode_time(expires_at)
    return token_record((name, digest, scopes, encode_time(created_at), expires))
