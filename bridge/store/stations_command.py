"""The arguments of `ocpp-mqtt-bridge stations`, and what they do."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.domain.ids import StationId
from bridge.ports import Clock, StoreError
from bridge.store.admin import (
    StationEntry,
    approve_station,
    forget_station,
    is_running,
    list_stations,
)

Row = tuple[str, str, str, str]

_HEADINGS: Final[Row] = ("ID", "REGISTRATION", "ONLINE", "MODEL")


def add_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Add what can be done with stations; `carry_out` of what is parsed does it.

    It takes the data directory, the arguments and a clock, and returns a text or the rows of a
    table, headings first. Raises StoreError.
    """
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, summary, carry_out in (
        ("list", "list the stations that the bridge has seen", _list),
        ("approve", "let a pending station in when it boots next", _approve),
        ("forget", "remove a station's record (its events stay)", _forget),
    ):
        action = actions.add_parser(name, help=summary, description=f"{summary}.")
        action.set_defaults(carry_out=carry_out)
        yield action
        if name != "list":
            action.add_argument("station", metavar="ID", help="id of the station")


def _list(data_dir: Path, _namespace: argparse.Namespace, _clock: Clock) -> list[Row]:
    entries = list_stations(data_dir)
    running = is_running(data_dir)
    return [_HEADINGS, *(_row(entry, running=running) for entry in entries)]


def _row(entry: StationEntry, *, running: bool) -> Row:
    """Return id, registration, online (`-` where no bridge runs to know it) and model."""
    record = entry.record
    if record is None:
        return (entry.id, "approved, not seen yet", "-", "")
    registration = str(record.registration)
    if entry.approved and registration == "Pending":
        registration = "Pending, approved"
    online = "-" if not running else "yes" if record.online else "no"
    boot = record.boot
    return (entry.id, registration, online, f"{boot.vendor_name} {boot.model}" if boot else "")


def _approve(data_dir: Path, namespace: argparse.Namespace, clock: Clock) -> str:
    seen = approve_station(data_dir, StationId(namespace.station), clock)
    when = "when it boots next" if seen else "once it connects: it has not been seen yet"
    return f"{namespace.station} is let in {when}"


def _forget(data_dir: Path, namespace: argparse.Namespace, _clock: Clock) -> str:
    if not forget_station(data_dir, StationId(namespace.station)):
        raise StoreError(f"{namespace.station} is not in the store")
    return f"{namespace.station} is forgotten"
