"""The command that answers an event/authorize."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from bridge.api.commands.base import Body, Command, Identifier, Time, exactly_one
from bridge.domain import commands as domain
from bridge.domain.enums import AuthorizationStatus
from bridge.domain.tokens import Verdict

Status = Literal[
    "Accepted",
    "Blocked",
    "ConcurrentTx",
    "Expired",
    "Invalid",
    "NoCredit",
    "NotAllowedTypeEVSE",
    "NotAtThisLocation",
    "NotAtThisTime",
    "Unknown",
]


class AskedToken(Body):
    """A token, as `idToken` of event/authorize has it."""

    model_config = ConfigDict(json_schema_extra=exactly_one("hash", "value"))

    type: Annotated[
        str | None, Field(max_length=20, description="IdTokenEnumType; absent: any.")
    ] = None
    hash: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{16}$", description="As the topics show it.")
    ] = None
    value: Annotated[
        str | None, Field(min_length=1, max_length=255, description="The token itself.")
    ] = None

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.hash is None) == (self.value is None):
            raise ValueError("give exactly one of hash and value")
        return self


class Authorize(Command):
    """Answer whether a token may charge."""

    description: ClassVar[str] = (
        "Answer an event/authorize: whether the token may charge. The first answer counts; one "
        "that comes after `answerBy` is `expired`. Any EVSE of the station will do in the topic."
    )

    model_config = ConfigDict(json_schema_extra=exactly_one("request", "idToken"))

    request: Annotated[
        Identifier | None,
        Field(description="`request` of the event. Give this or `idToken`."),
    ] = None
    id_token: Annotated[
        AskedToken | None,
        Field(description="`idToken` of the event, instead of `request`."),
    ] = None
    status: Annotated[
        Status,
        Field(
            description="AuthorizationStatusEnumType of OCPP 2.0.1. OCPP 1.6 is told `Invalid` "
            "for `Unknown`, and `Blocked` for NoCredit and those that begin with Not."
        ),
    ]
    group: Annotated[
        Identifier | None,
        Field(
            description="groupIdToken (OCPP 1.6: parentIdTag, not told where it is longer than "
            "20 characters): tokens of one group may end each other's transactions."
        ),
    ] = None
    valid_until: Annotated[
        Time | None,
        Field(
            description="cacheExpiryDateTime (OCPP 1.6: expiryDate): how long the station may "
            "take it for granted."
        ),
    ] = None

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.request is None) == (self.id_token is None):
            raise ValueError("give exactly one of request and idToken")
        return self

    def arguments(self) -> domain.AnswerInquiry:
        """Return what the station model understands."""
        token = self.id_token or AskedToken.model_construct()
        return domain.AnswerInquiry(
            verdict=Verdict(
                status=AuthorizationStatus(self.status),
                group=self.group,
                valid_until=self.valid_until,
            ),
            request=self.request,
            token_value=token.value,
            token_hash=token.hash,
            token_type=token.type,
        )
