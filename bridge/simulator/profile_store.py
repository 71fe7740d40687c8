"""The station's charging profiles: which are installed, which limit follows (block K).

Theory of operation. Within one purpose the valid profile with the highest stackLevel decides.
A TxProfile replaces the TxDefaultProfiles, a TxDefaultProfile of the EVSE those of EVSE 0.
A ChargingStationMaxProfile is a limit of the whole station, and the lower of both holds.
Profiles in W are converted with the nominal voltage and the phases in use.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bridge.simulator.car import NOMINAL_VOLTAGE_V
from bridge.simulator.profiles import (
    ChargingProfile,
    Kind,
    Period,
    ProfileRejectedError,
    Purpose,
)
from bridge.simulator.wire import JsonObject, format_time

MAXIMUM_STACK_LEVEL: Final = 10
MAXIMUM_PROFILES: Final = 32
MAXIMUM_PERIODS: Final = 24
WHOLE_STATION: Final = 0
"""evseId 0: the station itself, or each of its EVSEs for a TxDefaultProfile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What profiles allow: A per phase, and on how many phases (None: not said)."""

    amps: float
    phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose limit is asked: an EVSE, with its transaction where one runs."""

    evse_id: int
    phases: int
    transaction_id: str | None
    transaction_start: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One profile and the EVSE for which the CSMS installed it."""

    evse_id: int
    profile: ChargingProfile


@dataclass(slots=True)
class ProfileStore:
    """The profiles of one station, by their id."""

    _installed: dict[int, Installed] = field(default_factory=dict)

    def install(self, evse_id: int, profile: ChargingProfile, transaction_id: str | None) -> None:
        """Install or replace (same id) a profile; `transaction_id` is what runs on the EVSE.

        Raises:
            ProfileRejectedError: with the reason code for the statusInfo.
        """
        _check_target(evse_id, profile, transaction_id)
        _check_bounds(profile)
        if any(self._conflicts(evse_id, profile, other) for other in self._installed.values()):
            raise ProfileRejectedError(
                "DuplicateProfile", "same purpose and stackLevel under another id"
            )  # K01.FR.06, K01.FR.39
        if len(self._installed) >= MAXIMUM_PROFILES and profile.profile_id not in self._installed:
            raise ProfileRejectedError(
                "TooManyElements", f"{MAXIMUM_PROFILES} profiles are installed"
            )
        self._installed[profile.profile_id] = Installed(evse_id=evse_id, profile=profile)

    def select(self, matches: Callable[[Installed], bool]) -> list[Installed]:
        """Return the installed profiles that a predicate picks, in order of installation."""
        return [item for item in self._installed.values() if matches(item)]

    def remove(self, items: Iterable[Installed]) -> None:
        """Remove installed profiles."""
        for item in items:
            del self._installed[item.profile.profile_id]

    def end_transaction(self, transaction_id: str) -> None:
        """Drop the TxProfiles of a transaction that is over (they are its own)."""
        self.remove(self.select(lambda item: item.profile.transaction_id == transaction_id))

    def evse_limit(self, subject: Subject, moment: datetime) -> Limit | None:
        """Return the limit of one EVSE by TxProfile or TxDefaultProfile; None: no limit."""
        choice = self._highest(subject, moment, self._of_transaction(subject))
        for evse_id in (subject.evse_id, WHOLE_STATION):
            choice = choice or self._highest(
                subject, moment, self._of_purpose(Purpose.TX_DEFAULT, evse_id)
            )
        return choice

    def station_limit(self, phases: int, moment: datetime) -> Limit | None:
        """Return the limit of the whole station by ChargingStationMaxProfile."""
        subject = Subject(
            evse_id=WHOLE_STATION, phases=phases, transaction_id=None, transaction_start=moment
        )
        return self._highest(subject, moment, self._of_purpose(Purpose.STATION_MAX, WHOLE_STATION))

    def changes(self, subject: Subject, begin: datetime, end: datetime) -> list[datetime]:
        """Return the moments in a window at which a limit may change, sorted."""
        return sorted(
            {
                edge
                for item in self._installed.values()
                for edge in item.profile.changes(begin, end, subject.transaction_start)
            }
        )

    def _of_transaction(self, subject: Subject) -> list[ChargingProfile]:
        return [
            item.profile
            for item in self._installed.values()
            if item.profile.purpose is Purpose.TX
            and item.profile.transaction_id == subject.transaction_id
        ]

    def _of_purpose(self, purpose: Purpose, evse_id: int) -> list[ChargingProfile]:
        return [
            item.profile
            for item in self._installed.values()
            if item.profile.purpose is purpose and item.evse_id == evse_id
        ]

    @staticmethod
    def _highest(
        subject: Subject, moment: datetime, profiles: list[ChargingProfile]
    ) -> Limit | None:
        for profile in sorted(profiles, key=lambda item: -item.stack_level):
            period = profile.period_at(moment, subject.transaction_start)
            if period is not None:
                return _limit(profile.unit, period, subject.phases)
        return None

    @staticmethod
    def _conflicts(evse_id: int, profile: ChargingProfile, other: Installed) -> bool:
        return (
            other.profile.profile_id != profile.profile_id
            and other.evse_id == evse_id
            and other.profile.purpose is profile.purpose
            and other.profile.stack_level == profile.stack_level
            and _validity_overlaps(profile, other.profile)
        )


def composite_schedule(
    period_at: Callable[[datetime], JsonObject], edges: list[datetime], begin: datetime
) -> list[JsonObject]:
    """Return the chargingSchedulePeriods of a window: one each time the limit changes (K08)."""
    periods: list[JsonObject] = []
    last: JsonObject | None = None
    for moment in (begin, *edges):
        period = period_at(moment)
        if period != last:
            periods.append({"startPeriod": int((moment - begin).total_seconds()), **period})
        last = period
    return periods


def report_of(item: Installed) -> JsonObject:
    """Return one ReportChargingProfiles payload without requestId and tbc (K09)."""
    return {
        "chargingLimitSource": "CSO",
        "evseId": item.evse_id,
        "chargingProfile": [item.profile.raw],
    }


def schedule_of(
    evse_id: int, *, unit: str, begin: datetime, duration_s: int, periods: list[JsonObject]
) -> JsonObject:
    """Return a CompositeScheduleType."""
    return {
        "evseId": evse_id,
        "duration": duration_s,
        "scheduleStart": format_time(begin),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    }


def _limit(unit: str, period: Period, phases: int) -> Limit:
    used = min(phases, period.number_phases or phases)
    amps = period.limit if unit == "A" else period.limit / (NOMINAL_VOLTAGE_V * used)
    return Limit(amps=amps, phases=used)


def _check_target(evse_id: int, profile: ChargingProfile, transaction_id: str | None) -> None:
    if profile.purpose is Purpose.TX:
        if evse_id == WHOLE_STATION:
            raise ProfileRejectedError("InvalidValue", "a TxProfile needs an EVSE")  # K01.FR.16
        if transaction_id is None or profile.transaction_id != transaction_id:
            raise ProfileRejectedError(
                "TxNotFound", "no such transaction on this EVSE"
            )  # K01.FR.03, .09, .33
    if profile.purpose is Purpose.STATION_MAX:
        if evse_id != WHOLE_STATION:
            raise ProfileRejectedError(
                "InvalidValue", "a ChargingStationMaxProfile is for evseId 0"
            )
        if profile.kind is Kind.RELATIVE:
            raise ProfileRejectedError(
                "InvalidProfile", "a ChargingStationMaxProfile is not Relative"
            )  # K01.FR.38


def _check_bounds(profile: ChargingProfile) -> None:
    if not 0 <= profile.stack_level <= MAXIMUM_STACK_LEVEL:
        raise ProfileRejectedError(
            "InvalidStackLevel", f"stackLevel is 0 to {MAXIMUM_STACK_LEVEL}"
        )
    if len(profile.periods) > MAXIMUM_PERIODS:
        raise ProfileRejectedError("InvalidSchedule", f"more than {MAXIMUM_PERIODS} periods")
    if profile.unit not in {"A", "W"}:
        raise ProfileRejectedError("UnsupportedRateUnit", profile.unit)


def _validity_overlaps(one: ChargingProfile, other: ChargingProfile) -> bool:
    one_first = one.valid_to is not None and (
        other.valid_from is not None and one.valid_to <= other.valid_from
    )
    other_first = other.valid_to is not None and (
        one.valid_from is not None and other.valid_to <= one.valid_from
    )
    return not one_first and not other_first
