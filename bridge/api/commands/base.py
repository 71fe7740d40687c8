"""What all command bodies have in common: the base models and the types of arguments."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from bridge.domain import commands as domain

MAX_LIMIT_A: Final = 1000.0
MAX_LIMIT_W: Final = 1_000_000.0
MAX_PRIORITY: Final = 1000
MAX_TTL_SECONDS: Final = 31_536_000
"""A year: longer leases are no leases."""
MAX_ENERGY_WH: Final = 1_000_000_000.0
MAX_NUMBER: Final = 1000
"""Of EVSEs and connectors: no station has more."""


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


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be 1 or 3")  # noqa: TRY004  # pydantic reports only ValueError
    return value


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
PhaseCount = Annotated[Literal[1, 3], BeforeValidator(_no_boolean)]
Identifier = Annotated[str, Field(min_length=1, max_length=36)]
CommandId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
_ID: Final = (
    "Chosen by the sender, echoed in every result; a repeated one is not carried out again."
)


def exactly_one(*keys: str) -> dict[str, Any]:
    """Return the part of a JSON Schema that wants one of these keys, and null for the others."""
    branches = [
        {"required": [key], "properties": {key: {"not": {"type": "null"}}}} for key in keys
    ]
    return {"oneOf": branches}


class Body(BaseModel):
    """A JSON object of the API: its keys and no others."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        alias_generator=to_camel,
    )


class Command(Body):
    """What every command may carry besides its arguments."""

    description: ClassVar[str]

    id: Annotated[CommandId | None, Field(description=_ID)] = None
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


class OnceCommand(Command):
    """A command that does something anew each time: only an id tells it from a repetition."""

    id: Annotated[CommandId, Field(description=_ID)]
