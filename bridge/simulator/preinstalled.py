"""Profiles that somebody else installed before this CSMS came: `--installed-profile`.

As written on the command line: purpose, perhaps a stackLevel, a limit, perhaps an EVSE::

    max=20             ChargingStationMaxProfile of 20 A
    default/3=11000W   TxDefaultProfile of 11 kW at stackLevel 3, for every EVSE
    default=10,evse=1  TxDefaultProfile of 10 A at stackLevel 0, for EVSE 1
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.simulator.profile_store import WHOLE_STATION, Installed
from bridge.simulator.profiles import Kind, Purpose, parse_profile, simple_schedule

FIRST_PROFILE_ID: Final = 800_001

_PURPOSES: Final = {"max": Purpose.STATION_MAX, "default": Purpose.TX_DEFAULT}
_PROFILE: Final = re.compile(
    r"(?P<purpose>max|default)(?:/(?P<stack>\d+))?"
    r"=(?P<limit>\d+(?:\.\d+)?)(?P<unit>[AW])?(?:,evse=(?P<evse>\d+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preinstalled:
    """One such profile: a single limit without an end."""

    purpose: Purpose
    limit: float
    unit: str = "A"
    """A per phase, or W in all."""
    stack_level: int = 0
    evse_id: int = WHOLE_STATION

    def at(self, now: datetime, number: int) -> Installed:
        """Return it as installed now; it is the `number`th, from 0 on."""
        payload = {
            "id": FIRST_PROFILE_ID + number,
            "stackLevel": self.stack_level,
            "chargingProfilePurpose": self.purpose,
            "chargingProfileKind": Kind.ABSOLUTE,
            "chargingSchedule": [simple_schedule(self.limit, self.unit, now)],
        }
        return Installed(evse_id=self.evse_id, profile=parse_profile(payload), at=now)


def parse_preinstalled(text: str) -> Preinstalled:
    """Read one profile as it is written on the command line.

    Raises:
        ValueError: it is none, or a limit of the station is said to be for one EVSE.
    """
    found = _PROFILE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no profile such as max=20, default/3=11000W, default=10,evse=1"
        )
    profile = Preinstalled(
        purpose=_PURPOSES[found["purpose"]],
        limit=float(found["limit"]),
        unit=found["unit"] or "A",
        stack_level=int(found["stack"] or 0),
        evse_id=int(found["evse"] or WHOLE_STATION),
    )
    if profile.purpose is Purpose.STATION_MAX and profile.evse_id != WHOLE_STATION:
        raise ValueError(f"{text!r}: max is a limit of the whole station")
    return profile
