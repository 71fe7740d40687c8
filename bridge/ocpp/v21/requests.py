"""What the bridge can ask of a station in OCPP 2.1 and not in 2.0.1."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.domain import calls
from bridge.ocpp.v2 import requests
from bridge.ocpp.v2.requests import Writers, request_writer

_Payload = Mapping[str, Any]


def _set_charging_profile(request: calls.SetChargingProfile) -> _Payload:
    """Make a profile that a station may have to leave while it is offline.

    Without invalidAfterOfflineDuration: a profile that was gone for good when the station comes
    back would be one that the bridge believes to be installed.
    """
    payload = requests.set_charging_profile(request)
    profile: dict[str, Any] = {**payload["chargingProfile"]}
    if request.dynamic:  # it holds from its coming on, and has no time of its own
        profile["chargingProfileKind"] = "Dynamic"
        profile["chargingSchedule"] = [
            {name: value for name, value in schedule.items() if name != "startSchedule"}
            for schedule in profile["chargingSchedule"]
        ]
    if request.max_offline_seconds is not None:
        profile["maxOfflineDuration"] = request.max_offline_seconds
    return {**payload, "chargingProfile": profile}


def _update_dynamic_schedule(request: calls.UpdateDynamicSchedule) -> _Payload:
    given = {
        "limit": request.limit,
        "dischargeLimit": request.discharge_limit,
        "setpoint": request.setpoint,
    }
    update = {name: round(value, 1) for name, value in given.items() if value is not None}
    return {"chargingProfileId": request.profile_id, "scheduleUpdate": update}


WRITERS: Final[Writers] = {
    **requests.WRITERS,
    calls.RequestStartTransaction: lambda request: requests.request_start_transaction(
        request, _set_charging_profile
    ),
    calls.SetChargingProfile: _set_charging_profile,
    calls.UpdateDynamicSchedule: _update_dynamic_schedule,
}

write_request = request_writer("2.1", WRITERS)
