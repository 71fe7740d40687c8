"""[authorization]: who may charge, where a station's `authorize` is `list` or `ask`."""

from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, Field, SecretStr, StringConstraints, model_validator

from bridge.config.fields import Section
from bridge.domain.enums import AuthorizationStatus
from bridge.domain.settings import AuthorizationSettings
from bridge.domain.tokens import ListedToken, TokenList, Verdict

TokenValue = Annotated[SecretStr, Field(min_length=1, max_length=255)]
TokenHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
TokenType = Literal[
    "Central",
    "DirectPayment",
    "eMAID",
    "EVCCID",
    "ISO14443",
    "ISO15693",
    "KeyCode",
    "Local",
    "MacAddress",
    "VIN",
]
"""IdTokenEnumType of OCPP 2.0.1 and 2.1, but NoAuthorization, which needs no entry."""

_DEFAULTS: Final = {
    "accept": AuthorizationStatus.ACCEPTED,
    "refuse": AuthorizationStatus.INVALID,
}


class TokenSection(Section):
    """A token that the owner knows."""

    id_token: TokenValue | None = Field(
        default=None,
        description="The token, e.g. the number of a card; upper and lower case are one. Give"
        " this or `hash`.",
    )
    hash: TokenHash | None = Field(
        default=None,
        description="The token as the topics of this bridge show it, so that its number need not"
        " be known.",
    )
    type: TokenType | None = Field(
        default=None,
        description="Only a token of this IdTokenEnumType; absent: of any. OCPP 1.6 knows no types"
        " and is not held to it.",
    )
    status: AuthorizationStatus = Field(
        default=AuthorizationStatus.ACCEPTED,
        description="What the station is told. OCPP 1.6 is told `Invalid` for `Unknown`, and"
        " `Blocked` for `NoCredit` and those that begin with `Not`.",
    )
    group: str | None = Field(
        default=None,
        min_length=1,
        max_length=36,
        description="groupIdToken (OCPP 1.6: parentIdTag, not told where it is longer than 20"
        " characters): tokens of one group may end each other's transactions.",
    )
    valid_until: AwareDatetime | None = Field(
        default=None,
        description="When it expires, with its offset from UTC, e.g. `2027-01-01T00:00:00Z`."
        " The station is told, and from then on that the token is `Expired`.",
    )

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.id_token is None) == (self.hash is None):
            raise ValueError("give exactly one of id_token and hash")
        return self

    @property
    def listed(self) -> ListedToken:
        """What the domain needs to know of it."""
        value = self.id_token
        return ListedToken(
            value=None if value is None else value.get_secret_value(),
            hash=self.hash,
            type=self.type,
            verdict=Verdict(status=self.status, group=self.group, valid_until=self.valid_until),
        )


class AuthorizationSection(Section):
    """Who may charge, where a station's `authorize` is `list` or `ask`."""

    ask_timeout_seconds: float = Field(
        default=10.0,
        ge=1,
        le=300,
        description="How long controllers have to answer an event/authorize, s. Less than the"
        " station waits for an answer, which is often 30 s.",
    )
    ask_default: Literal["accept", "refuse"] = Field(
        default="refuse",
        description="What holds where no controller has answered in time.",
    )
    stop_refused: bool = Field(
        default=True,
        description="End a transaction whose token a controller refuses while it runs.",
    )
    concurrent_transactions: bool = Field(
        default=True,
        description="Let one token charge on several EVSEs of a station at a time. Else the second"
        " transaction is told `ConcurrentTx`, whatever the station's `authorize` is.",
    )
    tokens: tuple[TokenSection, ...] = Field(
        default=(), description="Tokens that the owner knows, see below."
    )

    @model_validator(mode="after")
    def _each_token_once(self) -> Self:
        seen = set()
        for index, token in enumerate(self.tokens):
            value = token.id_token
            name = token.hash or (value.get_secret_value().casefold() if value else "")
            if (name, token.type) in seen:
                raise ValueError(f"tokens[{index}] is there twice")
            seen.add((name, token.type))
        return self

    def settings(self, token_key: bytes) -> AuthorizationSettings:
        """Return what the domain needs to know; `token_key` is that of the hashes of tokens."""
        return AuthorizationSettings(
            tokens=TokenList.of((token.listed for token in self.tokens), token_key),
            ask_timeout_seconds=self.ask_timeout_seconds,
            ask_default=_DEFAULTS[self.ask_default],
            stop_refused=self.stop_refused,
            concurrent_transactions=self.concurrent_transactions,
        )
