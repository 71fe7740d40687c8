"""Kinds of profiles that the bridge makes none of, by the command `call` (OCPP 2.x K)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tests.acceptance.bridges import ASKING, INSTALLATION_MAX_A, Bridge, Options
from tests.acceptance.stations import Json, RawStation, iso, played
from tests.acceptance.witness import Document, Witness, outcome
from tests.conformance.story import DONE, PLACE

PROFILE_ID: Final = 77
LEVEL: Final = 2


@pytest.fixture
def options() -> Options:
    return {**ASKING, "commands": {"allow_call": True}}


def _says_its_level(payload: Json) -> Json:
    results = []
    for each in payload["getVariableData"]:
        known = each["variable"]["name"] == "ProfileStackLevel"
        told = {"attributeStatus": "Accepted", "attributeValue": "8"}
        results.append(each | (told if known else {"attributeStatus": "UnknownVariable"}))
    return {"getVariableResult": results}


@pytest.fixture(params=["2.0.1", "2.1"])
async def station(
    request: pytest.FixtureRequest, bridge: Bridge, witness: Witness
) -> AsyncIterator[RawStation]:
    """A booted station, of which is known which stackLevels and which profiles it has."""
    answers: dict[str, Any] = {"GetVariables": _says_its_level}
    async with played(bridge.url, version=request.param, answers=answers) as playing:
        await playing.boot()
        await witness.until_newest("CS1/info", capabilities=_with_level)
        await witness.until_newest(f"{PLACE}/allocation", allocationSourceName="Unmanaged")
        yield playing


class _Level:
    """Equal to capabilities that have been told."""

    def __eq__(self, other: object) -> bool:
        told = isinstance(other, dict) and (other["maxStackLevel"], other["readsProfiles"])
        return told == (8, True)

    __hash__ = None  # type: ignore[assignment]


_with_level = _Level()


def profile(limit_a: float = 10, **members: Any) -> Json:
    """Return the profile of somebody's own."""
    schedule = {
        "id": 1,
        "chargingRateUnit": "A",
        "startSchedule": iso(datetime.now(tz=UTC) - timedelta(minutes=5)),
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
    }
    return {
        "id": PROFILE_ID,
        "stackLevel": LEVEL,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule | members.pop("schedule", {})],
        **members,
    }


async def call(witness: Witness, action: str, payload: Json) -> list[Document]:
    results: list[Document] = await witness.ask(
        "call", {"action": action, "payload": payload}, place="CS1/0"
    )
    return results


async def install(witness: Witness, evse_id: int = 1, **members: Any) -> Json:
    """Have a profile set, and return it as it was to be sent."""
    sent = {"evseId": evse_id, "chargingProfile": profile(**members)}
    results = await call(witness, "SetChargingProfile", sent)
    assert outcome(results) == DONE
    assert results[-1]["data"]["status"] == "Accepted"
    return sent


async def binds(witness: Witness, amps: float, place: str = PLACE) -> None:
    await witness.until_newest(
        f"{place}/allocation", allocationSourceName="OCPP Profile", offeredA=amps
    )


@pytest.mark.conformance("TC_K_19_CSMS")
async def test_a_recurring_profile_is_sent_and_limits(
    station: RawStation, witness: Witness
) -> None:
    recurring: Json = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    sent = await install(witness, schedule={"duration": 86_400}, **recurring)
    assert station.calls_of("SetChargingProfile") == [sent]
    await binds(witness, 10)
    results = await witness.ask("limit", {"limitA": 8}, place=PLACE)
    assert outcome(results) == DONE
    assert station.calls_of("SetChargingProfile")[-1]["chargingProfile"]["stackLevel"] == 8
    await witness.until_newest(f"{PLACE}/allocation", allocationSourceName="MQTT", offeredA=8)


@pytest.mark.conformance("TC_K_06_CSMS")
async def test_profiles_are_cleared_by_stack_level_and_purpose(
    station: RawStation, witness: Witness
) -> None:
    await install(witness)
    await binds(witness, 10)
    criteria = {"stackLevel": LEVEL, "chargingProfilePurpose": "TxDefaultProfile"}
    payload = {"chargingProfileCriteria": criteria}
    assert outcome(await call(witness, "ClearChargingProfile", payload)) == DONE
    assert station.calls_of("ClearChargingProfile") == [payload]
    await witness.until_newest(
        f"{PLACE}/allocation", allocationSourceName="Unmanaged", offeredA=INSTALLATION_MAX_A
    )


@pytest.mark.conformance("TC_K_10_CSMS")
async def test_a_default_profile_of_the_whole_station_limits_each_evse(
    station: RawStation, witness: Witness
) -> None:
    await station.status("Available", evse_id=2)
    await install(witness, evse_id=0)
    for place in (PLACE, "CS1/2"):
        await binds(witness, 10, place)


@pytest.mark.conformance("TC_K_106_CSMS")
async def test_a_delay_is_sent_where_the_version_has_it(
    station: RawStation, bridge: Bridge, witness: Witness
) -> None:
    sent = {"evseId": 1, "chargingProfile": profile(schedule={"randomizedDelay": 300})}
    results = await call(witness, "SetChargingProfile", sent)
    if station.socket.subprotocol == "ocpp2.1":
        assert outcome(results) == DONE
        assert station.calls_of("SetChargingProfile") == [sent]
        await binds(witness, 10)
    else:  # held to the schema before it is sent
        assert outcome(results)[-1] == ("rejected", "invalid_argument")
        assert "additionalProperties" in results[-1]["error"]["message"]
        assert not station.calls_of("SetChargingProfile")


async def test_a_profile_above_the_bridges_own_or_the_installation_is_not_sent(
    station: RawStation, witness: Witness
) -> None:
    for members in ({"stackLevel": 8}, {"limit_a": INSTALLATION_MAX_A + 1}):
        sent = {"evseId": 1, "chargingProfile": profile(**members)}
        results = await call(witness, "SetChargingProfile", sent)
        assert results[-1]["code"] == "invalid_argument"
    assert not station.calls_of("SetChargingProfile")
