"""`ocpp-mqtt-bridge transactions`: list, show and export what the record of transactions holds.

It reads beside a bridge that runs; of transactions that run it knows what was written down last.
"""

import argparse
import asyncio
import csv
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TextIO

from rich.console import Console

from bridge.api.documents import TokenMask
from bridge.api.transactions import KeptTransaction, Mask, kept_transaction
from bridge.domain.ledger import TransactionRecord
from bridge.domain.queries import TransactionMoment, TransactionQuery
from bridge.domain.records import replace
from bridge.ports import Clock, StoreError
from bridge.store.audit_command import moment_or_age
from bridge.store.database import FILE_NAME
from bridge.store.opening import OpenTransactions, StorePlace, open_transactions
from bridge.store.secret_key import known_key, secret_key

DEFAULT_LINES: Final = 20
MOST_LINES: Final = 1_000_000
PAGE: Final = 500
HEADINGS: Final = ("STARTED", "ENDED", "STATION", "EVSE", "TRANSACTION", "WHO", "KWH", "RESULT")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Table = list[tuple[str, ...]]
"""Headings, then lines."""
Action = Callable[[StorePlace, argparse.Namespace, Clock], Table | str | None]


def add_actions(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Add list, show and export; each is carried out by `namespace.carry_out`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="print the newest")
    _add_filters(listing)
    listing.add_argument(
        "--limit", type=_count, default=DEFAULT_LINES, metavar="N", help="at most as many"
    )
    listing.set_defaults(carry_out=_list)
    showing = actions.add_parser("show", help="print one as JSON")
    showing.add_argument("transaction", metavar="ID", help="transactionUuid, or transactionId")
    showing.add_argument("--station", metavar="ID", help="whose transactionId it is")
    showing.set_defaults(carry_out=_show)
    exporting = actions.add_parser("export", help="write all that is asked for, the oldest first")
    _add_filters(exporting)
    exporting.add_argument("--format", choices=tuple(_WRITERS), default="csv", help="csv or json")
    exporting.add_argument(
        "--output", type=Path, metavar="FILE", help="where to; standard output where not given"
    )
    exporting.set_defaults(carry_out=_export)
    return [listing, showing, exporting]


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--station", metavar="ID", help="only of this station")
    parser.add_argument("--evse", type=int, metavar="N", help="only of this EVSE")
    parser.add_argument("--vehicle", metavar="ID", help="only of this vehicle or token hash")
    for name, meaning in (("since", "from then on"), ("before", "before then")):
        parser.add_argument(
            f"--{name}",
            type=moment_or_age,
            metavar="TIME",
            help=f"only {meaning}: RFC 3339, UTC where it names no offset, or an age such as 7d",
        )
    parser.add_argument(
        "--by",
        type=TransactionMoment,
        choices=tuple(TransactionMoment),
        default=TransactionMoment.STARTED,
        help="which moment that is, and by which it is sorted (default %(default)s)",
    )


def _query(namespace: argparse.Namespace, clock: Clock) -> TransactionQuery:
    return TransactionQuery(
        station_id=namespace.station,
        evse_id=namespace.evse,
        vehicle_id=namespace.vehicle,
        since=_moment(namespace.since, clock),
        before=_moment(namespace.before, clock),
        filter_by=namespace.by,
        order_by=namespace.by,
    )


def _moment(given: datetime | timedelta | None, clock: Clock) -> datetime | None:
    return clock.now() - given if isinstance(given, timedelta) else given


def _count(text: str) -> int:
    """Return a number of transactions. Raises ArgumentTypeError with a sentence for the user."""
    if text.isascii() and text.isdigit() and 0 < int(text) <= MOST_LINES:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_LINES}")


@asynccontextmanager
async def _opened(place: StorePlace, clock: Clock) -> AsyncIterator[OpenTransactions]:
    transactions = open_transactions(place, clock=clock)
    try:
        yield transactions
    finally:
        await transactions.close()


def _mask(place: StorePlace) -> Mask:
    """Return how the bridge shows tokens. Raises StoreError where it has not run yet."""
    if place.url is not None:
        return TokenMask(known_key(place.data_dir))
    path = place.data_dir / FILE_NAME
    if not path.exists():
        raise StoreError(f"there is no store at {path}: has the bridge run with this data_dir?")
    return TokenMask(secret_key(place.data_dir))


# --- list and show --------------------------------------------------------------------------


def _list(place: StorePlace, namespace: argparse.Namespace, clock: Clock) -> Table:
    query = replace(_query(namespace, clock), descending=True, limit=namespace.limit)

    async def read() -> list[TransactionRecord]:
        async with _opened(place, clock) as transactions:
            return list(await transactions.page(query))

    mask = _mask(place)
    return [HEADINGS, *(_line(kept_transaction(each, mask)) for each in asyncio.run(read()))]


def _line(kept: KeptTransaction) -> tuple[str, ...]:
    token = {**(kept["idToken"] or {})}
    return (
        kept["startedAt"],
        kept["endedAt"] or "-",
        kept["cs"],
        str(kept["evse"]),
        kept["transactionId"],
        kept["vehicleId"] or str(token.get("hash", "-")),
        f"{kept['energyWh'] / 1000:.3f}",
        "runs" if kept["active"] else kept["stoppedReason"] or "incomplete",
    )


def _show(place: StorePlace, namespace: argparse.Namespace, clock: Clock) -> str:
    mask = _mask(place)

    async def read() -> list[TransactionRecord]:
        async with _opened(place, clock) as transactions:
            found = await transactions.find(namespace.transaction)
            if found is not None:
                return [found]
            return list(await transactions.named(namespace.transaction, namespace.station))

    records = asyncio.run(read())
    if not records:
        raise StoreError(f"there is no transaction {namespace.transaction}")
    return "\n".join(json.dumps(kept_transaction(each, mask), indent=2) for each in records)


# --- export ---------------------------------------------------------------------------------


def _export(place: StorePlace, namespace: argparse.Namespace, clock: Clock) -> None:
    query = replace(_query(namespace, clock), limit=PAGE)
    mask = _mask(place)
    if namespace.output is None:
        asyncio.run(_write(place, query, clock, mask, _WRITERS[namespace.format](sys.stdout)))
        return
    with namespace.output.open("w", encoding="utf-8", newline="") as file:
        asyncio.run(_write(place, query, clock, mask, _WRITERS[namespace.format](file)))


async def _write(
    place: StorePlace, query: TransactionQuery, clock: Clock, mask: Mask, writer: "_Writer"
) -> None:
    """Write page after page, and tell on standard error how far it has come."""
    written = 0
    console = Console(stderr=True, highlight=False)
    with console.status("reading") as status:
        async with _opened(place, clock) as transactions:
            while page := await transactions.page(replace(query, offset=written)):
                for each in page:
                    writer.write(kept_transaction(each, mask))
                written += len(page)
                status.update(f"{written} transactions")
    writer.end()
    console.print(f"{written} transactions")


class _Writer:
    """Where an export goes."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._first = True

    def write(self, kept: KeptTransaction) -> None:
        """Write one."""
        raise NotImplementedError

    def end(self) -> None:
        """Write what comes after the last."""


class _Csv(_Writer):
    """RFC 4180 with a heading; what a spreadsheet would take for a formula is made a text."""

    def write(self, kept: KeptTransaction) -> None:
        row = {key: _cell(value) for key, value in _flat(kept).items()}
        writer = csv.DictWriter(self._file, fieldnames=list(row))
        if self._first:
            writer.writeheader()
            self._first = False
        writer.writerow(row)


class _Json(_Writer):
    """An array with one object a line."""

    def write(self, kept: KeptTransaction) -> None:
        self._file.write("[\n" if self._first else ",\n")
        self._first = False
        self._file.write(json.dumps(kept, ensure_ascii=False))

    def end(self) -> None:
        self._file.write("[]\n" if self._first else "\n]\n")


_WRITERS: Final[Mapping[str, type[_Writer]]] = {"csv": _Csv, "json": _Json}


def _flat(kept: KeptTransaction) -> dict[str, Any]:
    token = {**(kept["idToken"] or {})}
    shown = token.get("hash") or token.get("value")
    return {**kept, "idToken": shown, "idTokenType": token.get("type")}


def _cell(value: Any) -> Any:
    """Return what a spreadsheet shows as it is: texts of others are no formulas for it."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
