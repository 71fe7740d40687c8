"""Timestamps as stations write them, and as they can read them."""

from datetime import UTC, datetime
from typing import Final

_DATE_LENGTH: Final = len("2026-01-01")


def parse_timestamp(text: str) -> datetime:
    """Return the moment that a station means, aware, in UTC; ValueError where it means none.

    Clocks without an offset are taken as UTC: OCPP wants UTC, and local time cannot be told
    from it (charger-quirks 29). Any number of decimals and offsets such as `+03` are read.
    """
    text = text.strip()
    if text[_DATE_LENGTH : _DATE_LENGTH + 1] not in {"T", "t", " "}:
        raise ValueError("not a date and a time")
    try:
        # "z" is allowed by RFC 3339 and not read by Python.
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        # Python's message quotes the text, which ends in a log.
        raise ValueError("not a readable date and time") from None
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of the range of years") from error


def has_zone(text: str) -> bool:
    """Say whether a text that `parse_timestamp` reads tells its offset from UTC."""
    return datetime.fromisoformat(text.strip().upper()).tzinfo is not None


def format_timestamp(moment: datetime) -> str:
    """Return a moment as `YYYY-MM-DDTHH:MM:SSZ`.

    Without decimals or offset, because there are stations that read nothing else
    (charger-quirks 29).
    """
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
