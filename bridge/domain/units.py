"""Spellings of quantities that leave the domain."""

from datetime import datetime


def rfc3339(moment: datetime) -> str:
    """Return a UTC moment as RFC 3339 with milliseconds and `Z` (mqtt-api.md, Documents)."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
