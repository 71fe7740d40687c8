"""event/security: what is recorded of a station's identity and of what it reports itself."""

from datetime import timedelta

from bridge.domain.effects import Acknowledged, NotAccepted, SecurityRecorded
from bridge.domain.enums import SecurityCode
from bridge.domain.events import SecurityEventNotification
from bridge.domain.records import replace
from bridge.domain.security import Incident
from tests.unit.domain.builders import KNOWN, T0, Told

INCIDENT = Incident(
    incident_id="i1", code=SecurityCode.DUPLICATE, details={"remote": "192.0.2.1:1"}
)


def test_an_incident_is_recorded_and_moves_nothing() -> None:
    told = Told()
    before = told.station
    outcome = told.tell(INCIDENT)
    assert outcome.station is before
    (event,) = outcome.events
    assert isinstance(event, SecurityRecorded)
    assert (event.evse_id, event.code, event.alarm) == (0, "duplicate", False)
    assert (event.at, event.received_at) == (told.now, told.now)
    assert event.message == "a second connection has taken the place of one that was alive"
    assert event.details == {"remote": "192.0.2.1:1"}


def test_each_code_has_its_sentence() -> None:
    for code in set(SecurityCode) - {SecurityCode.STATION_EVENT}:
        (event,) = Told().tell(replace(INCIDENT, code=code)).events
        assert isinstance(event, SecurityRecorded)
        assert event.message


def test_two_incidents_are_two_events() -> None:
    told = Told()
    first = told.tell(INCIDENT)
    second = told.tell(replace(INCIDENT, incident_id="i2"), after=0.0)
    assert first.events[0].event_id != second.events[0].event_id


def test_of_a_station_that_waits_for_approval_nothing_is_told() -> None:
    told = Told(replace(KNOWN, known=False))
    assert told.tell(INCIDENT).events == ()


def test_what_the_station_reports_is_recorded_with_its_time() -> None:
    told = Told()
    at = T0 - timedelta(hours=1)
    message = SecurityEventNotification(type="TamperDetectionActivated", timestamp=at)
    outcome = told.tell(message)
    assert outcome.reply == Acknowledged()
    (event,) = outcome.events
    assert isinstance(event, SecurityRecorded)
    assert (event.code, event.at) == ("station_event", at)
    assert event.message == "the station reports TamperDetectionActivated"
    assert event.details == {"type": "TamperDetectionActivated", "techInfo": None}
    (again,) = told.tell(message).events
    assert again.event_id != event.event_id


def test_who_is_not_accepted_reports_nothing() -> None:
    told = Told(replace(KNOWN, known=False))
    outcome = told.tell(SecurityEventNotification(type="StartupOfTheDevice", timestamp=T0))
    assert outcome.reply == NotAccepted()
    assert outcome.events == ()
