"""Sharing a total among the EVSEs of a load-management group (allocation.md, Team).

Theory of operation. Every EVSE that may charge makes a claim: a floor below which no vehicle
charges, what it can make use of (its demand), and what it could be given at most. `shares` hands
out the room: first the floors, in the order of the claims, until one does not fit; then
everyone's demand, filled like vessels with water: the smallest demands are met whole, the others
end at one level; what is left then lifts the same vessels to what they may have at most, so that
a vehicle that wants more need not ask. All arithmetic on currents is in whole tenths of an
ampere: it is exact, and nothing is ever rounded up.

A total in A is per phase: a share counts on every phase, whichever of them the EVSE really uses.
That is never too little, and may be too much where single-phase vehicles are on different phases.
A total in W is over all phases; a share counts by its EVSE's voltage and phases.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from bridge.domain.ids import StationId

TENTHS: Final = 10
"""Currents are reckoned in tenths of an ampere."""
_TOLERANCE_W: Final = 1e-6


class MemberId(NamedTuple):
    """An EVSE of a group; they sort, which makes every order here a total one."""

    station_id: StationId
    evse_id: int

    def __str__(self) -> str:
        """Return the form of the configuration, `DE*ABC*E1/1`."""
        return f"{self.station_id}/{self.evse_id}"


class Totals(Struct, frozen=True, kw_only=True):
    """What a group may draw together: A per phase, W over all phases, or both."""

    limit_a: float | None = None
    limit_w: float | None = None


class TeamSettings(Struct, frozen=True, kw_only=True):
    """A load-management group as its owner lays it down; read from the configuration."""

    name: str
    members: tuple[MemberId, ...]
    totals: Totals
    turn_seconds: int = 900
    """How long an EVSE charges at least before one that waits takes its place."""
    failsafe_seconds: int = 7200
    """How long a total holds on whose lease ran out and that asked for the fail-safe."""
    default_ttl_seconds: int = 0
    """Lease of a claim on the total that names none; 0 = it holds until replaced or released."""


class Claim(Struct, frozen=True, kw_only=True):
    """What an EVSE could make use of. Currents are A per phase, in whole tenths."""

    member: MemberId
    floor_a: float
    """Less than this is of no use to it."""
    demand_a: float
    ceiling_a: float
    """It may be given this much where nobody else can use it."""
    watts_per_a: float


class Room(Struct, frozen=True, kw_only=True):
    """What of the totals is still free; None where there is no such total. Never negative."""

    tenths: int | None
    watts: float | None

    def fitting(self, watts_per_a: float) -> int:
        """Return how many tenths of an ampere an EVSE could still be given."""
        found = [] if self.tenths is None else [self.tenths]
        if self.watts is not None:
            found.append(math.floor((self.watts + _TOLERANCE_W) * TENTHS / watts_per_a))
        return min(found)

    def less(self, loads: Iterable[tuple[int, float]]) -> "Room":
        """Return the room beside these loads, each in tenths of an ampere with its W per A."""
        tenths, watts = self.tenths, self.watts
        for load, watts_per_a in loads:
            tenths = None if tenths is None else tenths - load
            watts = None if watts is None else watts - load * watts_per_a / TENTHS
        return Room(
            tenths=None if tenths is None else max(tenths, 0),
            watts=None if watts is None else max(watts, 0.0),
        )

    def holds(self, loads: Iterable[tuple[int, float]]) -> bool:
        """Say whether these loads fit together."""
        tenths, watts = 0, 0.0
        for load, watts_per_a in loads:
            tenths += load
            watts += load * watts_per_a / TENTHS
        if self.tenths is not None and tenths > self.tenths:
            return False
        return self.watts is None or watts <= self.watts + _TOLERANCE_W


def room_of(totals: Totals) -> Room:
    """Return all the room that there is."""
    return Room(
        tenths=None if totals.limit_a is None else tenths_of(totals.limit_a),
        watts=totals.limit_w,
    )


def tenths_of(current_a: float) -> int:
    """Return whole tenths of an ampere, rounded down; binary fractions do not fool it."""
    return math.floor(round(current_a * TENTHS, 6))


def tenths_above(current_a: float) -> int:
    """Return whole tenths of an ampere, rounded up: for what may be drawn already."""
    return math.ceil(round(current_a * TENTHS, 6))


def shares(claims: Sequence[Claim], room: Room) -> dict[MemberId, float]:
    """Return everyone's share, A per phase: 0 or at least the floor, and never above the room.

    The earlier claim comes first where not all floors fit. The first one that does not fit ends
    the giving, so that a large floor is not passed over for ever; only one that would not fit if
    it were alone is left out.
    """
    granted = _floors(claims, room)
    served = [claim for claim in claims if claim.member in granted]
    granted = _filled(served, granted, {c.member: tenths_of(c.demand_a) for c in served}, room)
    granted = _filled(served, granted, {c.member: tenths_of(c.ceiling_a) for c in served}, room)
    return {claim.member: granted.get(claim.member, 0) / TENTHS for claim in claims}


def _floors(claims: Sequence[Claim], room: Room) -> dict[MemberId, int]:
    granted: dict[MemberId, int] = {}
    left = room
    for claim in claims:
        floor = tenths_of(claim.floor_a)
        if floor > room.fitting(claim.watts_per_a):
            continue
        if floor > left.fitting(claim.watts_per_a):
            break
        granted[claim.member] = floor
        left = left.less([(floor, claim.watts_per_a)])
    return granted


def _filled(
    claims: Sequence[Claim],
    granted: Mapping[MemberId, int],
    caps: Mapping[MemberId, int],
    room: Room,
) -> dict[MemberId, int]:
    """Raise everyone to the highest common level that fits, each at most to its own cap."""

    def raised(level: int) -> dict[MemberId, int]:
        return {c.member: max(granted[c.member], min(level, caps[c.member])) for c in claims}

    low, high = 0, max(caps.values(), default=0)
    while low < high:
        level = (low + high + 1) // 2
        after = raised(level)
        if room.holds((after[c.member], c.watts_per_a) for c in claims):
            low = level
        else:
            high = level - 1
    return raised(low)
