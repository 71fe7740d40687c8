"""OCPP 2.0.1 as one table: every action, who sends it, how it is read and answered."""

from typing import Final

from bridge.ocpp.actions import ActionRow, OcppVersion
from bridge.ocpp.v201 import answers, messages, requests

_REJECTED: Final = answers.always({"status": "Rejected"})

STATION_ACTIONS: Final = {
    # What the model is made of.
    "Authorize": ActionRow(messages.authorize, answers.authorize),
    "BootNotification": ActionRow(
        messages.boot_notification, answers.boot_notification, remember=False
    ),
    "Heartbeat": ActionRow(messages.heartbeat, answers.heartbeat, remember=False),
    "MeterValues": ActionRow(messages.meter_values, answers.plain),
    "StatusNotification": ActionRow(messages.status_notification, answers.plain),
    "TransactionEvent": ActionRow(messages.transaction_event, answers.transaction_event),
    # What only wants its answer.
    **{
        action: ActionRow(messages.notice(action), answers.plain)
        for action in (
            "ClearedChargingLimit",
            "FirmwareStatusNotification",
            "LogStatusNotification",
            "NotifyChargingLimit",
            "NotifyCustomerInformation",
            "NotifyDisplayMessages",
            "NotifyEvent",
            "NotifyMonitoringReport",
            "NotifyReport",
            "PublishFirmwareStatusNotification",
            "ReportChargingProfiles",
            "ReservationStatusUpdate",
            "SecurityEventNotification",
        )
    },
    # What asks for a service that the bridge does not have: the refusal that the action knows.
    "DataTransfer": ActionRow(  # TC_P_02_CSMS
        messages.notice("DataTransfer"), answers.always({"status": "UnknownVendorId"})
    ),
    "Get15118EVCertificate": ActionRow(
        messages.notice("Get15118EVCertificate"),
        answers.always({"status": "Failed", "exiResponse": ""}),
    ),
    "GetCertificateStatus": ActionRow(
        messages.notice("GetCertificateStatus"), answers.always({"status": "Failed"})
    ),
    "NotifyEVChargingNeeds": ActionRow(messages.notice("NotifyEVChargingNeeds"), _REJECTED),
    "NotifyEVChargingSchedule": ActionRow(messages.notice("NotifyEVChargingSchedule"), _REJECTED),
    "SignCertificate": ActionRow(messages.notice("SignCertificate"), _REJECTED),
}

CSMS_ACTIONS: Final = frozenset(
    {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ClearCache",
        "ClearChargingProfile",
        "ClearDisplayMessage",
        "ClearVariableMonitoring",
        "CostUpdated",
        "CustomerInformation",
        "DeleteCertificate",
        "GetBaseReport",
        "GetChargingProfiles",
        "GetCompositeSchedule",
        "GetDisplayMessages",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "GetMonitoringReport",
        "GetReport",
        "GetTransactionStatus",
        "GetVariables",
        "InstallCertificate",
        "PublishFirmware",
        "RequestStartTransaction",
        "RequestStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SetDisplayMessage",
        "SetMonitoringBase",
        "SetMonitoringLevel",
        "SetNetworkProfile",
        "SetVariableMonitoring",
        "SetVariables",
        "TriggerMessage",
        "UnlockConnector",
        "UnpublishFirmware",
        "UpdateFirmware",
    }
)

V201: Final = OcppVersion(
    name="2.0.1",
    subprotocol="ocpp2.0.1",
    schemas="ocpp.v201.schemas",
    station_actions=STATION_ACTIONS,
    csms_actions=CSMS_ACTIONS,
    error_names={},
    compression=True,
    write_request=requests.write_request,
    read_result=requests.read_result,
)
