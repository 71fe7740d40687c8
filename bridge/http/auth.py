"""Who asks, and what they may (security.md, 2, 3 and 20).

A token is shown as `x-api-key: ...`, as `Authorization: Bearer ...`, or as the password of
`Authorization: Basic ...`, which is what a client sends that only knows a URL
(`ws://any:TOKEN@host`). It is random, so its plain
SHA-256 is as good as a slow hash: there is nothing to guess from. Tokens are read from the store
again and again: one that is revoked stops within `MEMORY_SECONDS`.

Wrong tokens are counted per address: beyond `BURST` none is looked at for a while, apart from
those that have been right from there before, so that nobody can lock others out.
"""

import asyncio
import base64
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final, Self, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from bridge.domain.commands import ResultCode
from bridge.http.problems import HttpCode, RequestError
from bridge.ports import Clock, Metrics, Scope, StoreError, TokenRecord, TokenStore

MEMORY_SECONDS: Final = 0.5
"""How long tokens are taken from memory."""
BURST: Final = 10.0
"""Wrong tokens from an address that are looked at."""
REFILL_PER_SECOND: Final = 5 / 60
MOST_ADDRESSES: Final = 10_000
ANONYMOUS: Final = "http"
"""The name, as a controller, of who need not show a token."""
_ACCESS: Final = "at1"
_BASIC: Final = "basic "
_BEARER: Final = "bearer "
_REALM: Final = 'Bearer realm="ocpp-mqtt-bridge"'

Search = Callable[[Sequence[TokenRecord]], TokenRecord | None]

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token for a while, made out of one that lasts (seed 002: Token Management).

    It names its parent and its end, and is signed with what is kept of the parent: so none of it
    needs to be kept, and it ends with its parent.
    """

    parent: str
    expires_at: int
    """Unix time, s."""
    signature: str

    @classmethod
    def made_from(cls, parent: TokenRecord, expires_at: int) -> Self:
        """Return a token that is good until then."""
        signature = _signature(parent.digest, parent.name, expires_at)
        return cls(parent=parent.name, expires_at=expires_at, signature=signature)

    @classmethod
    def read(cls, shown: bytes) -> Self | None:
        """Return the token that is shown, None where it is another kind of token."""
        kind, *parts = shown.decode("latin-1").split(".")
        if kind != _ACCESS or len(parts) != len(("parent", "expires_at", "signature")):
            return None
        name, end, signature = parts
        try:
            parent = base64.urlsafe_b64decode(name.encode("latin-1")).decode()
            return cls(parent=parent, expires_at=int(end), signature=signature)
        except ValueError:
            return None

    def __str__(self) -> str:
        """Return what is shown."""
        name = base64.urlsafe_b64encode(self.parent.encode()).decode()
        return f"{_ACCESS}.{name}.{self.expires_at}.{self.signature}"

    def is_of(self, parent: TokenRecord) -> bool:
        """Say whether this was made from a token."""
        right = _signature(parent.digest, self.parent, self.expires_at)
        return self.parent == parent.name and hmac.compare_digest(
            right.encode(), self.signature.encode("latin-1")
        )


def _signature(digest: bytes, name: str, expires_at: int) -> str:
    return hmac.digest(digest, f"{name}\n{expires_at}".encode(), hashlib.sha256).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks."""

    name: str
    """Of the token; also of the controller whose commands these are."""
    scopes: frozenset[Scope]
    token: TokenRecord | None = None
    """By which they are known; None where none was needed."""

    def may(self, scope: Scope) -> bool:
        """Say whether they may; whoever may do more may also read."""
        return scope in self.scopes or (scope is Scope.READ and bool(self.scopes))


NOBODY_IN_PARTICULAR: Final = Principal(name=ANONYMOUS, scopes=frozenset(Scope))


class Authenticator:
    """Tells who asks by the token that they show."""

    def __init__(
        self, *, tokens: TokenStore, needs_token: bool, clock: Clock, metrics: Metrics
    ) -> None:
        """Plug in where tokens are kept."""
        self._store = tokens
        self._needs_token = needs_token
        self._clock = clock
        self._metrics = metrics
        self._tokens: Sequence[TokenRecord] = ()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._failures = _Failures(clock)

    async def principal(self, connection: HTTPConnection) -> Principal:
        """Return who asks. Raises RequestError for a wrong token, or none where one is needed."""
        shown = _shown(connection)
        if shown is None:
            if self._needs_token:
                raise _unknown("show a token: x-api-key, or Authorization: Bearer")
            return NOBODY_IN_PARTICULAR
        digest = hashlib.sha256(shown).digest()
        address = connection.client.host if connection.client else ""
        if self._needs_token:
            self._failures.check(address, digest)
        record = await self._find(_matching(shown, digest, self._clock))
        if record is not None:
            self._failures.right(address, digest)
            return Principal(name=record.name, scopes=record.scopes, token=record)
        if not self._needs_token:
            return NOBODY_IN_PARTICULAR
        self._failures.wrong(address, digest)
        self._metrics.count("http.tokens_refused")
        raise _unknown("this token is wrong, has expired, or was revoked")

    async def until_revoked(self, principal: Principal) -> None:
        """Return when the token of an open connection is good no more."""
        while True:
            if principal.token is not None:
                same = partial(_among, digest=principal.token.digest)
                if await self._find(same) is None:
                    return
            await asyncio.sleep(MEMORY_SECONDS)

    async def _find(self, among: Search) -> TokenRecord | None:
        """Return the token; one that is not in memory may have been made just now."""
        found = among(await self._known(MEMORY_SECONDS))
        if found is None:
            found = among(await self._known(0.0))
        if found is None or found.expires_at is None or found.expires_at > self._clock.now():
            return found
        return None

    async def _known(self, at_most_seconds: float) -> Sequence[TokenRecord]:
        """Return the tokens as they were no longer than this ago. Raises RequestError."""
        wanted = self._clock.monotonic() - at_most_seconds
        async with self._reading:
            if self._read_at <= wanted:
                try:
                    self._tokens = await self._store.tokens()
                except StoreError as error:
                    raise RequestError(
                        HttpCode.UNAVAILABLE, "the store cannot be read: try again"
                    ) from error
                self._read_at = self._clock.monotonic()
        return self._tokens


class Requires:
    """What a route requires of who asks (a FastAPI dependency)."""

    def __init__(self, scope: Scope) -> None:
        """Take the scope that is needed."""
        self.scope = scope

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """Return who asks. Raises RequestError where they may not."""
        authenticator: Authenticator = connection.app.state.service.authenticator
        principal = await authenticator.principal(connection)
        check(principal, self.scope)
        return principal


def check(principal: Principal, scope: Scope) -> None:
    """Raise RequestError where somebody may not."""
    if not principal.may(scope):
        raise RequestError(
            ResultCode.NOT_AUTHORISED,
            f"the token {principal.name!r} lacks the scope {scope.value!r}",
            headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope"'},
            scope=scope.value,
        )


Reader = Annotated[Principal, Depends(Requires(Scope.READ))]
"""A parameter of a route: who asks, and may read."""


def _shown(connection: HTTPConnection) -> bytes | None:
    """Return the token that is shown, None for none."""
    key = connection.headers.get("x-api-key")
    if key is None:
        authorization = connection.headers.get("authorization", "")
        if authorization[: len(_BEARER)].casefold() == _BEARER:
            key = authorization[len(_BEARER) :]
        elif authorization[: len(_BASIC)].casefold() == _BASIC:
            key = _password(authorization[len(_BASIC) :])
    return None if key is None else key.strip().encode("latin-1")


def _password(credentials: str) -> str:
    """Return the password of Basic authentication (RFC 7617), "" where it cannot be read."""
    try:
        return base64.b64decode(credentials, validate=True).decode("latin-1").partition(":")[2]
    except ValueError:
        return ""


def _matching(shown: bytes, digest: bytes, clock: Clock) -> Search:
    """Return what finds the token that is shown, or the parent of one that is good for a while."""
    access = AccessToken.read(shown)
    if access is None:
        return partial(_among, digest=digest)
    if access.expires_at <= clock.now().timestamp():
        return lambda _tokens: None
    return lambda tokens: next((each for each in tokens if access.is_of(each)), None)


def _among(tokens: Sequence[TokenRecord], digest: bytes) -> TokenRecord | None:
    """Return the token of a digest, in a time that does not tell how much of it was right."""
    found = None
    for record in tokens:
        if hmac.compare_digest(record.digest, digest):
            found = record
    return found


def _unknown(message: str) -> RequestError:
    headers = {"WWW-Authenticate": _REALM}
    return RequestError(HttpCode.NOT_AUTHENTICATED, message, headers=headers)


class _Failures:
    """A bucket of wrong tries per address, in bounded memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._right: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def check(self, address: str, digest: bytes) -> None:
        """Raise RequestError where an address has been wrong too often."""
        tokens = self._left(address)
        if tokens < 1 and (address, digest) not in self._right:
            seconds = int((1 - tokens) / REFILL_PER_SECOND) + 1
            raise RequestError(
                ResultCode.RATE_LIMITED,
                "too many wrong tokens from this address",
                headers={"Retry-After": str(seconds)},
                retryAfterSeconds=seconds,
            )

    def right(self, address: str, digest: bytes) -> None:
        """Remember what was right from where."""
        _remember(self._right, (address, digest), None)

    def wrong(self, address: str, digest: bytes) -> None:
        """Count a wrong try."""
        self._right.pop((address, digest), None)
        _remember(self._buckets, address, (self._left(address) - 1, self._clock.monotonic()))

    def _left(self, address: str) -> float:
        left, at = self._buckets.get(address, (BURST, self._clock.monotonic()))
        return min(BURST, left + (self._clock.monotonic() - at) * REFILL_PER_SECOND)


def _remember(memory: "OrderedDict[KeyT, ValueT]", key: KeyT, value: ValueT) -> None:
    """Set a value, and forget what was not touched for longest where there is too much."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MOST_ADDRESSES:
        memory.popitem(last=False)
