"""One transaction as the station keeps it, and its TransactionEvent requests (block E)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.simulator.profiles import ChargingProfile
from bridge.simulator.wire import JsonObject, format_time


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
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    REMOTE_START = "RemoteStart"
    REMOTE_STOP = "RemoteStop"
    RESET_COMMAND = "ResetCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    TRIGGER = "Trigger"


class StoppedReason(StrEnum):
    """ReasonEnumType, as far as the simulated station has the occasion."""

    DE_AUTHORIZED = "DeAuthorized"
    EV_DISCONNECTED = "EVDisconnected"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    REMOTE = "Remote"
    TIMEOUT = "Timeout"


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

    def event(
        self,
        event_type: str,
        trigger: Trigger,
        now: datetime,
        *,
        offline: bool,
        info: JsonObject | None = None,
        **members: object,
    ) -> JsonObject:
        """Return the next TransactionEvent payload; members that are None or empty go.

        `info` adds to transactionInfo. seqNo starts at 0 and rises by one (E01 ff., ed. 2).
        """
        payload: JsonObject = {
            "eventType": event_type,
            "timestamp": format_time(now),
            "triggerReason": trigger,
            "seqNo": self.next_seq_no,
            "transactionInfo": {
                "transactionId": self.transaction_id,
                "chargingState": self.charging_state,
                **(info or {}),
            },
        }
        self.next_seq_no += 1
        if offline:
            payload["offline"] = True
        payload.update({name: value for name, value in members.items() if value})
        return payload
