"""What a CSMS may ask in OCPP 2.0.1: one handler per action, routing as data."""

from types import MappingProxyType
from typing import Final

from bridge.simulator import provisioning as common
from bridge.simulator.v2 import provisioning, remote_control, smart_charging
from bridge.simulator.vocabulary import Handler, Vocabulary
from bridge.simulator.wire import rejected

HANDLERS: Final[dict[str, Handler]] = {
    "ChangeAvailability": remote_control.change_availability,
    "ClearCache": common.clear_cache,
    "ClearChargingProfile": smart_charging.clear_charging_profile,
    "DataTransfer": common.data_transfer,
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

REJECTED_WHILE_PENDING: Final = MappingProxyType(
    dict.fromkeys(
        ("RequestStartTransaction", "RequestStopTransaction"),
        rejected("NotEnabled", "the boot is not accepted yet"),
    )
)
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


VOCABULARY: Final = Vocabulary(
    handlers=HANDLERS,
    not_supported=NOT_SUPPORTED,
    before_acceptance=BEFORE_ACCEPTANCE,
    rejected_while_pending=REJECTED_WHILE_PENDING,
)
