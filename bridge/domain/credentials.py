"""What a station logs in with: passwords that the bridge has given it, and whether it used TLS.

Theory of operation (OCPP 2.x A01, security.md 19). A password that the bridge gives a station is
remembered before it is sent. From then on both it and those before it are good, whatever becomes
of the answer, of the connection and of the bridge, until the station has logged in with one of
them: then what is older is good no more. A refusal takes the new one back.

The password of the configuration is older than all that were given instead of it, and another one
that is written there later is newer than they: it was the owner who wrote it. Each given password
therefore remembers, by a fingerprint, which configured one it was given instead of.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from msgspec import Struct

from bridge.domain.passwords import Password
from bridge.domain.records import replace
from bridge.domain.settings import StationAuth

MOST_PASSWORDS: Final = 8
"""Given passwords that are remembered at a time; beyond it the oldest that was never used is forgotten."""


class GivenPassword(Struct, frozen=True, kw_only=True):
    """A password that the bridge made, by what is kept of it (`passwords.KeyedPassword`)."""

    salt: str
    digest: str
    given_at: datetime
    instead_of: str | None = None
    """Fingerprint of the configured password at that time, None where there was none."""
    confirmed: bool = False
    """The station has logged in with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassword:
    """A password that is about to be given; only the station ever sees `secret`."""

    secret: str = field(repr=False)
    given: GivenPassword


class Credentials(Struct, frozen=True, kw_only=True):
    """What is remembered of how a station logs in."""

    passwords: tuple[GivenPassword, ...] = ()
    """Those that may be good, the oldest first."""
    used_tls: bool = False
    """It has logged in over TLS, with a password or a certificate."""


NO_CREDENTIALS: Final = Credentials()


class GoodPassword(Struct, frozen=True):
    """A password that lets a station in."""

    password: Password
    given: GivenPassword | None = None
    """None: it is of the configuration."""


class Access(Struct, frozen=True, kw_only=True):
    """What is asked of a station that connects."""

    auth: StationAuth = StationAuth.NONE
    needs_tls: bool = False
    used_tls: bool = False
    """It has logged in over TLS before."""
    passwords: tuple[GoodPassword, ...] = ()
    outdated: tuple[str, ...] = ()
    """`digest` of the given passwords that are good no more: another one was configured since."""


OPEN: Final = Access()
"""Of a station that needs not prove anything."""


class LoggedIn(Struct, frozen=True, kw_only=True):
    """The station has proven who it is, in a way that changes what is asked of it from now on."""

    password: str | None
    """`digest` of the given password that it has used."""
    over_tls: bool
    outdated: tuple[str, ...] = ()
    """`Access.outdated`: they are to be forgotten, whatever is configured later."""


def good(credentials: Credentials, configured: str | None) -> tuple[Sequence[GivenPassword], bool]:
    """Return the given passwords that are good, and whether the configured one is.

    `configured` is the fingerprint of the configured one, None where there is none.
    """
    given = [each for each in credentials.passwords if configured in {None, each.instead_of}]
    return given, configured is not None and not any(each.confirmed for each in given)


def given(credentials: Credentials, password: GivenPassword) -> Credentials:
    """Remember a password that is about to be given."""
    in_force = tuple(each for each in credentials.passwords if each.confirmed)
    others = tuple(each for each in credentials.passwords if not each.confirmed)
    kept = others[-(MOST_PASSWORDS - 1 - len(in_force)) :]
    return replace(credentials, passwords=(*in_force, *kept, password))


def refused(credentials: Credentials, digest: str) -> Credentials:
    """Forget a password that the station has refused."""
    left = tuple(each for each in credentials.passwords if each.digest != digest or each.confirmed)
    return replace(credentials, passwords=left)


def used(credentials: Credentials, login: LoggedIn) -> Credentials:
    """Return what is remembered after a login; the same object where that is nothing new."""
    if login.over_tls and not credentials.used_tls:
        credentials = replace(credentials, used_tls=True)
    if login.outdated:
        left = tuple(each for each in credentials.passwords if each.digest not in login.outdated)
        credentials = replace(credentials, passwords=left)
    digests = [each.digest for each in credentials.passwords]
    if login.password not in digests:
        return credentials
    place = digests.index(login.password)
    present, *newer = credentials.passwords[place:]
    if present.confirmed and place == 0:
        return credentials
    return replace(credentials, passwords=(replace(present, confirmed=True), *newer))
