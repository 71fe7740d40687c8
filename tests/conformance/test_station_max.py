"""A limit for the whole station: ChargingStationMaxProfile, in 1.6 ChargePointMaxProfile (K01)."""

from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.bridges import ASKING, Bridge, Options, merged, running_bridge
from tests.acceptance.stations import CallError, Json, Memory, amperes, played, reject
from tests.acceptance.witness import Witness, outcome
from tests.brokers import Broker
from tests.conformance.charge_point import charge_point
from tests.conformance.story import DONE, PLACE, Story

ID: Final = 1297252352
FORTY: Final[Options] = {"stations": {"defaults": {"station_max_a": 40}}}


@pytest.fixture
def options() -> Options:
    return FORTY


@pytest.mark.conformance("TC_K_03_CSMS")
async def test_the_whole_station_gets_its_limit_once(story: Story) -> None:
    sent = await story.station.asked("SetChargingProfile")
    profile = sent["chargingProfile"]
    assert sent["evseId"] == 0
    assert profile["id"] == ID
    assert profile["chargingProfilePurpose"] == "ChargingStationMaxProfile"
    assert profile["chargingProfileKind"] == "Absolute"
    assert "transactionId" not in profile
    assert amperes(profile) == 40
    await story.witness.wait_for(
        story.witness.address("CS1/info"),
        lambda message: message.json["capabilities"]["stationMaxProfile"] is True,
    )

    assert outcome(await story.witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE
    await story.station.boot()
    await story.charge()
    assert outcome(await story.witness.ask("limit", {"limitA": 8}, place=PLACE)) == DONE
    evses = [each["evseId"] for each in story.station.calls_of("SetChargingProfile")]
    assert evses.count(0) == 1


async def test_the_whole_point_gets_its_limit_in_1_6(bridge: Bridge, witness: Witness) -> None:
    async with charge_point(bridge.url) as point:
        await point.boot()
        sent = await point.station.asked("SetChargingProfile")
        profile = sent["csChargingProfiles"]
        assert sent["connectorId"] == 0
        assert profile["chargingProfileId"] == ID
        assert profile["chargingProfilePurpose"] == "ChargePointMaxProfile"
        schedule = profile["chargingSchedule"]
        assert schedule["chargingRateUnit"] == "A"
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 40}]
        await witness.until_newest(f"{PLACE}/state", state="Idle")
        await point.boot()
        assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE
        connectors = [each["connectorId"] for each in point.station.calls_of("SetChargingProfile")]
        assert connectors == [0, 1]


@pytest.mark.parametrize("refusal", ["Rejected", "NotSupported"])
@pytest.mark.conformance("TC_K_15_CSMS")
async def test_a_station_that_refuses_it_is_told_of_and_limited_all_the_same(
    bridge: Bridge, witness: Witness, refusal: str
) -> None:
    def answer(payload: Json) -> Json | CallError:
        if payload["evseId"] != 0:
            return {"status": "Accepted"}
        return reject(payload) if refusal == "Rejected" else CallError(refusal)

    async with played(bridge.url, answers={"SetChargingProfile": answer}) as station:
        await station.boot()
        fault = await witness.until("CS1/0/event/fault", code="station_max_refused")
        assert fault["details"]["limitA"] == 40
        assert refusal in {fault["details"].get("status"), fault["details"].get("code")}
        await witness.until_newest(f"{PLACE}/state", state="Idle")
        assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE
        allocation = await witness.until_newest(f"{PLACE}/allocation", offeredA=10, pending=None)
        assert allocation["allocationSourceName"] == "MQTT"
        await station.boot()
        assert outcome(await witness.ask("limit", {"limitA": 8}, place=PLACE)) == DONE
        await witness.settle()
        evses = [each["evseId"] for each in station.calls_of("SetChargingProfile")]
        assert evses.count(0) == 1
        assert len(witness.documents("CS1/0/event/fault")) == 1


async def test_it_is_found_again_after_a_restart_changed_and_removed(
    broker: Broker, witness: Witness, tmp_path: Path
) -> None:
    memory = Memory()

    async def runs_with(amps: int | None) -> list[tuple[str, Json]]:
        """Run the bridge with this limit until the station is at rest; return what it was told."""
        limit: Options = {"stations": {"defaults": {"station_max_a": amps} if amps else {}}}
        here = tmp_path / "data"
        async with (
            running_bridge(broker, here, merged(ASKING, limit)) as running,
            played(running.url, memory=memory) as station,
        ):
            await station.boot()
            await station.asked("GetChargingProfiles")
            # a limit is written when all that the bridge finds out of its own accord is done
            assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE
            assert outcome(await witness.ask("release", place=PLACE)) == DONE
            await running.at_rest()
            await witness.settle()
            return [
                (action, payload)
                for action, payload in station.calls
                if payload.get("evseId") == 0 or payload.get("chargingProfileId") == ID
            ]

    ((action, payload),) = await runs_with(40)
    assert (action, amperes(payload["chargingProfile"])) == ("SetChargingProfile", 40)
    assert await runs_with(40) == []
    ((action, payload),) = await runs_with(50)
    assert (action, amperes(payload["chargingProfile"])) == ("SetChargingProfile", 50)
    assert await runs_with(None) == [("ClearChargingProfile", {"chargingProfileId": ID})]
    assert memory.profiles == {}
