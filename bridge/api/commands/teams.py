"""Commands on the total of a load-management group."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from bridge.api.commands.base import MAX_PRIORITY, Command, TtlSeconds, exactly_one
from bridge.domain import commands as domain

MAX_TOTAL_A: Final = 10_000.0
MAX_TOTAL_W: Final = 10_000_000.0


class TeamLimit(Command):
    """Claim a lower total for a team (allocation.md, Team)."""

    description: ClassVar[str] = (
        "Lower what a team may draw together, to limitA or limitW; never above the configured "
        "total. It is done when it is stored: `reservedA` of the team's state shows how far the "
        "stations have followed."
    )

    model_config = ConfigDict(json_schema_extra=exactly_one("limitA", "limitW"))

    limit_a: Annotated[
        float | None, Field(ge=0, le=MAX_TOTAL_A, description="Current of all, A per phase.")
    ] = None
    limit_w: Annotated[
        float | None, Field(ge=0, le=MAX_TOTAL_W, description="Power of all, W over all phases.")
    ] = None
    ttl_seconds: TtlSeconds | None = None
    priority: Annotated[
        int,
        Field(ge=0, le=MAX_PRIORITY, description="Among MQTT controllers the highest wins."),
    ] = domain.DEFAULT_PRIORITY
    on_expire: Annotated[
        Literal["release", "failsafe"],
        Field(
            description="What follows when the lease lapses: the configured total, or for "
            "`failsafe_min_duration_seconds` still this one."
        ),
    ] = "release"

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.limit_a is None) == (self.limit_w is None):
            raise ValueError("give exactly one of limitA (A per phase) and limitW (W in all)")
        return self

    def arguments(self) -> domain.SetLimit:
        """Return what the team's rules understand."""
        return domain.SetLimit(
            limit_a=self.limit_a,
            limit_w=self.limit_w,
            ttl_seconds=self.ttl_seconds,
            priority=self.priority,
            on_expire=domain.OnExpire(self.on_expire),
        )


class TeamRelease(Command):
    """Give up this controller's claim on a team's total."""

    description: ClassVar[str] = "Give up this controller's claim on a team's total."

    def arguments(self) -> domain.Release:
        """Return what the team's rules understand."""
        return domain.Release()


TEAM_MODELS: Final[Mapping[str, type[Command]]] = {"limit": TeamLimit, "release": TeamRelease}
"""Commands to a team, by the last segment of their topic."""
