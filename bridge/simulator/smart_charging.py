"""What the station does with charging profiles, however a version of OCPP asks for it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bridge.simulator.car import NOMINAL_VOLTAGE_V
from bridge.simulator.profile_store import WHOLE_STATION, Installed, Limit, composite_schedule
from bridge.simulator.profiles import ChargingProfile, ProfileRejectedError, Purpose, parse_profile
from bridge.simulator.quirks import Quirk
from bridge.simulator.station import StationModel
from bridge.simulator.wire import JsonObject

MAXIMUM_HORIZON_S: Final = 7 * 86_400

NO_PROFILE_TO_START: Final = frozenset(
    {
        Quirk.NO_SMART_CHARGING,
        Quirk.REFUSE_PROFILES,
        Quirk.REFUSE_TX_PROFILE,
        Quirk.IGNORE_START_PROFILE,
    }
)
"""Quirks with which the profile of a remote start is ignored (F01.FR.12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """What may flow in a time to come."""

    evse_id: int
    unit: str
    begin: datetime
    duration_s: int
    periods: list[JsonObject]
    """ChargingSchedulePeriodType."""


def install(station: StationModel, evse_id: int, payload: JsonObject, now: datetime) -> None:
    """Install a ChargingProfileType; the current follows with the next tick (K01).

    Raises:
        ProfileRejectedError: it is answered Rejected.
    """
    _check_evse(station, evse_id)  # K01.FR.28
    evse = station.evses.get(evse_id)
    transaction = None if evse is None else evse.transaction
    transaction_id = None if transaction is None else transaction.transaction_id
    profile = parse_profile(payload)
    _check_quirks(station, profile)
    station.profiles.install(evse_id, profile, transaction_id, now)


def profile_to_start(station: StationModel, payload: JsonObject | None) -> ChargingProfile | None:
    """Return the profile of a remote start, or None where there is none or none is taken.

    Raises:
        ProfileRejectedError: it is none for a transaction to come, or by a quirk.
    """
    if payload is None or station.quirks & NO_PROFILE_TO_START:
        return None
    if Quirk.REFUSE_START_PROFILE in station.quirks:
        raise ProfileRejectedError("UnsupportedParam", "a remote start brings no profile")
    profile = parse_profile(payload)
    if profile.purpose is not Purpose.TX or profile.transaction_id is not None:
        raise ProfileRejectedError("InvalidProfile", "a TxProfile without transactionId is wanted")
    return profile


def clear(station: StationModel, profile_id: int | None, criteria: JsonObject) -> bool:
    """Remove one profile by id, or all that meet the criteria; tell whether there were any."""

    def matches(item: Installed) -> bool:
        if item.profile.purpose is Purpose.EXTERNAL:
            return False  # not the CSMS's to clear (K10.FR.06)
        if profile_id is not None:
            return bool(item.profile.profile_id == profile_id)
        return meets(item, criteria, evse_id=criteria.get("evseId"))

    found = station.profiles.select(matches)
    station.profiles.remove(found)
    return bool(found)


def meets(item: Installed, criterion: JsonObject, *, evse_id: int | None) -> bool:
    """Tell whether a profile meets a ChargingProfileCriterionType or ClearChargingProfileType."""
    profile = item.profile
    ids = criterion.get("chargingProfileId")
    sources = criterion.get("chargingLimitSource")
    return bool(
        evse_id in {None, item.evse_id}
        and criterion.get("chargingProfilePurpose") in {None, profile.purpose}
        and criterion.get("stackLevel") in {None, profile.stack_level}
        and (ids is None or profile.profile_id in ids)
        and (sources is None or item.source in sources)
    )


def composite(
    station: StationModel, evse_id: int, duration_s: int, unit: str | None, now: datetime
) -> Composite:
    """Work out what may flow in the next `duration_s` seconds, a week at most (K08).

    Raises:
        ProfileRejectedError: there is no such EVSE, or it does not know the unit.
    """
    duration_s = min(duration_s, MAXIMUM_HORIZON_S)
    units = station.profiles.bounds.rate_units
    unit = min(units) if unit is None else unit
    _check_evse(station, evse_id)  # K08.FR.05
    if unit not in units:
        raise ProfileRejectedError("UnsupportedRateUnit", unit)  # K08.FR.07
    subject = station.subject(station.evses.get(evse_id), now)

    def period_at(moment: datetime) -> JsonObject:
        return _period(station.limits.at(subject, moment), unit, subject.phases)

    edges = station.profiles.changes(subject, now, now + timedelta(seconds=duration_s))
    periods = composite_schedule(period_at, edges, now)
    if Quirk.COMPOSITE_MINUS_ONE in station.quirks:
        periods = [{"startPeriod": 0, "limit": -1.0}]
    return Composite(evse_id=evse_id, unit=unit, begin=now, duration_s=duration_s, periods=periods)


def _check_evse(station: StationModel, evse_id: int) -> None:
    if evse_id != WHOLE_STATION and evse_id not in station.evses:
        raise ProfileRejectedError("UnknownEvse", f"no EVSE {evse_id}")


_REFUSALS: Final[dict[Quirk, tuple[Callable[[ChargingProfile], bool], str]]] = {
    Quirk.REFUSE_PROFILES: (lambda _: True, "NotEnabled"),
    Quirk.REFUSE_TX_PROFILE: (lambda profile: profile.purpose is Purpose.TX, "InvalidProfile"),
    Quirk.REFUSE_VALID_TO: (lambda profile: profile.valid_to is not None, "UnsupportedParam"),
}
"""Which profiles a quirk refuses, and with which reason code."""


def _check_quirks(station: StationModel, profile: ChargingProfile) -> None:
    for quirk, (concerns, reason_code) in _REFUSALS.items():
        if quirk in station.quirks and concerns(profile):
            raise ProfileRejectedError(reason_code, f"by the quirk {quirk}")


def _period(limit: Limit, unit: str, supply_phases: int) -> JsonObject:
    phases = limit.phases or supply_phases
    value = limit.amps if unit == "A" else limit.amps * NOMINAL_VOLTAGE_V * phases
    period: JsonObject = {"limit": round(value, 1), "numberPhases": phases}
    if limit.phase_to_use is not None and phases == 1:
        period["phaseToUse"] = limit.phase_to_use
    return period
