"""Configuration keys and the local list (OCPP 1.6, 5.3, 5.8, 5.10, 5.15 and section 9).

The keys are other names of the device model's variables, or values that never change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.simulator.profile_store import MAXIMUM_PROFILES
from bridge.simulator.station import StationModel
from bridge.simulator.variables import READ_WRITE, WRITE_ONLY, Variable
from bridge.simulator.wire import JsonObject, integer

LIST_LENGTH: Final = 1000
"""Entries that the local list can hold."""


@dataclass(frozen=True, slots=True)
class Name:
    """Where the device model has what a key names."""

    component: str
    variable: str
    instance: str | None = None


KEYS: Final[dict[str, Name]] = {
    "AllowOfflineTxForUnknownId": Name("AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
    "AuthorizationCacheEnabled": Name("AuthCacheCtrlr", "Enabled"),
    "AuthorizationKey": Name("SecurityCtrlr", "BasicAuthPassword"),
    "AuthorizeRemoteTxRequests": Name("AuthCtrlr", "AuthorizeRemoteStart"),
    "ChargeProfileMaxStackLevel": Name("SmartChargingCtrlr", "ProfileStackLevel"),
    "ChargingScheduleMaxPeriods": Name("SmartChargingCtrlr", "PeriodsPerSchedule"),
    "ConnectionTimeOut": Name("TxCtrlr", "EVConnectionTimeOut"),
    "ConnectorSwitch3to1PhaseSupported": Name("SmartChargingCtrlr", "Phases3to1"),
    "HeartbeatInterval": Name("OCPPCommCtrlr", "HeartbeatInterval"),
    "LocalAuthorizeOffline": Name("AuthCtrlr", "LocalAuthorizeOffline"),
    "MeterValueSampleInterval": Name("SampledDataCtrlr", "TxUpdatedInterval"),
    "MeterValuesSampledData": Name("SampledDataCtrlr", "TxUpdatedMeasurands"),
    "SecurityProfile": Name("SecurityCtrlr", "SecurityProfile"),
    "StopTransactionOnEVSideDisconnect": Name("TxCtrlr", "StopTxOnEVSideDisconnect"),
    "StopTransactionOnInvalidId": Name("TxCtrlr", "StopTxOnInvalidId"),
    "StopTxnSampledData": Name("SampledDataCtrlr", "TxEndedMeasurands"),
    "TransactionMessageAttempts": Name("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
    "TransactionMessageRetryInterval": Name(
        "OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"
    ),
}
"""Keys that are variables of the device model."""

_RATE_UNITS: Final = {"A": "Current", "W": "Power"}


def get_configuration(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Read the keys that are asked for, or all (5.8)."""
    del now
    known = {row["key"].casefold(): row for row in _rows(station)}
    wanted = payload.get("key") or [row["key"] for row in known.values()]
    rows = [known[key.casefold()] for key in wanted if key.casefold() in known]
    unknown = [key for key in wanted if key.casefold() not in known]
    answer = {"configurationKey": rows, "unknownKey": unknown}
    return {name: value for name, value in answer.items() if value}


def change_configuration(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Write one key, which takes effect at once (5.3)."""
    key, value = str(payload["key"]).casefold(), str(payload["value"])
    names = {each.casefold(): name for each, name in KEYS.items()}
    if key not in names:
        fixed = key in {each.casefold() for each in _fixed(station)}
        return {"status": "Rejected" if fixed else "NotSupported"}
    variable = _variable(station, names[key])
    if variable.mutability not in {READ_WRITE, WRITE_ONLY} or not variable.accepts(value):
        return {"status": "Rejected"}
    variable.value = value
    station.restart_heartbeat(now)
    return {"status": "Accepted"}


def get_local_list_version(
    station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    """Tell the version of the local list; 0: there is none (5.10)."""
    del payload, now
    return {"listVersion": station.reader.list_version}


def send_local_list(station: StationModel, payload: JsonObject, now: datetime) -> JsonObject:
    """Take a local list, or changes of it (5.15)."""
    del now
    reader, version = station.reader, integer(payload["listVersion"])
    entries = payload.get("localAuthorizationList", [])
    differential = {"Differential": True, "Full": False}[payload["updateType"]]
    if differential and version <= reader.list_version:
        return {"status": "VersionMismatch"}
    listed = dict(reader.local_list) if differential else {}
    for entry in entries:
        listed.pop(entry["idTag"], None)
        if "idTagInfo" in entry:  # without it, the token leaves the list
            listed[entry["idTag"]] = str(entry["idTagInfo"]["status"])
    if version < 1 or len(listed) > LIST_LENGTH:
        return {"status": "Failed"}
    reader.list_version, reader.local_list = version, listed
    return {"status": "Accepted"}


def _rows(station: StationModel) -> Iterator[JsonObject]:
    for key, name in KEYS.items():
        variable = _variable(station, name)
        if variable.mutability != WRITE_ONLY:
            read_only = variable.mutability != READ_WRITE
            yield {"key": key, "readonly": read_only, "value": variable.value}
    for key, value in _fixed(station).items():
        yield {"key": key, "readonly": True, "value": value}


def _fixed(station: StationModel) -> dict[str, str]:
    """Return the keys that nobody can change."""
    units = sorted(_RATE_UNITS[unit] for unit in station.profiles.bounds.rate_units)
    smart = station.variables.flag("SmartChargingCtrlr", "Available")
    profiles = ["Core", "LocalAuthListManagement", "Reservation", "RemoteTrigger"]
    rotations = [f"{evse.evse_id}.{_rotation(station)}" for evse in station.evses.values()]
    return {
        "ChargingScheduleAllowedChargingRateUnit": ",".join(units),
        "ClockAlignedDataInterval": "0",
        "ConnectorPhaseRotation": ",".join(rotations),
        "GetConfigurationMaxKeys": "100",
        "LocalAuthListEnabled": "true",
        "LocalAuthListMaxLength": str(LIST_LENGTH),
        "LocalPreAuthorize": "false",
        "MaxChargingProfilesInstalled": str(MAXIMUM_PROFILES),
        "MeterValuesAlignedData": "",
        "NumberOfConnectors": str(len(station.evses)),
        "ReserveConnectorZeroSupported": "false",
        "ResetRetries": "0",
        "SendLocalListMaxLength": str(LIST_LENGTH),
        "StopTxnAlignedData": "",
        "SupportedFeatureProfiles": ",".join([*profiles, *["SmartCharging"] * smart]),
        "UnlockConnectorOnEVSideDisconnect": "true",
    }


def _rotation(station: StationModel) -> str:
    return "RST" if station.options.phases > 1 else "NotApplicable"


def _variable(station: StationModel, name: Name) -> Variable:
    found = station.variables.find(name.component, name.variable, name.instance)
    if found is None:
        raise LookupError(f"the device model has no {name}")
    return found
