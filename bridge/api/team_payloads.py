"""The documents of a load-management group, key by key (allocation.md, Team)."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from bridge.api.payloads import (
    Amperes,
    BridgeTime,
    EvseId,
    Moment,
    RawStationId,
    ResultError,
    Version,
    Watts,
)
from bridge.domain.commands import ResultCode, ResultStatus
from bridge.domain.team_plan import Reason

TeamName = Annotated[str, Field(description="The team's name in the configuration.")]


class TeamMember(TypedDict):
    """An EVSE of a team."""

    cs: RawStationId
    evse: EvseId
    shareA: Annotated[
        float | None, Field(description="What it is left, A per phase; null = not known yet.")
    ]
    reservedA: Annotated[
        float, Field(description="What is kept free for it, since it may still draw it.")
    ]
    inForceA: Annotated[
        float | None,
        Field(description="Highest limit that the station may have in force; null = not known."),
    ]
    drawnA: Annotated[
        float | None, Field(description="Highest current of a phase as measured; null = unknown.")
    ]
    reason: Annotated[
        Reason | Literal["unknown"],
        Field(
            description="`served`; `waiting` until it is its turn; `idle`: no vehicle that may "
            "charge; `unconfirmed`: the station has not accepted its share; `offline`; "
            "`unknown`: the station has not told of this EVSE."
        ),
    ]


class TeamDocument(TypedDict):
    """A team: its total, who set it, and everybody's share."""

    v: Version
    ts: BridgeTime
    team: TeamName
    totalA: Annotated[float | None, Field(description="What holds now, A per phase.")]
    totalW: Annotated[float | None, Field(description="What holds now, W over all phases.")]
    configuredA: Amperes
    configuredW: Watts
    source: Annotated[
        Literal["configuration", "MQTT", "API"], Field(description="Who set the total.")
    ]
    controller: Annotated[str | None, Field(description="Whose claim set it; null = nobody's.")]
    priority: Annotated[int | None, Field(description="Of that claim.")]
    expiresAt: Moment
    mode: Annotated[
        Literal["normal", "failsafe"],
        Field(description="`failsafe`: the lease of the last claim has run out."),
    ]
    reservedA: Annotated[
        float, Field(description="What the stations may draw together now, A per phase.")
    ]
    reservedW: Annotated[float, Field(description="The same in W over all phases.")]
    members: Annotated[list[TeamMember], Field(description="In the order of the configuration.")]


class TeamResultDocument(TypedDict):
    """Answer to a command to a team."""

    v: Version
    id: Annotated[str, Field(description="The command's id, or the one that it was given.")]
    cmd: Annotated[str, Field(description="The command's name.")]
    status: Annotated[ResultStatus, Field(description="How far it is.")]
    code: Annotated[ResultCode, Field(description="What became of it.")]
    ts: BridgeTime
    team: TeamName
    final: Annotated[bool, Field(description="The last answer to this command.")]
    data: Annotated[
        dict[str, Any] | None,
        Field(description="totalA, totalW and whose they are, what was asked, expiresAt."),
    ]
    error: Annotated[ResultError | None, Field(description="null unless it was not done.")]
