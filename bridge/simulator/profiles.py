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

from bridge.simulator.wire import JsonObject, integer, parse_time


class Purpose(StrEnum):
    """ChargingProfilePurposeEnumType, as far as a CSMS may set it."""

    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """ChargingProfileKindEnumType."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """One profile of the CSMS; `raw` is what it sent, for ReportChargingProfiles."""

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
        purpose=_purpose(payload["chargingProfilePurpose"]),
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
    )
    _check_schedule(profile)
    return profile


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:  # ChargingStationExternalConstraints is not the CSMS's to set (K01.FR.22)
        raise ProfileRejectedError("UnsupportedPurpose", text) from None


def _period(payload: JsonObject) -> Period:
    return Period(
        start_s=integer(payload["startPeriod"]),
        limit=float(payload["limit"]),
        number_phases=payload.get("numberPhases"),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


def _seconds(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=integer(value))


def _check_schedule(profile: ChargingProfile) -> None:
    """Apply the rules of K01 that concern the profile alone."""
    reason = "InvalidSchedule"
    if profile.periods[0].start_s != 0:
        raise ProfileRejectedError(reason, "the first startPeriod is not 0")
    if any(late.start_s <= early.start_s for early, late in pairwise(profile.periods)):
        raise ProfileRejectedError(reason, "startPeriod does not rise")
    if profile.kind is not Kind.RELATIVE and profile.start is None:
        raise ProfileRejectedError(reason, f"{profile.kind} needs a startSchedule")  # K01.FR.40
    if profile.kind is Kind.RELATIVE and profile.start is not None:
        raise ProfileRejectedError(reason, "Relative has no startSchedule")  # K01.FR.41
    if profile.kind is Kind.RECURRING and profile.recurrence is None:
        raise ProfileRejectedError(reason, "Recurring needs a recurrencyKind")
    if any(period.limit < 0 for period in profile.periods):
        raise ProfileRejectedError(reason, "a limit is negative")
