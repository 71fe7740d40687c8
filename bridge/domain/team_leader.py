"""The leader of a group: looks at the stations and says which shares to tell them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter, is_
from typing import Final

from msgspec import Struct, field

from bridge.domain import team_total
from bridge.domain.control import Slot, TeamShare
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.records import replace
from bridge.domain.settings import StationSettings
from bridge.domain.station import ShareChanged
from bridge.domain.team import MemberId, TeamSettings, Totals
from bridge.domain.team_members import member_of
from bridge.domain.team_plan import Member, Reason, Standing, step
from bridge.domain.team_total import TeamRecord

READINGS_SECONDS: Final = 15.0
"""How long readings may wait until the leader looks at them."""

Order = tuple[StationId, ShareChanged]
"""Whom to tell which share."""


class TeamState(Struct, frozen=True, kw_only=True):
    """A group as it is led: what is remembered, and what is published of it."""

    settings: TeamSettings
    record: TeamRecord
    totals: Totals
    """What the group may draw now."""
    winner: Slot | None = None
    """The claim of a controller that set the totals; None: they are the configured ones."""
    members: Mapping[MemberId, Member] = field(default_factory=dict)
    """Those whose stations have told of the EVSE."""
    standing: Mapping[MemberId, Standing] = field(default_factory=dict)
    reasons: Mapping[MemberId, Reason] = field(default_factory=dict)


_MATTERS: Final = attrgetter("slots", "allocation", "installed", "write", "team", "view")


def matters(before: Station | None, after: Station) -> bool:
    """Say whether more has changed than readings, which can wait a little."""
    if before is None or before.online is not after.online:
        return True
    if before.station_slots is not after.station_slots or len(before.evses) != len(after.evses):
        return True
    return any(
        evse is not (earlier := before.evses.get(evse.id))
        and (earlier is None or not all(map(is_, _MATTERS(earlier), _MATTERS(evse))))
        for evse in after.evses.values()
    )


def begin(settings: TeamSettings, record: TeamRecord | None) -> TeamState:
    """Return the group as it is before the first look; `record` comes from the store."""
    return TeamState(
        settings=settings,
        record=record or TeamRecord(name=settings.name),
        totals=settings.totals,
    )


def lead(
    state: TeamState,
    stations: Mapping[StationId, Station],
    settings_for: Callable[[Station], StationSettings],
    now: datetime,
) -> tuple[TeamState, list[Order], datetime | None]:
    """Return the group after a look at its stations, whom to tell what, and when to look again."""
    settings = state.settings
    record = team_total.lapse(state.record, settings, now)
    totals = team_total.totals(record, settings, now)
    members = [
        member
        for key in settings.members
        if key.station_id in stations
        and (
            member := member_of(
                station := stations[key.station_id], key.evse_id, settings_for(station), now
            )
        )
    ]
    after = step(members, state.standing, settings, totals, now)
    orders = [
        order
        for member in members
        if (order := _order(member, after.standing[member.id], settings.name, now))
    ]
    due = [moment for moment in (after.next_at, team_total.next_deadline(record)) if moment]
    state = replace(
        state,
        record=record,
        totals=totals,
        winner=team_total.winner(record, now),
        members={member.id: member for member in members},
        standing=after.standing,
        reasons=after.reasons,
    )
    return state, orders, min(due, default=None)


def _order(member: Member, standing: Standing, team: str, now: datetime) -> Order | None:
    """Return the share to tell, None where the station's record has it already."""
    share = member.share
    if share is not None and (share.team, share.limit_a) == (team, standing.asked_a):
        return None
    told = TeamShare(team=team, limit_a=standing.asked_a, at=now, reserved_a=standing.reserved_a)
    return member.id.station_id, ShareChanged(evse_id=member.id.evse_id, share=told)


def leavers(stations: Mapping[StationId, Station], members: frozenset[MemberId]) -> list[Order]:
    """Return whose share is to be taken away: EVSEs that are in no group any more."""
    return [
        (station.id, ShareChanged(evse_id=evse.id, share=None))
        for station in stations.values()
        for evse in station.evses.values()
        if evse.team is not None and MemberId(station.id, evse.id) not in members
    ]
