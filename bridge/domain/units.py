"""Spellings of quantities that leave the domain."""

from datetime import datetime


def rfc3339(moment: datetime) -> str:
    """Return a UTC moment as RFC 3339 with milliseconds and `Z` (mqtt-api.md, Documents)."""
    return moment.isoformat("T", "milliseconds")[:-6] + "Z"  # less "+00:00"
