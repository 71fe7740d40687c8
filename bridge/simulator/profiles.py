"""Charging profiles: what one of them says about a moment (OCPP 2.0.1 block K, section 3).

A profile is read once from the CSMS's JSON into `ChargingProfile`; from then on it answers
two questions: which period holds at a moment, and at which moments that may change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from bridge.simulator.wire import JsonObject, format_time, integer, parse_time


class Purpose(StrEnum):
    """ChargingProfilePurposeEnumType."""

    EXTERNAL = "ChargingStationExternalConstraints"
    """Set by somebody at the station, never by a CSMS (K01.FR.22)."""
    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """ChargingProfileKindEnumType."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"
    """Its only limit is changed again and again (OCPP 2.1, K28)."""


RECURRENCE: Final = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}


class ProfileRejectedError(Exception):
    """SetChargingProfile is answered Rejected; `reason_code` is one of OCPP's appendix 5."""

    def __init__(self, reason_code: str, info: str) -> None:
        """Keep the reason code (at most 20 characters) and an explanation."""
        super().__init__(f"{reason_code}: {info}")
        self.reason_code = reason_code
        self.info = info


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One chargingSchedulePeriod."""

    start_s: int
    limit: float
    number_phases: int | None
    phase_to_use: int | None = None
    """Which phase, 1 to 3, where numberPhases is 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """One profile; `raw` is what was sent, for ReportChargingProfiles."""

    profile_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    recurrence: timedelta | None
    valid_from: datetime | None
    valid_to: datetime | None
    transaction_id: str | None
    unit: str
    start: datetime | None
    duration: timedelta | None
    periods: tuple[Period, ...]
    raw: JsonObject
    update_interval: timedelta | None = None
    """How often the station asks for the limit of a Dynamic profile (dynUpdateInterval)."""
    max_offline: timedelta | None = None
    """How long it is valid without the CSMS (maxOfflineDuration of 2.1)."""
    ends_offline: bool = False
    """Whether it stays invalid when the CSMS is back (invalidAfterOfflineDuration)."""

    def period_at(self, moment: datetime, transaction_start: datetime) -> Period | None:
        """Return the period that holds at `moment`, or None where the profile is silent."""
        if not self._valid_at(moment):
            return None
        begin = self._schedule_start(moment, transaction_start)
        offset = moment - begin
        if offset < timedelta(0) or (self.duration is not None and offset >= self.duration):
            return None
        seconds = offset.total_seconds()
        return max(
            (period for period in self.periods if period.start_s <= seconds),
            key=lambda period: period.start_s,
        )

    def for_transaction(self, transaction_id: str) -> "ChargingProfile":
        """Return this profile bound to a transaction, as a remote start demands (F01)."""
        raw = {**self.raw, "transactionId": transaction_id}
        return replace(self, transaction_id=transaction_id, raw=raw)

    def updated(self, limit: float, now: datetime) -> "ChargingProfile":
        """Return this Dynamic profile with a new limit, which holds from now on."""
        (period,) = self.periods
        (schedule,) = self.raw["chargingSchedule"]
        told = {**schedule["chargingSchedulePeriod"][0], "limit": limit}
        raw = {
            **self.raw,
            "dynUpdateTime": format_time(now),
            "chargingSchedule": [{**schedule, "chargingSchedulePeriod": [told]}],
        }
        return replace(self, periods=(replace(period, limit=limit),), start=now, raw=raw)

    def outlasted(self, offline_for: timedelta) -> bool:
        """Tell whether it is invalid after so much time without the CSMS."""
        return self.max_offline is not None and offline_for >= self.max_offline

    def without_phases(self) -> "ChargingProfile":
        """Return this profile as a station takes it that cannot switch phases."""
        periods = (
            replace(period, number_phases=None, phase_to_use=None) for period in self.periods
        )
        return replace(self, periods=tuple(periods))

    def changes(
        self, begin: datetime, end: datetime, transaction_start: datetime
    ) -> Iterator[datetime]:
        """Yield every moment between `begin` and `end` at which `period_at` may change."""
        edges = [edge for edge in (self.valid_from, self.valid_to) if edge is not None]
        start = self._schedule_start(begin, transaction_start)
        while start < end:
            edges.extend(start + timedelta(seconds=period.start_s) for period in self.periods)
            if self.duration is not None:
                edges.append(start + self.duration)
            if self.recurrence is None:
                break
            start += self.recurrence
        yield from (edge for edge in edges if begin < edge < end)

    def _valid_at(self, moment: datetime) -> bool:
        begun = self.valid_from is None or moment >= self.valid_from
        return begun and (self.valid_to is None or moment < self.valid_to)

    def _schedule_start(self, moment: datetime, transaction_start: datetime) -> datetime:
        """Return where second 0 of the schedule lies for `moment`."""
        if self.kind is Kind.DYNAMIC and self.start is None:
            return moment  # it has never been updated: it began, and goes on
        if self.kind is Kind.RELATIVE or self.start is None:
            return transaction_start
        if self.recurrence is None or moment < self.start:
            return self.start
        return self.start + (moment - self.start) // self.recurrence * self.recurrence


def parse_profile(payload: JsonObject) -> ChargingProfile:
    """Read a ChargingProfileType.

    Raises:
        ProfileRejectedError: the station cannot carry it out.
        KeyError, TypeError, ValueError: it is not a ChargingProfileType at all.
    """
    schedule = payload["chargingSchedule"][0]
    profile = ChargingProfile(
        profile_id=integer(payload["id"]),
        stack_level=integer(payload["stackLevel"]),
        purpose=Purpose(payload["chargingProfilePurpose"]),
        kind=Kind(payload["chargingProfileKind"]),
        recurrence=RECURRENCE.get(payload.get("recurrencyKind", "")),
        valid_from=_moment(payload.get("validFrom")),
        valid_to=_moment(payload.get("validTo")),
        transaction_id=payload.get("transactionId"),
        unit=schedule["chargingRateUnit"],
        start=_moment(schedule.get("startSchedule")),
        duration=_seconds(schedule.get("duration")),
        periods=tuple(_period(item) for item in schedule["chargingSchedulePeriod"]),
        raw=payload,
        update_interval=_seconds(payload.get("dynUpdateInterval")),
        max_offline=_seconds(payload.get("maxOfflineDuration")),
        ends_offline=payload.get("invalidAfterOfflineDuration", False) is True,
    )
    _check_schedule(profile)
    return profile


def simple_schedule(limit: float, unit: str, now: datetime) -> JsonObject:
    """Return a ChargingScheduleType of one limit from now on."""
    return {
        "id": 1,
        "startSchedule": format_time(now),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }


def _period(payload: JsonObject) -> Period:
    return Period(
        start_s=integer(payload["startPeriod"]),
        limit=float(payload["limit"]),
        number_phases=payload.get("numberPhases"),
        phase_to_use=payload.get("phaseToUse"),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


def _seconds(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=integer(value))


def _check_schedule(profile: ChargingProfile) -> None:
    """Apply the rules of K01 that concern the profile alone."""
    for broken, info in (*_broken_times(profile), *_broken_periods(profile.periods)):
        if broken:
            raise ProfileRejectedError("InvalidSchedule", info)


def _broken_times(profile: ChargingProfile) -> Iterator[tuple[bool, str]]:
    relative, recurring = profile.kind is Kind.RELATIVE, profile.kind is Kind.RECURRING
    dynamic = profile.kind is Kind.DYNAMIC
    needs_start = not relative and not dynamic
    yield needs_start and profile.start is None, "startSchedule is missing"  # K01.FR.40
    yield dynamic and len(profile.periods) != 1, "Dynamic has one period"
    yield relative and profile.start is not None, "Relative has no startSchedule"  # K01.FR.41
    yield recurring and profile.recurrence is None, "Recurring needs a recurrencyKind"


def _broken_periods(periods: tuple[Period, ...]) -> Iterator[tuple[bool, str]]:
    yield periods[0].start_s != 0, "the first startPeriod is not 0"  # K01.FR.31
    rising = all(early.start_s < late.start_s for early, late in pairwise(periods))
    yield not rising, "startPeriod does not rise"  # K01.FR.35
    for period in periods:
        yield period.limit < 0, "a limit is negative"
        yield period.number_phases not in {None, 1, 2, 3}, "numberPhases is 1 to 3"
        yield period.phase_to_use not in {None, 1, 2, 3}, "phaseToUse is 1 to 3"
        chosen = period.phase_to_use is not None
        yield chosen and period.number_phases != 1, "phaseToUse needs numberPhases 1"  # K01.FR.19
