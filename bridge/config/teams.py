"""[teams.NAME]: load-management groups, their members and their totals."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from bridge.config.fields import Section
from bridge.domain.ids import StationId
from bridge.domain.team import MemberId, TeamSettings, Totals

TeamName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
_MEMBER: Final = r"^.+/[1-9][0-9]{0,5}$"


class TeamSection(Section):
    """EVSEs that share what one line carries."""

    members: tuple[Annotated[str, StringConstraints(pattern=_MEMBER)], ...] = Field(
        min_length=1,
        description='EVSEs of the group, each as `"<station id>/<EVSE id>"`, e.g.'
        ' `"DE*ABC*E1/1"`. An EVSE can be in one team only.',
    )
    max_a: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="What they may draw together, A per phase. Each EVSE counts on every phase."
        " Give this or `max_w`.",
    )
    max_w: float | None = Field(
        default=None,
        gt=0,
        le=10_000_000,
        description="What they may draw together, W over all phases. Give this or `max_a`.",
    )
    turn_seconds: int = Field(
        default=900,
        ge=60,
        le=86_400,
        description="Where not all can charge at once: how long each does before one that waits"
        " takes its place, s.",
    )
    failsafe_min_duration_seconds: int = Field(
        default=7200,
        ge=0,
        le=604_800,
        description="How long a lowered total holds on after its lease has run out, where it"
        " asked for the fail-safe, s.",
    )

    @model_validator(mode="after")
    def _one_total(self) -> Self:
        if (self.max_a is None) == (self.max_w is None):
            raise ValueError("give exactly one of max_a (A per phase) and max_w (W in all)")
        return self

    def settings(self, name: str, *, default_ttl_seconds: int) -> TeamSettings:
        """Return what the domain needs to know of the team."""
        return TeamSettings(
            name=name,
            members=tuple(_member(text) for text in self.members),
            totals=Totals(limit_a=self.max_a, limit_w=self.max_w),
            turn_seconds=self.turn_seconds,
            failsafe_seconds=self.failsafe_min_duration_seconds,
            default_ttl_seconds=default_ttl_seconds,
        )


def _member(text: str) -> MemberId:
    station_id, _, evse_id = text.rpartition("/")
    return MemberId(StationId(station_id), int(evse_id))


def _each_evse_once(teams: dict[str, TeamSection]) -> dict[str, TeamSection]:
    seen: dict[str, str] = {}
    for name, team in teams.items():
        for member in team.members:
            if member in seen:
                raise ValueError(f'"{member}" is a member of {seen[member]} and of {name}')
            seen[member] = name
    return teams


Teams = Annotated[dict[TeamName, TeamSection], AfterValidator(_each_evse_once)]
