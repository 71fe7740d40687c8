"""Which profile should be in force at a station, and whether the one that is will do.

Theory of operation. A running transaction is governed by a TxProfile with its id; where the
station refuses those, and while nothing runs, by a TxDefaultProfile (the ladder of
allocation.md). A lease is mirrored: the profile ends at the station some time after the lease
would, so that a station whose bridge has died falls back by itself. That end lies late enough
for a lease that is renewed in time to cost one write per its own length, not one per renewal.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from bridge.domain import allocation, pacing, phases
from bridge.domain.calls import ProfilePurpose, SetChargingProfile, UpdateDynamicSchedule
from bridge.domain.commands import OnExpire
from bridge.domain.control import Decision, InstalledProfile, Slot
from bridge.domain.draft import Draft
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import STATION_EVSE
from bridge.domain.knowledge import Learnt
from bridge.domain.model import Evse, Transaction
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile, Schedule
from bridge.domain.settings import NumberPhases, ProfileKind, RateUnit, StationSettings

TX_PROFILE_ID: Final = 0x4D510000
"""Id of the TxProfile of EVSE n is this + n; the range tells our profiles from others'."""
TX_DEFAULT_PROFILE_ID: Final = 0x4D518000
FALLBACK_PROFILE_ID: Final = 0x4D520000
STATION_MAX_PROFILE_ID: Final = 0x4D528000
"""Of the one profile for the whole station, EVSE 0."""
_IDS_OF_A_KIND: Final = 0x8000
START_BEFORE: Final = timedelta(minutes=1)
"""Profiles start in the past, since stations' clocks are behind (charger-quirks 17)."""
SHORTEST_MARGIN: Final = timedelta(seconds=30)
"""How long at least a profile outlasts the lease that it mirrors."""
FALLBACK_STACK_LEVEL: Final = 0


def running(evse: Evse) -> Transaction | None:
    """Return the transaction that is open on an EVSE."""
    return evse.transaction if evse.transaction and evse.transaction.open else None


def owner(profile: ChargingProfile) -> int | None:
    """Return the EVSE for which a bridge like this one installed a profile, None for others'.

    0 for that of the whole station.
    """
    return _owner_of(profile.profile_id)


def is_own(profile_id: int) -> bool:
    """Say whether an id is one of those that bridges give."""
    return _owner_of(profile_id) is not None


def _owner_of(profile_id: int) -> int | None:
    if profile_id == STATION_MAX_PROFILE_ID:
        return STATION_EVSE
    for base in (FALLBACK_PROFILE_ID, TX_DEFAULT_PROFILE_ID, TX_PROFILE_ID):
        if 0 < profile_id - base < _IDS_OF_A_KIND:
            return profile_id - base
    return None


def is_tx(profile_id: int) -> bool:
    """Say whether the id of a profile of ours is that of a TxProfile."""
    return profile_id < TX_DEFAULT_PROFILE_ID


def is_fallback(profile_id: int) -> bool:
    """Say whether the id of a profile of ours is that of the permanent one below."""
    return profile_id >= FALLBACK_PROFILE_ID


def effective(evse: Evse) -> InstalledProfile | None:
    """Return the profile of ours that governs: a TxProfile comes before a TxDefaultProfile."""
    open_ = running(evse)
    transaction_id = open_.id if open_ else None
    default = None
    for profile in evse.installed:
        if profile.purpose is ProfilePurpose.TX_DEFAULT:
            default = profile
        elif profile.transaction_id == transaction_id:
            return profile
    return default


def profile_for(
    draft: Draft, evse: Evse, decision: Decision, plan: phases.Plan
) -> InstalledProfile:
    """Return the profile that should be in force for a decision that is to be enforced."""
    open_ = running(evse)
    by_transaction = open_ is not None and draft.station.learnt.tx_profile is not False
    base = TX_PROFILE_ID if by_transaction else TX_DEFAULT_PROFILE_ID
    return InstalledProfile(
        profile_id=base + evse.id,
        purpose=ProfilePurpose.TX if by_transaction else ProfilePurpose.TX_DEFAULT,
        limit_a=0.0 if plan.pause else decision.to_write_a,
        at=draft.now,
        transaction_id=open_.id if open_ and by_transaction else None,
        valid_to=_end_of(draft, decision),
        number_phases=plan.number_phases,
        dynamic=_takes_dynamic(draft),
    )


def _takes_dynamic(draft: Draft) -> bool:
    """Say whether a profile may be of kind Dynamic (OCPP 2.1, K28)."""
    if draft.settings.profile_kind is not ProfileKind.ABSOLUTE:
        return False  # the owner knows better
    return (draft.station.version or "") == "2.1" and draft.station.learnt.dynamic_profiles is True


def will_do(draft: Draft, evse: Evse, decision: Decision, wanted: InstalledProfile) -> bool:
    """Say whether what governs needs no write to become what is wanted."""
    held = effective(evse)
    return held is not None and _serves(draft, held, wanted, decision)


def in_the_way(
    draft: Draft, evse: Evse, decision: Decision, wanted: InstalledProfile
) -> InstalledProfile | None:
    """Return the TxProfile that is to be cleared so that the default governs; None where none is.

    A station that refuses TxProfiles by now may still have one, or may have: one that was sent
    and never answered. It goes once the default beneath it is what is wanted.
    """
    held = effective(evse)
    if held is None or (held.purpose, wanted.purpose) != (
        ProfilePurpose.TX,
        ProfilePurpose.TX_DEFAULT,
    ):
        return None
    beneath = [p for p in evse.installed if p.purpose is ProfilePurpose.TX_DEFAULT]
    if any(_serves(draft, default, wanted, decision) for default in beneath):
        return replace(held, limit_a=None, at=draft.now)
    return None


def _serves(
    draft: Draft, held: InstalledProfile, wanted: InstalledProfile, decision: Decision
) -> bool:
    if held.limit_a is None or wanted.limit_a is None:
        return False
    if held.by_start and not _is_believed(draft):
        return False
    by_default = wanted.purpose is ProfilePurpose.TX and held.purpose is not ProfilePurpose.TX
    if by_default and _default_governs(draft) is False:
        return False
    if wanted.number_phases is not None and held.number_phases != wanted.number_phases:
        return False
    if not _lasts(held, wanted, decision):
        return False
    return _near_enough(held.limit_a, wanted.limit_a, decision)


def _is_believed(draft: Draft) -> bool:
    """Say whether a profile that a remote start has brought is taken to be there.

    That is where the station is asked what it makes of it (`observe`); and where nothing is asked
    of stations at all, since their word is then all there is.
    """
    settings, learnt = draft.settings, draft.station.learnt
    if learnt.start_profile is False:
        return False
    asked = settings.composite_schedule and learnt.composite_schedule is not False
    return asked or not settings.automatic_calls


def _default_governs(draft: Draft) -> bool | None:
    """Return whether a TxDefaultProfile governs what runs: as learnt, else as is told of it."""
    learnt = draft.station.learnt.default_governs_running
    return draft.settings.default_governs_running if learnt is None else learnt


def _near_enough(held_a: float, wanted_a: float, decision: Decision) -> bool:
    """Say whether a limit may stay although another is wanted: never above a constraint."""
    if pacing.is_change(held_a, wanted_a):
        return False
    constraints = [
        limit.limit_a
        for limit in decision.limits
        if limit.controller is None and not limit.inferred
    ]
    return held_a <= min(constraints, default=held_a)


# --- Leases ---------------------------------------------------------------------------------


def lease(decision: Decision) -> Slot | None:
    """Return the slot by which the binding source holds only for a time."""
    return next(
        (
            slot
            for slot in decision.winners
            if slot.source is decision.source and slot.expires_at is not None
        ),
        None,
    )


def _end_of(draft: Draft, decision: Decision) -> datetime | None:
    slot = lease(decision)
    mirrors = draft.settings.mirror_leases and draft.station.learnt.valid_to is not False
    if any(limit.source is AllocationSource.TEAM for limit in decision.limits):
        return None  # what it falls back to must not be more than its group leaves it
    if slot is None or slot.expires_at is None or not mirrors:
        return None
    return slot.expires_at + max(SHORTEST_MARGIN, slot.expires_at - slot.since)


def _lasts(held: InstalledProfile, wanted: InstalledProfile, decision: Decision) -> bool:
    """Say whether the profile ends neither before its lease nor, without one, at all."""
    if wanted.valid_to is None:
        return held.valid_to is None
    slot = lease(decision)
    assert slot is not None  # noqa: S101  # valid_to is made of it
    assert slot.expires_at is not None  # noqa: S101  # likewise
    return held.valid_to is not None and held.valid_to >= slot.expires_at


def without_ended(
    installed: Sequence[InstalledProfile], now: datetime
) -> tuple[InstalledProfile, ...]:
    """Return the profiles that the station has not dropped by their own validTo."""
    return tuple(p for p in installed if p.valid_to is None or now < p.valid_to)


# --- The profile below ours -----------------------------------------------------------------


def fallback_for(draft: Draft, evse: Evse, decision: Decision) -> InstalledProfile | None:
    """Return the permanent profile that the station falls back to, None where none is wanted."""
    if stack_level(draft.settings, draft.station.learnt) <= FALLBACK_STACK_LEVEL:
        return None
    limits = [] if draft.settings.fallback_a is None else [draft.settings.fallback_a]
    slot = lease(decision)
    if slot is not None and slot.on_expire is OnExpire.FAILSAFE:
        limits.append(draft.settings.failsafe_a)
    if not limits:
        return None
    return InstalledProfile(
        profile_id=FALLBACK_PROFILE_ID + evse.id,
        purpose=ProfilePurpose.TX_DEFAULT,
        limit_a=allocation.taken(allocation.round_down(min(limits)), draft.settings),
        at=draft.now,
    )


def default_within_share(evse: Evse, decision: Decision) -> InstalledProfile | None:
    """Return the default to write where it is above what a load-management group leaves.

    It would govern a transaction that begins while the station is offline, right after this one
    (allocation.md, Team: never above the total at any instant).
    """
    share = evse.team
    if share is None:
        return None
    above = (
        profile
        for profile in evse.installed
        if profile.purpose is ProfilePurpose.TX_DEFAULT
        and (profile.limit_a is None or profile.limit_a > share.limit_a)
    )
    default = next(above, None)
    return default and replace(default, limit_a=decision.offered_a, valid_to=None)


# --- The request ----------------------------------------------------------------------------


def stack_level(settings: StationSettings, learnt: Learnt) -> int:
    """Return the stackLevel of our profiles: as configured, else the station's highest."""
    if settings.stack_level is not None:
        return settings.stack_level
    return learnt.max_stack_level or 0


def own_level(draft: Draft, evse_id: int, purpose: ProfilePurpose) -> int:
    """Return the stackLevel that a profile of ours of this purpose has, or would have."""
    running_ = running(draft.evses[evse_id]) if evse_id in draft.evses else None
    return _free(draft, evse_id, purpose, transaction_id=running_.id if running_ else None)


def request_for(
    draft: Draft, evse: Evse, profile: InstalledProfile, *, fallback: bool = False
) -> SetChargingProfile:
    """Return the request that installs a profile, in the unit that the station takes."""
    assert profile.limit_a is not None  # noqa: S101  # only what is known is installed
    level = FALLBACK_STACK_LEVEL if fallback else _free_level(draft, evse, profile)
    return SetChargingProfile(
        evse_id=evse.id,
        profile_id=profile.profile_id,
        purpose=profile.purpose,
        stack_level=level,
        limit_a=profile.limit_a,
        limit_w=_watts(draft, evse, profile),
        start_at=draft.now - START_BEFORE,
        kind=draft.settings.profile_kind,
        valid_to=profile.valid_to,
        max_offline_seconds=_seconds_left(draft, profile),
        transaction_id=profile.transaction_id,
        number_phases=_number_phases(draft.settings, profile),
        dynamic=profile.dynamic,
    )


def request_for_station(draft: Draft, limit_a: float) -> SetChargingProfile:
    """Return the request that limits the whole station. It is never Relative (K01.FR.38)."""
    settings, purpose = draft.settings, ProfilePurpose.STATION_MAX
    always = settings.number_phases is NumberPhases.ALWAYS
    return SetChargingProfile(
        evse_id=STATION_EVSE,
        profile_id=STATION_MAX_PROFILE_ID,
        purpose=purpose,
        stack_level=_free(draft, STATION_EVSE, purpose),
        limit_a=limit_a,
        limit_w=_in_watts(draft, limit_a, _station_supply(settings)),
        start_at=draft.now - START_BEFORE,
        number_phases=settings.phases if always else None,
    )


def _station_supply(settings: StationSettings) -> allocation.Supply:
    return allocation.Supply(voltage_v=settings.nominal_voltage_v, phases=settings.phases)


def station_limit_of(draft: Draft, schedule: Schedule) -> float | None:
    """Return the A per phase of that profile as a station reports it; None: of no use."""
    return _first_limit(schedule, _station_supply(draft.settings))


def update_for(
    draft: Draft, evse: Evse, profile: InstalledProfile, decision: Decision
) -> tuple[UpdateDynamicSchedule, InstalledProfile] | None:
    """Return the request that only moves the limit of what is installed, and what is so then.

    None where more than the limit is to be another, or where it is not of kind Dynamic.
    """
    held = next((p for p in evse.installed if p.profile_id == profile.profile_id), None)
    if held is None or not held.dynamic or held.limit_a is None or profile.limit_a is None:
        return None
    moved = replace(held, limit_a=profile.limit_a, at=profile.at)
    if replace(moved, valid_to=profile.valid_to) != profile or not _lasts(held, profile, decision):
        return None
    limit_w = _watts(draft, evse, moved)
    limit = profile.limit_a if limit_w is None else limit_w
    return UpdateDynamicSchedule(profile_id=held.profile_id, limit=limit), moved


def dynamic_limit(draft: Draft, profile_id: int) -> float | None:
    """Return the limit of an installed profile of kind Dynamic, in the unit that it is in."""
    for evse in draft.evses.values():
        for held in evse.installed:
            if held.profile_id == profile_id and held.dynamic and held.limit_a is not None:
                limit_w = _watts(draft, evse, held)
                return held.limit_a if limit_w is None else limit_w
    return None


def _number_phases(settings: StationSettings, profile: InstalledProfile) -> int | None:
    """Return the numberPhases to send with a limit; None where it is left out (quirk 20)."""
    if settings.number_phases is NumberPhases.ALWAYS:
        return profile.number_phases or settings.phases
    return profile.number_phases


def _seconds_left(draft: Draft, profile: InstalledProfile) -> int | None:
    """Return how long a profile that mirrors a lease may outlive the connection (2.1 K01)."""
    if profile.valid_to is None:
        return None
    return ceil((profile.valid_to - draft.now).total_seconds())


def _free_level(draft: Draft, evse: Evse, profile: InstalledProfile) -> int:
    """Return the highest stackLevel at which the station has no such profile of another id.

    It would refuse a second one of the same purpose and level (K01).
    """
    below = evse.fallback is not None and profile.purpose is ProfilePurpose.TX_DEFAULT
    taken = {FALLBACK_STACK_LEVEL} if below else set()
    return _free(draft, evse.id, profile.purpose, taken, profile.transaction_id)


def _free(
    draft: Draft,
    evse_id: int,
    purpose: ProfilePurpose,
    taken: AbstractSet[int] = frozenset(),
    transaction_id: str | None = None,
) -> int:
    others = {
        other.stack_level
        for other in draft.station.profiles
        if (other.purpose, other.evse_id) == (purpose, evse_id)
        and other.transaction_id in {None, transaction_id}
    }
    top = stack_level(draft.settings, draft.station.learnt)
    return next((level for level in range(top, -1, -1) if level not in others | taken), top)


def _watts(draft: Draft, evse: Evse, profile: InstalledProfile) -> float | None:
    return _in_watts(draft, profile.limit_a or 0.0, _supply(draft, evse, profile.number_phases))


def _in_watts(draft: Draft, limit_a: float, supply: allocation.Supply) -> float | None:
    """Return a limit in whole watts, rounded down, for a station that takes no amperes."""
    if rate_unit(draft.settings, draft.station.learnt) is RateUnit.AMPERE:
        return None
    # a whole watt must not be lost to a binary fraction
    return float(int(round(supply.watts(limit_a), 3)))


def _supply(draft: Draft, evse: Evse, number_phases: int | None) -> allocation.Supply:
    return allocation.Supply(
        voltage_v=evse.supply_voltage_v or draft.settings.nominal_voltage_v,
        phases=number_phases or evse.supply_phases or draft.settings.phases,
    )


def limit_of(draft: Draft, evse: Evse, schedule: Schedule) -> float | None:
    """Return the A per phase of a profile of ours as a station reports it; None: of no use."""
    if not schedule.periods:
        return None
    return _first_limit(schedule, _supply(draft, evse, schedule.periods[0].number_phases))


def _first_limit(schedule: Schedule, supply: allocation.Supply) -> float | None:
    if not schedule.periods:
        return None
    limit = schedule.periods[0].limit
    return round(supply.amps(limit) if schedule.unit is RateUnit.WATT else limit, 1)


def rate_unit(settings: StationSettings, learnt: Learnt) -> RateUnit:
    """Return the unit to send limits in: as configured, else as the station says, else A."""
    if settings.rate_unit is not None:
        return settings.rate_unit
    told = learnt.rate_units
    return RateUnit.WATT if told and RateUnit.AMPERE not in told else RateUnit.AMPERE
