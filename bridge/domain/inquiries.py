"""Asking controllers about tokens, and what they have said.

Frozen parts of the station's record (`model`), durable with it.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from bridge.domain.events import IdToken
from bridge.domain.tokens import Verdict


class Inquiry(Struct, frozen=True, kw_only=True):
    """A token that controllers are asked about, until somebody answers or time is over."""

    id: str
    """`request` of event/authorize; also the ticket of the answer that the station waits for."""
    id_token: IdToken
    evse_id: int
    """EVSE of the transaction; 0 where the station has asked before there is one."""
    asked_at: datetime
    until: datetime
    awaited: bool
    """Whether an Authorize of the station waits for the answer."""
    transaction_ids: tuple[str, ...] = ()
    """Transactions that run on the token meanwhile."""


class GivenVerdict(Struct, frozen=True, kw_only=True):
    """What a controller has said of a token."""

    id_token: IdToken
    verdict: Verdict
    at: datetime


def deadlines(inquiries: Iterable[Inquiry]) -> list[datetime]:
    """Return when they are over."""
    return [inquiry.until for inquiry in inquiries]
