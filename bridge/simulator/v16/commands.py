"""What a central system may ask in OCPP 1.6J: one handler per action, routing as data."""

from types import MappingProxyType
from typing import Final

from bridge.simulator import provisioning
from bridge.simulator.v16 import configuration, remote_control, smart_charging
from bridge.simulator.vocabulary import Handler, Vocabulary

HANDLERS: Final[dict[str, Handler]] = {
    "CancelReservation": remote_control.cancel_reservation,
    "ChangeAvailability": remote_control.change_availability,
    "ChangeConfiguration": configuration.change_configuration,
    "ClearCache": provisioning.clear_cache,
    "ClearChargingProfile": smart_charging.clear_charging_profile,
    "DataTransfer": provisioning.data_transfer,
    "GetCompositeSchedule": smart_charging.get_composite_schedule,
    "GetConfiguration": configuration.get_configuration,
    "GetLocalListVersion": configuration.get_local_list_version,
    "RemoteStartTransaction": remote_control.remote_start_transaction,
    "RemoteStopTransaction": remote_control.remote_stop_transaction,
    "ReserveNow": remote_control.reserve_now,
    "Reset": remote_control.reset,
    "SendLocalList": configuration.send_local_list,
    "SetChargingProfile": smart_charging.set_charging_profile,
    "TriggerMessage": remote_control.trigger_message,
    "UnlockConnector": remote_control.unlock_connector,
}

NOT_SUPPORTED: Final = frozenset(
    {
        "CertificateSigned",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLog",
        "InstallCertificate",
        "SignedUpdateFirmware",
        "UpdateFirmware",
    }
)
"""Actions of 1.6 and of its security whitepaper that this station does not carry out."""

VOCABULARY: Final = Vocabulary(
    handlers=HANDLERS,
    not_supported=NOT_SUPPORTED,
    before_acceptance=frozenset(
        {"ChangeConfiguration", "GetConfiguration", "Reset", "TriggerMessage"}
    ),
    rejected_while_pending=MappingProxyType(
        {
            "RemoteStartTransaction": {"status": "Rejected"},
            "RemoteStopTransaction": {"status": "Rejected"},
        }
    ),  # 4.2: they are not to be sent while the boot is pending
    error_codes=MappingProxyType(
        {
            "FormatViolation": "FormationViolation",
            "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
        }
    ),  # the typing errors of the text are to be kept (errata, section 5)
    refuses_frames=False,
)
