"""Which incidents are told, and that a flood of them is not."""

from bridge.domain.enums import SecurityCode
from bridge.domain.ids import StationId
from bridge.domain.security import Incident
from bridge.ocpp.incidents import BURST, Incidents
from tests.ocpp_inbox import CountedIds, MemoryInbox

CS = StationId("CS1")


async def test_an_incident_is_told_with_its_facts() -> None:
    inbox = MemoryInbox()
    incidents = Incidents(inbox, CountedIds())
    incidents.tell(CS, SecurityCode.FAILED_LOGIN, 0.0, alarm=True, remote="192.0.2.1:1")
    assert inbox.incidents == [
        (
            "CS1",
            Incident(
                incident_id="call-1",
                code=SecurityCode.FAILED_LOGIN,
                alarm=True,
                details={"remote": "192.0.2.1:1", "leftOut": 0},
            ),
        )
    ]


async def test_of_a_flood_a_few_are_told_and_the_next_says_how_many_were_left_out() -> None:
    inbox = MemoryInbox()
    incidents = Incidents(inbox, CountedIds())
    for _ in range(100):
        incidents.tell(CS, SecurityCode.DUPLICATE, 0.0)
    assert len(inbox.incidents) == BURST
    incidents.tell(CS, SecurityCode.FAILED_LOGIN, 0.0)
    incidents.tell(StationId("CS2"), SecurityCode.DUPLICATE, 0.0)
    assert [incident.details["leftOut"] for _, incident in inbox.incidents[BURST:]] == [0, 0]
    incidents.tell(CS, SecurityCode.DUPLICATE, 12.0)
    _, last = inbox.incidents[-1]
    assert (last.code, last.details["leftOut"]) == (SecurityCode.DUPLICATE, 95)
    incidents.tell(CS, SecurityCode.DUPLICATE, 30.0)
    assert inbox.incidents[-1][1].details["leftOut"] == 0
