"""The closed vocabularies of OCPP 2.x, IEC 61851 and seed 000, in their exact spelling."""

from enum import StrEnum
from typing import Self


class Term(StrEnum):
    """A word of a closed vocabulary that stations also write in other casing."""

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the member that `text` means whatever its casing, or None.

        OCPP itself differs in casing between enumerations (`Deauthorized` the trigger,
        `DeAuthorized` the reason), hence one look-up per enumeration (mapping.md, 5).
        """
        found = cls._value2member_map_.get(text)
        if found is None:
            folded = text.casefold()
            found = next((m for m in cls if m.value.casefold() == folded), None)
        return found  # type: ignore[return-value]  # the map holds members of this class


class EventType(Term):
    """TransactionEventEnumType (OCPP 2.0.1, E)."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class TriggerReason(Term):
    """TriggerReasonEnumType: the 21 of OCPP 2.0.1, then those that 2.1 added."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    EV_DEPARTED = "EVDeparted"
    EV_DETECTED = "EVDetected"
    REMOTE_STOP = "RemoteStop"
    REMOTE_START = "RemoteStart"
    ABNORMAL_CONDITION = "AbnormalCondition"
    SIGNED_DATA_RECEIVED = "SignedDataReceived"
    RESET_COMMAND = "ResetCommand"
    COST_LIMIT_REACHED = "CostLimitReached"
    LIMIT_SET = "LimitSet"
    OPERATION_MODE_CHANGED = "OperationModeChanged"
    RUNNING_COST = "RunningCost"
    SOC_LIMIT_REACHED = "SoCLimitReached"
    TARIFF_CHANGED = "TariffChanged"
    TARIFF_NOT_ACCEPTED = "TariffNotAccepted"
    TX_RESUMED = "TxResumed"


class StoppedReason(Term):
    """ReasonEnumType of OCPP 2.0.1, which is also seed 000's `stopReason`."""

    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    LOCAL_OUT_OF_CREDIT = "LocalOutOfCredit"
    MASTER_PASS = "MasterPass"  # noqa: S105  # a reason of OCPP, no password
    OTHER = "Other"
    OVERCURRENT_FAULT = "OvercurrentFault"
    POWER_LOSS = "PowerLoss"
    POWER_QUALITY = "PowerQuality"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOC_LIMIT_REACHED = "SOCLimitReached"
    STOPPED_BY_EV = "StoppedByEV"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TIMEOUT = "Timeout"


class ChargingState(Term):
    """ChargingStateEnumType (OCPP 2.x)."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class ConnectorStatus(Term):
    """ConnectorStatusEnumType (OCPP 2.x)."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class ChargePointStatus(Term):
    """ChargePointStatus of OCPP 1.6 (7.7), which 2.x has split up (mapping.md, 4)."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class SeccState(Term):
    """`state` of seed 000."""

    IDLE = "Idle"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the member that `text` means, also in the capitals of the seed's example."""
        return super().read(text.replace("_", ""))


class Phase(Term):
    """The fine state of an EVSE: the SECC's own transaction states and three more (mapping 2)."""

    IDLE = "idle"
    AWAITING_START = "awaiting_start"
    AWAITING_AUTHORIZATION = "awaiting_authorization"
    STARTING = "starting"
    SUSPENDED_EVSE = "suspended_evse"
    SUSPENDED_EV = "suspended_ev"
    CHARGING = "charging"
    FAILED = "failed"
    STOPPED = "stopped"
    LINGERING = "lingering"
    COMPLETED = "completed"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"


class VehicleStatus(Term):
    """IEC 61851-1 state of the vehicle as seed 000 lists it."""

    DISCONNECTED = "A"
    CONNECTED = "B"
    CHARGE_REQUEST = "C"
    VENTILATION_REQUEST = "D"
    SHORT_CIRCUIT = "E"
    ERROR = "F"
    UNKNOWN = "S"
    DIODE_FAIL = "R"


class ControllerStatus(Term):
    """IEC 61851-1 state of the charge controller (SECC) as seed 000 lists it."""

    STANDBY = "A1"
    VEHICLE_DETECTED = "B1"
    CHARGING_OFFERED = "B2"
    CHARGE_REQUEST = "C1"
    CHARGING = "C2"
    VENTILATION_REQUEST = "D1"
    CHARGING_VENTILATED = "D2"
    SHUT_OFF = "E1"
    ERROR = "F1"
    RESTART = "S1"
    DIODE_FAIL = "R1"


class AllocationSource(Term):
    """`allocationSourceName` of seed 000: who is in control (allocation.md)."""

    OCPP_PROFILE = "OCPP Profile"
    API = "API"
    TRANSACTION = "Transaction"
    MQTT = "MQTT"
    PROXIMITY_PILOT = "ProximityPilot"
    TEAM = "Team"
    UNMANAGED = "Unmanaged"


class Registration(Term):
    """RegistrationStatusEnumType: how a BootNotification is answered (OCPP 2.x, B01 to B03)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class AuthorizationStatus(Term):
    """AuthorizationStatusEnumType (OCPP 2.x): whether a token may charge, and why not."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class SecurityCode(StrEnum):
    """What an event/security is about."""

    DUPLICATE = "duplicate"
    """A newer connection took the place of one that was alive: two have this identity."""
    DUPLICATE_REFUSED = "duplicate_refused"
    """A newer connection was refused, since two addresses fought for the identity."""
    FAILED_LOGIN = "failed_login"
    """Somebody showed wrong or no credentials in the station's name."""
    LOGIN_CHANGED = "password_changed"
    """The station has logged in with the password that the bridge gave it."""
    STATION_EVENT = "station_event"
    """The station itself reports it."""
