"""Reading charging profiles and composite schedules (OCPP 2.0.1 K08, K09; 1.6 5.7)."""

import pytest

from tests.acceptance.bridges import Bridge
from tests.acceptance.stations import Json, played, reject
from tests.acceptance.witness import Witness, outcome
from tests.conformance.story import DONE, PLACE, Story

WHOLE = "CS1/0"
TX_ID = 1297154049
ALL_SOURCES = {"chargingLimitSource": ["CSO", "EMS", "SO", "Other"]}


@pytest.mark.parametrize(
    ("place", "body", "evse", "criteria"),
    [
        pytest.param(
            WHOLE,
            {"stationOnly": True},
            {"evseId": 0},
            ALL_SOURCES,
            marks=pytest.mark.conformance("TC_K_29_CSMS"),
        ),
        pytest.param(
            PLACE,
            {},
            {"evseId": 1},
            ALL_SOURCES,
            marks=pytest.mark.conformance("TC_K_30_CSMS"),
        ),
        pytest.param(WHOLE, {}, {}, ALL_SOURCES, marks=pytest.mark.conformance("TC_K_31_CSMS")),
        pytest.param(
            WHOLE,
            {"profileIds": [TX_ID]},
            {},
            {"chargingProfileId": [TX_ID]},
            marks=pytest.mark.conformance("TC_K_32_CSMS"),
        ),
        pytest.param(
            PLACE,
            {"stackLevel": 0},
            {"evseId": 1},
            {"stackLevel": 0},
            marks=pytest.mark.conformance("TC_K_33_CSMS"),
        ),
        pytest.param(
            PLACE,
            {"limitSources": ["CSO"]},
            {"evseId": 1},
            {"chargingLimitSource": ["CSO"]},
            marks=pytest.mark.conformance("TC_K_34_CSMS"),
        ),
        pytest.param(
            PLACE,
            {"purpose": "TxProfile"},
            {"evseId": 1},
            {"chargingProfilePurpose": "TxProfile"},
            marks=pytest.mark.conformance("TC_K_35_CSMS"),
        ),
        pytest.param(
            PLACE,
            {"purpose": "TxProfile", "stackLevel": 0},
            {"evseId": 1},
            {"chargingProfilePurpose": "TxProfile", "stackLevel": 0},
            marks=pytest.mark.conformance("TC_K_36_CSMS"),
        ),
    ],
    ids=lambda part: "-".join(part) or "all" if isinstance(part, dict) else part,
)
async def test_profiles_are_asked_for_and_every_part_of_the_report_is_told(
    story: Story, place: str, body: Json, evse: Json, criteria: Json
) -> None:
    await story.station.status("Available", evse_id=2)
    await story.charge()
    assert outcome(await story.witness.ask("limit", {"limitA": 10}, place=WHOLE)) == DONE
    results = await story.witness.ask("getProfiles", body, place=place)
    assert outcome(results) == DONE
    (asked,) = story.station.calls_of("GetChargingProfiles")
    request_id = asked.pop("requestId")
    assert asked == {"chargingProfile": criteria, **evse}
    assert request_id > 0
    # the station reports in two parts what it has on EVSE 1 and 2: it does not choose among them
    found = results[-1]["data"]["profiles"]
    assert [(each["evse"], each["purpose"], each["ours"]) for each in found] == [
        (1, "TxProfile", True),
        (2, "TxDefaultProfile", True),
    ]
    assert found[0]["profileId"] == TX_ID
    assert found[0]["transactionId"] == "tx-1"
    assert found[0]["schedule"]["periods"] == [
        {"startSeconds": 0, "limitA": 10, "numberPhases": None}
    ]


async def test_where_there_are_no_profiles_none_are_told(story: Story) -> None:
    results = await story.witness.ask("getProfiles", place=WHOLE)
    assert outcome(results) == DONE
    assert results[-1]["data"] == {"profiles": []}


async def test_a_station_that_reports_no_profiles_is_told_so(story: Story) -> None:
    story.station.answer_with("GetChargingProfiles", reject)
    results = await story.witness.ask("getProfiles", place=WHOLE)
    assert outcome(results) == [("accepted", "ok"), ("rejected", "station_rejected")]


@pytest.mark.parametrize(
    "evse",
    [
        pytest.param(1, marks=pytest.mark.conformance("TC_K_43_CSMS")),
        pytest.param(0, marks=pytest.mark.conformance("TC_K_44_CSMS")),
    ],
)
async def test_the_composite_schedule_is_asked_for(story: Story, evse: int) -> None:
    schedule = {
        "evseId": evse,
        "duration": 300,
        "scheduleStart": "2026-11-21T08:00:00Z",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
    }
    answer = {"status": "Accepted", "schedule": schedule}
    story.station.answer_with("GetCompositeSchedule", lambda _payload: answer)
    body = {"durationSeconds": 300, "unit": "A"}
    results = await story.witness.ask("getComposite", body, place=f"CS1/{evse}")
    assert outcome(results) == DONE
    asked = {"duration": 300, "evseId": evse, "chargingRateUnit": "A"}
    assert story.station.calls == [("GetCompositeSchedule", asked)]
    assert results[-1]["data"] == {
        "status": "Accepted",
        "schedule": {
            "startAt": "2026-11-21T08:00:00.000Z",
            "durationSeconds": 300,
            "unit": "A",
            "periods": [{"startSeconds": 0, "limitA": 10, "numberPhases": None}],
        },
    }


@pytest.mark.conformance("TC_066_CSMS")
async def test_the_composite_schedule_is_asked_for_in_1_6(
    bridge: Bridge, witness: Witness
) -> None:
    schedule = {
        "duration": 300,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 2300.0, "numberPhases": 1}],
    }
    answer = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-11-21T08:00:00Z",
        "chargingSchedule": schedule,
    }
    answers = {"GetCompositeSchedule": lambda _payload: answer}
    async with played(bridge.url, version="1.6", answers=answers) as station:
        boot = {"chargePointModel": "Hand", "chargePointVendor": "Played"}
        await station.call("BootNotification", boot)
        results = await witness.ask("getComposite", {"durationSeconds": 300}, place=WHOLE)
        assert outcome(results) == DONE
        asked = {"connectorId": 0, "duration": 300}
        assert station.calls == [("GetCompositeSchedule", asked)]
        assert results[-1]["data"]["schedule"] == {
            "startAt": "2026-11-21T08:00:00.000Z",
            "durationSeconds": 300,
            "unit": "W",
            "periods": [{"startSeconds": 0, "limitW": 2300, "numberPhases": 1}],
        }
        results = await witness.ask("getProfiles", place=WHOLE)
        assert outcome(results) == [("rejected", "unsupported")]
