"""The station's charging profiles: which are installed, which limit follows (block K).

Theory of operation. Within one purpose the valid profile with the highest stackLevel decides.
A TxProfile replaces the TxDefaultProfiles, a TxDefaultProfile of the EVSE those of EVSE 0.
A ChargingStationMaxProfile is a limit of the whole station, ChargingStationExternalConstraints
are what somebody else imposes at the station; the lowest of all holds (`limits.py`). Profiles in
W are converted with the nominal voltage and the phases in use.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
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
    watts: float | None = None
    """In all phases, where the profile is in W; `amps` is then for `phases` of them."""
    phase_to_use: int | None = None
    """Which one, 1 to 3, where `phases` is 1 and a profile says so."""

    def on(self, phases: int) -> float:
        """Return what it allows on so many phases, A per phase."""
        return self.amps if self.watts is None else self.watts / (NOMINAL_VOLTAGE_V * phases)

    def shared_by(self, evses: int) -> "Limit":
        """Return the share of one of so many EVSEs."""
        watts = None if self.watts is None else self.watts / evses
        return replace(self, amps=self.amps / evses, watts=watts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose limit is asked: an EVSE, with its transaction where one runs."""

    evse_id: int
    phases: int
    transaction_id: str | None
    transaction_start: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One profile, the EVSE for which it was installed, when and by whom."""

    evse_id: int
    profile: ChargingProfile
    at: datetime
    source: str = "CSO"
    """ChargingLimitSourceEnumType; CSO: a CSMS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a station can take."""

    stack_level: int = MAXIMUM_STACK_LEVEL
    rate_units: frozenset[str] = frozenset({"A", "W"})
    phase_choice: bool = True
    """Whether a profile may choose the phase (ACPhaseSwitchingSupported)."""
    phase_switching: bool = True
    """Whether numberPhases is obeyed (Phases3to1)."""
    dynamic: bool = False
    """Whether a profile may be Dynamic (OCPP 2.1)."""
    replaces_twins: bool = False
    """Whether a profile replaces another one of its purpose and stackLevel (OCPP 1.6, 5.16)."""


@dataclass(slots=True)
class ProfileStore:
    """The profiles of one station, by their id."""

    bounds: Bounds = Bounds()
    offline_since: datetime | None = None
    """Since when the CSMS is gone; None: it is there."""
    _installed: dict[int, Installed] = field(default_factory=dict)

    def install(
        self, evse_id: int, profile: ChargingProfile, transaction_id: str | None, now: datetime
    ) -> None:
        """Install or replace (same id) a profile; `transaction_id` is what runs on the EVSE.

        Raises:
            ProfileRejectedError: with the reason code for the statusInfo.
        """
        _check_target(evse_id, profile, transaction_id)
        self._check_bounds(profile)
        if self.bounds.replaces_twins:
            self.remove(self.select(lambda other: _is_twin(evse_id, profile, other)))
        elif any(_conflicts(evse_id, profile, other) for other in self._installed.values()):
            raise ProfileRejectedError(
                "DuplicateProfile", "same purpose and stackLevel under another id"
            )  # K01.FR.06, .39, .52, .53
        known = self._installed.get(profile.profile_id)
        if known is not None and known.profile.purpose is Purpose.EXTERNAL:
            raise ProfileRejectedError("DuplicateProfile", "the id is somebody else's")
        if known is None and len(self._installed) >= MAXIMUM_PROFILES:
            raise ProfileRejectedError(
                "TooManyElements", f"{MAXIMUM_PROFILES} profiles are installed"
            )
        taken = profile if self.bounds.phase_switching else profile.without_phases()
        self.put(Installed(evse_id=evse_id, profile=taken, at=now))

    def put(self, item: Installed) -> None:
        """Install a profile that nobody has to ask for: somebody else's, at the station."""
        self._installed[item.profile.profile_id] = item

    def get(self, profile_id: int) -> ChargingProfile:
        """Return an installed profile."""
        return self._installed[profile_id].profile

    def drop(self, profile_id: int) -> None:
        """Remove a profile that is installed."""
        del self._installed[profile_id]

    def clear(self) -> None:
        """Forget what a CSMS installed."""
        self.remove(self.select(lambda item: item.profile.purpose is not Purpose.EXTERNAL))

    def update_dynamic(self, profile_id: int, update: JsonObject, now: datetime) -> None:
        """Give a Dynamic profile another limit, by a ChargingScheduleUpdateType.

        Raises:
            ProfileRejectedError: there is no such profile, or the update tells no limit.
        """
        known = self._installed.get(profile_id)
        if known is None or known.profile.kind is not Kind.DYNAMIC:
            raise ProfileRejectedError("UnknownProfile", f"no Dynamic profile {profile_id}")
        if "limit" not in update:
            raise ProfileRejectedError("UnsupportedParam", "only a limit can be updated")
        profile = known.profile.updated(float(update["limit"]), now)
        self.put(replace(known, profile=profile))

    def reconnected(self, now: datetime) -> None:
        """Remove what ends with a long time without the CSMS."""
        if self.offline_since is not None:
            away = now - self.offline_since
            ended = self.select(
                lambda item: item.profile.ends_offline and item.profile.outlasted(away)
            )
            self.remove(ended)
        self.offline_since = None

    def __len__(self) -> int:
        """Return how many profiles are installed."""
        return len(self._installed)

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

    def evse_limit(
        self, subject: Subject, moment: datetime, *, deaf_since: datetime | None = None
    ) -> Limit | None:
        """Return the limit of one EVSE by TxProfile or TxDefaultProfile; None: no limit.

        TxDefaultProfiles that were installed after `deaf_since` do not count.
        """
        choice = self._highest(subject, moment, self._of_transaction(subject))
        for evse_id in (subject.evse_id, WHOLE_STATION):
            defaults = self._of_purpose(Purpose.TX_DEFAULT, evse_id, deaf_since)
            choice = choice or self._highest(subject, moment, defaults)
        return choice

    def station_limit(self, phases: int, moment: datetime) -> Limit | None:
        """Return the limit of the whole station by ChargingStationMaxProfile."""
        subject = _station(phases, moment)
        return self._highest(subject, moment, self._of_purpose(Purpose.STATION_MAX, WHOLE_STATION))

    def external_limit(self, evse_id: int, phases: int, moment: datetime) -> Limit | None:
        """Return the lowest limit that somebody else imposes on an EVSE or on the station."""
        found = (
            self._highest(_station(phases, moment), moment, [profile])
            for profile in self._of_purpose(Purpose.EXTERNAL, evse_id)
        )
        limits = [limit for limit in found if limit is not None]
        return min(limits, key=lambda limit: limit.amps, default=None)

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

    def _of_purpose(
        self, purpose: Purpose, evse_id: int, deaf_since: datetime | None = None
    ) -> list[ChargingProfile]:
        return [
            item.profile
            for item in self._installed.values()
            if item.profile.purpose is purpose
            and item.evse_id == evse_id
            and (deaf_since is None or item.at <= deaf_since)
        ]

    def _highest(
        self, subject: Subject, moment: datetime, profiles: list[ChargingProfile]
    ) -> Limit | None:
        for profile in sorted(profiles, key=lambda item: -item.stack_level):
            period = profile.period_at(moment, subject.transaction_start)
            if period is not None and not self._is_outlasted(profile, moment):
                return _limit(profile.unit, period, subject.phases)
        return None

    def _is_outlasted(self, profile: ChargingProfile, moment: datetime) -> bool:
        since = self.offline_since
        return since is not None and profile.outlasted(moment - since)

    def _check_bounds(self, profile: ChargingProfile) -> None:
        top = self.bounds.stack_level
        if not 0 <= profile.stack_level <= top:
            raise ProfileRejectedError("InvalidStackLevel", f"stackLevel is 0 to {top}")
        if len(profile.periods) > MAXIMUM_PERIODS:
            raise ProfileRejectedError("InvalidSchedule", f"more than {MAXIMUM_PERIODS} periods")
        if profile.unit not in self.bounds.rate_units:
            raise ProfileRejectedError("UnsupportedRateUnit", profile.unit)  # K01.FR.26
        if profile.kind is Kind.DYNAMIC and not self.bounds.dynamic:
            raise ProfileRejectedError("UnsupportedKind", profile.kind)
        chooses = any(period.phase_to_use is not None for period in profile.periods)
        if chooses and not self.bounds.phase_choice:
            raise ProfileRejectedError("InvalidSchedule", "phaseToUse is not supported")  # .20


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
        "chargingLimitSource": item.source,
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


def _station(phases: int, moment: datetime) -> Subject:
    return Subject(
        evse_id=WHOLE_STATION, phases=phases, transaction_id=None, transaction_start=moment
    )


def _limit(unit: str, period: Period, phases: int) -> Limit:
    used = min(phases, period.number_phases or phases)
    watts = period.limit if unit == "W" else None
    amps = period.limit if watts is None else watts / (NOMINAL_VOLTAGE_V * used)
    return Limit(amps=amps, phases=used, watts=watts, phase_to_use=period.phase_to_use)


def _check_target(evse_id: int, profile: ChargingProfile, transaction_id: str | None) -> None:
    if profile.purpose is Purpose.EXTERNAL:
        raise ProfileRejectedError("InvalidValue", "not for a CSMS to set")  # K01.FR.22
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


def _is_twin(evse_id: int, profile: ChargingProfile, other: Installed) -> bool:
    return other.evse_id == evse_id and (
        (other.profile.purpose, other.profile.stack_level)
        == (profile.purpose, profile.stack_level)
    )


def _conflicts(evse_id: int, profile: ChargingProfile, other: Installed) -> bool:
    """Tell whether two profiles of one purpose and stackLevel would hold at the same time.

    TxDefaultProfiles of EVSE 0 are those of each EVSE (K01.FR.52, .53).
    """
    twin = other.profile
    default_for_all = profile.purpose is Purpose.TX_DEFAULT and WHOLE_STATION in {
        evse_id,
        other.evse_id,
    }
    return (
        twin.profile_id != profile.profile_id
        and (other.evse_id == evse_id or default_for_all)
        and twin.purpose is profile.purpose
        and twin.stack_level == profile.stack_level
        and _validity_overlaps(profile, twin)
    )


def _validity_overlaps(one: ChargingProfile, other: ChargingProfile) -> bool:
    one_first = one.valid_to is not None and (
        other.valid_from is not None and one.valid_to <= other.valid_from
    )
    other_first = other.valid_to is not None and (
        one.valid_from is not None and other.valid_to <= one.valid_from
    )
    return not one_first and not other_first
