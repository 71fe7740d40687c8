"""Tokens of the HTTP service in the store's file, beside a running bridge or without one.

What is kept is the SHA-256 of a token: it has 32 random bytes, so that a slow hash would protect
nothing. The token itself is shown once, when it is made.
"""

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from bridge.ports import Clock, Scope, StoreError, TokenRecord
from bridge.store import sql
from bridge.store.admin import writing_to
from bridge.store.codec import encode_time
from bridge.store.database import FILE_NAME, explained, make_data_dir, open_for_writing
from bridge.store.stations import Row

PREFIX: Final = "omb_"
"""By which scanners for secrets can know a token."""
SECRET_BYTES: Final = 32


def create_token(
    data_dir: Path,
    name: str,
    scopes: Iterable[Scope],
    *,
    expires_at: datetime | None,
    clock: Clock,
) -> str:
    """Return a new token, which is kept nowhere; the store is made where it is not there yet.

    Raises StoreError, also where there is a token of this name.
    """
    token, record = new_token(name, scopes, expires_at=expires_at, clock=clock)
    if not add_token(data_dir, record):
        raise taken(name)
    return token


def new_token(
    name: str, scopes: Iterable[Scope], *, expires_at: datetime | None, clock: Clock
) -> tuple[str, TokenRecord]:
    """Return a new token, and what is to be kept of it."""
    token = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    record = TokenRecord(
        name=name,
        digest=digest_of(token),
        scopes=frozenset(scopes),
        created_at=clock.now(),
        expires_at=expires_at,
    )
    return token, record


def taken(name: str) -> StoreError:
    """Return the error for a name that another token has."""
    return StoreError(f"there is a token {name!r} already: revoke it first")


def add_token(data_dir: Path, token: TokenRecord) -> bool:
    """Keep a token, in a store that is made where there is none; False if its name is taken.

    Raises StoreError.
    """
    row = (
        token.name,
        token.digest,
        ",".join(sorted(token.scopes)),
        encode_time(token.created_at),
        None if token.expires_at is None else encode_time(token.expires_at),
    )
    make_data_dir(data_dir)
    path = data_dir / FILE_NAME
    with explained(path), closing(open_for_writing(path)) as connection:
        return connection.execute(sql.ADD_TOKEN, row).rowcount > 0


def digest_of(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def list_tokens(data_dir: Path) -> list[TokenRecord]:
    """Return all tokens by name, expired ones too. Raises StoreError."""
    with writing_to(data_dir / FILE_NAME) as connection:
        return [token_record(row) for row in connection.execute(sql.ALL_TOKENS)]


def revoke_token(data_dir: Path, name: str) -> bool:
    """Remove a token; a running bridge takes it no more from then on. Raises StoreError.

    Returns whether there was one.
    """
    with writing_to(data_dir / FILE_NAME) as connection:
        return connection.execute(sql.REVOKE_TOKEN, (name,)).rowcount > 0


def token_record(row: Row) -> TokenRecord:
    """Return the token of a row of `sql.ALL_TOKENS`."""
    name, digest, scopes, created_at, expires_at = row
    return TokenRecord(
        name=name,
        digest=digest,
        scopes=frozenset(map(Scope, scopes.split(","))),
        created_at=datetime.fromisoformat(created_at),
        expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
    )
