"""What a CSMS may ask in OCPP 2.1: all of 2.0.1, and what came with 2.1."""

from typing import Final

from bridge.simulator.v2 import commands as v2
from bridge.simulator.v21 import remote_control, smart_charging
from bridge.simulator.vocabulary import Handler, Vocabulary

HANDLERS: Final[dict[str, Handler]] = {
    **v2.HANDLERS,
    "Reset": remote_control.reset,
    "SetChargingProfile": smart_charging.set_charging_profile,
    "UpdateDynamicSchedule": smart_charging.update_dynamic_schedule,
}

NOT_SUPPORTED: Final = v2.NOT_SUPPORTED | {
    "AFRRSignal",
    "AdjustPeriodicEventStream",
    "ChangeTransactionTariff",
    "ClearDERControl",
    "ClearTariffs",
    "GetCertificateChainStatus",
    "GetDERControl",
    "GetPeriodicEventStream",
    "GetTariffs",
    "NotifyAllowedEnergyTransfer",
    "RequestBatterySwap",
    "SetDERControl",
    "SetDefaultTariff",
    "UsePriorityCharging",
}

VOCABULARY: Final = Vocabulary(
    handlers=HANDLERS,
    not_supported=NOT_SUPPORTED,
    before_acceptance=v2.BEFORE_ACCEPTANCE,
    rejected_while_pending=v2.REJECTED_WHILE_PENDING,
    ignores_unknown_types=True,  # part 4, 4.1.3: a SEND and a CALLRESULTERROR as well
    tells_bad_results=True,
)
