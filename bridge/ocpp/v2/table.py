"""The actions that OCPP 2.0.1 and 2.1 share: who sends them, how they are read and answered."""

from typing import Final

from bridge.ocpp.actions import ActionRow
from bridge.ocpp.v2 import answers, messages

REJECTED: Final = answers.always({"status": "Rejected"})

STATION_ACTIONS: Final = {
    # What the model is made of.
    "Authorize": ActionRow(messages.authorize, answers.authorize),
    "BootNotification": ActionRow(
        messages.boot_notification, answers.boot_notification, remember=False
    ),
    "ClearedChargingLimit": ActionRow(messages.cleared_charging_limit, answers.plain),
    "Heartbeat": ActionRow(messages.heartbeat, answers.heartbeat, remember=False),
    "MeterValues": ActionRow(messages.meter_values, answers.plain),
    "NotifyChargingLimit": ActionRow(messages.notify_charging_limit, answers.plain),
    "NotifyEvent": ActionRow(messages.notify_event, answers.plain),
    "ReportChargingProfiles": ActionRow(messages.report_charging_profiles, answers.plain),
    "SecurityEventNotification": ActionRow(messages.security_event, answers.plain),
    "StatusNotification": ActionRow(messages.status_notification, answers.plain),
    "TransactionEvent": ActionRow(messages.transaction_event, answers.transaction_event),
    # What only wants its answer.
    **{
        action: ActionRow(messages.notice(action), answers.plain)
        for action in (
            "FirmwareStatusNotification",
            "LogStatusNotification",
            "NotifyCustomerInformation",
            "NotifyDisplayMessages",
            "NotifyMonitoringReport",
            "NotifyReport",
            "PublishFirmwareStatusNotification",
            "ReservationStatusUpdate",
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
    "NotifyEVChargingNeeds": ActionRow(messages.notice("NotifyEVChargingNeeds"), REJECTED),
    "NotifyEVChargingSchedule": ActionRow(messages.notice("NotifyEVChargingSchedule"), REJECTED),
    "SignCertificate": ActionRow(messages.notice("SignCertificate"), REJECTED),
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
