"""The arguments of `ocpp-mqtt-bridge audit`, and what they ask for."""

import argparse
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.ports import AuditRecord
from bridge.store.audit import AuditQuery
from bridge.store.opening import StorePlace, tools_of

DEFAULT_LINES: Final = 50
MOST_LINES: Final = 1_000_000
_LONGEST: Final = timedelta(days=36_500)
"""More than any store is old, and less than there are years."""
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which records are shown, and how."""
    parser.add_argument("--station", metavar="ID", help="only of this station")
    parser.add_argument("--controller", metavar="NAME", help="only what this controller led to")
    parser.add_argument(
        "--since",
        type=moment_or_age,
        metavar="TIME",
        help="only from then on: RFC 3339, UTC where it names no offset, or an age such as 30m, "
        "12h, 7d",
    )
    parser.add_argument(
        "--limit",
        type=_count,
        default=DEFAULT_LINES,
        metavar="N",
        help="at most as many, the newest (default %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=("table", "json", "csv"),
        default="table",
        help="how it is printed (default %(default)s)",
    )


def find(place: StorePlace, namespace: argparse.Namespace, now: datetime) -> list[AuditRecord]:
    """Return what is asked for, the newest last. Raises StoreError."""
    since = namespace.since
    query = AuditQuery(
        station_id=namespace.station,
        controller=namespace.controller,
        since=now - since if isinstance(since, timedelta) else since,
        limit=namespace.limit,
    )
    return tools_of(place).audit(query)


def moment_or_age(text: str) -> datetime | timedelta:
    """Return a moment in UTC, or an age. Raises ArgumentTypeError with a sentence for the user."""
    amount, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and amount.isascii() and amount.isdigit():
            return min(timedelta(**{_UNITS[unit]: int(amount)}), _LONGEST)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a time such as 2026-01-10T10:00:00Z nor an age such as 12h"
        ) from None


def _count(text: str) -> int:
    """Return a number of records. Raises ArgumentTypeError with a sentence for the user."""
    if text.isascii() and text.isdigit() and 0 < int(text) <= MOST_LINES:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_LINES}")
