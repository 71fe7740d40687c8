"""The arguments of `ocpp-mqtt-bridge token`, and what they do."""

import argparse
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from bridge.ports import Clock, Scope, StoreError, TokenRecord
from bridge.store.audit_command import moment_or_age
from bridge.store.opening import StorePlace, tools_of
from bridge.store.tokens import new_token, taken

Row = tuple[str, str, str, str]

_HEADINGS: Final[Row] = ("NAME", "SCOPES", "CREATED", "EXPIRES")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_MINUTES: Final = "minutes"


def add_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Add what can be done with tokens; `carry_out` of what is parsed does it.

    It takes the place of the store, the arguments and a clock, and returns a text or the rows of a
    table, headings first. Raises StoreError.
    """
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, summary, carry_out, add_arguments in (
        ("create", "make a token and print it; it is shown only then", _create, _add_create),
        ("list", "list the tokens, not what they are", _list, None),
        ("revoke", "take a token back, at once", _revoke, _add_name),
    ):
        action = actions.add_parser(name, help=summary, description=f"{summary}.")
        action.set_defaults(carry_out=carry_out)
        if add_arguments is not None:
            add_arguments(action)
        yield action


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name",
        type=_name,
        required=True,
        metavar="NAME",
        help="1 to 32 of A-Z a-z 0-9 _ -; the controller whose commands come with it "
        "(`[controllers.NAME]`)",
    )
    parser.add_argument(
        "--scope",
        type=_scopes,
        action="extend",
        metavar="SCOPES",
        help="comma-separated: read (documents, transactions, metrics), control (commands about "
        "charging), stations (restarts, variables, availability); control and stations include "
        "read (default read)",
    )
    parser.add_argument(
        "--expires",
        type=moment_or_age,
        metavar="TIME",
        help="until then it is good: RFC 3339, or from now on, such as 12h or 90d (default: until "
        "it is revoked)",
    )


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the token")


def _create(place: StorePlace, namespace: argparse.Namespace, clock: Clock) -> str:
    expires = namespace.expires
    token, record = new_token(
        namespace.name,
        namespace.scope or [Scope.READ],
        expires_at=clock.now() + expires if isinstance(expires, timedelta) else expires,
        clock=clock,
    )
    if not tools_of(place).add_token(record):
        raise taken(namespace.name)
    return token


def _list(place: StorePlace, _namespace: argparse.Namespace, clock: Clock) -> list[Row]:
    now = clock.now()
    return [_HEADINGS, *(_row(token, now) for token in tools_of(place).tokens())]


def _row(token: TokenRecord, now: datetime) -> Row:
    until = "never"
    if token.expires_at is not None:
        until = token.expires_at.isoformat(" ", _MINUTES)
        until += " (expired)" if token.expires_at <= now else ""
    scopes = ",".join(scope for scope in Scope if scope in token.scopes)
    return (token.name, scopes, token.created_at.isoformat(" ", _MINUTES), until)


def _revoke(place: StorePlace, namespace: argparse.Namespace, _clock: Clock) -> str:
    if not tools_of(place).revoke_token(namespace.name):
        raise StoreError(f"there is no token {namespace.name!r}")
    return f"{namespace.name} is revoked"


def _name(text: str) -> str:
    """Return a name. Raises ArgumentTypeError with a sentence for the user."""
    if _NAME.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} must be 1 to 32 of A-Z a-z 0-9 _ -")


def _scopes(text: str) -> list[Scope]:
    """Return scopes. Raises ArgumentTypeError with a sentence for the user."""
    try:
        return [Scope(part.strip()) for part in text.split(",")]
    except ValueError:
        known = ", ".join(Scope)
        raise argparse.ArgumentTypeError(f"{text!r} must be some of {known}") from None
