"""What the owner of an installation lays down for a station; read from the configuration."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from bridge.domain.enums import AuthorizationStatus
from bridge.domain.tokens import NO_TOKENS, TokenList


class BelowMinimum(StrEnum):
    """What to do where the resulting limit is above 0 A and below the minimum current."""

    PAUSE = "pause"
    FLOOR = "floor"
    REJECT = "reject"


class ProfileKind(StrEnum):
    """ChargingProfileKindEnumType, as far as the bridge installs profiles (quirk 17)."""

    ABSOLUTE = "Absolute"
    RELATIVE = "Relative"


class RateUnit(StrEnum):
    """ChargingRateUnitEnumType."""

    AMPERE = "A"
    WATT = "W"


class NumberPhases(StrEnum):
    """When the limits that the bridge sends carry numberPhases (charger-quirks 20)."""

    AUTO = "auto"
    """Where the charging is to be switched between one phase and three."""
    ALWAYS = "always"
    NEVER = "never"


class UnknownStations(StrEnum):
    """What happens to a station that the configuration does not name."""

    REFUSE = "refuse"
    PENDING = "pending"
    ACCEPT = "accept"


class AuthorizeMode(StrEnum):
    """Who decides whether a token may charge."""

    ACCEPT = "accept"
    """Nobody: each may."""
    LIST = "list"
    """The owner's list."""
    ASK = "ask"
    """The owner's list, and controllers of tokens that it does not have."""


class StationAuth(StrEnum):
    """How a station proves who it is."""

    NONE = "none"
    BASIC = "basic"
    """HTTP Basic with its id as user name (security profile 1, with TLS 2)."""
    MTLS = "mtls"
    """A certificate of its own whose common name is its id (security profile 3)."""


class AuthorizationSettings(Struct, frozen=True, kw_only=True):
    """How it is decided whether a token may charge, for all stations."""

    tokens: TokenList = NO_TOKENS
    ask_timeout_seconds: float = 10.0
    """How long controllers have to answer."""
    ask_default: AuthorizationStatus = AuthorizationStatus.INVALID
    """What holds where none has answered."""
    stop_refused: bool = True
    """Whether a transaction is ended whose token a controller refuses while it runs."""
    concurrent_transactions: bool = True
    """Whether a token may charge on several EVSEs of a station at a time."""


LOCAL_ZONE: Final = "local"
"""Stands for the time zone of this machine."""


class StationSettings(Struct, frozen=True, kw_only=True):
    """Limits and electrical facts of one station. Currents are A per phase."""

    installation_max_a: float = 16.0
    """Nothing above it is ever sent to the station."""
    station_max_a: float | None = None
    """A ChargingStationMaxProfile for the whole station, not below `installation_max_a`; None =
    none is installed."""
    minimum_a: float = 6.0
    """The least current at which an EV charges (IEC 61851-1: 6 A for AC, 0 for DC)."""
    nominal_voltage_v: float = 230.0
    phases: int = 3
    below_minimum: BelowMinimum = BelowMinimum.PAUSE
    cable_max_a: float | None = None
    """The cable's coding, where the station does not report it."""
    failsafe_a: float = 6.0
    failsafe_min_duration_seconds: int = 7200
    default_ttl_seconds: int = 0
    """Lease of a limit whose command names none; 0 = it holds until replaced or released."""
    stack_level: int | None = None
    """stackLevel of the profiles that the bridge installs; None = the highest that the station
    says it takes, else 0."""
    heartbeat_interval_seconds: int = 300
    auth: StationAuth = StationAuth.NONE
    require_tls: bool | None = None
    """Whether it is refused without TLS; None = once it has logged in over TLS."""
    authorize: AuthorizeMode = AuthorizeMode.ACCEPT
    authorization: AuthorizationSettings = AuthorizationSettings()
    automatic_calls: bool = True
    """Whether the bridge asks of its own accord: which profiles are installed, what the station
    can do, whether a limit is in force (certification tools want silence)."""
    profile_kind: ProfileKind = ProfileKind.ABSOLUTE
    rate_unit: RateUnit | None = None
    """Unit of the limits that the bridge sends; None = as the station says, else A."""
    mirror_leases: bool = True
    """Whether a lease also ends at the station (`validTo`), should the bridge be gone by then."""
    fallback_a: float | None = None
    """A permanent TxDefaultProfile at stackLevel 0, below ours; None = none is installed."""
    phase_switching: bool = False
    """Whether charging may be held to one phase; the station must be able to as well."""
    min_increase_interval_seconds: float = 5.0
    """Between two increases of the limit at the station."""
    increase_hold_seconds: float = 10.0
    """How long after a decrease no increase is sent."""
    min_decrease_interval_seconds: float = 1.0
    """Between two decreases; the first one is sent at once."""
    observe_seconds: float = 30.0
    """How long the current may stay above the limit before that is reported."""
    quiet_seconds: float = 0.0
    """How long after connecting nothing is asked of a station that has not booted since."""
    trigger_boot: bool = True
    """Whether a station that has never told who it is, is asked for its BootNotification."""
    pings: bool = True
    """Whether WebSocket pings are sent; without, three heartbeats must be missed."""
    call_timeout_seconds: float | None = None
    """Time to answer a request; None = as for all stations."""
    call_timeouts: Mapping[str, float] = field(default_factory=dict)
    """Another time for requests of an action, s."""
    max_unanswered_calls: int = 3
    """Requests in a row without an answer that end the connection; 0 = it is kept."""
    protected_variables: tuple[str, ...] = ()
    """Variables, or keys of OCPP 1.6, that no command may write."""
    trigger_station: bool = False
    """Whether messages of one EVSE are asked of the whole station."""
    station_status: bool = False
    """Whether a status of the whole station is that of its only EVSE."""
    default_governs_running: bool | None = None
    """Whether a TxDefaultProfile also changes the transaction that runs; None = to be found out."""
    limit_values_a: tuple[float, ...] = ()
    """The only limits that the station takes beside 0, A per phase; () = any."""
    composite_schedule: bool = True
    """Whether GetCompositeSchedule is worth asking."""
    number_phases: NumberPhases = NumberPhases.AUTO
    session_register: bool = False
    """Whether the energy register counts from 0 in each transaction, but not at its ends."""
    start_profile: bool = True
    """Whether a `start` with maxA brings it in the request, as a TxProfile."""
    start_delay_seconds: float = 0.0
    """Between the end of a transaction and a remote start on the same EVSE."""
    time_zone: str = ""
    """Of the station's times that have no offset: a name of the IANA, "local" for that of this
    machine, "" for UTC."""
    known: bool = False
    """Whether the configuration names this station."""
    secc: bool = False
    """Whether it is a charge controller that the bridge reaches by its own API."""
    unknown_stations: UnknownStations = UnknownStations.PENDING
    explicit: frozenset[str] = frozenset()
    """Fields that the configuration names: no quirk changes them."""
    named_quirks: tuple[str, ...] | None = None
    """Quirks that the configuration names, instead of those of the table; None = the table's."""
    quirks: tuple[str, ...] = ()
    """Quirks that are in force (`bridge.domain.quirks`)."""
