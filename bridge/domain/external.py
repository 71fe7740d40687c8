"""Limits that others have set at the station: source `OCPP Profile` (OCPP 2.x K08 to K14).

Theory of operation. The station tells of them in two ways: as limits of an energy manager or of
the grid (NotifyChargingLimit), and as charging profiles that this bridge did not install
(ReportChargingProfiles, taken in by `readback`). Within one purpose the profile in force with the
highest stackLevel counts. Of those for transactions there is one: a TxProfile before a
TxDefaultProfile, and of the latter the EVSE's own before the one for all EVSEs. The others bind
an EVSE both by its own and by that of the whole station, which is a total and so a limit of each.
Over all that count, and the notified limits, the lowest holds (K08). Each stays a limit of its
own, so that people can see whose it is.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from bridge.domain import schedule
from bridge.domain.allocation import Supply, round_down
from bridge.domain.control import ExternalLimit, Limit
from bridge.domain.draft import Draft
from bridge.domain.enums import AllocationSource
from bridge.domain.events import ClearedChargingLimit, NotifyChargingLimit
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import Evse, Station, Transaction
from bridge.domain.records import replace
from bridge.domain.schedule import ChargingProfile, Period, Schedule
from bridge.domain.settings import RateUnit

MAX_EXTERNAL_LIMITS: Final = 32
TX_PROFILE: Final = "TxProfile"
TX_DEFAULT_PROFILE: Final = "TxDefaultProfile"
OF_TRANSACTIONS: Final = frozenset({TX_PROFILE, TX_DEFAULT_PROFILE})
BINDING: Final = OF_TRANSACTIONS | {
    "ChargingStationMaxProfile",
    "ChargingStationExternalConstraints",
}
"""Purposes that limit; others of 2.1 (PriorityCharging, LocalGeneration) only ever raise."""


# --- What the station tells -----------------------------------------------------------------


def notified(draft: Draft, message: NotifyChargingLimit) -> None:
    """Take note of a limit of somebody else; the same one's earlier limit is replaced.

    Several schedules all hold (K12, K13). Without any, only that there is a limit is known.
    """
    evse_id = message.evse_id or STATION_EVSE
    said = [
        ExternalLimit(
            limit_source=message.limit_source,
            at=draft.now,
            evse_id=evse_id,
            grid_critical=message.grid_critical,
            schedule=each,
        )
        for each in message.schedules or (None,)
    ]
    others = [
        known
        for known in draft.station.external_limits
        if (known.limit_source, known.evse_id) != (message.limit_source, evse_id)
    ]
    draft.change(external_limits=(*others, *said)[-MAX_EXTERNAL_LIMITS:])


def cleared(draft: Draft, message: ClearedChargingLimit) -> None:
    """Take note that such a limit is gone; without an EVSE, everywhere."""
    kept = tuple(
        known
        for known in draft.station.external_limits
        if known.limit_source != message.limit_source
        or message.evse_id not in {None, known.evse_id}
    )
    if len(kept) != len(draft.station.external_limits):
        draft.change(external_limits=kept)


# --- What holds now -------------------------------------------------------------------------


def limits(station: Station, evse: Evse, supply: Supply, now: datetime) -> list[Limit]:
    """Return the limits that others' profiles and notified limits put on an EVSE now."""
    if not station.external_limits and not station.profiles:
        return []
    found = [
        _limit(
            profile.schedule,
            schedule.period_at(profile, now, None),
            supply,
            _told_by(known),
            known.source,
        )
        for known, profile in _notified(station)
        if known.evse_id in {STATION_EVSE, evse.id}
    ]
    found += [
        _limit(profile.schedule, period, supply, _installed_by(profile))
        for profile, period in _governing(station.profiles, evse, now)
    ]
    return [limit for limit in found if limit is not None]


def _limit(
    holder: Schedule,
    period: Period | None,
    supply: Supply,
    facts: dict[str, Any],
    source: AllocationSource = AllocationSource.OCPP_PROFILE,
) -> Limit | None:
    if period is None or not schedule.has_limit(period):
        return None
    in_watts = holder.unit is RateUnit.WATT
    limit_a = supply.amps(period.limit) if in_watts else period.limit
    detail = {**facts, **schedule.to_discharge(period, holder.unit)}
    return Limit(source=source, limit_a=round_down(limit_a), detail=detail)


def _told_by(known: ExternalLimit) -> dict[str, Any]:
    return {"limitSource": known.limit_source, "gridCritical": known.grid_critical}


def _installed_by(profile: ChargingProfile) -> dict[str, Any]:
    return {
        "limitSource": profile.limit_source,
        "profileId": profile.profile_id,
        "purpose": profile.purpose,
        "stackLevel": profile.stack_level,
    }


def _notified(station: Station) -> list[tuple[ExternalLimit, ChargingProfile]]:
    """Return the notified limits with a schedule, as the profiles that they amount to."""
    return [
        (known, _as_profile(known, known.schedule))
        for known in station.external_limits
        if known.schedule is not None
    ]


def _as_profile(known: ExternalLimit, told: Schedule) -> ChargingProfile:
    """Return a notified limit as a profile: without a start of its own it counts from its coming."""
    return ChargingProfile(
        profile_id=0,
        evse_id=known.evse_id,
        purpose="ChargingStationExternalConstraints",
        kind="Absolute",
        stack_level=0,
        schedule=replace(told, start_at=told.start_at or known.at),
        limit_source=known.limit_source,
    )


def _governing(
    profiles: Iterable[ChargingProfile], evse: Evse, now: datetime
) -> list[tuple[ChargingProfile, Period]]:
    """Return the profiles that count among those of their kind, with their present periods."""
    began = _charging_began(evse)
    best: dict[tuple[str, int], tuple[ChargingProfile, Period]] = {}
    for profile in profiles:
        period = schedule.period_at(profile, now, began) if _concerns(profile, evse) else None
        if period is None:
            continue
        place = STATION_EVSE if profile.purpose in OF_TRANSACTIONS else profile.evse_id
        known = best.get((profile.purpose, place))
        if known is None or _rank(profile) > _rank(known[0]):
            best[profile.purpose, place] = profile, period
    if (TX_PROFILE, STATION_EVSE) in best:
        best.pop((TX_DEFAULT_PROFILE, STATION_EVSE), None)
    return list(best.values())


def _rank(profile: ChargingProfile) -> tuple[bool, int, int]:
    """Order profiles of a kind: the EVSE's own, then the highest stackLevel, then any."""
    return profile.evse_id != STATION_EVSE, profile.stack_level, profile.profile_id


def _concerns(profile: ChargingProfile, evse: Evse) -> bool:
    if profile.evse_id not in {STATION_EVSE, evse.id} or profile.purpose not in BINDING:
        return False
    if profile.purpose != TX_PROFILE:
        return True
    running = _running(evse)
    return running is not None and profile.transaction_id in {None, running.id}


def _running(evse: Evse) -> Transaction | None:
    return evse.transaction if evse.transaction and evse.transaction.open else None


def _charging_began(evse: Evse) -> datetime | None:
    running = _running(evse)
    return running.charging_started_at if running else None


# --- When it may be different ---------------------------------------------------------------


def stand(before: Station, station: Station, evse: Evse, supply: Supply, now: datetime) -> bool:
    """Say whether the limits on an EVSE are those that its allocation was made of."""
    if station.external_limits is not before.external_limits:
        return False
    if station.profiles is not before.profiles:
        return False
    held = evse.allocation.limits if evse.allocation else ()
    known = [_said(limit) for limit in held if _is_others(limit)]
    return sorted(known) == sorted(map(_said, limits(station, evse, supply, now)))


def _is_others(limit: Limit) -> bool:
    return limit.source is AllocationSource.OCPP_PROFILE or limit.inferred


def _said(limit: Limit) -> tuple[float, str]:
    return limit.limit_a, repr(limit.detail)


def deadlines(station: Station, now: datetime) -> list[datetime]:
    """Return when any of those limits may be different."""
    if not station.external_limits and not station.profiles:
        return []
    begins = {None, *map(_charging_began, station.evses.values())}
    changes = [schedule.next_change(profile, now, None) for _, profile in _notified(station)]
    changes += [
        schedule.next_change(profile, now, began)
        for profile in station.profiles
        if profile.purpose in BINDING
        for began in begins
    ]
    return [at for at in changes if at is not None]
