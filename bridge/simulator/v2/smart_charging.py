"""Smart charging commands of the CSMS (OCPP 2.0.1 block K)."""

from datetime import datetime

from bridge.simulator import smart_charging
from bridge.simulator.profile_store import report_of, schedule_of
from bridge.simulator.profiles import ProfileRejectedError
from bridge.simulator.station import StationModel
from bridge.simulator.wire import JsonObject, integer, rejected


def set_charging_profile(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Install a profile (K01)."""
    evse_id = integer(payload["evseId"])
    try:
        smart_charging.install(station, evse_id, payload["chargingProfile"], now)
    except ProfileRejectedError as error:
        return rejected(error.reason_code, error.info)
    return {"status": "Accepted"}


def clear_charging_profile(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Remove one profile by id, or all that meet the criteria (K10)."""
    del now
    criteria = payload.get("chargingProfileCriteria", {})
    found = smart_charging.clear(station, payload.get("chargingProfileId"), criteria)
    return {"status": "Accepted" if found else "Unknown"}


def get_charging_profiles(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Report the installed profiles that meet the criterion (K09)."""
    del now
    criterion = payload["chargingProfile"]
    request_id = integer(payload["requestId"])
    found = station.profiles.select(
        lambda item: smart_charging.meets(item, criterion, evse_id=payload.get("evseId"))
    )
    for left, item in zip(range(len(found) - 1, -1, -1), found, strict=True):
        report = {"requestId": request_id, **report_of(item), "tbc": left > 0}
        station.send("ReportChargingProfiles", report)
    return {"status": "Accepted" if found else "NoProfiles"}


def get_composite_schedule(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Tell what may flow in the next `duration` seconds (K08)."""
    evse_id, duration_s = integer(payload["evseId"]), integer(payload["duration"])
    try:
        found = smart_charging.composite(
            station, evse_id, duration_s, payload.get("chargingRateUnit"), now
        )
    except ProfileRejectedError as error:
        return rejected(error.reason_code, error.info)
    schedule = schedule_of(
        evse_id,
        unit=found.unit,
        begin=found.begin,
        duration_s=found.duration_s,
        periods=found.periods,
    )
    return {"status": "Accepted", "schedule": schedule}
