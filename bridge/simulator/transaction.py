"""One transaction as the station keeps it, and what happens in it (OCPP 2.0.1 block E)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from bridge.simulator.metering import MeterValue
from bridge.simulator.profiles import ChargingProfile
from bridge.simulator.wire import JsonObject


class EventType(StrEnum):
    """TransactionEventEnumType."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class ChargingState(StrEnum):
    """ChargingStateEnumType."""

    IDLE = "Idle"
    EV_CONNECTED = "EVConnected"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"


class Trigger(StrEnum):
    """TriggerReasonEnumType, as far as the simulated station has the occasion."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    LIMIT_SET = "LimitSet"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    REMOTE_START = "RemoteStart"
    REMOTE_STOP = "RemoteStop"
    RESET_COMMAND = "ResetCommand"
    SOC_LIMIT_REACHED = "SoCLimitReached"
    STOP_AUTHORIZED = "StopAuthorized"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TRIGGER = "Trigger"
    TX_RESUMED = "TxResumed"
    UNLOCK_COMMAND = "UnlockCommand"


class StoppedReason(StrEnum):
    """ReasonEnumType, as far as the simulated station has the occasion."""

    DE_AUTHORIZED = "DeAuthorized"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_DISCONNECTED = "EVDisconnected"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    REMOTE = "Remote"
    SOC_LIMIT_REACHED = "SOCLimitReached"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TIMEOUT = "Timeout"
    HARD_RESET = "HardReset"
    """Only in 1.6, like the next two."""
    SOFT_RESET = "SoftReset"
    UNLOCK = "UnlockCommand"


LIMIT_REASONS: Final[Mapping[Trigger, StoppedReason]] = {
    Trigger.ENERGY_LIMIT_REACHED: StoppedReason.ENERGY_LIMIT_REACHED,
    Trigger.SOC_LIMIT_REACHED: StoppedReason.SOC_LIMIT_REACHED,
    Trigger.TIME_LIMIT_REACHED: StoppedReason.TIME_LIMIT_REACHED,
}
"""Why a transaction ends at a limit of its own (E16.FR.06)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """Somebody may charge at an EVSE: by a token there, or by the CSMS."""

    id_token: JsonObject
    trigger: Trigger
    expires_at: datetime
    """EVConnectionTimeOut: it is over then, unless a car was plugged in."""
    remote_start_id: int | None = None
    profile: ChargingProfile | None = None
    """TxProfile of the remote start, for the transaction that follows (F01, K05)."""


@dataclass(slots=True, kw_only=True)
class Transaction:
    """The state that survives from one event to the next."""

    transaction_id: str
    started_at: datetime
    meter_start_wh: float
    charging_state: ChargingState
    """As last reported."""
    offered_a: float = 0.0
    """As last reported."""
    next_sample_at: datetime
    next_seq_no: int = 0
    stopped_reason: StoppedReason | None = None
    """Why charging was stopped, where TxStopPoint lets the transaction live until unplugged."""

    began_offline: bool = False
    reservation_id: int | None = None
    """Of the reservation that it used."""
    deauthorized: bool = False
    """The CSMS did not accept its token: it goes on without energy."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """transactionLimit of OCPP 2.1: maxEnergy in Wh, maxTime in s, maxSoC in percent."""
    exhausted: Trigger | None = None
    """Which of them is reached: no energy flows until it is raised (E16)."""
    number: int | None = None
    """The id that an OCPP 1.6 central system gave it; None: not answered yet."""

    @property
    def held_back(self) -> bool:
        """Whether it goes on without energy."""
        return self.deauthorized or self.exhausted is not None

    def limit_reached(
        self, now: datetime, register_wh: float, soc_percent: float
    ) -> Trigger | None:
        """Return which limit is reached first, as the reason of an event; None: none."""
        reached = {
            "maxEnergy": (register_wh - self.meter_start_wh, Trigger.ENERGY_LIMIT_REACHED),
            "maxTime": ((now - self.started_at).total_seconds(), Trigger.TIME_LIMIT_REACHED),
            "maxSoC": (soc_percent, Trigger.SOC_LIMIT_REACHED),
        }
        for name, limit in self.limits.items():
            value, trigger = reached[name]
            if value >= limit:
                return trigger
        return None

    def take_seq_no(self) -> int:
        """Return the seqNo of the next event: 0 at the start, then rising by one (E01 ff.)."""
        self.next_seq_no += 1
        return self.next_seq_no - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEvent:
    """What happened in a transaction, in the terms of OCPP 2.x; each version words it."""

    event_type: EventType
    trigger: Trigger
    at: datetime
    evse_id: int
    transaction: Transaction
    seq_no: int
    charging_state: ChargingState
    register_wh: float
    """Energy.Active.Import.Register of the meter."""
    offline: bool
    """Whether the CSMS could not be told at once."""
    id_token: JsonObject | None = None
    """Told once for each authorization (E03.FR.02)."""
    remote_start_id: int | None = None
    place_is_news: bool = False
    """The first event after a car came tells EVSE, connector and cable (E01.FR.16, E02)."""
    cable_max_a: float | None = None
    phases_used: int | None = None
    stopped_reason: StoppedReason | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    """transactionLimit of OCPP 2.1, where it was set."""
    meter_values: tuple[MeterValue, ...] = ()
