"""Availability (OCPP 2.0.1 part 6, G; 1.6 core profile)."""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.stations import Json
from tests.acceptance.witness import Witness, outcome
from tests.conformance.charge_point import ChargePoint, charge_point
from tests.conformance.story import DONE, PLACE, Story

WHOLE: Final = "CS1/0"
STATUSES: Final = {True: "Operative", False: "Inoperative"}


@pytest.mark.conformance("TC_G_01_CSMS")
@pytest.mark.parametrize("status", ["Occupied", "Reserved", "Unavailable", "Faulted"])
async def test_each_status_is_told(story: Story, status: str) -> None:
    await story.station.status(status)
    await story.shows(connectorStatus=status)
    await story.witness.settle()
    events = story.witness.documents(f"{PLACE}/event/status")
    assert [(each["previousStatus"], each["connectorStatus"]) for each in events] == [
        (None, "Available"),
        ("Available", status),
    ]


@pytest.mark.parametrize(
    ("place", "operative"),
    [
        pytest.param(PLACE, False, marks=pytest.mark.conformance("TC_G_03_CSMS")),
        pytest.param(PLACE, True, marks=pytest.mark.conformance("TC_G_04_CSMS")),
        pytest.param(WHOLE, False, marks=pytest.mark.conformance("TC_G_05_CSMS")),
        pytest.param(WHOLE, True, marks=pytest.mark.conformance("TC_G_06_CSMS")),
    ],
)
async def test_an_evse_or_the_station_is_taken_out_of_service_and_back(
    story: Story, place: str, *, operative: bool
) -> None:
    if operative:
        await story.station.status("Unavailable")
    body = {"operative": operative}
    results = await story.witness.ask("availability", body, place=place)
    assert outcome(results) == DONE
    assert results[-1]["data"] == {"status": "Accepted"}
    where: Json = {} if place == WHOLE else {"evse": {"id": 1}}
    wanted = {"operationalStatus": STATUSES[operative], **where}
    assert story.station.calls == [("ChangeAvailability", wanted)]
    status = "Available" if operative else "Unavailable"
    await story.station.status(status)
    await story.shows(connectorStatus=status, state="Idle" if operative else "Unavailable")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(PLACE, marks=pytest.mark.conformance("TC_G_11_CSMS")),
        pytest.param(WHOLE, marks=pytest.mark.conformance("TC_G_14_CSMS")),
    ],
)
async def test_a_transaction_is_waited_for(story: Story, place: str) -> None:
    await story.charge()
    story.station.answer_with("ChangeAvailability", lambda _payload: {"status": "Scheduled"})
    results = await story.witness.ask("availability", {"operative": False}, place=place)
    assert outcome(results) == DONE
    assert results[-1]["data"] == {"status": "Scheduled"}
    await story.shows(state="Charging", transactionId="tx-1")
    await story.unplug()
    await story.station.status("Unavailable")
    await story.shows(state="Unavailable", transactionId=None)


class TestOneConnector:
    """A single connector of an EVSE is named by `call`."""

    @pytest.fixture
    def options(self) -> Options:
        return {"commands": {"allow_call": True}}

    @pytest.mark.parametrize(
        ("status", "answer"),
        [
            pytest.param("Inoperative", "Accepted", marks=pytest.mark.conformance("TC_G_07_CSMS")),
            pytest.param("Operative", "Accepted", marks=pytest.mark.conformance("TC_G_08_CSMS")),
            pytest.param(
                "Inoperative", "Scheduled", marks=pytest.mark.conformance("TC_G_17_CSMS")
            ),
        ],
    )
    async def test_it_is_taken_out_of_service_and_back(
        self, story: Story, status: str, answer: str
    ) -> None:
        story.station.answer_with("ChangeAvailability", lambda _payload: {"status": answer})
        payload = {"operationalStatus": status, "evse": {"id": 1, "connectorId": 1}}
        body = {"action": "ChangeAvailability", "payload": payload}
        results = await story.witness.ask("call", body, place=WHOLE)
        assert outcome(results) == DONE
        assert story.station.calls == [("ChangeAvailability", payload)]
        assert results[-1]["data"]["status"] == answer


@pytest.mark.conformance("TC_G_20_CSMS")
async def test_a_lock_that_fails_is_answered(story: Story) -> None:
    failure = {
        "eventId": 1,
        "timestamp": "2026-11-21T08:00:00Z",
        "trigger": "Delta",
        "actualValue": "true",
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "ConnectorPlugRetentionLock", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": "Problem"},
    }
    payload = {"generatedAt": "2026-11-21T08:00:00Z", "seqNo": 0, "eventData": [failure]}
    assert await story.station.call("NotifyEvent", payload) == {}
    await story.shows(state="Idle")


# --- OCPP 1.6


@pytest.fixture
async def point(bridge: Bridge) -> AsyncIterator[ChargePoint]:
    """A booted Charge Point of OCPP 1.6."""
    async with charge_point(bridge.url) as playing:
        await playing.boot()
        yield playing


@pytest.mark.conformance("TC_024_CSMS")
async def test_a_lock_that_fails_in_1_6(point: ChargePoint, witness: Witness) -> None:
    await point.charge()
    await point.status("Faulted", "ConnectorLockFailure")
    state = await witness.until_newest(f"{PLACE}/state", state="Faulted")
    assert state["ocpp"]["errorCode"] == "ConnectorLockFailure"
    await witness.until(f"{PLACE}/event/status", errorCode="ConnectorLockFailure")


@pytest.mark.parametrize(
    ("status", "charging"),
    [
        pytest.param("UnlockFailed", True, marks=pytest.mark.conformance("TC_030_CSMS")),
        pytest.param("NotSupported", False, marks=pytest.mark.conformance("TC_031_CSMS")),
        pytest.param("Unlocked", False, marks=pytest.mark.conformance("TC_017_CSMS")),
        pytest.param("Unlocked", True, marks=pytest.mark.conformance("TC_018_CSMS")),
    ],
)
async def test_unlock_in_1_6(
    point: ChargePoint, witness: Witness, status: str, *, charging: bool
) -> None:
    if charging:
        await point.charge()
    point.station.answer_with("UnlockConnector", lambda _payload: {"status": status})
    results = await witness.ask("unlock", place=PLACE)
    assert point.station.calls == [("UnlockConnector", {"connectorId": 1})]
    if status == "Unlocked":
        assert outcome(results) == DONE
    else:
        assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]
        assert results[-1]["error"]["details"]["status"] == status
