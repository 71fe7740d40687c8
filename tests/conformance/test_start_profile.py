"""A remote start that brings a charging profile (OCPP 2.0.1 K05; 1.6 5.11, 5.16.4)."""

from typing import Any

import pytest

from tests.acceptance.bridges import ASKING, Bridge, Options
from tests.acceptance.stations import ACCEPTED, REJECTED, Json, amperes
from tests.acceptance.witness import Document, Witness, outcome
from tests.conformance.charge_point import charge_point
from tests.conformance.story import DONE, PLACE, Story

BODY = {"idToken": {"value": "ME", "type": "Central"}, "maxA": 8}
TX_ID = 1297154049


async def started(witness: Witness) -> Document:
    """Give a `start` that is done; return the data of its result."""
    results = await witness.ask("start", BODY, place=PLACE)
    assert outcome(results) == DONE
    data: Document = results[-1]["data"]
    return data


async def begins(story: Story, number: int) -> None:
    """The station begins the transaction of a remote start."""
    info = {"chargingState": "Charging", "remoteStartId": number}
    await story.event("Started", "RemoteStart", info=info)


async def bound(witness: Witness) -> None:
    """Wait until the limit of the start is in control."""
    allocation = await witness.until_newest(
        f"{PLACE}/allocation", allocationSourceName="Transaction", offeredA=8, pending=None
    )
    assert allocation["accepted"]["via"] == "TxProfile"
    assert allocation["accepted"]["profileId"] == TX_ID


def without_profile(payload: Json) -> Json:
    """Refuse a start for its profile."""
    return REJECTED if "chargingProfile" in payload else ACCEPTED


def composite(limit_a: float) -> Any:
    """Answer GetCompositeSchedule with one limit."""

    def answer(payload: Json) -> Json:
        schedule = {
            "evseId": payload["evseId"],
            "duration": payload["duration"],
            "scheduleStart": "2026-11-21T08:00:00Z",
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
        }
        return {"status": "Accepted", "schedule": schedule}

    return answer


@pytest.mark.conformance("TC_K_37_CSMS")
async def test_a_start_with_a_limit_brings_a_profile_of_no_transaction(story: Story) -> None:
    data = await started(story.witness)
    (request,) = story.station.calls_of("RequestStartTransaction")
    profile = request["chargingProfile"]
    assert request["evseId"] == 1
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert profile["id"] == TX_ID
    assert "transactionId" not in profile
    assert amperes(profile) == 8
    await begins(story, data["remoteStartId"])
    await bound(story.witness)
    await story.witness.settle()
    assert not story.station.calls_of("SetChargingProfile")


async def test_one_that_is_refused_for_its_profile_is_asked_for_once_more(story: Story) -> None:
    story.station.answer_with("RequestStartTransaction", without_profile)
    data = await started(story.witness)
    first, second = story.station.calls_of("RequestStartTransaction")
    assert first.keys() - second.keys() == {"chargingProfile"}
    assert first["remoteStartId"] == second["remoteStartId"] == data["remoteStartId"]
    await begins(story, data["remoteStartId"])
    sent = await story.station.asked("SetChargingProfile")
    profile = sent["chargingProfile"]
    assert (amperes(profile), profile["transactionId"]) == (8, "tx-1")
    await bound(story.witness)


async def test_one_that_is_refused_altogether_is_not_asked_for_a_third_time(
    story: Story,
) -> None:
    story.station.answer_with("RequestStartTransaction", lambda _payload: REJECTED)
    for _ in range(2):
        results = await story.witness.ask("start", BODY, place=PLACE)
        assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]
    sent = story.station.calls_of("RequestStartTransaction")
    assert ["chargingProfile" in each for each in sent] == [True, False, True, False]


class TestVerified:
    """The bridge asks what the station makes of the profile."""

    @pytest.fixture
    def options(self) -> Options:
        return ASKING

    async def test_one_that_is_kept_is_not_written_again(self, story: Story) -> None:
        story.station.answer_with("GetCompositeSchedule", composite(8))
        data = await started(story.witness)
        await begins(story, data["remoteStartId"])
        await story.station.asked("GetCompositeSchedule")
        await bound(story.witness)
        await story.witness.settle()
        assert not story.station.calls_of("SetChargingProfile")
        await story.witness.wait_for(
            story.witness.address("CS1/info"),
            lambda message: message.json["capabilities"]["startProfile"] is True,
        )

    async def test_one_that_is_ignored_is_written_and_no_more_brought(self, story: Story) -> None:
        story.station.answer_with("GetCompositeSchedule", composite(32))
        data = await started(story.witness)
        await begins(story, data["remoteStartId"])
        sent = await story.station.asked("SetChargingProfile")
        assert sent["chargingProfile"]["transactionId"] == "tx-1"
        await bound(story.witness)
        story.station.answer_with("GetCompositeSchedule", composite(8))
        await story.unplug()
        await started(story.witness)
        sent = story.station.calls_of("RequestStartTransaction")[-1]
        assert "chargingProfile" not in sent


@pytest.mark.conformance("TC_059_CSMS")
async def test_a_start_with_a_limit_brings_a_profile_in_1_6(
    bridge: Bridge, witness: Witness
) -> None:
    async with charge_point(bridge.url) as point:
        await point.boot()
        await witness.until_newest(f"{PLACE}/state", state="Idle")
        await started(witness)
        (request,) = point.station.calls_of("RemoteStartTransaction")
        profile = request["chargingProfile"]
        assert (request["idTag"], request["connectorId"]) == ("ME", 1)
        assert profile["chargingProfilePurpose"] == "TxProfile"
        assert profile["chargingProfileId"] == TX_ID
        assert "transactionId" not in profile
        periods = profile["chargingSchedule"]["chargingSchedulePeriod"]
        assert periods == [{"startPeriod": 0, "limit": 8}]
        await point.status("Preparing")
        assert await point.begin("ME") == "Accepted"
        await point.status("Charging")
        await bound(witness)
        await witness.settle()
        assert not point.station.calls_of("SetChargingProfile")
