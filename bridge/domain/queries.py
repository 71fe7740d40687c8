"""What can be asked of the record of transactions (seed 002)."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct


class TransactionMoment(StrEnum):
    """By which moment transactions are chosen or sorted."""

    STARTED = "StartAt"
    ENDED = "EndAt"
    INSERTED = "InsertedAt"


TRANSACTION_ID: Final = "TransactionID"
"""What else they can be sorted by."""


class TransactionQuery(Struct, frozen=True, kw_only=True):
    """Which transactions, and in which order. Everything that is None is not asked for."""

    station_id: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    vehicle_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    """`since` <= moment < `before`, of `filter_by`."""
    filter_by: TransactionMoment = TransactionMoment.STARTED
    order_by: str = TransactionMoment.INSERTED
    """A TransactionMoment or `TRANSACTION_ID`; what is equal is in the order of being stored."""
    descending: bool = False
    offset: int = 0
    limit: int = 100
