"""Whether somebody is allowed to charge where no transaction runs yet (mapping.md, 3 and 4).

A token is shown to a station, not to an EVSE (OCPP 2.x C01, 1.6 4.1): until a transaction uses
it, or nobody has plugged in for too long, it counts for every EVSE of the station. A remote
start that the station has accepted names its EVSE. What happens in a transaction is told by its
own events.
"""

from datetime import datetime, timedelta
from typing import Final

from bridge.domain.draft import Draft
from bridge.domain.events import IdToken
from bridge.domain.ids import STATION_EVSE
from bridge.domain.model import Evse, PendingRemote, Station

HOLDS_FOR: Final = timedelta(seconds=120)
"""How long after a token was shown a transaction may follow. Stations wait that long for the
cable by default, or shorter (EVConnectionTimeOut)."""


def same_token(one: IdToken, other: IdToken) -> bool:
    """Compare values only: OCPP 1.6 knows no types of tokens, nor upper and lower case."""
    return one.value.casefold() == other.value.casefold()


def is_authorized(station: Station, evse: Evse, now: datetime) -> bool:
    """Say whether a transaction on an EVSE only waits for the vehicle or for the station."""
    if station.authorized_at is not None and now - station.authorized_at < HOLDS_FOR:
        return True
    return any(_counts(start, evse, now) for start in station.remote_starts)


def _counts(start: PendingRemote, evse: Evse, now: datetime) -> bool:
    used = evse.transaction is not None and (
        evse.transaction.remote_start_id == start.remote_start_id
    )
    return (
        not used
        and start.accepted_at is not None
        and now - start.accepted_at < HOLDS_FOR
        and start.ref.evse_id in {STATION_EVSE, evse.id}
    )


def shown(draft: Draft, token: IdToken) -> None:
    """Remember that the station has asked for a token, which is accepted."""
    draft.change(authorized_at=draft.now, authorized_token=token)


def used(draft: Draft, token: IdToken | None) -> bool:
    """Forget a token by which a transaction was begun or ended; say whether it was known."""
    known = draft.station.authorized_token
    if known is None or token is None or not same_token(known, token):
        return False
    draft.change(authorized_at=None, authorized_token=None)
    return True


def deadlines(station: Station, now: datetime) -> list[datetime]:
    """Return when a token that nobody has used counts no more."""
    if not station.online or not (station.authorized_at or station.remote_starts):
        return []  # most of the time
    waiting = {
        start.accepted_at
        for start in station.remote_starts
        for evse in station.evses.values()
        if _counts(start, evse, now)
    }
    given = {station.authorized_at, *waiting}
    return [at + HOLDS_FOR for at in given if at is not None and now < at + HOLDS_FOR]
