"""Limits of somebody else at the station: a grid operator, an energy manager (K11 to K13).

They hold from the moment they come, are reported among the profiles with the purpose
ChargingStationExternalConstraints, and the CSMS is told by NotifyChargingLimit and
ClearedChargingLimit, as soon as it can hear it. On the command line and in a script::

    16                     16 A from the beginning, for ever, by an EMS
    16@30..90              from 30 to 90 seconds after the first accepted boot
    SO:7000W@60..          7000 W by the system operator from 60 seconds on
    Other:10@5..20,evse=2  10 A at EVSE 2
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bridge.simulator.profile_store import WHOLE_STATION, Installed, ProfileStore
from bridge.simulator.profiles import Kind, Purpose, parse_profile, simple_schedule
from bridge.simulator.quirks import Quirk
from bridge.simulator.variables import Variables
from bridge.simulator.wire import JsonObject

SOURCES: Final = ("EMS", "SO", "Other")
"""ChargingLimitSourceEnumType without CSO, which a station does not claim (K12.FR.04)."""

FIRST_PROFILE_ID: Final = 900_001
"""Ids of the station's own profiles; a CSMS is not to use them."""

Key = tuple[str, int]
"""Source and EVSE: one limit each, a new one replaces it."""

_LIMIT: Final = re.compile(
    r"(?:(?P<source>EMS|SO|Other):)?(?P<limit>\d+(?:\.\d+)?)(?P<unit>[AW])?"
    r"(?:@(?P<begin>\d+(?:\.\d+)?)\.\.(?P<end>\d+(?:\.\d+)?)?)?(?:,evse=(?P<evse>\d+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalLimit:
    """How much, of what, by whom and where."""

    limit: float
    unit: str = "A"
    """A per phase, or W in all."""
    source: str = "EMS"
    evse_id: int = WHOLE_STATION

    @property
    def key(self) -> Key:
        """What this limit replaces and is replaced by."""
        return self.source, self.evse_id

    @property
    def place(self) -> str:
        """What is limited, in words."""
        return "the station" if self.evse_id == WHOLE_STATION else f"EVSE {self.evse_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLimit:
    """An external limit and when it holds, in seconds after the first accepted boot."""

    limit: ExternalLimit
    begin_s: float = 0.0
    end_s: float | None = None
    """None: it stays."""


def parse_planned_limit(text: str) -> PlannedLimit:
    """Read one limit as it is written on the command line.

    Raises:
        ValueError: it is none, or ends before it begins.
    """
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no limit such as 16, 16@30..90 or SO:7000W@60..")
    limit = ExternalLimit(
        limit=float(found["limit"]),
        unit=found["unit"] or "A",
        source=found["source"] or "EMS",
        evse_id=int(found["evse"] or WHOLE_STATION),
    )
    end_s = None if found["end"] is None else float(found["end"])
    planned = PlannedLimit(limit=limit, begin_s=float(found["begin"] or 0), end_s=end_s)
    if end_s is not None and end_s <= planned.begin_s:
        raise ValueError(f"{text!r} ends before it begins")
    return planned


@dataclass(slots=True, kw_only=True)
class ExternalLimits:
    """The external limits of one station: imposed, in force, and told to the CSMS."""

    profiles: ProfileStore
    variables: Variables
    quirks: frozenset[Quirk]
    say: Callable[[str, JsonObject], None]
    """Queue a CALL."""
    plan: tuple[PlannedLimit, ...]
    _begun_at: datetime | None = None
    _agenda: deque[tuple[float, ExternalLimit, bool]] = field(default_factory=deque)
    _imposed: dict[Key, ExternalLimit] = field(default_factory=dict)
    _in_force: dict[Key, ExternalLimit] = field(default_factory=dict)
    _numbers: dict[Key, int] = field(default_factory=dict)
    _told: dict[Key, ExternalLimit | None] = field(default_factory=dict)
    """What the CSMS was told last; None: it has to be told again, whatever holds then."""

    def begin(self, now: datetime) -> None:
        """Count the seconds of the plan from now, unless they are counted already."""
        if self._begun_at is None:
            self._begun_at = now
            self._agenda.extend(sorted(self._steps(), key=lambda step: step[0]))

    def impose(self, limit: ExternalLimit) -> None:
        """Let a limit come, or change."""
        self._imposed[limit.key] = limit

    def release(self, source: str, evse_id: int = WHOLE_STATION) -> None:
        """Let a limit go."""
        self._imposed.pop((source, evse_id), None)

    @property
    def holding(self) -> tuple[ExternalLimit, ...]:
        """What holds now."""
        return tuple(self._in_force.values())

    def tick(self, now: datetime, *, speed: float, heard: bool) -> None:
        """Carry out what is due, the plan `speed` times as fast; tell the CSMS where it hears."""
        if self._begun_at is not None:
            self._follow_plan((now - self._begun_at).total_seconds() * speed)
        enabled = self.variables.flag("SmartChargingCtrlr", "ExternalControlSignalsEnabled")
        self._enforce(self._imposed if enabled else {}, now)
        if heard:
            self._tell()

    def booted(self) -> None:
        """Have the CSMS told anew, after a boot."""
        self._told = dict.fromkeys(self._told)

    def lost(self, payload: JsonObject) -> None:
        """Note that a CALL about a limit was lost with the connection."""
        source = payload.get("chargingLimit", payload)["chargingLimitSource"]
        self._told[source, payload.get("evseId", WHOLE_STATION)] = None

    def _follow_plan(self, elapsed_s: float) -> None:
        while self._agenda and self._agenda[0][0] <= elapsed_s:
            _, limit, comes = self._agenda.popleft()
            if comes:
                self.impose(limit)
            elif self._imposed.get(limit.key) == limit:  # not where a newer one replaced it
                self.release(*limit.key)

    def _steps(self) -> Iterator[tuple[float, ExternalLimit, bool]]:
        for planned in self.plan:
            yield planned.begin_s, planned.limit, True
            if planned.end_s is not None:
                yield planned.end_s, planned.limit, False

    def _enforce(self, wanted: dict[Key, ExternalLimit], now: datetime) -> None:
        for key in [key for key in self._in_force if key not in wanted]:
            del self._in_force[key]
            self.profiles.drop(self._numbers[key])  # K13.FR.01
        for key, limit in wanted.items():
            if self._in_force.get(key) != limit:
                self._in_force[key] = limit
                number = self._numbers.setdefault(key, FIRST_PROFILE_ID + len(self._numbers))
                self.profiles.put(_installed(limit, number, now))

    def _tell(self) -> None:
        for key in [key for key in self._told if key not in self._in_force]:
            del self._told[key]
            source, evse_id = key
            gone = {"chargingLimitSource": source, **_place(evse_id)}
            self.say("ClearedChargingLimit", gone)  # K13.FR.02
        for key, limit in self._in_force.items():
            if self._told.get(key) != limit:
                self._told[key] = limit
                self.say("NotifyChargingLimit", self._notification(key, limit))

    def _notification(self, key: Key, limit: ExternalLimit) -> JsonObject:
        """Return a NotifyChargingLimit, with the schedule where it is wanted (K12.FR.03)."""
        payload: JsonObject = {
            "chargingLimit": {"chargingLimitSource": limit.source, "isGridCritical": False},
            **_place(limit.evse_id),
        }
        told = self.variables.flag("SmartChargingCtrlr", "NotifyChargingLimitWithSchedules")
        if told and Quirk.LIMIT_WITHOUT_SCHEDULE not in self.quirks:
            payload["chargingSchedule"] = self.profiles.get(self._numbers[key]).raw[
                "chargingSchedule"
            ]
        return payload


def _place(evse_id: int) -> JsonObject:
    """Return the member that names an EVSE; the whole station is not named."""
    return {} if evse_id == WHOLE_STATION else {"evseId": evse_id}


def _installed(limit: ExternalLimit, profile_id: int, now: datetime) -> Installed:
    payload = {
        "id": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": Purpose.EXTERNAL,
        "chargingProfileKind": Kind.ABSOLUTE,
        "chargingSchedule": [simple_schedule(limit.limit, limit.unit, now)],
    }
    return Installed(
        evse_id=limit.evse_id, profile=parse_profile(payload), at=now, source=limit.source
    )
