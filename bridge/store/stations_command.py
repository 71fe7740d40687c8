"""The arguments of `ocpp-mqtt-bridge stations`, and what they do."""

import argparse
import secrets
import sys
from collections.abc import Iterator
from getpass import getpass
from typing import Final

from bridge.domain.ids import StationId
from bridge.domain.passwords import ScryptPassword
from bridge.ports import Clock, StoreError
from bridge.store.admin import StationEntry
from bridge.store.opening import StorePlace, tools_of

Row = tuple[str, str, str, str]

_SALT_BYTES: Final = 16
_HEADINGS: Final[Row] = ("ID", "REGISTRATION", "ONLINE", "MODEL")


def add_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Add what can be done with stations; `carry_out` of what is parsed does it.

    It takes the place of the store, the arguments and a clock, and returns a text or the rows of a
    table, headings first. Raises StoreError. It is None where the bridge has to do it.
    """
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, summary, carry_out in (
        ("list", "list the stations that the bridge has seen", _list),
        ("approve", "let a pending station in, also while the bridge runs", _approve),
        ("forget", "remove a station's record (its events stay)", _forget),
        ("password", "have the bridge that runs give a station a new password", None),
        ("hash-password", "read a password and print what `password_hash` takes", _hash),
    ):
        action = actions.add_parser(name, help=summary, description=f"{summary}.")
        action.set_defaults(carry_out=carry_out)
        yield action
        if carry_out not in {_list, _hash}:
            action.add_argument("station", metavar="ID", help="id of the station")


def _list(place: StorePlace, _namespace: argparse.Namespace, _clock: Clock) -> list[Row]:
    tools = tools_of(place)
    entries = tools.stations()
    running = tools.is_running()
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


def _approve(place: StorePlace, namespace: argparse.Namespace, clock: Clock) -> str:
    seen = tools_of(place).approve(StationId(namespace.station), clock)
    when = "now, or when it connects" if seen else "once it connects: it has not been seen yet"
    return f"{namespace.station} is let in {when}"


def _forget(place: StorePlace, namespace: argparse.Namespace, _clock: Clock) -> str:
    if not tools_of(place).forget(StationId(namespace.station)):
        raise StoreError(f"{namespace.station} is not in the store")
    return f"{namespace.station} is forgotten"


def _hash(_place: StorePlace, _namespace: argparse.Namespace, _clock: Clock) -> str:
    """Return the hash of a line that is typed unseen, or comes from a pipe."""
    typed = sys.stdin.isatty()
    text = getpass("password: ") if typed else sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise StoreError("there is no password: it is read from the standard input")
    return str(ScryptPassword.made_from(text, secrets.token_bytes(_SALT_BYTES)))
