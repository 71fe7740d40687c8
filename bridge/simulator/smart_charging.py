"""Smart charging commands of the CSMS (OCPP 2.0.1 block K)."""

from datetime import datetime, timedelta
from typing import Final

from bridge.simulator.car import NOMINAL_VOLTAGE_V
from bridge.simulator.profile_store import (
    WHOLE_STATION,
    Installed,
    Limit,
    composite_schedule,
    report_of,
    schedule_of,
)
from bridge.simulator.profiles import ProfileRejectedError, parse_profile
from bridge.simulator.station import StationModel
from bridge.simulator.wire import JsonObject, integer, rejected

MAXIMUM_HORIZON_S: Final = 7 * 86_400


def set_charging_profile(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Install a profile; the current follows with the next tick (K01)."""
    del now
    evse_id = integer(payload["evseId"])
    if evse_id != WHOLE_STATION and evse_id not in station.evses:
        return rejected("UnknownEvse", f"no EVSE {evse_id}")  # K01.FR.28
    evse = station.evses.get(evse_id)
    transaction = None if evse is None else evse.transaction
    transaction_id = None if transaction is None else transaction.transaction_id
    try:
        profile = parse_profile(payload["chargingProfile"])
        station.profiles.install(evse_id, profile, transaction_id)
    except ProfileRejectedError as error:
        return rejected(error.reason_code, error.info)
    return {"status": "Accepted"}


def clear_charging_profile(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Remove one profile by id, or all that meet the criteria (K10)."""
    del now
    profile_id = payload.get("chargingProfileId")
    criteria = payload.get("chargingProfileCriteria", {})

    def matches(item: Installed) -> bool:
        if profile_id is not None:
            return bool(item.profile.profile_id == profile_id)
        return _meets(item, criteria, evse_id=criteria.get("evseId"))

    found = station.profiles.select(matches)
    station.profiles.remove(found)
    return {"status": "Accepted" if found else "Unknown"}


def get_charging_profiles(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Report the installed profiles that meet the criterion (K09)."""
    del now
    criterion = payload["chargingProfile"]
    request_id = integer(payload["requestId"])
    found = station.profiles.select(
        lambda item: _meets(item, criterion, evse_id=payload.get("evseId"))
    )
    for left, item in zip(range(len(found) - 1, -1, -1), found, strict=True):
        report = {"requestId": request_id, **report_of(item), "tbc": left > 0}
        station.send("ReportChargingProfiles", report)
    return {"status": "Accepted" if found else "NoProfiles"}


def get_composite_schedule(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Work out what may flow in the next `duration` seconds, a week at most (K08)."""
    evse_id = integer(payload["evseId"])
    duration_s = min(integer(payload["duration"]), MAXIMUM_HORIZON_S)
    unit = payload.get("chargingRateUnit", "A")
    if evse_id != WHOLE_STATION and evse_id not in station.evses:
        return rejected("UnknownEvse", f"no EVSE {evse_id}")
    subject = station.subject(station.evses.get(evse_id), now)

    def period_at(moment: datetime) -> JsonObject:
        return _period(station.limit_of(subject, moment), unit, subject.phases)

    edges = station.profiles.changes(subject, now, now + timedelta(seconds=duration_s))
    periods = composite_schedule(period_at, edges, now)
    schedule = schedule_of(evse_id, unit=unit, begin=now, duration_s=duration_s, periods=periods)
    return {"status": "Accepted", "schedule": schedule}


def _period(limit: Limit, unit: str, supply_phases: int) -> JsonObject:
    phases = limit.phases or supply_phases
    value = limit.amps if unit == "A" else limit.amps * NOMINAL_VOLTAGE_V * phases
    return {"limit": round(value, 1), "numberPhases": phases}


def _meets(item: Installed, criterion: JsonObject, *, evse_id: int | None) -> bool:
    profile = item.profile
    ids = criterion.get("chargingProfileId")
    sources = criterion.get("chargingLimitSource")
    return bool(
        evse_id in {None, item.evse_id}
        and criterion.get("chargingProfilePurpose") in {None, profile.purpose}
        and criterion.get("stackLevel") in {None, profile.stack_level}
        and (ids is None or profile.profile_id in ids)
        and (sources is None or "CSO" in sources)
    )
