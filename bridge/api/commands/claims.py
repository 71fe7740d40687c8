"""Commands about a controller's claim: how much may be drawn, and on how many phases."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from bridge.api.commands.base import (
    MAX_PRIORITY,
    Command,
    DeferrableCommand,
    LimitA,
    LimitW,
    PhaseCount,
    TtlSeconds,
    exactly_one,
)
from bridge.domain import commands as domain


class Limit(DeferrableCommand):
    """Claim a charging current or power (allocation.md)."""

    description: ClassVar[str] = "Claim a charging current (limitA) or power (limitW)."

    model_config = ConfigDict(json_schema_extra=exactly_one("limitA", "limitW"))

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
    phases: Annotated[
        PhaseCount | None,
        Field(
            description="Also hold the charging to one phase, or let it have three, for as long "
            "as the claim lasts. Absent: no claim about phases."
        ),
    ] = None

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
            phases=self.phases,
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


class Phases(Command):
    """Hold the charging to one phase."""

    description: ClassVar[str] = (
        "Hold the charging to one phase, or let it have three; null takes the claim back. Needs "
        "`phase_switching` in the configuration and a station that can."
    )

    phases: Annotated[
        PhaseCount | None, Field(description="How many phases; null: no claim any more.")
    ]

    def arguments(self) -> domain.SetPhases:
        """Return what the station model understands."""
        return domain.SetPhases(phases=self.phases)
