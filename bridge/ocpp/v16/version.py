"""OCPP 1.6 as one table: every action, who sends it, how it is read and answered."""

from typing import Final

from bridge.ocpp.actions import ActionRow, OcppVersion
from bridge.ocpp.frames import ErrorCode
from bridge.ocpp.v16 import answers, messages, requests

STATION_ACTIONS: Final = {
    # What the model is made of.
    "Authorize": ActionRow(messages.authorize, answers.authorize),
    "BootNotification": ActionRow(
        messages.boot_notification, answers.boot_notification, remember=False
    ),
    "Heartbeat": ActionRow(messages.heartbeat, answers.heartbeat, remember=False),
    "MeterValues": ActionRow(messages.meter_values, answers.plain),
    "SecurityEventNotification": ActionRow(messages.security_event, answers.plain),
    "StartTransaction": ActionRow(messages.start_transaction, answers.start_transaction),
    "StatusNotification": ActionRow(messages.status_notification, answers.plain),
    "StopTransaction": ActionRow(messages.stop_transaction, answers.stop_transaction),
    # What only wants its answer; the last two are of the Security Whitepaper.
    **{
        action: ActionRow(messages.notice(action), answers.plain)
        for action in (
            "DiagnosticsStatusNotification",
            "FirmwareStatusNotification",
            "LogStatusNotification",
            "SignedFirmwareStatusNotification",
        )
    },
    # What asks for a service that the bridge does not have: the refusal that the action knows.
    "DataTransfer": ActionRow(
        messages.notice("DataTransfer"), answers.always({"status": "UnknownVendorId"})
    ),
    "SignCertificate": ActionRow(
        messages.notice("SignCertificate"), answers.always({"status": "Rejected"})
    ),
}

CSMS_ACTIONS: Final = frozenset(
    {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearChargingProfile",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "TriggerMessage",
        "UnlockConnector",
        "UpdateFirmware",
    }
)

V16: Final = OcppVersion(
    name="1.6",
    subprotocol="ocpp1.6",
    schemas="ocpp.v16.schemas",
    request_suffix="",
    station_actions=STATION_ACTIONS,
    csms_actions=CSMS_ACTIONS,
    # the misspellings are the standard's own, kept on purpose (1.6-J errata 5)
    error_names={
        ErrorCode.FORMAT_VIOLATION: "FormationViolation",
        ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "ProtocolError",
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
        ErrorCode.RPC_FRAMEWORK_ERROR: "ProtocolError",
    },
    compression=False,
    write_request=requests.write_request,
    read_result=requests.read_result,
)
