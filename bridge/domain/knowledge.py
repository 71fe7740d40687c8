"""What a station has shown and been asked, of the bridge's own accord.

Frozen parts of the station's record (`model`), durable with it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from bridge.domain.schedule import ChargingProfile


class Learnt(Struct, frozen=True, kw_only=True):
    """What a station has shown that it can do, remembered over restarts. None = not known."""

    asked: bool = False
    """It was asked what it says of itself, whatever it answered."""
    reads_profiles: bool | None = None
    """GetChargingProfiles is answered."""
    composite_schedule: bool | None = None
    """GetCompositeSchedule is answered."""
    tx_profile: bool | None = None
    """A TxProfile is accepted in a running transaction."""
    default_governs_running: bool | None = None
    """A TxDefaultProfile also changes the transaction that runs (quirk 15)."""
    valid_to: bool | None = None
    """A profile with validTo is accepted."""
    rate_units: tuple[str, ...] = ()
    """Units that the station says it takes (SmartChargingCtrlr.RateUnit): A, W."""
    max_stack_level: int | None = None
    """SmartChargingCtrlr.ProfileStackLevel."""
    start_profile: bool | None = None
    """A remote start that brings a TxProfile is accepted, and the profile is not ignored."""
    station_max_profile: bool | None = None
    """A ChargingStationMaxProfile is accepted."""
    dynamic_profiles: bool | None = None
    """OCPP 2.1: SmartChargingCtrlr.SupportsDynamicProfiles, unless it refused one."""
    transaction_limits: tuple[str, ...] | None = None
    """OCPP 2.1: TxCtrlr.SupportedLimits, in lower case; () where it has none."""
    phase_switching: bool | None = None
    """SmartChargingCtrlr.Phases3to1, or ACPhaseSwitchingSupported."""


NOTHING_LEARNT: Final = Learnt()


class QuestionKind(StrEnum):
    """What the bridge asks of its own accord."""

    PROFILES = "profiles"
    """GetChargingProfiles: `readback`."""
    CAPABILITIES = "capabilities"
    """GetVariables of what it can do: `readback`."""
    COMPOSITE = "composite"
    """GetCompositeSchedule: `observe`."""
    BOOT = "boot"
    """TriggerMessage BootNotification: `arrival`."""
    STATION_MAX = "station_max"
    """Set- or ClearChargingProfile for the whole station: `station_max`."""
    TRANSACTION_STOP = "transaction_stop"
    """RequestStopTransaction for a transaction's own limit: `transaction_limits`."""
    TRANSACTION_EVENT = "transaction_event"
    """TriggerMessage TransactionEvent, to answer it with a limit: `kept_limits`."""


class Question(Struct, frozen=True, kw_only=True):
    """A call of the bridge's own that waits for its answer."""

    call_id: int
    kind: QuestionKind
    evse_id: int | None = None
    request_id: int | None = None


class Readback(Struct, frozen=True, kw_only=True):
    """Finding out, after a (re)start of either side, which profiles the station has.

    While it lasts nothing is written to the station (allocation.md, Restart).
    """

    until: datetime
    """Until it is asked, then to be asked; after that, to go by what is remembered."""
    asked: bool = False
    request_id: int | None = None
    profiles: tuple[ChargingProfile, ...] = ()
    """Reported so far."""
    complete: bool = False
    """No further profile is waited for."""
    read: bool = False
    """The station has told all of them."""
    blocking: bool = True
    """Nothing is written meanwhile; False where only others' profiles are looked for."""
