"""Spellings of quantities that leave the domain."""

from datetime import datetime
from functools import lru_cache


def rfc3339(moment: datetime) -> str:
    """Return a UTC moment as RFC 3339 with milliseconds and `Z` (mqtt-api.md, Documents)."""
    return in_full(moment)[:23] + "Z"


@lru_cache(maxsize=256)
def in_full(moment: datetime) -> str:
    """Return a UTC moment as RFC 3339 with microseconds and `+00:00`.

    Kept for a while: each moment of an event is written several times on its way.
    """
    return moment.isoformat("T", "microseconds")
