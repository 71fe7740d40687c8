"""What may be written to `cmd/...` and `set/...`: strict models, and their domain arguments.

Inside a schema major documents only gain fields and readers ignore unknown ones; commands are the
other way round: an argument that is not known is refused, because it may have been meant.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from bridge.domain import commands as domain
from bridge.domain.events import IdToken

MAX_LIMIT_A: Final = 1000.0
MAX_LIMIT_W: Final = 1_000_000.0
MAX_PRIORITY: Final = 1000
MAX_TTL_SECONDS: Final = 31_536_000
"""A year: longer leases are no leases."""


def _parse_time(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be a text such as 2026-01-10T10:00:00Z")  # noqa: TRY004  # pydantic reports only ValueError
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"is no RFC 3339 time such as 2026-01-10T10:00:00Z: {value!r}") from None
    if moment.tzinfo is None:
        raise ValueError(f"has no time zone (append Z for UTC): {value!r}")
    return moment


Time = Annotated[
    datetime,
    BeforeValidator(_parse_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
LimitA = Annotated[
    float, Field(ge=0, le=MAX_LIMIT_A, description="Current, A per phase; 0 pauses the charging.")
]
LimitW = Annotated[
    float, Field(ge=0, le=MAX_LIMIT_W, description="Power, W over all phases; 0 pauses.")
]
TtlSeconds = Annotated[
    int,
    Field(
        ge=1,
        le=MAX_TTL_SECONDS,
        description="Lease, s: it lapses unless renewed. Absent: it holds until replaced.",
    ),
]
Identifier = Annotated[str, Field(min_length=1, max_length=36)]


class Command(BaseModel):
    """What every command may carry besides its arguments."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        alias_generator=to_camel,
    )

    description: ClassVar[str]
    unsupported: ClassVar[frozenset[str]] = frozenset()
    """Arguments of the API that this version cannot carry out."""

    id: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=64,
            pattern=r"^[^\x00-\x1f\x7f]+$",
            description="Chosen by the sender, echoed in every result; a repeated one is not "
            "carried out again.",
        ),
    ] = None
    ts: Annotated[
        Time | None,
        Field(description="When it was sent; older than 30 s (60 s: start, stop) is refused."),
    ] = None
    expires_at: Annotated[
        Time | None, Field(description="After this moment it must not be carried out.")
    ] = None

    @classmethod
    def summary(cls) -> str:
        """Return one sentence for the reference."""
        return cls.description

    @classmethod
    def argument_names(cls) -> tuple[str, ...]:
        """Return the keys that the body may have."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @property
    def deferred(self) -> bool:
        """Whether it may wait for a station that is offline."""
        return False

    def arguments(self) -> domain.Arguments:
        """Return what the station model understands."""
        raise NotImplementedError


class DeferrableCommand(Command):
    """A command about a claim, which an offline station can be told later."""

    defer: Annotated[
        bool, Field(description="Accept it for a station that is offline; applied on return.")
    ] = False

    @property
    def deferred(self) -> bool:
        """Whether it may wait for a station that is offline."""
        return self.defer


class Limit(DeferrableCommand):
    """Claim a charging current or power (allocation.md)."""

    description: ClassVar[str] = "Claim a charging current (limitA) or power (limitW)."
    unsupported: ClassVar[frozenset[str]] = frozenset({"phases"})

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["limitA"]}, {"required": ["limitW"]}]}
    )

    limit_a: LimitA | None = None
    limit_w: LimitW | None = None
    ttl_seconds: TtlSeconds | None = None
    priority: Annotated[
        int,
        Field(ge=0, le=MAX_PRIORITY, description="Among MQTT controllers the highest wins."),
    ] = domain.DEFAULT_PRIORITY
    on_expire: Annotated[
        Literal["release", "failsafe"],
        Field(description="What follows when the lease lapses."),
    ] = "release"
    until_disconnect: Annotated[
        bool, Field(description="The claim ends when the vehicle is unplugged.")
    ] = False

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.limit_a is None) == (self.limit_w is None):
            raise ValueError("give exactly one of limitA (A per phase) and limitW (W in all)")
        return self

    def arguments(self) -> domain.SetLimit:
        """Return what the station model understands."""
        return domain.SetLimit(
            limit_a=self.limit_a,
            limit_w=self.limit_w,
            ttl_seconds=self.ttl_seconds,
            priority=self.priority,
            on_expire=domain.OnExpire(self.on_expire),
            until_disconnect=self.until_disconnect,
        )


class Release(DeferrableCommand):
    """Give up this controller's claim."""

    description: ClassVar[str] = "Give up this controller's claim."

    def arguments(self) -> domain.Release:
        """Return what the station model understands."""
        return domain.Release()


class Pause(DeferrableCommand):
    """Claim 0 A."""

    description: ClassVar[str] = "Claim 0 A: the charging pauses, the transaction stays open."

    ttl_seconds: TtlSeconds | None = None

    def arguments(self) -> domain.Pause:
        """Return what the station model understands."""
        return domain.Pause(ttl_seconds=self.ttl_seconds)


class Resume(DeferrableCommand):
    """Take the pause back."""

    description: ClassVar[str] = "Take this controller's pause back; an earlier limit holds again."

    def arguments(self) -> domain.Resume:
        """Return what the station model understands."""
        return domain.Resume()


class Token(BaseModel):
    """IdTokenType of OCPP 2.x."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    value: Annotated[Identifier, Field(description="At most 36 characters (OCPP 2.0.1).")]
    type: Annotated[
        Literal[
            "Central",
            "eMAID",
            "ISO14443",
            "ISO15693",
            "KeyCode",
            "Local",
            "MacAddress",
            "NoAuthorization",
        ],
        Field(description="IdTokenEnumType of OCPP 2.0.1."),
    ] = "Central"


class Start(Command):
    """Begin a transaction (RequestStartTransaction)."""

    description: ClassVar[str] = "Begin a transaction."
    unsupported: ClassVar[frozenset[str]] = frozenset({"connector", "until", "maxA", "energyWh"})
    default_account: ClassVar[str] = "MQTT"

    id_token: Annotated[
        Token | None,
        Field(description="On whose account; absent: a Central token, `MQTT`."),
    ] = None
    invoice_id: Annotated[
        Identifier | None, Field(description="Carried along to the transaction document.")
    ] = None

    def arguments(self) -> domain.Start:
        """Return what the station model understands."""
        token = self.id_token or Token(value=self.default_account)
        return domain.Start(
            id_token=IdToken(value=token.value, type=token.type), invoice_id=self.invoice_id
        )


class Stop(Command):
    """End a transaction (RequestStopTransaction)."""

    description: ClassVar[str] = "End the named transaction, else the current one."

    transaction_id: Annotated[Identifier | None, Field(description="As the station names it.")] = (
        None
    )
    transaction_uuid: Annotated[
        Identifier | None, Field(description="As the bridge names it.")
    ] = None

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if self.transaction_id is not None and self.transaction_uuid is not None:
            raise ValueError("give transactionId or transactionUuid, not both")
        return self

    def arguments(self) -> domain.Stop:
        """Return what the station model understands."""
        return domain.Stop(
            transaction_id=self.transaction_id, transaction_uuid=self.transaction_uuid
        )


class Get(Command):
    """Ask for documents as a result."""

    description: ClassVar[str] = (
        "The present documents as a result, for those who cannot read retained messages."
    )

    what: Annotated[
        Literal[
            "all",
            "info",
            "availability",
            "state",
            "secc",
            "transaction",
            "allocation",
            "meter",
        ],
        Field(description="Which document."),
    ] = "all"

    def arguments(self) -> domain.Get:
        """Return what the station model understands."""
        return domain.Get(what=self.what)


COMMAND_MODELS: Final[Mapping[str, type[Command]]] = {
    "limit": Limit,
    "release": Release,
    "pause": Pause,
    "resume": Resume,
    "start": Start,
    "stop": Stop,
    "get": Get,
}
"""Commands that can be carried out, by the last segment of their topic."""

PLANNED_COMMANDS: Final = frozenset(
    {
        "phases",
        "extend",
        "availability",
        "unlock",
        "reset",
        "trigger",
        "getVariables",
        "setVariables",
        "transactions",
        "transactionStatus",
        "call",
    }
)
"""Commands of the API that this version cannot carry out."""

PLANNED_SCALARS: Final = frozenset({"phases"})

MAX_AGE_SECONDS: Final[Mapping[str, int]] = {"start": 60, "stop": 60}
"""Largest age by `ts`; 30 s for commands that are not named here."""
DEFAULT_MAX_AGE_SECONDS: Final = 30
MAX_AHEAD_SECONDS: Final = 30
"""How far `ts` may lie in the future."""

_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_TRUE: Final = frozenset({"true", "on", "1", "yes"})
_FALSE: Final = frozenset({"false", "off", "0", "no"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A command as one plain value. `read` raises ValueError with a sentence that helps."""

    command: str
    """The command whose rights and age it has."""
    payload: Any
    description: str
    read: Callable[[str], domain.Arguments]


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"expected a plain number such as 16 or 7.5, not {text[:40]!r}")
    return float(text)


def _read_limit_a(text: str) -> domain.SetLimit:
    return domain.SetLimit(limit_a=TypeAdapter(LimitA).validate_python(_number(text)))


def _read_limit_w(text: str) -> domain.SetLimit:
    return domain.SetLimit(limit_w=TypeAdapter(LimitW).validate_python(_number(text)))


def _read_charging(text: str) -> domain.Pause | domain.Resume:
    folded = text.casefold()
    if folded in _TRUE:
        return domain.Resume()
    if folded in _FALSE:
        return domain.Pause()
    raise ValueError(f"expected true or false (on, off, 1, 0), not {text[:40]!r}")


SCALARS: Final[Mapping[str, Scalar]] = {
    "limitA": Scalar(
        command="limit",
        payload=LimitA,
        description="`limit` as a plain number: A per phase.",
        read=_read_limit_a,
    ),
    "limitW": Scalar(
        command="limit",
        payload=LimitW,
        description="`limit` as a plain number: W over all phases.",
        read=_read_limit_w,
    ),
    "charging": Scalar(
        command="pause",
        payload=Annotated[
            Literal["true", "false", "on", "off", "1", "0", "yes", "no"],
            Field(description="In any casing."),
        ],
        description="`true` resumes, `false` pauses.",
        read=_read_charging,
    ),
}
"""Plain values that can be set, by the last segment of their topic."""
