"""Asking controllers about tokens, and what they have said.

Frozen parts of the station's record (`model`), durable with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.events import IdToken
from bridge.domain.tokens import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenVerdict:
    """What a controller has said of a token."""

    id_token: IdToken
    verdict: Verdict
    at: datetime


def deadlines(inquiries: Iterable[Inquiry]) -> list[datetime]:
    """Return when they are over."""
    return [inquiry.until for inquiry in inquiries]
