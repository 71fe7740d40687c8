"""The commands that a write of a charge controller's client leads to, whichever way it came. Pure."""

from datetime import datetime
from typing import Final

from bridge.api.incoming import Accepted, Arrival, CommandAddress, reference
from bridge.domain.commands import (
    Arguments,
    Command,
    Pause,
    Release,
    Resume,
    SetLimit,
    SetPhases,
)
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import StationId

CONTROLLER: Final = "secc"
"""Who a client is that has no name of its own."""
Place = tuple[StationId, int]
"""A station and its EVSE."""
_NAMES: Final[dict[type[Arguments], str]] = {
    SetLimit: "limit",
    Release: "release",
    Pause: "pause",
    Resume: "resume",
    SetPhases: "phases",
}


def command_of(
    place: Place,
    arguments: Arguments,
    *,
    controller: str,
    source: AllocationSource,
    now: datetime,
    fresh_id: str,
) -> Accepted:
    """Return a command as if its client had given it."""
    station_id, evse_id = place
    address = CommandAddress(
        station_id=station_id,
        evse_id=evse_id,
        controller=controller,
        name=_NAMES[type(arguments)],
        source=source,
    )
    arrival = Arrival(address=address, payload=b"", received_at=now, fresh_id=fresh_id)
    command = Command(ref=reference(arrival), arguments=arguments, received_at=now)
    return Accepted(command=command, body_hash="")
