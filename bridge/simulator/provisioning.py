"""Commands that are worded alike in all versions of OCPP."""

from datetime import datetime

from bridge.simulator.station import StationModel
from bridge.simulator.wire import JsonObject


def clear_cache(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Forget which tokens were accepted (C11)."""
    del payload, now
    station.reader.clear_cache()
    return {"status": "Accepted"}


def data_transfer(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Know no vendor (P01)."""
    del station, now
    payload["vendorId"]
    return {"status": "UnknownVendorId"}
