"""Smart charging commands of the central system (OCPP 1.6, 3.13, 5.5, 5.7 and 5.16)."""

from datetime import datetime
from typing import Final

from bridge.simulator import smart_charging
from bridge.simulator.evse import Evse
from bridge.simulator.profiles import Kind, ProfileRejectedError, Purpose
from bridge.simulator.station import StationModel
from bridge.simulator.wire import JsonObject, format_time, integer

PURPOSES: Final = {
    "ChargePointMaxProfile": Purpose.STATION_MAX,
    "TxDefaultProfile": Purpose.TX_DEFAULT,
    "TxProfile": Purpose.TX,
}
"""ChargingProfilePurposeType in the terms of the model."""


def set_charging_profile(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Install a profile (5.16)."""
    number = integer(payload["connectorId"])
    evse = station.evses.get(number)
    profile = charging_profile(payload["csChargingProfiles"], evse, now)
    try:
        smart_charging.install(station, number, profile, now)
    except ProfileRejectedError:
        return {"status": "Rejected"}
    return {"status": "Accepted"}


def clear_charging_profile(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Remove one profile by id, or all that meet the criteria (5.5)."""
    del now
    purpose = payload.get("chargingProfilePurpose")
    criteria = {
        "evseId": payload.get("connectorId"),
        "chargingProfilePurpose": None if purpose is None else PURPOSES[purpose],
        "stackLevel": payload.get("stackLevel"),
    }
    found = smart_charging.clear(station, payload.get("id"), criteria)
    return {"status": "Accepted" if found else "Unknown"}


def get_composite_schedule(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Tell what may flow in the next `duration` seconds (5.7)."""
    number, duration_s = integer(payload["connectorId"]), integer(payload["duration"])
    unit = payload.get("chargingRateUnit")
    try:
        found = smart_charging.composite(station, number, duration_s, unit, now)
    except ProfileRejectedError:
        return {"status": "Rejected"}
    begin = format_time(found.begin)
    return {
        "status": "Accepted",
        "connectorId": number,
        "scheduleStart": begin,
        "chargingSchedule": {
            "duration": found.duration_s,
            "startSchedule": begin,
            "chargingRateUnit": found.unit,
            "chargingSchedulePeriod": [_period(period) for period in found.periods],
        },
    }


def charging_profile(payload: JsonObject, evse: Evse | None, now: datetime) -> JsonObject:
    """Return a ChargingProfile of 1.6 as the ChargingProfileType of 2.x that the model reads."""
    purpose = PURPOSES[payload["chargingProfilePurpose"]]
    kind, schedule = _begin(purpose, payload["chargingProfileKind"], payload["chargingSchedule"])
    if kind == Kind.ABSOLUTE:
        schedule.setdefault("startSchedule", format_time(now))
    members = {
        "id": payload["chargingProfileId"],
        "stackLevel": payload["stackLevel"],
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
        "transactionId": _transaction_id(payload, purpose, evse),
        **{name: payload.get(name) for name in ("recurrencyKind", "validFrom", "validTo")},
    }
    return {name: value for name, value in members.items() if value is not None}


def _begin(purpose: Purpose, kind: str, schedule: JsonObject) -> tuple[str, JsonObject]:
    """Return kind and schedule as 2.x words them.

    Without a startSchedule a schedule is relative to the start of charging (7.13), whatever its
    kind says; what limits the station has no such start, and begins now.
    """
    schedule = {"id": 1, **schedule}
    if kind == Kind.RELATIVE or (kind == Kind.ABSOLUTE and "startSchedule" not in schedule):
        schedule.pop("startSchedule", None)
        kind = Kind.ABSOLUTE if purpose is Purpose.STATION_MAX else Kind.RELATIVE
    return kind, schedule


def _transaction_id(payload: JsonObject, purpose: Purpose, evse: Evse | None) -> str | None:
    """Return the model's id; without one a TxProfile is for what runs at the connector (7.8)."""
    running = None if evse is None else evse.transaction
    number = payload.get("transactionId")
    if running is not None and purpose is Purpose.TX and number in {None, running.number}:
        return running.transaction_id
    return None if number is None else str(number)


def _period(period: JsonObject) -> JsonObject:
    """Return a ChargingSchedulePeriod, which knows no phaseToUse."""
    return {name: value for name, value in period.items() if name != "phaseToUse"}
