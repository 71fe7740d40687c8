"""Commands of the CSMS about the device model (block B)."""

from datetime import datetime

from bridge.simulator.station import StationModel
from bridge.simulator.variables import ITEMS_PER_REPORT, READ_WRITE, WRITE_ONLY, Variable
from bridge.simulator.wire import JsonObject, format_time, integer


def get_variables(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Read variables (B06)."""
    del now
    station.measure_itself()
    return {"getVariableResult": [_read(station, item) for item in payload["getVariableData"]]}


def set_variables(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Write variables; they take effect at once (B05)."""
    results = [_write(station, item) for item in payload["setVariableData"]]
    station.restart_heartbeat(now)
    return {"setVariableResult": results}


def get_base_report(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Report the device model in as many NotifyReports as it takes (B07)."""
    request_id, base = integer(payload["requestId"]), payload["reportBase"]
    if base == "SummaryInventory":
        return {"status": "NotSupported"}
    station.measure_itself()
    rows = list(station.variables.inventory(base))
    for seq_no, begin in enumerate(range(0, len(rows), ITEMS_PER_REPORT)):
        report = {
            "requestId": request_id,
            "generatedAt": format_time(now),
            "seqNo": seq_no,
            "tbc": begin + ITEMS_PER_REPORT < len(rows),
            "reportData": rows[begin : begin + ITEMS_PER_REPORT],
        }
        station.send("NotifyReport", report, before_acceptance=True)
    return {"status": "Accepted"}


def _read(station: StationModel, item: JsonObject) -> JsonObject:
    variable, status = _look_up(station, item)
    if variable is not None and variable.mutability == WRITE_ONLY:
        status = "Rejected"
    result = _result(item, status)
    if variable is not None and status == "Accepted":
        result["attributeValue"] = variable.value
    return result


def _write(station: StationModel, item: JsonObject) -> JsonObject:
    variable, status = _look_up(station, item)
    if variable is None:
        return _result(item, status)
    value = str(item["attributeValue"])
    writable = variable.mutability in {READ_WRITE, WRITE_ONLY}
    if not writable or not variable.accepts(value):
        return _result(item, "Rejected")
    variable.value = value
    return _result(item, "Accepted")


def _look_up(station: StationModel, item: JsonObject) -> tuple[Variable | None, str]:
    component, variable = item["component"], item["variable"]
    if item.get("attributeType", "Actual") != "Actual":
        return None, "NotSupportedAttributeType"
    found = station.variables.find(
        component["name"],
        variable["name"],
        variable.get("instance"),
        component.get("evse", {}).get("id"),
    )
    if found is not None:
        return found, "Accepted"
    known = station.variables.has_component(component["name"])
    return None, "UnknownVariable" if known else "UnknownComponent"


def _result(item: JsonObject, status: str) -> JsonObject:
    result: JsonObject = {
        "attributeStatus": status,
        "component": item["component"],
        "variable": item["variable"],
    }
    if "attributeType" in item:
        result["attributeType"] = item["attributeType"]
    return result
