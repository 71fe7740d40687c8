"""A limit of the bridge at a charge controller, which forgets it unless it is renewed. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bridge.domain.enums import SeccState
from bridge.secc.payloads import Reading

PILOT_MINIMUM_A: Final = 6.0
"""IEC 61851-1: the lowest current that a control pilot can offer."""
SAME_LIMIT_A: Final = 0.1
"""allocation.md: a controller that reports it within this has applied it."""
SHOWS_AFTER_SECONDS: Final = 2.0
"""How long a limit that was written may not show before it counts as lost."""
RENEWED_AT: Final = 1 / 3
RETRY_SECONDS: Final = 2.0
SHORTEST_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What was written last; times are those of the monotonic clock, in seconds."""

    limit_a: float
    timeout_seconds: float
    written_at: float
    renew_at: float
    set_at: float
    """When this limit was written first: renewals do not count."""
    valid_to: datetime | None = None
    """After this it is not wanted any more: then it is left to run out."""

    @property
    def timeout_ms(self) -> int:
        """As the controller wants it."""
        return round(self.timeout_seconds * 1000)

    def as_taken(self, reading: Reading) -> "Lease":
        """Return the lease with the time-out that the controller has, where that is shorter.

        Not every firmware lets it be set by every API.
        """
        told = reading.limit_timeout_ms
        if not told or told / 1000 >= self.timeout_seconds:
            return self
        seconds = max(SHORTEST_SECONDS, told / 1000)
        renew_at = self.written_at + seconds * RENEWED_AT
        return replace(self, timeout_seconds=seconds, renew_at=renew_at)

    def has_run_out(self, monotonic: float) -> bool:
        """Say whether the controller must have forgotten it."""
        return monotonic >= self.written_at + self.timeout_seconds

    def is_shown_in(self, reading: Reading, *, reads_limits: bool) -> bool:
        """Say whether a reading shows it; what the controller makes of it counts as well.

        A current below 6 A is 0 A, and one above what it can offer is that.
        """
        limit_a = self.limit_a if self.limit_a >= PILOT_MINIMUM_A else 0.0
        if not reads_limits:
            available_a = reading.available_a
            return available_a is not None and available_a <= limit_a + SAME_LIMIT_A
        if reading.limit_a is None or reading.limit_enabled is False:
            return False
        taken = {self.limit_a, limit_a}
        if reading.effective_a is not None:
            taken |= {min(each, reading.effective_a) for each in taken}
        return any(abs(reading.limit_a - each) <= SAME_LIMIT_A for each in taken)

    def is_undercut_in(self, reading: Reading, read_at: float) -> bool:
        """Say whether somebody else has a lower limit, where the controller does not say who.

        By what is left, once it has had the time to take what was written; only with an EV that
        wants to charge, since without one there may be nothing available.
        """
        if reading.source_name is not None or reading.available_a is None:
            return False
        if read_at < self.set_at + SHOWS_AFTER_SECONDS or reading.state not in _WANTS_TO_CHARGE:
            return False
        limit_a = self.limit_a if self.limit_a >= PILOT_MINIMUM_A else 0.0
        if reading.effective_a is not None:
            limit_a = min(limit_a, reading.effective_a)
        return reading.available_a < limit_a - SAME_LIMIT_A


_WANTS_TO_CHARGE: Final = frozenset({SeccState.CHARGING, SeccState.SUSPENDED_EVSE})


def written(
    limit_a: float,
    *,
    lease_seconds: float,
    monotonic: float,
    now: datetime,
    valid_to: datetime | None,
    set_at: float | None = None,
) -> Lease:
    """Return the lease of a limit that is written now, no longer than it is wanted.

    `set_at` is when it was written first, where it is renewed.
    """
    seconds = lease_seconds
    if valid_to is not None:
        seconds = max(SHORTEST_SECONDS, min(seconds, (valid_to - now).total_seconds()))
    return Lease(
        limit_a=limit_a,
        timeout_seconds=seconds,
        written_at=monotonic,
        renew_at=monotonic + seconds * RENEWED_AT,
        set_at=monotonic if set_at is None else set_at,
        valid_to=valid_to,
    )


def given_up(reading: Reading) -> bool:
    """Say whether a reading shows that nothing is limited by this API."""
    return reading.limits_read and (reading.limit_a is None or reading.limit_enabled is False)
