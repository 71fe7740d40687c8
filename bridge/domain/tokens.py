"""Verdicts on tokens, and the tokens that the owner lists."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from msgspec import Struct

from bridge.domain.enums import AuthorizationStatus
from bridge.domain.ids import token_hash


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether a token may charge: IdTokenInfoType of OCPP 2.x, IdTagInfo of 1.6."""

    status: AuthorizationStatus = AuthorizationStatus.ACCEPTED
    group: str | None = None
    """groupIdToken / parentIdTag: who has the same may end the transaction (C09)."""
    valid_until: datetime | None = None
    """cacheExpiryDateTime / expiryDate: how long the station may take it for granted."""

    @property
    def accepted(self) -> bool:
        """Whether the token may charge."""
        return self.status is AuthorizationStatus.ACCEPTED


ACCEPTED: Final = Verdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedToken:
    """An entry of the owner's list: exactly one of `value` and `hash` is given."""

    value: str | None = field(default=None, repr=False)
    hash: str | None = None
    """As the topics show it (`ids.token_hash`)."""
    type: str | None = None
    """IdTokenEnumType; None = whatever it is."""
    verdict: Verdict = ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenList:
    """The owner's list. It holds hashes only: values are not needed to recognise a token."""

    key: bytes = field(default=b"", repr=False)
    """Of the hashes."""
    entries: Mapping[str, tuple[ListedToken, ...]] = field(default_factory=dict, hash=False)
    """By hash; several where one value has several types."""

    @classmethod
    def of(cls, tokens: Iterable[ListedToken], key: bytes) -> Self:
        """Return the list of these tokens."""
        entries: dict[str, tuple[ListedToken, ...]] = {}
        for token in tokens:
            name = token.hash or token_hash(key, token.value or "")
            hidden = ListedToken(hash=name, type=token.type, verdict=token.verdict)
            entries[name] = (*entries.get(name, ()), hidden)
        return cls(key=key, entries=entries)

    def hash_of(self, value: str) -> str:
        """Return what stands for a token on the topics."""
        return token_hash(self.key, value)

    def verdict(self, value: str, type_: str | None, now: datetime) -> Verdict | None:
        """Return what the list says of a token, None where it is not on it.

        Without a type, which OCPP 1.6 does not know, only the value counts.
        """
        if not self.entries:
            return None
        for entry in self.entries.get(self.hash_of(value), ()):
            if None in {type_, entry.type} or _folded(type_) == _folded(entry.type):
                return _at(entry.verdict, now)
        return None


NO_TOKENS: Final = TokenList()


def _folded(type_: str | None) -> str:
    return (type_ or "").casefold()


def _at(verdict: Verdict, now: datetime) -> Verdict:
    """Return the verdict as it is by now."""
    if verdict.accepted and verdict.valid_until is not None and verdict.valid_until <= now:
        return Verdict(status=AuthorizationStatus.EXPIRED, group=verdict.group)
    return verdict
