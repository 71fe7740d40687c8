"""What the station does when it is operated from afar, however a version of OCPP asks for it."""

from datetime import datetime

from bridge.simulator.evse import Evse
from bridge.simulator.station import StationModel
from bridge.simulator.transaction import Authorization


def evse_to_start(station: StationModel, evse_id: int | None, id_token: str) -> Evse | None:
    """Return the named EVSE, or without a name one with a car before others; None: none is free.

    Nothing starts any more once a reset is due.
    """
    named = station.evses.values() if evse_id is None else [station.evses.get(evse_id)]
    free = [evse for evse in named if evse is not None and _is_free(station, evse, id_token)]
    return min(free, key=lambda evse: evse.car is None, default=None)


def start(station: StationModel, evse: Evse, authorization: Authorization, now: datetime) -> None:
    """Authorize an EVSE, after asking for the verdict where AuthorizeRemoteStart demands it."""
    if station.variables.flag("AuthCtrlr", "AuthorizeRemoteStart"):
        station.reader.ask(evse, authorization, now)
    else:
        evse.authorize(authorization, now)


def _is_free(station: StationModel, evse: Evse, id_token: str) -> bool:
    wanted = evse.free and evse.is_for(id_token)
    return wanted and not station.is_asking(evse) and station.reset_plan is None
