"""What the CSMS may ask of the station: one handler per action, routing as data.

A handler changes the station and returns the CALLRESULT payload; what follows from it (a
TransactionEvent, a report) is queued and leaves after the answer. A payload that lacks what
the schema demands raises KeyError, TypeError or ValueError, which `answer` turns into the
CALLERROR of the standard (part 4, table 8).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from bridge.simulator import provisioning, remote_control, smart_charging
from bridge.simulator.station import Boot, StationModel
from bridge.simulator.wire import CallRefusedError, JsonObject, rejected

Handler = Callable[[StationModel, JsonObject, datetime], JsonObject]

HANDLERS: Final[dict[str, Handler]] = {
    "ChangeAvailability": remote_control.change_availability,
    "ClearCache": provisioning.clear_cache,
    "ClearChargingProfile": smart_charging.clear_charging_profile,
    "DataTransfer": provisioning.data_transfer,
    "GetBaseReport": provisioning.get_base_report,
    "GetChargingProfiles": smart_charging.get_charging_profiles,
    "GetCompositeSchedule": smart_charging.get_composite_schedule,
    "GetTransactionStatus": remote_control.get_transaction_status,
    "GetVariables": provisioning.get_variables,
    "RequestStartTransaction": remote_control.request_start_transaction,
    "RequestStopTransaction": remote_control.request_stop_transaction,
    "Reset": remote_control.reset,
    "SetChargingProfile": smart_charging.set_charging_profile,
    "SetVariables": provisioning.set_variables,
    "TriggerMessage": remote_control.trigger_message,
    "UnlockConnector": remote_control.unlock_connector,
}

BEFORE_ACCEPTANCE: Final = frozenset(
    {"GetBaseReport", "GetVariables", "Reset", "SetVariables", "TriggerMessage"}
)
"""What a CSMS may ask while the boot is pending (B02.FR.01 ff.)."""

REJECTED_WHILE_PENDING: Final = frozenset({"RequestStartTransaction", "RequestStopTransaction"})
"""Answered Rejected instead of with an error until then (B02.FR.05)."""

NOT_SUPPORTED: Final = frozenset(
    {
        "CancelReservation",
        "CertificateSigned",
        "ClearDisplayMessage",
        "ClearVariableMonitoring",
        "CostUpdated",
        "CustomerInformation",
        "DeleteCertificate",
        "GetDisplayMessages",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "GetMonitoringReport",
        "GetReport",
        "InstallCertificate",
        "PublishFirmware",
        "ReserveNow",
        "SendLocalList",
        "SetDisplayMessage",
        "SetMonitoringBase",
        "SetMonitoringLevel",
        "SetNetworkProfile",
        "SetVariableMonitoring",
        "UnpublishFirmware",
        "UpdateFirmware",
    }
)
"""Actions of OCPP 2.0.1 that this station knows and does not carry out."""


def answer(station: StationModel, action: str, payload: JsonObject, now: datetime) -> JsonObject:
    """Carry out one CALL of the CSMS and return the payload of its CALLRESULT.

    Raises:
        CallRefusedError: it is answered with a CALLERROR.
    """
    handler = HANDLERS.get(action)
    if handler is None:
        raise CallRefusedError(
            "NotSupported" if action in NOT_SUPPORTED else "NotImplemented", action
        )
    if station.boot is not Boot.ACCEPTED and action not in BEFORE_ACCEPTANCE:
        if action in REJECTED_WHILE_PENDING:
            return rejected("NotEnabled", "the boot is not accepted yet")
        raise CallRefusedError("SecurityError", "the boot is not accepted yet")
    return _guarded(handler, station, payload, now)


def _guarded(
    handler: Handler, station: StationModel, payload: JsonObject, now: datetime
) -> JsonObject:
    try:
        return handler(station, payload, now)
    except KeyError as error:
        raise CallRefusedError(
            "OccurrenceConstraintViolation", f"not there or not known: {error}"
        ) from error
    except (TypeError, AttributeError, IndexError) as error:
        raise CallRefusedError("TypeConstraintViolation", str(error)) from error
    except (ValueError, OverflowError) as error:
        raise CallRefusedError("PropertyConstraintViolation", str(error)) from error
