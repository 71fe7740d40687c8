"""Smart charging (OCPP 2.0.1 K; 1.6 smart charging profile): what a limit becomes at the station.

More of it is in tests/acceptance/test_independent_station.py, for each version; how profiles are
read is in test_profiles_read.py.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.acceptance.bridges import ASKING, INSTALLATION_MAX_A, Bridge, Options
from tests.acceptance.stations import CallError, Json, RawStation, amperes, played, reject
from tests.acceptance.witness import Document, Witness, outcome
from tests.conformance.story import DONE, PLACE, Story

WHOLE: Final = "CS1/0"
TX_ID: Final = 1297154049
DEFAULT_ID: Final = 1297186817


async def limited(story: Story, amps: float, place: str = PLACE) -> list[Document]:
    """Give the command `limit`; return its results."""
    results: list[Document] = await story.witness.ask("limit", {"limitA": amps}, place=place)
    return results


def profiles(story: Story) -> list[Json]:
    """Return the profiles that the station was sent."""
    return [each["chargingProfile"] for each in story.station.calls_of("SetChargingProfile")]


# --- set


@pytest.mark.conformance("TC_K_01_CSMS", "TC_K_02_CSMS")
async def test_without_a_transaction_only_a_default_profile_is_sent(story: Story) -> None:
    assert outcome(await limited(story, 10)) == DONE
    (payload,) = story.station.calls_of("SetChargingProfile")
    assert payload["evseId"] == 1
    (profile,) = profiles(story)
    assert profile["chargingProfilePurpose"] == "TxDefaultProfile"
    assert "transactionId" not in profile
    assert amperes(profile) == 10


@pytest.mark.conformance("TC_K_02_CSMS")
async def test_a_profile_of_a_transaction_that_has_just_ended_may_be_refused(
    story: Story,
) -> None:
    await story.charge()

    def refuse(payload: Json) -> Json:
        of_tx = payload["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
        return {"status": "Rejected" if of_tx else "Accepted"}

    story.station.answer_with("SetChargingProfile", refuse)
    assert outcome(await limited(story, 10)) == DONE
    assert [each["chargingProfilePurpose"] for each in profiles(story)] == [
        "TxProfile",
        "TxDefaultProfile",
    ]
    allocation = await story.witness.until_newest(f"{PLACE}/allocation", offeredA=10)
    assert allocation["accepted"]["via"] == "TxDefaultProfile"


@pytest.mark.conformance("TC_K_10_CSMS")
async def test_a_limit_of_the_whole_station_is_a_profile_for_each_evse(story: Story) -> None:
    await story.station.status("Available", evse_id=2)
    assert outcome(await limited(story, 10, WHOLE)) == DONE
    sent = story.station.calls_of("SetChargingProfile")
    assert [each["evseId"] for each in sent] == [1, 2]
    assert {each["chargingProfilePurpose"] for each in profiles(story)} == {"TxDefaultProfile"}
    for evse in (1, 2):
        place = f"CS1/{evse}/allocation"
        await story.witness.until_newest(place, allocationSourceName="MQTT", offeredA=10)


@pytest.mark.conformance("TC_K_60_CSMS", "TC_K_04_CSMS")
async def test_a_new_limit_replaces_the_profile_of_the_transaction(story: Story) -> None:
    await story.charge()
    for amps in (10, 8):
        assert outcome(await limited(story, amps)) == DONE
    found = profiles(story)
    assert [amperes(each) for each in found] == [10, 8]
    assert [each["id"] for each in found] == [TX_ID, TX_ID]
    assert [each["chargingProfilePurpose"] for each in found] == ["TxProfile"] * 2
    assert [each["transactionId"] for each in found] == ["tx-1"] * 2
    for profile in found:
        (schedule,) = profile["chargingSchedule"]
        periods = schedule["chargingSchedulePeriod"]
        assert [each["startPeriod"] for each in periods] == [0]
        assert not any("phaseToUse" in each for each in periods)
    assert not story.station.calls_of("ClearChargingProfile")


@pytest.mark.parametrize("code", ["NotSupported", "NotImplemented"])
@pytest.mark.conformance("TC_K_15_CSMS")
async def test_a_station_without_smart_charging_is_not_said_to_be_controlled(
    story: Story, code: str
) -> None:
    await story.charge()
    story.station.answer_with("SetChargingProfile", lambda _payload: CallError(code))
    results = await limited(story, 10)
    assert outcome(results)[-1][0] in {"rejected", "failed"}
    assert results[-1]["error"]["details"]["code"] == code
    after = await story.witness.until_newest(f"{PLACE}/allocation", pending=None)
    assert (after["allocationSourceName"], after["offeredA"]) == ("Unmanaged", INSTALLATION_MAX_A)


class TestFallback:
    """A permanent profile below the bridge's own."""

    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"defaults": {"fallback_a": 6, "stack_level": 2}}}

    @pytest.mark.conformance("TC_K_70_CSMS")
    async def test_several_profiles_have_ids_and_levels_of_their_own(self, story: Story) -> None:
        await story.charge()
        assert outcome(await limited(story, 10)) == DONE
        await story.station.until(lambda: len(profiles(story)) == 2)
        found = {
            (each["chargingProfilePurpose"], each["stackLevel"]): each for each in profiles(story)
        }
        assert set(found) == {("TxDefaultProfile", 0), ("TxProfile", 2)}
        assert amperes(found["TxDefaultProfile", 0]) == 6
        assert amperes(found["TxProfile", 2]) == 10
        assert len({each["id"] for each in found.values()}) == 2
        assert "transactionId" not in found["TxDefaultProfile", 0]


# --- clear


@pytest.mark.conformance("TC_K_05_CSMS", "TC_K_08_CSMS")
@pytest.mark.parametrize("answer", ["Accepted", "Unknown"])
async def test_a_release_clears_the_profile_by_its_id(story: Story, answer: str) -> None:
    await story.charge()
    assert outcome(await limited(story, 10)) == DONE
    story.station.answer_with("ClearChargingProfile", lambda _payload: {"status": answer})
    assert outcome(await story.witness.ask("release", place=PLACE)) == DONE
    assert story.station.calls_of("ClearChargingProfile") == [{"chargingProfileId": TX_ID}]
    await story.witness.until_newest(
        f"{PLACE}/allocation", allocationSourceName="Unmanaged", pending=None
    )


# --- limits of others


@pytest.mark.parametrize("evse", [1, 0, None], ids=["EVSE", "station", "no EVSE"])
@pytest.mark.parametrize(
    "charging",
    [
        pytest.param(False, marks=pytest.mark.conformance("TC_K_48_CSMS"), id="idle"),
        pytest.param(
            True, marks=pytest.mark.conformance("TC_K_50_CSMS", "TC_K_52_CSMS"), id="charging"
        ),
    ],
)
async def test_a_limit_of_somebody_else_is_told_and_its_release_too(
    story: Story, *, charging: bool, evse: int | None
) -> None:
    if charging:
        await story.charge()
    where = {} if evse is None else {"evseId": evse}
    schedule = {
        "id": 1,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 12}],
    }
    limit = {"chargingLimit": {"chargingLimitSource": "EMS"}, "chargingSchedule": [schedule]}
    assert await story.station.call("NotifyChargingLimit", limit | where) == {}
    told = await story.witness.until_newest(
        f"{PLACE}/allocation", allocationSourceName="OCPP Profile", offeredA=12
    )
    assert told["limits"][0]["detail"]["limitSource"] == "EMS"
    if charging:
        event = await story.event("Updated", "ChargingRateChanged", "Charging")
        assert event == {}
    cleared = {"chargingLimitSource": "EMS"} | where
    assert await story.station.call("ClearedChargingLimit", cleared) == {}
    await story.witness.until_newest(
        f"{PLACE}/allocation", allocationSourceName="Unmanaged", offeredA=INSTALLATION_MAX_A
    )


@pytest.mark.conformance("TC_K_51_CSMS")
async def test_a_profile_of_somebody_else_is_reported_and_answered(story: Story) -> None:
    await story.charge()
    profile = {
        "id": 9,
        "stackLevel": 1,
        "chargingProfilePurpose": "ChargingStationExternalConstraints",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 9,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 13}],
            }
        ],
    }
    report = {
        "requestId": 0,
        "chargingLimitSource": "EMS",
        "evseId": 1,
        "chargingProfile": [profile],
    }
    assert await story.station.call("ReportChargingProfiles", report) == {}
    assert not story.station.calls_of("ClearChargingProfile")


# --- ISO 15118


@pytest.mark.conformance(
    "TC_K_53_CSMS", "TC_K_55_CSMS", "TC_K_57_CSMS", "TC_K_58_CSMS", "TC_K_59_CSMS"
)
@pytest.mark.parametrize(
    ("action", "payload"),
    [
        (
            "NotifyEVChargingNeeds",
            {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "AC_three_phase"}},
        ),
        (
            "NotifyEVChargingSchedule",
            {
                "timeBase": "2026-11-21T08:00:00Z",
                "evseId": 1,
                "chargingSchedule": {
                    "id": 1,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
                },
            },
        ),
    ],
)
async def test_schedules_of_iso_15118_are_declined_in_the_actions_own_words(
    story: Story, action: str, payload: Json
) -> None:
    await story.charge()
    assert await story.station.call(action, payload) == {"status": "Rejected"}
    await story.shows(state="Charging", transactionId="tx-1")


# --- OCPP 2.1


@pytest.fixture
async def newer(bridge: Bridge, witness: Witness) -> AsyncIterator[RawStation]:
    """A booted station of OCPP 2.1."""
    async with played(bridge.url, version="2.1") as playing:
        await playing.boot()
        await witness.until_newest(f"{PLACE}/state", state="Idle")
        yield playing


@pytest.mark.conformance("TC_K_100_CSMS")
async def test_a_lease_says_how_long_it_holds_while_the_station_is_offline(
    newer: RawStation, witness: Witness
) -> None:
    body = {"limitA": 10, "ttlSeconds": 300}
    assert outcome(await witness.ask("limit", body, place=PLACE)) == DONE
    (payload,) = newer.calls_of("SetChargingProfile")
    profile: dict[str, Any] = payload["chargingProfile"]
    assert profile["maxOfflineDuration"] == 600
    assert "validTo" in profile
    assert outcome(await witness.ask("limit", {"limitA": 9}, place=PLACE)) == DONE
    profile = newer.calls_of("SetChargingProfile")[-1]["chargingProfile"]
    assert profile.keys().isdisjoint({"maxOfflineDuration", "validTo"})


async def test_who_pulls_an_update_of_a_profile_that_was_never_set_is_declined(
    newer: RawStation,
) -> None:
    answer = await newer.call("PullDynamicScheduleUpdate", {"chargingProfileId": 1})
    assert answer == {"status": "Rejected"}


def _says_what_it_can(payload: Json) -> Json:
    """Answer GetVariables: profiles of kind Dynamic are taken, of the rest nothing is known."""
    results = []
    for each in payload["getVariableData"]:
        if each["variable"]["name"] == "SupportsDynamicProfiles":
            results.append({**each, "attributeStatus": "Accepted", "attributeValue": "true"})
        else:
            results.append({**each, "attributeStatus": "UnknownVariable"})
    return {"getVariableResult": results}


class TestDynamicProfiles:
    """OCPP 2.1, K28: one profile whose limit is moved without installing it again."""

    @pytest.fixture
    def options(self) -> Options:
        return ASKING

    @pytest.fixture
    async def taking(self, bridge: Bridge, witness: Witness) -> AsyncIterator[RawStation]:
        """A booted station of OCPP 2.1 that takes them."""
        answers: dict[str, Any] = {"GetVariables": _says_what_it_can}
        async with played(bridge.url, version="2.1", answers=answers) as playing:
            await playing.boot()
            await playing.asked("GetVariables")
            await witness.until_newest(f"{PLACE}/state", state="Idle")
            yield playing

    @pytest.mark.conformance("TC_K_121_CSMS")
    async def test_its_limit_is_moved_and_can_be_pulled(
        self, taking: RawStation, witness: Witness
    ) -> None:
        assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE
        (payload,) = taking.calls_of("SetChargingProfile")
        profile = payload["chargingProfile"]
        assert profile["chargingProfileKind"] == "Dynamic"
        (schedule,) = profile["chargingSchedule"]
        assert "startSchedule" not in schedule
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 10.0}]

        for amps in (8, 12.5):
            assert outcome(await witness.ask("limit", {"limitA": amps}, place=PLACE)) == DONE
        assert taking.calls_of("UpdateDynamicSchedule") == [
            {"chargingProfileId": DEFAULT_ID, "scheduleUpdate": {"limit": 8.0}},
            {"chargingProfileId": DEFAULT_ID, "scheduleUpdate": {"limit": 12.5}},
        ]
        assert len(taking.calls_of("SetChargingProfile")) == 1
        allocation = await witness.until_newest(f"{PLACE}/allocation", offeredA=12.5)
        assert allocation["allocationSourceName"] == "MQTT"

        answer = await taking.call("PullDynamicScheduleUpdate", {"chargingProfileId": DEFAULT_ID})
        assert answer == {"status": "Accepted", "scheduleUpdate": {"limit": 12.5}}
        answer = await taking.call("PullDynamicScheduleUpdate", {"chargingProfileId": 1})
        assert answer == {"status": "Rejected"}

    async def test_where_the_update_is_refused_the_profile_is_installed_again(
        self, taking: RawStation, witness: Witness
    ) -> None:
        assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE
        taking.answer_with("UpdateDynamicSchedule", reject)
        assert outcome(await witness.ask("limit", {"limitA": 8}, place=PLACE)) == DONE
        first, second = [each["chargingProfile"] for each in taking.calls_of("SetChargingProfile")]
        assert (first["chargingProfileKind"], second["chargingProfileKind"]) == (
            "Dynamic",
            "Absolute",
        )
        assert amperes(second) == 8.0
        assert outcome(await witness.ask("limit", {"limitA": 9}, place=PLACE)) == DONE
        assert len(taking.calls_of("UpdateDynamicSchedule")) == 1  # it was learnt
