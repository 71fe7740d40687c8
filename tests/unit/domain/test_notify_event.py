"""The status of connectors as a NotifyEvent tells it (OCPP 2.x N07)."""

from bridge.domain.effects import NotAccepted, Outcome, StatusRecorded
from bridge.domain.enums import ConnectorStatus, Registration
from bridge.domain.events import NotifyEvent, StatusNotification
from bridge.domain.settings import StationSettings, UnknownStations
from tests.records import replace
from tests.unit.domain.builders import Told, ready

OCCUPIED = ConnectorStatus.OCCUPIED


def notify(told: Told, *places: tuple[int, int]) -> Outcome:
    """Tell that these connectors are occupied; connector 0 is the EVSE."""
    return told.tell(
        NotifyEvent(
            statuses=tuple(
                StatusNotification(
                    timestamp=told.now,
                    evse_id=evse_id,
                    connector_id=connector_id,
                    status=OCCUPIED,
                )
                for evse_id, connector_id in places
            )
        )
    )


def told_of(outcome: Outcome) -> list[tuple[int, int]]:
    return [
        (event.evse_id, event.connector_id)
        for event in outcome.events
        if isinstance(event, StatusRecorded)
    ]


def test_each_status_of_a_message_is_an_event() -> None:
    told = ready(evses=2)
    assert told_of(notify(told, (1, 1), (2, 1))) == [(1, 1), (2, 1)]
    assert told.evse(2).connectors[1].status is OCCUPIED


def test_there_and_back_within_a_message_are_three_events() -> None:
    told = ready()
    status = StatusNotification(
        timestamp=told.now, evse_id=1, connector_id=1, status=ConnectorStatus.OCCUPIED
    )
    back = replace(status, status=ConnectorStatus.AVAILABLE)
    outcome = told.tell(NotifyEvent(statuses=(status, back, status)))
    recorded = [event for event in outcome.events if isinstance(event, StatusRecorded)]
    assert [event.status.value for event in recorded] == ["Occupied", "Available", "Occupied"]
    assert len({event.event_id for event in recorded}) == 3


def test_it_is_the_same_status_as_a_status_notification_tells() -> None:
    told = ready()
    notify(told, (1, 1))
    assert told.status(OCCUPIED).events == ()


def test_the_status_of_an_evse_is_that_of_its_connector() -> None:
    told = ready()
    assert told_of(notify(told, (1, 0))) == [(1, 1)]


def test_an_evse_of_which_nothing_is_known_has_connector_1() -> None:
    told = ready()
    assert told_of(notify(told, (2, 0))) == [(2, 1)]
    assert list(told.evse(2).connectors) == [1]


def test_several_connectors_tell_their_status_themselves() -> None:
    told = ready()
    told.status(ConnectorStatus.UNAVAILABLE, connector_id=2)
    assert told_of(notify(told, (1, 0))) == []
    assert told_of(notify(told, (1, 0), (1, 2))) == [(1, 2)]


def test_a_station_that_is_not_accepted_tells_nothing() -> None:
    told = Told(settings=StationSettings(unknown_stations=UnknownStations.PENDING))
    assert told.station.registration is Registration.PENDING
    assert notify(told, (1, 1)).reply == NotAccepted()
