"""What may flow at an EVSE, of all that limits it: hardware, cable, profiles, somebody else.

The lowest limit holds, and the least number of phases (OCPP 2.0.1 part 2, block K, section 3.5).
What limits the whole station is shared in equal parts by the EVSEs that charge.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bridge.simulator.options import SimulatorOptions
from bridge.simulator.profile_store import WHOLE_STATION, Limit, ProfileStore, Subject
from bridge.simulator.quirks import Quirk


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All limits of one station."""

    options: SimulatorOptions
    profiles: ProfileStore
    sharing: Callable[[], int]
    """Among how many EVSEs a limit of the station is shared now."""

    def at(self, subject: Subject, moment: datetime) -> Limit:
        """Return what may flow at an EVSE, or with EVSE 0 through the grid connection."""
        limits = [limit for limit in self._all(subject, moment) if limit is not None]
        phases = min([subject.phases, *(limit.phases or subject.phases for limit in limits)])
        choices = [limit.phase_to_use for limit in limits if limit.phase_to_use is not None]
        return Limit(
            amps=min([self.options.hardware_max_a, *(limit.on(phases) for limit in limits)]),
            phases=phases,
            phase_to_use=choices[0] if choices else None,
        )

    def _all(self, subject: Subject, moment: datetime) -> Iterator[Limit | None]:
        for limit in self._of_the_station(subject, moment):
            shares = 1 if subject.evse_id == WHOLE_STATION else self.sharing()
            yield limit and limit.shared_by(shares)
        if subject.evse_id != WHOLE_STATION:
            yield self.profiles.external_limit(subject.evse_id, subject.phases, moment)
        if Quirk.IGNORE_PROFILES not in self.options.quirks:
            yield self.profiles.evse_limit(subject, moment, deaf_since=self._deaf_since(subject))

    def _of_the_station(self, subject: Subject, moment: datetime) -> Iterator[Limit | None]:
        yield self.profiles.external_limit(WHOLE_STATION, subject.phases, moment)
        if Quirk.IGNORE_PROFILES not in self.options.quirks:
            yield self.profiles.station_limit(subject.phases, moment)

    def _deaf_since(self, subject: Subject) -> datetime | None:
        deaf = Quirk.IGNORE_TX_DEFAULT_IN_TRANSACTION in self.options.quirks
        running = subject.transaction_id is not None
        return subject.transaction_start if deaf and running else None
