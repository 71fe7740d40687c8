"""The limits of a SECC: the lowest of all that are valid holds, and names who is in control.

Rules of the public description: limits of the API and of MQTT are leases (300 000 ms unless said
otherwise) and count only while enabled; NaN gives one up; a current below 6 A is 0 A; a power is
divided by voltage and phases in use; where current and power are both set, the lower counts.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bridge.simulator.car import MINIMUM_CURRENT_A, NOMINAL_VOLTAGE_V

DEFAULT_TIMEOUT_MS: Final = 300_000
HIGHEST_A: Final = 80.0
HIGHEST_W: Final = 55_200.0
API: Final = "API"
MQTT: Final = "MQTT"
UNMANAGED: Final = "Unmanaged"
PROXIMITY_PILOT: Final = "ProximityPilot"


@dataclass(slots=True, kw_only=True)
class Lease:
    """What one face (the API, or MQTT) has set."""

    amps: float | None = None
    watts: float | None = None
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    enabled: bool = False
    renewed_at: datetime | None = None

    def renew(self, now: datetime) -> None:
        """Let the time-out begin anew."""
        self.renewed_at = now

    def expire(self, now: datetime) -> None:
        """Forget what has not been renewed in time."""
        if self.renewed_at is None:
            return
        if now - self.renewed_at >= timedelta(milliseconds=self.timeout_ms):
            self.amps = self.watts = self.renewed_at = None
            self.enabled = False

    def in_force(self, phases: int) -> float | None:
        """Return A per phase; None where nothing is limited."""
        if not self.enabled:
            return None
        both = [self.amps, None if self.watts is None else self.watts / NOMINAL_VOLTAGE_V / phases]
        known = [amps for amps in both if amps is not None]
        return min(known, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class InControl:
    """Which limit holds, and whose it is."""

    amps: float
    source: str


@dataclass(slots=True, kw_only=True)
class Limits:
    """All limits of one SECC, A per phase."""

    effective_max_a: float
    cable_max_a: float
    api: Lease = field(default_factory=Lease)
    mqtt: Lease = field(default_factory=Lease)
    others: dict[str, float] = field(default_factory=dict)
    """By the name of the source: OCPP Profile, Team, Transaction."""
    deaf: bool = False
    """The leases change nothing (a quirk)."""

    def expire(self, now: datetime) -> None:
        """Forget leases that have run out."""
        self.api.expire(now)
        self.mqtt.expire(now)

    def in_control(self, *, plugged: bool, phases: int) -> InControl:
        """Return the lowest limit; among equal ones a source that is somebody's will."""
        found = [(amps, 0, name) for name, amps in self.others.items()]
        for name, lease in ((API, self.api), (MQTT, self.mqtt)):
            amps = lease.in_force(phases)
            if amps is not None and not self.deaf:
                found.append((amps, 1, name))
        if plugged:
            found.append((self.cable_max_a, 3, PROXIMITY_PILOT))
        found.append((self.effective_max_a, 2, UNMANAGED))
        amps, _, source = min(found)
        return InControl(amps=amps if amps >= MINIMUM_CURRENT_A else 0.0, source=source)
