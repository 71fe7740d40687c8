"""What a station says of its connectors (OCPP 2.x G01, N07; OCPP 1.6 4.9)."""

from typing import Final

from bridge.domain import authorization, charge_point, connector, faults, progress, upkeep
from bridge.domain.draft import Draft
from bridge.domain.effects import StatusRecorded
from bridge.domain.enums import ChargePointStatus
from bridge.domain.events import NotifyEvent, StatusNotification
from bridge.domain.ids import STATION_EVSE, event_id
from bridge.domain.model import Connector, Evse
from bridge.domain.records import replace

_FIRST_EVSE: Final = 1
_FIRST_CONNECTOR: Final = 1

MAX_CONNECTORS: Final = 16
"""Connectors of one EVSE that are kept."""


def reported(draft: Draft, message: StatusNotification) -> None:
    """Take in the status of a connector."""
    if draft.settings.station_status and len(draft.evses) <= 1:
        message = _of_the_only_evse(message)
    if message.evse_id == STATION_EVSE or not draft.can_have(message.evse_id):
        return
    evse = draft.evses.get(message.evse_id) or Evse(id=message.evse_id)
    before = evse.connectors.get(message.connector_id)
    if before is None and len(evse.connectors) >= MAX_CONNECTORS:
        return
    after = Connector(
        status=message.status,
        at=message.timestamp or draft.now,
        error_code=message.error_code,
        point_status=message.point_status,
    )
    evse = replace(evse, connectors={**evse.connectors, message.connector_id: after})
    if message.point_status is ChargePointStatus.PREPARING:
        evse = replace(evse, prepared_at=draft.now)
    authorized = authorization.is_authorized(draft.station, evse, draft.now)
    plugged = connector.plugged_by_status(evse, after, authorized=authorized)
    upkeep.refresh(draft, evse, plugged=plugged)
    if before is None or _told(before) != _told(after):
        draft.events.append(_status_recorded(draft, message, before))
        faults.of_status(draft, message, before)
    if message.point_status is not None:
        event = charge_point.event_of(draft.present, message, draft.now)
        if event is not None:
            progress.take_in(draft, event)


def _of_the_only_evse(status: StatusNotification) -> StatusNotification:
    """Return a status with the EVSE that a station means by itself (charger-quirks 13)."""
    if status.evse_id != STATION_EVSE:
        return status
    return replace(status, evse_id=_FIRST_EVSE, connector_id=_FIRST_CONNECTOR)


def reported_by_events(draft: Draft, message: NotifyEvent) -> None:
    """Take in the statuses that come as variables of the device model."""
    for status in message.statuses:
        if status.connector_id:
            reported(draft, status)
        else:
            _evse_status(draft, status)


def _evse_status(draft: Draft, status: StatusNotification) -> None:
    """Take an EVSE's own status as that of its connector; several tell theirs themselves."""
    evse = draft.evses.get(status.evse_id)
    connectors = list(evse.connectors) if evse and evse.connectors else [_FIRST_CONNECTOR]
    if len(connectors) == 1:
        reported(draft, replace(status, connector_id=connectors[0]))


def _told(connector_: Connector) -> tuple[object, ...]:
    return connector_.status, connector_.error_code


def _status_recorded(
    draft: Draft, message: StatusNotification, before: Connector | None
) -> StatusRecorded:
    place = f"status/{message.evse_id}/{message.connector_id}"
    earlier = sum(isinstance(event, StatusRecorded) for event in draft.events)
    if earlier:  # one NotifyEvent may tell of there and back, all in the same second
        place += f"/{earlier}"
    at = message.timestamp or draft.now
    return StatusRecorded(
        event_id=event_id(draft.station.id, place, draft.station.revision, message.status, at),
        station_id=draft.station.id,
        evse_id=message.evse_id,
        connector_id=message.connector_id,
        status=message.status,
        previous=before.status if before else None,
        timestamp=at,
        received_at=draft.now,
        error_code=message.error_code,
        point_status=message.point_status,
        warnings=message.warnings,
    )
