"""Remote control that is wider in OCPP 2.1 (block B)."""

from datetime import datetime

from bridge.simulator.station import StationModel
from bridge.simulator.v2 import remote_control as v2
from bridge.simulator.wire import JsonObject, rejected


def reset(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Restart the station; with ImmediateAndResume its transactions go on afterwards."""
    if payload["type"] != "ImmediateAndResume":
        return v2.reset(station, payload, now)
    if "evseId" in payload:
        return rejected("UnsupportedParam", "only the whole station can resume")
    station.plan_reset(now, when_idle=False)
    return {"status": "Accepted"}
