"""The state of a charging station: frozen records, replaced as a whole.

Everything here is durable: the store keeps a `Station` as one document and gives it back after
a restart. Fields are only added, and with a default, so that an older document still loads.
A part that did not change keeps its identity (`is`), which is how the outside knows what to
publish again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.domain.calls import ProfilePurpose
from bridge.domain.commands import CommandRef, OnExpire, ResultCode
from bridge.domain.enums import (
    AllocationSource,
    ChargingState,
    ConnectorStatus,
    ControllerStatus,
    Phase,
    Registration,
    SeccState,
    StoppedReason,
    TriggerReason,
    VehicleStatus,
)
from bridge.domain.events import BootNotification, IdToken
from bridge.domain.ids import StationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A connector's last reported status, `at` the station's time."""

    status: ConnectorStatus
    at: datetime
    error_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One charging process, from whatever could be known of it."""

    id: str
    uuid: str
    started_at: datetime
    """Timestamp of Started, or of the first event seen where `started_seen` is false."""
    last_event_at: datetime
    started_seen: bool
    connector_id: int | None = None
    start_reason: TriggerReason | None = None
    charging_started_at: datetime | None = None
    """First moment of chargingState Charging: seed 000's `startedTime`."""
    ended_at: datetime | None = None
    stopped_reason: StoppedReason | None = None
    complete: bool = True
    """False where it was closed without an Ended (superseded by the next transaction)."""
    charging_state: ChargingState | None = None
    time_spent_charging_seconds: int | None = None
    remote_start_id: int | None = None
    invoice_id: str | None = None
    id_token: IdToken | None = None
    first_seq_no: int = 0
    last_seq_no: int = 0
    missing_seq_nos: tuple[tuple[int, int], ...] = ()
    """Inclusive ranges of sequence numbers that have not arrived (yet)."""
    meter_start_wh: float | None = None
    meter_start_approximate: bool = False
    """No reading of context Transaction.Begin: the first reading serves."""
    meter_last_wh: float | None = None
    meter_last_at: datetime | None = None
    """When `meter_last_wh` was measured."""
    energy_wh: float = 0.0
    """Energy of this transaction so far; keeps growing over a reset of the register."""
    meter_reset: bool = False
    phases_seen: tuple[bool, bool, bool] | None = None
    """Which phases carried at least 1 A during this transaction; None = nothing known."""
    soc_start_percent: float | None = None
    soc_last_percent: float | None = None
    offline: bool = False
    """At least one event happened while the station was offline."""
    plug_seen: bool = False
    """An EV was plugged in at some moment of it."""

    @property
    def open(self) -> bool:
        """Whether it still runs."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Latest readings of an EVSE, each in its base unit; None where never reported.

    Per-phase tuples are in the order L1, L2, L3.
    """

    at: datetime
    energy_wh: float | None = None
    power_w: float | None = None
    current_a: tuple[float | None, float | None, float | None] = (None, None, None)
    voltage_v: tuple[float | None, float | None, float | None] = (None, None, None)
    frequency_hz: float | None = None
    soc_percent: float | None = None
    offered_a: float | None = None
    """Current.Offered as the station reports it."""
    power_offered_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseView:
    """What seed 000 and the state document say of an EVSE (mapping.md, 1 to 4)."""

    state: SeccState = SeccState.UNAVAILABLE
    phase: Phase = Phase.UNAVAILABLE
    vehicle_status: VehicleStatus = VehicleStatus.UNKNOWN
    controller_status: ControllerStatus | None = None
    connector_status: ConnectorStatus | None = None
    charging_state: ChargingState | None = None
    error_code: str | None = None
    plugged: bool | None = None
    charging: bool = False
    used_phases: str | None = None
    """e.g. "111"; "000" before energy flows; None where unknown."""
    transaction_id: str | None = None
    """Of the transaction that is open."""
    stale: bool = False
    """The station is offline: this is the last that was known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One controller's claim on an EVSE (allocation.md, Two kinds of input)."""

    controller: str
    source: AllocationSource
    priority: int
    since: datetime
    limit_a: float | None = None
    limit_w: float | None = None
    pause: bool = False
    """A claim of 0 A that shadows the same controller's limit until `resume`."""
    clipped: bool = False
    """The controller asked for more than the installation maximum."""
    expires_at: datetime | None = None
    on_expire: OnExpire = OnExpire.RELEASE
    until_disconnect: bool = False
    command_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One valid limit among those that the arbiter looked at; `limit_a` is A per phase."""

    source: AllocationSource
    limit_a: float
    controller: str | None = None
    priority: int | None = None
    expires_at: datetime | None = None
    binding: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the arbiter decided: who binds, at how many A per phase, out of which limits."""

    source: AllocationSource
    offered_a: float
    limits: tuple[Limit, ...] = ()
    below_minimum: bool = False
    """The lowest limit was above 0 A and below the minimum current: policy applied."""
    enforced: bool = False
    """A request is live, so the station must be told (a profile is wanted)."""
    winners: tuple[Slot, ...] = ()
    """The slot that speaks for each requesting source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledProfile:
    """A profile of ours that the station has accepted."""

    profile_id: int
    purpose: ProfilePurpose
    limit_a: float | None
    """A per phase; None where it is not known whether the station (still) has it."""
    at: datetime
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A limit command whose outcome at the station is still open."""

    ref: CommandRef
    slot: Slot | None = None
    """The claim that it made; None where it gave claims up."""
    previous: Slot | None = None
    """What `slot` took the place of: put back where the station refuses."""
    requested_a: float | None = None
    expires_at: datetime | None = None
    code: ResultCode = ResultCode.OK
    """With `facts`, the answer that it gets once the write under way is accepted."""
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileWrite:
    """A SetChargingProfile or ClearChargingProfile that is on its way (`clear`)."""

    call_id: int
    profile: InstalledProfile
    clear: bool
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The published truth: who controls this EVSE since when (allocation.md)."""

    source: AllocationSource = AllocationSource.UNMANAGED
    offered_a: float
    limits: tuple[Limit, ...] = ()
    since: datetime
    state: str = "released"
    """Of the MQTT source: released, pending, active, standby, failsafe, suspended, recovering."""
    mode: str = "normal"
    """`failsafe` while the failsafe slot binds."""
    accepted: InstalledProfile | None = None
    requested_a: float | None = None
    """Resolved claim of the MQTT source, whether binding or not."""
    pending_a: float | None = None
    """What is being applied, or waits for the station to be back; None where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evse:
    """One EVSE with everything that is known and wanted of it."""

    id: int
    connectors: Mapping[int, Connector] = field(default_factory=dict)
    transaction: Transaction | None = None
    """The open transaction, or the last one."""
    meter: Meter | None = None
    view: EvseView = EvseView()
    cable_max_a: float | None = None
    """Reported by the station for the plugged cable; forgotten at unplugging."""
    finishing: bool = False
    """A transaction has ended and the EV is still plugged in."""
    supply_voltage_v: float | None = None
    """Voltage by which watts are converted; follows the measured one in steps of 3 %."""
    supply_phases: int | None = None
    completed_until: datetime | None = None
    """Phase `completed` is shown until then (mapping.md, 3)."""
    slots: tuple[Slot, ...] = ()
    allocation: Allocation | None = None
    installed: tuple[InstalledProfile, ...] = ()
    write: ProfileWrite | None = None
    waiting: tuple[Waiting, ...] = ()
    retry_at: datetime | None = None
    """When to try a refused or lost write of our own accord again."""
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRemote:
    """A remote start or stop that was sent and not answered."""

    ref: CommandRef
    call_id: int
    transaction_uuid: str | None = None
    remote_start_id: int | None = None
    invoice_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTransaction:
    """What late events of a transaction need to be told apart and placed."""

    id: str
    uuid: str
    evse_id: int
    connector_id: int | None
    started_at: datetime
    ended_at: datetime
    last_seq_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A charging station as the bridge knows it."""

    id: StationId
    registration: Registration = Registration.PENDING
    online: bool = False
    connection_id: str | None = None
    version: str | None = None
    """Negotiated OCPP version, e.g. "2.0.1"."""
    boot: BootNotification | None = None
    booted_at: datetime | None = None
    evses: Mapping[int, Evse] = field(default_factory=dict)
    station_slots: tuple[Slot, ...] = ()
    """Claims on EVSE 0: they join the claims of each EVSE."""
    closed: tuple[ClosedTransaction, ...] = ()
    """The most recent ones, newest last."""
    unplaced: tuple[Transaction, ...] = ()
    """Transactions that have begun without telling on which of several EVSEs."""
    calls: tuple[PendingRemote, ...] = ()
    """Remote starts and stops that wait for their answer."""
    remote_starts: tuple[PendingRemote, ...] = ()
    """The last accepted remote starts, to recognise their transactions by remoteStartId."""
    call_count: int = 0
    remote_start_count: int = 0
    revision: int = 0
    """Counts changes of this record."""
