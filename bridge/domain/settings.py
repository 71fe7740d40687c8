"""What the owner of an installation lays down for a station; read from the configuration."""

from dataclasses import dataclass
from enum import StrEnum


class BelowMinimum(StrEnum):
    """What to do where the resulting limit is above 0 A and below the minimum current."""

    PAUSE = "pause"
    FLOOR = "floor"
    REJECT = "reject"


class UnknownStations(StrEnum):
    """What happens to a station that the configuration does not name."""

    REFUSE = "refuse"
    PENDING = "pending"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSettings:
    """Limits and electrical facts of one station. Currents are A per phase."""

    installation_max_a: float = 16.0
    """Nothing above it is ever sent to the station."""
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
    stack_level: int = 0
    """stackLevel of the profiles that the bridge installs."""
    heartbeat_interval_seconds: int = 300
    known: bool = False
    """Whether the configuration names this station."""
    unknown_stations: UnknownStations = UnknownStations.PENDING
