"""Timestamps as stations write them, and as they can read them."""

import re
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.domain.settings import LOCAL_ZONE

_DATE_LENGTH: Final = len("2026-01-01")
_LOCAL_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?")


def parse_timestamp(text: str) -> datetime:
    """Return the moment that a station means, aware, in UTC; ValueError where it means none.

    Clocks without an offset are taken as UTC: OCPP wants UTC, and local time cannot be told
    from it (charger-quirks 29), unless the owner tells it (`in_utc`). Any number of decimals and offsets such as `+03` are read.
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


def in_utc(payload: Any, zone: str) -> Any:
    """Return a payload whose times without an offset, which are of this zone, are in UTC.

    `zone` is a name of the IANA, or "local" for the zone of this machine. Raises
    ZoneInfoNotFoundError for another name.
    """
    if isinstance(payload, str):
        return _in_utc(payload, zone)
    if isinstance(payload, list):
        return [in_utc(each, zone) for each in payload]
    if isinstance(payload, dict):
        return {name: in_utc(each, zone) for name, each in payload.items()}
    return payload


def _in_utc(text: str, zone: str) -> str:
    if _LOCAL_TIME.fullmatch(text) is None:
        return text
    # a time without a zone is of this machine's
    here = None if zone == LOCAL_ZONE else ZoneInfo(zone)
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=here).astimezone(UTC)
    except (ValueError, OverflowError):
        return text  # to be refused by whoever reads it
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_timestamp(moment: datetime) -> str:
    """Return a moment as `YYYY-MM-DDTHH:MM:SSZ`.

    Without decimals or offset, because there are stations that read nothing else
    (charger-quirks 29).
    """
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
