"""The state of a charging station: frozen records, replaced as a whole.

Everything here is durable: the store keeps a `Station` as one document and gives it back after
a restart. Fields are only added, and with a default, so that an older document still loads; what
is at its default is left out, so that a default is never changed (tests/unit/store/defaults.json).
A part that did not change keeps its identity (`is`), which is how the outside knows what to
publish again.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

from bridge.domain.calls import RequestStartTransaction, VariableName, VariableResult
from bridge.domain.commands import CommandRef
from bridge.domain.control import (
    NEVER_MOVED,
    NEVER_SWITCHED,
    NO_STATION_MAX,
    Allocation,
    Cause,
    ExternalLimit,
    InstalledProfile,
    Observed,
    Pace,
    PhaseClaim,
    PhaseControl,
    ProfileWrite,
    Slot,
    StationMax,
    TeamShare,
    Verification,
    Waiting,
)
from bridge.domain.credentials import NO_CREDENTIALS, Credentials
from bridge.domain.enums import (
    ChargePointStatus,
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
from bridge.domain.events import BootNotification, IdToken, TransactionLimit
from bridge.domain.ids import StationId
from bridge.domain.inquiries import GivenVerdict, Inquiry
from bridge.domain.knowledge import NOTHING_LEARNT, Learnt, Question, Readback
from bridge.domain.reported import Reported
from bridge.domain.schedule import ChargingProfile


class Connector(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A connector's last reported status, `at` the station's time."""

    status: ConnectorStatus
    at: datetime
    error_code: str | None = None
    point_status: ChargePointStatus | None = None
    """OCPP 1.6 only: what `status` was made of."""


class KeptLimit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transactionLimit of OCPP 2.1 that the bridge has set: `kept_limits`."""

    told: TransactionLimit
    """What the station was told last."""
    confirmed: TransactionLimit | None = None
    """What it has said since then that it keeps to."""
    reached: str | None = None
    """Which it says is reached, in the API's word for it: until, energyWh."""


class Transaction(Struct, frozen=True, kw_only=True, omit_defaults=True):
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
    resumed: bool = False
    """OCPP 2.1: it went on after the station had restarted (TxResumed)."""
    operation_mode: str | None = None
    """OCPP 2.1: OperationModeEnumType, as the station sent it last."""
    offline: bool = False
    """At least one event happened while the station was offline."""
    plug_seen: bool = False
    """An EV was plugged in at some moment of it."""
    plugged_at: datetime | None = None
    """When that EV was plugged in, perhaps before this transaction (seed 002: SessionStartTime)."""
    unplugged_at: datetime | None = None
    """When that EV was unplugged, perhaps after its end (seed 002: SessionEndTime)."""
    start_uuid: str | None = None
    """The uuid that was told for it when a `start` was taken in (seed 001: transaction_uuid).
    Another than `uuid` where the station had begun the transaction before."""
    max_a: float | None = None
    """A per phase, from the `start` that began it: a limit of source Transaction."""
    energy_limit_wh: float | None = None
    """Energy after which it is ended, from the `start`."""
    until: datetime | None = None
    """When it is ended, from the `start` or an `extend` (seed 001: expires)."""
    kept_limit: KeptLimit | None = None
    """What the station itself is to keep to of these; None where it was told nothing."""
    token_refused: bool = False
    """The station was told that its token may not charge."""
    refused: bool = False
    """A controller has refused its token while it ran: it is to be ended."""
    stop_asked_at: datetime | None = None
    """When the bridge last asked the station to end it because such a limit was reached."""
    stop_cause: str | None = None
    """Which limit that was, or by which of them the station has ended it of its own accord, in the
    API's word for it: until, energyWh, refused."""
    stop_again_at: datetime | None = None
    """When it asks again, where the station has refused or the answer is lost; or for the first
    time, where the station is to end it by itself."""
    stop_attempts: int = 0

    @property
    def open(self) -> bool:
        """Whether it still runs."""
        return self.ended_at is None


class Meter(Struct, frozen=True, kw_only=True, omit_defaults=True):
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
    current_at: datetime | None = None
    """When `current_a` was measured: a later message may have told other readings only."""
    warnings: tuple[str, ...] = ()
    """What was mended or remarked in the last message with readings (`annotations`)."""


class EvseView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What seed 000 and the state document say of an EVSE (mapping.md, 1 to 4)."""

    state: SeccState = SeccState.UNAVAILABLE
    phase: Phase = Phase.UNAVAILABLE
    vehicle_status: VehicleStatus = VehicleStatus.UNKNOWN
    controller_status: ControllerStatus | None = None
    connector_status: ConnectorStatus | None = None
    charging_state: ChargingState | None = None
    operation_mode: str | None = None
    """OCPP 2.1, of the transaction that is open."""
    point_status: ChargePointStatus | None = None
    """OCPP 1.6: its own word, of which 2.x has several."""
    error_code: str | None = None
    plugged: bool | None = None
    charging: bool = False
    used_phases: str | None = None
    """e.g. "111"; "000" before energy flows; None where unknown."""
    transaction_id: str | None = None
    """Of the transaction that is open."""
    stale: bool = False
    """The station is offline: this is the last that was known."""


class Evse(Struct, frozen=True, kw_only=True, omit_defaults=True):
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
    prepared_at: datetime | None = None
    """When OCPP 1.6 last reported Preparing."""
    plugged_at: datetime | None = None
    """When the present EV was plugged in, by the station's clock."""
    team: TeamShare | None = None
    phase_claims: tuple[PhaseClaim, ...] = ()
    phase: PhaseControl = NEVER_SWITCHED
    pace: Pace = NEVER_MOVED
    hold_until: datetime | None = None
    """Before when the limit may not be moved again (`pacing`)."""
    hold_cause: Cause | None = None
    """What led to a write that has to wait."""
    learnt_before: Learnt | None = None
    """What was known of the station before a refusal made the bridge try another way."""
    observed: Observed | None = None
    verification: Verification | None = None
    fallback: InstalledProfile | None = None
    """Our permanent profile at stackLevel 0, as far as the station has accepted it."""
    fallback_retry_at: datetime | None = None
    reported: Reported | None = None
    """What a charge controller says of itself; None for a station of OCPP."""


class PendingKind(StrEnum):
    """What a command's call is about, and so what its answer means."""

    REMOTE = "remote"
    """A remote start (where it has a remoteStartId) or stop."""
    AVAILABILITY = "availability"
    UNLOCK = "unlock"
    RESET = "reset"
    TRIGGER = "trigger"
    GET_VARIABLES = "get_variables"
    SET_VARIABLES = "set_variables"
    TRANSACTION_STATUS = "transaction_status"
    PROFILES = "profiles"
    """Answered when all of them are reported."""
    COMPOSITE = "composite"
    RAW = "raw"
    LOGIN = "password"


class PendingRemote(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command's call that was sent and not answered."""

    ref: CommandRef
    call_id: int
    kind: PendingKind = PendingKind.REMOTE
    transaction_id: str | None = None
    """Of which the status was asked."""
    clipped: bool = False
    """`maxA` of a start was above the installation maximum."""
    transaction_uuid: str | None = None
    remote_start_id: int | None = None
    invoice_id: str | None = None
    max_a: float | None = None
    energy_wh: float | None = None
    until: datetime | None = None
    id_token: IdToken | None = None
    profile: InstalledProfile | None = None
    """The TxProfile that a remote start brings."""
    again: RequestStartTransaction | None = None
    """The same start without that profile, should the station refuse it for that."""
    without_profile: bool = False
    """It is that start."""
    expires_at: datetime | None = None
    """After this moment that start must not be sent."""
    accepted_at: datetime | None = None
    """When the station accepted a remote start."""
    lost_at: datetime | None = None
    """When the answer to one was given up: it may have been carried out all the same."""
    variable: VariableName | None = None
    """The one key that this call writes, of OCPP 1.6, which writes no more in a request."""
    written: tuple[VariableResult, ...] = ()
    """What became of the keys that the command wrote before it."""
    request_id: int | None = None
    """Of the ReportChargingProfiles that belong to it."""
    profiles: tuple[ChargingProfile, ...] = ()
    """Reported so far."""
    reported: bool = False
    """All of them are."""
    report_until: datetime | None = None
    """The station has answered that it will report, and has until then for the next part."""
    password: str | None = None
    """`digest` of the password that this call gives."""
    about_profiles: bool = False
    """A raw call that sets or clears charging profiles."""

    @property
    def settled_at(self) -> datetime | None:
        """When a remote start was accepted or given up; None while its answer is waited for."""
        return self.accepted_at or self.lost_at


class ClosedTransaction(Struct, frozen=True, kw_only=True):
    """What late events of a transaction need to be told apart and placed."""

    id: str
    uuid: str
    evse_id: int
    connector_id: int | None
    started_at: datetime
    ended_at: datetime
    last_seq_no: int


class IssuedTransaction(Struct, frozen=True, kw_only=True):
    """An id that was given to a transaction of OCPP 1.6, and the StartTransaction it answers."""

    transaction_id: int
    evse_id: int
    id_token: IdToken
    meter_start_wh: float
    started_at: datetime


class Station(Struct, frozen=True, kw_only=True, omit_defaults=True):
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
    """Commands' calls that wait for their answer, or for what it has promised."""
    remote_starts: tuple[PendingRemote, ...] = ()
    """The last remote starts that were accepted, or whose answer was lost, to recognise their
    transactions by remoteStartId."""
    learnt: Learnt = NOTHING_LEARNT
    station_max: StationMax = NO_STATION_MAX
    profiles: tuple[ChargingProfile, ...] = ()
    """Installed by others, as the station last reported them."""
    external_limits: tuple[ExternalLimit, ...] = ()
    readback: Readback | None = None
    read_back: bool = False
    """Since either side started, it has been found out which profiles the station has, or that
    this cannot be found out."""
    questions: tuple[Question, ...] = ()
    """Calls of the bridge's own that wait for their answer."""
    quiet_until: datetime | None = None
    """Before when nothing is asked of it, unless it boots (`arrival`)."""
    boot_due_at: datetime | None = None
    """When it is asked for its BootNotification, unless it has come by then."""
    boot_asked: bool = False
    """It was asked for it, since the bridge started."""
    question_lost: bool = False
    """The connection went away with a question of the bridge's own."""
    boots_when_asked: int = 0
    """Boots in a row that followed such a question instead of an answer."""
    issued: tuple[IssuedTransaction, ...] = ()
    """The last ids given to transactions of OCPP 1.6, so that a retry gets the same."""
    transaction_count: int = 0
    """The highest id given to a transaction of OCPP 1.6."""
    authorized_at: datetime | None = None
    authorized_token: IdToken | None = None
    """The last token that was authorized, and when."""
    inquiries: tuple[Inquiry, ...] = ()
    """Tokens that controllers are asked about; none outlives the bridge."""
    closed_inquiries: tuple[str, ...] = ()
    """Ids of the last ones that are over."""
    verdicts: tuple[GivenVerdict, ...] = ()
    """The last that controllers have given, newest last, one of each token."""
    credentials: Credentials = NO_CREDENTIALS
    """What it logs in with, as far as the bridge remembers it."""
    call_count: int = 0
    remote_start_count: int = 0
    revision: int = 0
    """Counts changes of this record."""

    @property
    def recovering(self) -> bool:
        """Whether nothing is written yet, until it is known what the station has."""
        return self.readback is not None and self.readback.blocking
