"""Commands that only look: installed charging profiles, and what they come to together."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from bridge.api.commands.base import MAX_TTL_SECONDS, Command
from bridge.domain import commands as domain
from bridge.domain.calls import ProfileCriteria
from bridge.domain.settings import RateUnit

MAX_IDS: Final = 50
MAX_INTEGER: Final = 2**31 - 1

ProfileId = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
LimitSource = Annotated[str, Field(min_length=1, max_length=20)]


class ReadProfiles(Command):
    """Read which charging profiles are installed (GetChargingProfiles)."""

    description: ClassVar[str] = (
        "Read which charging profiles the EVSE has (EVSE 0: the station and all its EVSEs), "
        "whoever installed them. Those are told that meet all that is given. Not in OCPP 1.6."
    )

    profile_ids: Annotated[
        list[ProfileId] | None,
        Field(min_length=1, max_length=MAX_IDS, description="Only those with one of these ids."),
    ] = None
    purpose: Annotated[
        Literal[
            "ChargingStationExternalConstraints",
            "ChargingStationMaxProfile",
            "LocalGeneration",
            "PriorityCharging",
            "TxDefaultProfile",
            "TxProfile",
        ]
        | None,
        Field(description="ChargingProfilePurposeEnumType of OCPP 2.1."),
    ] = None
    stack_level: Annotated[
        int | None, Field(ge=0, le=MAX_INTEGER, description="Only those of this stackLevel.")
    ] = None
    limit_sources: Annotated[
        list[LimitSource] | None,
        Field(
            min_length=1,
            max_length=4,
            description="Only those that one of these has set: `CSO`, `EMS`, `SO`, `Other`.",
        ),
    ] = None
    station_only: Annotated[
        bool,
        Field(description="EVSE 0: those of the station itself, without those of its EVSEs."),
    ] = False

    def arguments(self) -> domain.ReadProfiles:
        """Return what the station model understands."""
        return domain.ReadProfiles(
            criteria=ProfileCriteria(
                profile_ids=tuple(self.profile_ids or ()),
                purpose=self.purpose,
                stack_level=self.stack_level,
                limit_sources=tuple(self.limit_sources or ()),
            ),
            station_only=self.station_only,
        )


class ReadComposite(Command):
    """Read what all charging profiles come to together (GetCompositeSchedule)."""

    description: ClassVar[str] = (
        "Read what the station makes of all its charging profiles together, for the EVSE "
        "(EVSE 0: for the station's grid connection)."
    )

    duration_seconds: Annotated[
        int, Field(ge=1, le=MAX_TTL_SECONDS, description="For how long from now on, s.")
    ] = 3600
    unit: Annotated[
        Literal["A", "W"] | None,
        Field(description="Unit of the limits; absent: the station's choice."),
    ] = None

    def arguments(self) -> domain.ReadComposite:
        """Return what the station model understands."""
        unit = None if self.unit is None else RateUnit(self.unit)
        return domain.ReadComposite(duration_seconds=self.duration_seconds, unit=unit)
