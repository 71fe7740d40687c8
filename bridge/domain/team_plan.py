"""The next step of a team leader: who is given which share now, and what must be waited for.

Theory of operation. What a station may draw is not what it was last told, but the most that it
may still have in force: the limit that it has accepted, a write on its way, and the share that
the bridge may raise it to at any moment. The greatest of these is *reserved*. A step lowers
shares at once, and raises others only into what is free beside all reservations: so the sum of
the reservations never grows above the total, and with it nothing that any station draws. A
lowered share is free again when the station has accepted it. A station that is offline, or does
not accept for a while, keeps its reservation and the others share the rest.

Where not all can have the least that a vehicle charges with, they take turns: who has waited
longest is served next, when somebody's turn is over. An EVSE that draws nothing in its turn has
lost it. Pure and total; the order of members does not matter.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from msgspec import Struct

from bridge.domain.control import TeamShare
from bridge.domain.records import replace
from bridge.domain.team import (
    TENTHS,
    Claim,
    MemberId,
    Room,
    TeamSettings,
    Totals,
    room_of,
    shares,
    tenths_above,
    tenths_of,
)

CONFIRM_PATIENCE: Final = timedelta(seconds=35)
"""How long a station may take to accept a lower share before the others make room for it.

Longer than a call may take, and than the bridge asks which profiles a station has (30 s each).
"""
SETTLING: Final = timedelta(seconds=60)
"""How long an EVSE draws less than its share before the rest is offered to others."""
UNUSED_A: Final = 1.0
"""Less than this below its share is as good as all of it."""
NEAR_A: Final = 0.5
"""Who draws up to this much below what it was thought to need is given more at once."""
HEADROOM_A: Final = 1.0
"""What an EVSE may draw more than it does, where others want the rest."""
SMALLEST_RISE_A: Final = 0.5


class Activity(IntEnum):
    """What an EVSE does, as far as its share depends on it; the lower, the earlier served."""

    TRANSACTION = 0
    PLUGGED = 1
    """A vehicle is there and no transaction: some stations begin one only when they may charge."""
    IDLE = 2


class Reason(StrEnum):
    """Why a member has the share that it has."""

    SERVED = "served"
    WAITING = "waiting"
    """Paused until it is its turn."""
    IDLE = "idle"
    """No vehicle, or one that is kept from charging by another limit."""
    UNCONFIRMED = "unconfirmed"
    """The station has not accepted the share: it may still draw what is reserved."""
    OFFLINE = "offline"


class Member(Struct, frozen=True, kw_only=True):
    """An EVSE of a group as it is now. Currents are A per phase."""

    id: MemberId
    online: bool
    activity: Activity
    own_a: float
    """What it would be offered if it were in no group."""
    ceiling_a: float
    """The same without the requests of controllers, which may change at any moment."""
    minimum_a: float
    maximum_a: float
    """What it may draw while the bridge has told it nothing."""
    watts_per_a: float
    drawn_a: float | None = None
    """Highest current of a phase as measured; None where nothing is measured."""
    in_force_a: float | None = None
    """The most that the station may have in force; None where the bridge cannot know."""
    share: TeamShare | None = None
    """What it was last told, as it is stored."""


class Standing(Struct, frozen=True, kw_only=True):
    """What the leader remembers of a member from step to step."""

    asked_a: float = 0.0
    """The share that it was last given."""
    reserved_a: float = 0.0
    """What must be kept free for it."""
    unconfirmed_since: datetime | None = None
    served_since: datetime | None = None
    waiting_since: datetime | None = None
    unused_since: datetime | None = None
    """Since when it has drawn less than it might."""
    demand_a: float | None = None
    """What it seems to need; None: all that it can get."""
    resting: bool = False
    """It drew nothing in its last turn."""
    turns: int = 0
    """How often its serving has begun since its vehicle came."""


class Step(Struct, frozen=True, kw_only=True):
    """What follows for each member, and when to look again at the latest."""

    standing: Mapping[MemberId, Standing]
    reasons: Mapping[MemberId, Reason]
    next_at: datetime | None = None


def step(
    members: Iterable[Member],
    standing: Mapping[MemberId, Standing],
    settings: TeamSettings,
    totals: Totals,
    now: datetime,
) -> Step:
    """Return everybody's share from now on, in `standing`: `asked_a`."""
    team = sorted(members, key=lambda member: member.id)
    seen = {m.id: _seen(m, standing.get(m.id) or _first(m), now) for m in team}
    fixed = {m.id for m in team if _is_fixed(m, seen[m.id], now)}
    ranked = _ranked([m for m in team if m.id not in fixed and _wants(m)], seen, settings, now)
    claims = [_claim(member, seen[member.id]) for member in ranked]
    room = room_of(totals).less(_loads((m for m in team if m.id in fixed), seen))
    wanted = shares(claims, room)
    wanted |= {m.id: _kept(m, seen[m.id]) for m in team if m.id in fixed}
    after = _lowered(team, seen, wanted)
    free = room_of(totals).less(_loads(team, after))
    after = _raised(claims, after, wanted, free)
    after = {m.id: _in_turn(m, after[m.id], now) for m in team}
    return Step(
        standing=after,
        reasons={m.id: _reason(m, after[m.id], m.id in fixed) for m in team},
        next_at=_next_at(after, settings, now),
    )


# --- What is seen -------------------------------------------------------------------------


def _first(member: Member) -> Standing:
    """Return the standing of a member that the leader has not met in this run."""
    if member.share is None:
        return Standing(reserved_a=member.maximum_a)
    kept = max(member.share.reserved_a, member.share.limit_a)
    return Standing(asked_a=member.share.limit_a, reserved_a=kept)


def _seen(member: Member, held: Standing, now: datetime) -> Standing:
    """Return the standing after a look at what is in force and what is drawn."""
    told = max(held.asked_a, member.share.limit_a if member.share else 0.0)
    in_force = held.reserved_a if member.in_force_a is None else member.in_force_a
    held = replace(
        held,
        reserved_a=max(told, in_force),
        unconfirmed_since=(held.unconfirmed_since or now) if in_force > held.asked_a else None,
    )
    return _demand_seen(member, held, now)


def _demand_seen(member: Member, held: Standing, now: datetime) -> Standing:
    if not held.asked_a:
        return replace(held, unused_since=None, demand_a=None)
    if member.drawn_a is None or member.activity is not Activity.TRANSACTION:
        return replace(held, unused_since=None, demand_a=None, resting=False)
    usable = [held.asked_a, member.own_a]
    usable += [] if member.in_force_a is None else [member.in_force_a]
    usable += [] if held.demand_a is None else [held.demand_a]
    reference = min(usable)
    if member.drawn_a >= reference - NEAR_A:
        return replace(held, unused_since=None, demand_a=None, resting=False)
    if member.drawn_a >= reference - UNUSED_A:
        return replace(held, unused_since=None)
    since = held.unused_since or now
    if now - since < SETTLING:
        return replace(held, unused_since=since)
    return replace(
        held,
        unused_since=since,
        demand_a=float(math.ceil(member.drawn_a)) + HEADROOM_A,
        resting=member.drawn_a < UNUSED_A,
    )


def _is_fixed(member: Member, held: Standing, now: datetime) -> bool:
    """Say whether a member's reservation cannot be counted on to change."""
    if not member.online:
        return True
    since = held.unconfirmed_since
    return since is not None and now - since >= CONFIRM_PATIENCE


def _wants(member: Member) -> bool:
    return member.activity is not Activity.IDLE and member.own_a > 0


# --- Who comes first ----------------------------------------------------------------------


class _Place(IntEnum):
    """In which order floors are handed out."""

    IN_TURN = 0
    WAITS = 1
    TURN_OVER = 2
    WAITS_AGAIN = 3
    """It had its turn a short while ago: who took its place is not sent away at once."""
    RESTS = 4
    RESTED = 5
    """As before, and it drew nothing in its turn."""


def _ranked(
    members: Iterable[Member],
    seen: Mapping[MemberId, Standing],
    settings: TeamSettings,
    now: datetime,
) -> list[Member]:
    """Return who wants a share, in the order in which they are served."""

    def rank(member: Member) -> tuple[Activity, _Place, float, int, MemberId]:
        held = seen[member.id]
        place = _place(held, settings, now)
        since = (held.served_since or held.waiting_since or now).timestamp()
        # of those whose turn is over, who has been served longest goes first
        order = -since if place in {_Place.TURN_OVER, _Place.RESTS} else since
        return member.activity, place, order, held.turns, member.id

    return sorted(members, key=rank)


def _place(held: Standing, settings: TeamSettings, now: datetime) -> _Place:
    if held.served_since is not None:
        if held.resting:
            return _Place.RESTS
        return (
            _Place.TURN_OVER if _turn_ends(held.served_since, settings) <= now else _Place.IN_TURN
        )
    since = held.waiting_since or now
    if not held.turns or _turn_ends(since, settings) <= now:
        return _Place.WAITS
    return _Place.RESTED if held.resting else _Place.WAITS_AGAIN


def _turn_ends(since: datetime, settings: TeamSettings) -> datetime:
    return since + timedelta(seconds=settings.turn_seconds)


def _claim(member: Member, held: Standing) -> Claim:
    floor = min(tenths_above(member.minimum_a) / TENTHS, member.own_a)
    if member.activity is Activity.PLUGGED:
        demand = ceiling = floor
    else:
        demand = min(member.own_a, member.own_a if held.demand_a is None else held.demand_a)
        ceiling = max(member.ceiling_a, member.own_a)
    return Claim(
        member=member.id,
        floor_a=floor,
        demand_a=max(floor, demand),
        ceiling_a=ceiling,
        watts_per_a=member.watts_per_a,
    )


def _kept(member: Member, held: Standing) -> float:
    """Return the share of a member whose reservation stands: never more than it has."""
    if member.online and not _wants(member):
        return 0.0
    if member.in_force_a is None:
        return held.asked_a
    return min(held.asked_a, tenths_above(member.in_force_a) / TENTHS)


# --- Decreases first ----------------------------------------------------------------------


def _loads(
    members: Iterable[Member], standing: Mapping[MemberId, Standing]
) -> list[tuple[int, float]]:
    return [(tenths_above(standing[m.id].reserved_a), m.watts_per_a) for m in members]


def _lowered(
    team: Sequence[Member], seen: Mapping[MemberId, Standing], wanted: Mapping[MemberId, float]
) -> dict[MemberId, Standing]:
    """Lower shares; what was reserved stays so until the station has accepted."""
    after = dict(seen)
    for member in team:
        share = wanted.get(member.id, 0.0)
        if share < seen[member.id].asked_a:
            after[member.id] = replace(seen[member.id], asked_a=share)
    return after


def _raised(
    claims: Sequence[Claim],
    standing: Mapping[MemberId, Standing],
    wanted: Mapping[MemberId, float],
    free: Room,
) -> dict[MemberId, Standing]:
    """Raise shares into what is free, those first that have nothing."""
    after = dict(standing)
    for claim in sorted(claims, key=lambda claim: after[claim.member].asked_a > 0):
        held = after[claim.member]
        reserved = tenths_above(held.reserved_a)
        target = tenths_of(wanted[claim.member])
        share = min(target, reserved + free.fitting(claim.watts_per_a))
        if not _worth_raising(held, share / TENTHS, claim):
            continue
        after[claim.member] = replace(
            held, asked_a=share / TENTHS, reserved_a=max(held.reserved_a, share / TENTHS)
        )
        free = free.less([(max(share - reserved, 0), claim.watts_per_a)])
    return after


def _worth_raising(held: Standing, share_a: float, claim: Claim) -> bool:
    if share_a <= held.asked_a or tenths_of(share_a) < tenths_of(claim.floor_a):
        return False
    return not held.asked_a or share_a - held.asked_a >= SMALLEST_RISE_A


def _in_turn(member: Member, held: Standing, now: datetime) -> Standing:
    """Note since when a member is served or waits."""
    if not member.online:
        return held
    if held.asked_a:
        resting = held.resting and held.served_since is not None
        return replace(
            held,
            served_since=held.served_since or now,
            waiting_since=None,
            turns=held.turns + (held.served_since is None),
            resting=resting,
        )
    if not _wants(member):
        return replace(held, served_since=None, waiting_since=None, turns=0, resting=False)
    return replace(held, served_since=None, waiting_since=held.waiting_since or now)


def _reason(member: Member, held: Standing, fixed: bool) -> Reason:  # noqa: FBT001  # one of two
    if not member.online:
        return Reason.OFFLINE
    if fixed:
        return Reason.UNCONFIRMED
    if held.asked_a:
        return Reason.SERVED
    return Reason.WAITING if _wants(member) else Reason.IDLE


def _next_at(
    standing: Mapping[MemberId, Standing], settings: TeamSettings, now: datetime
) -> datetime | None:
    """Return when something changes by time alone."""
    due: list[datetime] = []
    waits = any(held.waiting_since for held in standing.values())
    for held in standing.values():
        due += [held.unconfirmed_since + CONFIRM_PATIENCE] if held.unconfirmed_since else []
        due += [held.unused_since + SETTLING] if held.unused_since else []
        turn = held.served_since or held.waiting_since
        due += [_turn_ends(turn, settings)] if waits and turn else []
    return min((moment for moment in due if moment > now), default=None)
