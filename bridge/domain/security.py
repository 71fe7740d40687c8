"""What concerns the identity of a station, told to people: event/security (security.md, 2 and 4).

The bridge sees some of it where stations connect (`Incident`), and stations tell the rest
(SecurityEventNotification, OCPP 2.x A04, 1.6 security extension). It moves nothing: it is
recorded once and published.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from bridge.domain.draft import Draft, registered
from bridge.domain.effects import SecurityRecorded
from bridge.domain.enums import SecurityCode
from bridge.domain.events import SecurityEventNotification
from bridge.domain.ids import event_id

_SENTENCES: Final = {
    SecurityCode.DUPLICATE: "a second connection has taken the place of one that was alive",
    SecurityCode.DUPLICATE_REFUSED: "two addresses fight for this identity: the newer was refused",
    SecurityCode.FAILED_LOGIN: "somebody has failed to log in under this identity",
    SecurityCode.LOGIN_CHANGED: "the station has logged in with its new password: older ones"
    " count no more",
}


class Incident(Struct, frozen=True, kw_only=True):
    """Something that was seen where stations connect; `incident_id` is unique."""

    incident_id: str
    code: SecurityCode
    alarm: bool = False
    """Somebody should look at it now."""
    details: Mapping[str, Any]


def happened(draft: Draft, incident: Incident) -> None:
    """Record what was seen; of a station that waits for its approval, nothing is told."""
    if registered(draft.station, draft.settings):
        _record(
            draft,
            draft.now,
            incident.incident_id,
            code=incident.code,
            message=_SENTENCES[incident.code],
            alarm=incident.alarm,
            details=incident.details,
        )


def password_changed(draft: Draft) -> None:
    """Record that the station uses the password that the bridge gave it last (A01)."""
    code = SecurityCode.LOGIN_CHANGED
    place = f"{code}/{draft.station.revision}/{draft.now.isoformat()}"
    _record(draft, draft.now, place, code=code, message=_SENTENCES[code], alarm=False, details={})


def told(draft: Draft, message: SecurityEventNotification) -> None:
    """Record what the station tells. It pushes only what is critical (A04.FR.02)."""
    place = f"{message.type}/{draft.station.revision}/{draft.now.isoformat()}"
    _record(
        draft,
        message.timestamp,
        place,
        code=SecurityCode.STATION_EVENT,
        message=f"the station reports {message.type}",
        alarm=False,
        details={"type": message.type, "techInfo": message.tech_info},
    )


def _record(draft: Draft, at: datetime, place: str, **facts: Any) -> None:
    station_id = draft.station.id
    draft.events.append(
        SecurityRecorded(
            event_id=event_id(station_id, f"security/{place}", 0, facts["code"], at),
            station_id=station_id,
            at=at,
            received_at=draft.now,
            **facts,
        )
    )
