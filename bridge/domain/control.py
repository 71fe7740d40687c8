"""What controls an EVSE: claims, limits, profiles, and what is told of them (allocation.md).

Frozen parts of the station's record (`model`), durable with it.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from bridge.domain.calls import ProfilePurpose
from bridge.domain.commands import CommandRef, OnExpire, ResultCode
from bridge.domain.enums import (
    AllocationSource,
)
from bridge.domain.schedule import Schedule


class Slot(Struct, frozen=True, kw_only=True):
    """One controller's claim on an EVSE (allocation.md, Two kinds of input)."""

    controller: str
    source: AllocationSource
    priority: int
    since: datetime
    limit_a: float | None = None
    limit_w: float | None = None
    """Where both are given, the lower of them holds."""
    pause: bool = False
    """A claim of 0 A that shadows the same controller's limit until `resume`."""
    clipped: bool = False
    """The controller asked for more than the installation maximum."""
    expires_at: datetime | None = None
    on_expire: OnExpire = OnExpire.RELEASE
    until_disconnect: bool = False
    command_id: str | None = None
    phases: int | None = None
    """Also hold the charging to 1 phase, or let it have 3."""


class PhaseClaim(Struct, frozen=True, kw_only=True):
    """One controller's claim on the number of phases, by the command `phases`."""

    controller: str
    source: AllocationSource
    priority: int
    phases: int
    since: datetime
    expires_at: datetime | None = None
    command_id: str | None = None


class PhaseWish(Struct, frozen=True, kw_only=True):
    """Out of all claims on the number of phases, the one that counts."""

    phases: int
    source: AllocationSource
    controller: str


class PhaseStep(StrEnum):
    """Where a switch between one and three phases has got to (`phases`)."""

    IDLE = "idle"
    PAUSING = "pausing"
    """The limit is 0 A; waiting for the current to fall."""
    SWITCHING = "switching"
    """The station has been told the number of phases and has not answered."""
    SETTLING = "settling"
    """No further switch until the vehicle has found its way."""


class PhaseFailure(StrEnum):
    """Why a switch between one and three phases failed."""

    CURRENT_FLOWS = "current_flows"
    """It did not fall although the station had accepted 0 A."""
    STATION_REFUSED = "station_refused"
    """The station refused the pause or the number of phases, or did not answer."""


class PhaseControl(Struct, frozen=True, kw_only=True):
    """What the bridge has done about the number of phases of an EVSE."""

    step: PhaseStep = PhaseStep.IDLE
    step_since: datetime | None = None
    """While pausing: since when the station has accepted 0 A; None = not yet."""
    reading_at: datetime | None = None
    """While pausing: when the last reading before that was taken, by the station's clock."""
    target: int | None = None
    """Number of phases that a switch under way is to lead to."""
    active: int | None = None
    """Number of phases that the station has accepted; None = it was never told any."""
    switched_at: datetime | None = None
    switches: int = 0
    """In this session (from plugging in to unplugging)."""
    failures: int = 0
    """In this session; two of them end the switching for the session."""
    failed_at: datetime | None = None
    failure: PhaseFailure | None = None
    """Why the last switch failed."""
    ready_at: datetime | None = None
    """When a switch that is wanted and has to wait may begin; None where none is wanted."""


NEVER_SWITCHED: Final = PhaseControl()


class ExternalLimit(Struct, frozen=True, kw_only=True):
    """A limit that the station has told of, set by somebody else (OCPP 2.x K12, K13)."""

    limit_source: str
    """ChargingLimitSourceEnumType."""
    at: datetime
    evse_id: int
    """0 = the whole station."""
    grid_critical: bool = False
    schedule: Schedule | None = None
    """None: the station did not say how much."""
    source: AllocationSource = AllocationSource.OCPP_PROFILE


class TeamShare(Struct, frozen=True, kw_only=True):
    """What a load-management group leaves to an EVSE."""

    team: str
    limit_a: float
    """A per phase."""
    at: datetime
    reserved_a: float = 0.0
    """What the group kept free for the EVSE when it was told: the station may still have it."""


class Pace(Struct, frozen=True, kw_only=True):
    """When the limit at the station was last moved, by the bridge's clock (`pacing`)."""

    increased_at: datetime | None = None
    decreased_at: datetime | None = None


NEVER_MOVED: Final = Pace()


class Observed(Struct, frozen=True, kw_only=True):
    """Whether the vehicle keeps to the limit that the station has accepted."""

    current_a: float
    """Highest current of a phase, as measured."""
    ok: bool
    at: datetime
    over_since: datetime | None = None
    """Since when the current has been above the limit."""


class InstalledProfile(Struct, frozen=True, kw_only=True):
    """A profile of ours that the station has accepted."""

    profile_id: int
    purpose: ProfilePurpose
    limit_a: float | None
    """A per phase; None where it is not known whether the station (still) has it."""
    at: datetime
    transaction_id: str | None = None
    valid_to: datetime | None = None
    number_phases: int | None = None
    dynamic: bool = False
    """OCPP 2.1: of kind Dynamic, so that its limit can be moved without installing it again."""
    by_start: bool = False
    """A remote start has brought it, which was accepted; of the profile nothing was said."""


class StationMax(Struct, frozen=True, kw_only=True):
    """The profile of ours that limits the whole station (`station_max`); A per phase."""

    limit_a: float | None = None
    """What the station has accepted; None: it has none of ours."""
    unsure: bool = False
    """It may have that, another one or none."""
    asked_a: float | None = None
    """What it was asked for last and has not answered; None: to clear it, or nothing."""
    refused_a: float | None = None
    """What it has refused."""
    retry_at: datetime | None = None
    """When it is asked again, where the answer got lost."""
    retries: int = 0


NO_STATION_MAX: Final = StationMax()


class Verification(Struct, frozen=True, kw_only=True):
    """Asking the station what all profiles together leave to a running transaction."""

    profile: InstalledProfile
    """The one of ours that it is about."""
    transaction_id: str
    due_at: datetime | None = None
    """When to ask (again)."""
    asked_at: datetime | None = None
    """When was asked last."""
    failed: bool = False
    """It leaves more than ours allows, which has been told."""


class Limit(Struct, frozen=True, kw_only=True):
    """One valid limit among those that the arbiter looked at; `limit_a` is A per phase."""

    source: AllocationSource
    limit_a: float
    controller: str | None = None
    priority: int | None = None
    expires_at: datetime | None = None
    binding: bool = False
    detail: Mapping[str, Any] | None = None
    """Facts of a constraint in the payload's own camelCase keys, e.g. limitSource, team."""

    @property
    def inferred(self) -> bool:
        """Whether it is known only by what the station makes of all limits (`inferred`)."""
        return self.detail is not None and self.detail.get("limitSource") in INFERRED


UNKNOWN_SOURCE: Final = "Unknown"
CONTROLLER_SOURCE: Final = "SECC"
INFERRED: Final = frozenset({UNKNOWN_SOURCE, CONTROLLER_SOURCE})
"""limitSource of limits that are not written back to the station: their end could not be seen."""


class Decision(Struct, frozen=True, kw_only=True):
    """What the arbiter decided: who binds, at how many A per phase, out of which limits."""

    source: AllocationSource
    offered_a: float
    limits: tuple[Limit, ...] = ()
    below_minimum: bool = False
    """The lowest limit was above 0 A and below the minimum current: policy applied."""
    enforced: bool = False
    """A request is live, or a Team or Transaction limit: the station must be told (a profile is
    wanted)."""
    winners: tuple[Slot, ...] = ()
    """The slot that speaks for each requesting source."""
    written_a: float | None = None
    """What the station is to be told where that is not `offered_a` (`observe`, inferred limits)."""

    @property
    def to_write_a(self) -> float:
        """A per phase that the station is to be told."""
        return self.offered_a if self.written_a is None else self.written_a


class ChangeReason(StrEnum):
    """Why an allocation changed (event/allocation, audit)."""

    COMMAND = "command"
    LEASE_EXPIRED = "lease_expired"
    FAILSAFE = "failsafe"
    """A lease ran out that asked for the fail-safe, or the fail-safe's time is over."""
    UNPLUGGED = "unplugged"
    TRANSACTION = "transaction"
    """It began, ended, or reached a limit of its own."""
    CABLE = "cable"
    EXTERNAL_LIMIT = "external_limit"
    """Somebody else's limit came, changed or went (source OCPP Profile)."""
    TEAM = "team"
    PHASES = "phases"
    STATION = "station"
    """The station reported something else, or answered."""
    CONNECTION = "connection"
    RESTART = "restart"
    TIME = "time"


class Cause(Struct, frozen=True, kw_only=True):
    """What led to a change of an allocation."""

    reason: ChangeReason
    controller: str | None = None
    command_id: str | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """A limit command whose outcome at the station is still open."""

    ref: CommandRef
    slot: Slot | None = None
    """The claim that it made; None where it gave claims up."""
    about_phases: bool = False
    """It is about the number of phases, and not about a limit."""
    phase_claim: PhaseClaim | None = None
    """The claim on the number of phases that it made; None where it gave one up."""
    previous: Slot | None = None
    """What `slot` took the place of: put back where the station refuses."""
    requested_a: float | None = None
    expires_at: datetime | None = None
    code: ResultCode = ResultCode.OK
    """With `facts`, the answer that it gets once the write under way is accepted."""
    facts: Mapping[str, Any] | None = None


class ProfileWrite(Struct, frozen=True, kw_only=True):
    """A SetChargingProfile or ClearChargingProfile that is on its way (`clear`)."""

    call_id: int
    profile: InstalledProfile
    clear: bool
    waiting: tuple[Waiting, ...] = ()
    cause: Cause | None = None
    """What led to it: of that, its acceptance is the consequence."""
    fallback: bool = False
    """It is the permanent profile below ours."""


class Allocation(Struct, frozen=True, kw_only=True):
    """The published truth: who controls this EVSE since when (allocation.md)."""

    source: AllocationSource = AllocationSource.UNMANAGED
    offered_a: float
    limits: tuple[Limit, ...] = ()
    since: datetime
    state: str = "released"
    """Of the MQTT source: released, pending, active, standby, failsafe, suspended, recovering."""
    mode: str = "normal"
    """`failsafe` while the failsafe slot binds."""
    accepted: InstalledProfile | None = None
    requested_a: float | None = None
    """Resolved claim of the MQTT source, whether binding or not."""
    requested_w: float | None = None
    """What was claimed where that was a power, W in all."""
    requested_phases: int | None = None
    """Number of phases that is claimed, whether it is in force or not (`PhaseWish`)."""
    pending_a: float | None = None
    """What is being applied, or waits for the station to be back; None where nothing is."""
    phase_limit: int | None = None
    """1 while the charging is held to one phase."""
    phase_source: AllocationSource | None = None
    """Who holds it to one phase."""
