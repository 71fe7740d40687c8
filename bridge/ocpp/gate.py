"""Whether a station that connects is who it says: certificate, password, and how often one may err.

Theory of operation. What is random is compared at once. What people have chosen is kept by a slow
hash (`domain.passwords`), and checked in a thread of its own; what was right is remembered by a
keyed hash for as long as the bridge runs, so that a station that comes back costs nothing. Where
there are slow hashes at all, each login that fails takes one: also that of a station that is not
known, so that the time that it takes tells nobody which stations there are. A login that is one
too many is answered at once, whoever it is (security.md, 1 to 3).
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from bridge.domain.credentials import OPEN, Access, GoodPassword, LoggedIn
from bridge.domain.enums import SecurityCode
from bridge.domain.ids import StationId
from bridge.domain.passwords import Password, ScryptPassword
from bridge.domain.settings import StationAuth
from bridge.ocpp.handshake import Refusal
from bridge.ocpp.incidents import Incidents
from bridge.ocpp.logins import Logins
from bridge.ocpp.slow_checks import Check, SlowChecks
from bridge.ports import Metrics

WRONG_LOGIN: Final = Refusal(HTTPStatus.UNAUTHORIZED, "wrong or missing credentials")
"""Also where there is no such station."""
NOT_LOOKED_AT: Final = replace(WRONG_LOGIN, quiet=True)
"""The same for whoever sent them, where too many have failed before."""
REMEMBERED: Final = 20_000
"""Slow passwords that were right and need not be checked again."""
_NOBODYS: Final[Password] = ScryptPassword(
    log_cost=15, block_size=8, lanes=1, salt=bytes(16), digest=bytes(32)
)
_EXPLAINED: Final = {
    "certificate": "no certificate whose common name is the station's id (auth)",
    "credentials": "wrong or missing credentials",
    "no_password": "no password is known for this station: configure one",
    "tls": "this station must come over wss:// (require_tls, auth)",
}
"""For the log: whoever fails is told the same each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a station shows when it connects."""

    station_id: StationId
    remote: str
    over_tls: bool
    password: bytes | None
    """None: no credentials, or of another user."""
    common_name: str | None
    """Of a certificate whose chain is valid."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The station may come in; `news` is what must be remembered of the login."""

    news: LoggedIn | None = None


Verdict = Proven | Refusal
OnVerdict = Callable[[Verdict], None]


class Gate:
    """Decides on claims; time is that of `clock`, in s of any monotonic clock."""

    def __init__(
        self,
        *,
        incidents: Incidents,
        metrics: Metrics,
        clock: Callable[[], float],
        slow_passwords: bool,
    ) -> None:
        """Plug in who is told."""
        self._logins = Logins()
        self._incidents = incidents
        self._metrics = metrics
        self._clock = clock
        self._checks = SlowChecks() if slow_passwords else None
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._right_key = secrets.token_bytes(32)

    def close(self) -> None:
        """Decide nothing any more."""
        if self._checks is not None:
            self._checks.close()

    def ask(
        self,
        claim: Claim,
        access: Access | None,
        still_there: Callable[[], bool],
        on_verdict: OnVerdict,
    ) -> None:
        """Have a claim decided, at once or later; `access` is None for an unknown station.

        Nothing is called later once `still_there` says that nobody waits.
        """
        asked = _Asked(claim, access or OPEN, still_there, on_verdict)
        objection = "credentials" if access is None else _objection(claim, access)
        if objection is None and asked.access.auth is StationAuth.NONE:
            on_verdict(Proven(_news(asked, self._recognised(asked))))
        elif not self._allowed(claim):
            on_verdict(NOT_LOOKED_AT)
        elif objection is not None:
            self._check_slowly(asked, None, objection)
        elif asked.access.auth is StationAuth.MTLS:
            self._let_in(asked, None)
        else:
            self._look_at_password(asked)

    def _look_at_password(self, asked: "_Asked") -> None:
        found = self._recognised(asked)
        if found is not None:
            self._let_in(asked, found)
            return
        slow = next((each for each in asked.access.passwords if each.password.slow), None)
        self._check_slowly(asked, slow, "credentials" if asked.access.passwords else "no_password")

    def _recognised(self, asked: "_Asked") -> GoodPassword | None:
        """Return which password was sent, as far as that is found out at once."""
        sent = asked.claim.password
        if sent is None:
            return None
        for each in asked.access.passwords:
            if each.password.slow:
                right = self._shadow(each, sent) in self._right
            else:
                right = each.password.matches(sent)
            if right:
                return each
        return None

    def _check_slowly(
        self, asked: "_Asked", password: GoodPassword | None, objection: str
    ) -> None:
        """Check a slow password, or for the sake of equal times any; then let in or refuse."""
        if self._checks is None:
            self._refuse(asked, objection)
            return
        sent = asked.claim.password or b""

        def wanted() -> bool:
            if asked.still_there() and not self._allowed(asked.claim):
                asked.on_verdict(NOT_LOOKED_AT)
                return False
            return asked.still_there()

        def done(right: bool) -> None:  # noqa: FBT001  # the answer itself
            if not asked.still_there():
                return
            if password is None or not right:
                self._refuse(asked, objection)
                return
            self._remember(password, sent)
            self._let_in(asked, password)

        tried = _NOBODYS if password is None else password.password
        self._checks.add(Check(wanted=wanted, work=partial(tried.matches, sent), done=done))

    def _remember(self, password: GoodPassword, sent: bytes) -> None:
        self._right[self._shadow(password, sent)] = None
        if len(self._right) > REMEMBERED:
            self._right.popitem(last=False)

    def _shadow(self, password: GoodPassword, sent: bytes) -> bytes:
        """Return what stands for a password that was right."""
        text = password.password.identity + b"\x00" + sent
        return hmac.digest(self._right_key, text, sha256)

    # --- Counting -----------------------------------------------------------------------

    def _allowed(self, claim: Claim) -> bool:
        if self._logins.allowed(claim.station_id, claim.remote, self._clock()):
            return True
        self._metrics.count("ocpp.login_limited")
        return False

    def _let_in(self, asked: "_Asked", password: GoodPassword | None) -> None:
        self._logins.succeeded(asked.claim.station_id, asked.claim.remote)
        asked.on_verdict(Proven(_news(asked, password)))

    def _refuse(self, asked: "_Asked", objection: str) -> None:
        claim, now = asked.claim, self._clock()
        limited = self._logins.failed(claim.station_id, claim.remote, now)
        self._incidents.tell(
            claim.station_id,
            SecurityCode.FAILED_LOGIN,
            now,
            alarm=limited,
            remote=claim.remote,
            limited=limited,
            wrong=objection,
        )
        asked.on_verdict(replace(WRONG_LOGIN, because=_EXPLAINED[objection]))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A claim that is being decided, and whom to tell."""

    claim: Claim
    access: Access
    still_there: Callable[[], bool]
    on_verdict: OnVerdict


def _objection(claim: Claim, access: Access) -> str | None:
    """Return what a claim lacks, leaving the password aside; None where it lacks nothing."""
    if access.needs_tls and not claim.over_tls:
        return "tls"
    if access.auth is StationAuth.MTLS and claim.common_name != claim.station_id:
        return "certificate"
    return None


def _news(asked: _Asked, password: GoodPassword | None) -> LoggedIn | None:
    """Return what must be remembered of a login, None where that is nothing."""
    claim, access = asked.claim, asked.access
    given = password.given if password else None
    digest = given.digest if given and not given.confirmed else None
    proven = access.auth is not StationAuth.NONE
    over_tls = proven and claim.over_tls and not access.used_tls
    outdated = access.outdated if proven else ()
    if digest is None and not over_tls and not outdated:
        return None
    return LoggedIn(password=digest, over_tls=over_tls, outdated=outdated)
