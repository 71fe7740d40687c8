"""OCPP 2.1 as one table: what it added to the actions of OCPP 2.x, and who sends it."""

from typing import Final

from bridge.ocpp.actions import ActionRow, OcppVersion
from bridge.ocpp.v2 import answers, table
from bridge.ocpp.v2.frequent import transaction_events
from bridge.ocpp.v2.messages import notice
from bridge.ocpp.v2.results import read_result
from bridge.ocpp.v21 import answers as answers21
from bridge.ocpp.v21 import messages
from bridge.ocpp.v21.requests import write_request

STATION_ACTIONS: Final = {
    **table.STATION_ACTIONS,
    "TransactionEvent": ActionRow(messages.transaction_event, answers21.transaction_event),
    # What only wants its answer.
    **{
        action: ActionRow(notice(action), answers.plain)
        for action in (
            "BatterySwap",
            "ClosePeriodicEventStream",
            "NotifyDERAlarm",
            "NotifyDERStartStop",
            "NotifyPriorityCharging",
            "NotifySettlement",
            "ReportDERControl",
        )
    },
    # What asks for a service that the bridge does not have: the refusal that the action knows.
    "OpenPeriodicEventStream": ActionRow(notice("OpenPeriodicEventStream"), table.REJECTED),
    "PullDynamicScheduleUpdate": ActionRow(
        messages.pull_dynamic_schedule_update,
        answers21.pull_dynamic_schedule_update,
        remember=False,
    ),
}

STATION_SENDS: Final = {
    # A stream that was opened before the bridge was there.
    "NotifyPeriodicEventStream": notice("NotifyPeriodicEventStream"),
}

UNSERVED_ACTIONS: Final = frozenset({"GetCertificateChainStatus", "VatNumberValidation"})

CSMS_ACTIONS: Final = table.CSMS_ACTIONS | {
    "AFRRSignal",
    "AdjustPeriodicEventStream",
    "ChangeTransactionTariff",
    "ClearDERControl",
    "ClearTariffs",
    "GetDERControl",
    "GetPeriodicEventStream",
    "GetTariffs",
    "NotifyAllowedEnergyTransfer",
    "NotifyWebPaymentStarted",
    "RequestBatterySwap",
    "SetDERControl",
    "SetDefaultTariff",
    "UpdateDynamicSchedule",
    "UsePriorityCharging",
}

V21: Final = OcppVersion(
    name="2.1",
    subprotocol="ocpp2.1",
    schemas="ocpp.v21.schemas",
    station_actions=STATION_ACTIONS,
    frequent={"TransactionEvent": transaction_events},
    csms_actions=CSMS_ACTIONS,
    station_sends=STATION_SENDS,
    unserved_actions=UNSERVED_ACTIONS,
    knows_send=True,
    error_names={},
    compression=True,
    write_request=write_request,
    read_result=read_result,
)
