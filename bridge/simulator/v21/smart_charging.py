"""Smart charging commands that are new or wider in OCPP 2.1 (block K)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bridge.simulator.profiles import ProfileRejectedError
from bridge.simulator.station import StationModel
from bridge.simulator.v2 import smart_charging as v2
from bridge.simulator.wire import JsonObject, integer, rejected

UNKNOWN_PURPOSES: Final = frozenset({"PriorityCharging", "LocalGeneration"})
KNOWN_MODES: Final = frozenset({None, "ChargingOnly"})


def set_charging_profile(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Install a profile that only limits how much is imported."""
    for broken, reason_code, info in _unsupported(payload["chargingProfile"]):
        if broken:
            return rejected(reason_code, info)
    return v2.set_charging_profile(station, payload, now)


def update_dynamic_schedule(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Change the limit of a Dynamic profile (K28)."""
    try:
        station.profiles.update_dynamic(
            integer(payload["chargingProfileId"]), payload["scheduleUpdate"], now
        )
    except ProfileRejectedError as error:
        return rejected(error.reason_code, error.info)
    return {"status": "Accepted"}


def _unsupported(profile: JsonObject) -> Iterator[tuple[bool, str, str]]:
    purpose = profile["chargingProfilePurpose"]
    yield purpose in UNKNOWN_PURPOSES, "UnsupportedPurpose", purpose
    yield len(profile["chargingSchedule"]) > 1, "TooManyElements", "one schedule is supported"
    for period in profile["chargingSchedule"][0]["chargingSchedulePeriod"]:
        mode = period.get("operationMode")
        yield mode not in KNOWN_MODES, "UnsupportedParam", f"operationMode {mode}"
        yield "limit" not in period, "UnsupportedParam", "a period needs a limit"
