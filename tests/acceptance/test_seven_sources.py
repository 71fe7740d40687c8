"""Each name of `allocationSourceName`, reached by a real station on a real connection.

`Team` needs more than one station: tests/acceptance/test_team.py.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from bridge.domain.commands import Command, CommandRef, ReplyTo, SetLimit
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import StationId
from tests.acceptance.bridges import (
    ASKING,
    INSTALLATION_MAX_A,
    Bridge,
    Options,
    merged,
    running_bridge,
)
from tests.acceptance.stations import (
    Answer,
    Json,
    Memory,
    RawStation,
    Session,
    amperes,
    energy,
    iso,
    played,
)
from tests.acceptance.witness import Document, Witness, outcome
from tests.brokers import Broker

DONE: Final = [("accepted", "ok"), ("done", "ok")]
PLACE: Final = "CS1/1"


@pytest.fixture
async def station(bridge: Bridge) -> AsyncIterator[RawStation]:
    """A station with a free connector."""
    async with played(bridge.url) as played_station:
        await played_station.boot()
        yield played_station


async def controlled_by(witness: Witness, source: str, amps: float, **expected: Any) -> Document:
    """Wait until the allocation names this source and current, and nothing is on its way."""
    document = await witness.until(
        f"{PLACE}/allocation",
        allocationSourceName=source,
        offeredA=amps,
        pending=None,
        **expected,
    )
    assert document["limits"][0]["binding"]
    assert document["limits"][0]["source"] == source
    assert document["limits"][0]["limitA"] == amps
    return dict(document)


# --- Unmanaged, MQTT, API


async def test_unmanaged_while_nobody_asks_for_anything(
    station: RawStation, witness: Witness
) -> None:
    allocation = await controlled_by(witness, "Unmanaged", INSTALLATION_MAX_A)
    assert allocation["accepted"] is None
    assert not station.calls_of("SetChargingProfile")


async def test_mqtt_by_a_limit(station: RawStation, witness: Witness) -> None:
    assert outcome(await witness.ask("limit", {"limitA": 10}, place=PLACE)) == DONE
    await controlled_by(witness, "MQTT", 10)
    assert amperes((await station.asked("SetChargingProfile"))["chargingProfile"]) == 10


async def test_api_through_the_door_that_http_will_use(
    station: RawStation, bridge: Bridge, witness: Witness
) -> None:
    await witness.ask("limit", {"limitA": 10}, place=PLACE)
    durable = asyncio.get_running_loop().create_future()
    ref = CommandRef(
        id="by-http",
        name="limit",
        controller="dashboard",
        source=AllocationSource.API,
        evse_id=1,
        reply_to=ReplyTo(name="limit"),
    )
    command = Command(ref=ref, arguments=SetLimit(limit_a=9), received_at=datetime.now(tz=UTC))
    bridge.app.engine.command(StationId("CS1"), command, "body", durable.set_result)

    assert await durable
    results = await witness.results("limit", "by-http", place=PLACE, controller="dashboard")
    assert outcome(results) == DONE
    allocation = await controlled_by(witness, "API", 9, state="standby")
    assert [(limit["source"], limit["limitA"]) for limit in allocation["limits"]] == [
        ("API", 9),
        ("MQTT", 10),
        ("Unmanaged", INSTALLATION_MAX_A),
    ]
    assert amperes((await station.asked("SetChargingProfile", 2))["chargingProfile"]) == 9


# --- ProximityPilot


async def test_proximity_pilot_by_the_cable_that_the_station_reports(
    station: RawStation, witness: Witness
) -> None:
    session = Session()
    await station.call("TransactionEvent", session.started() | {"cableMaxCurrent": 13})
    await controlled_by(witness, "ProximityPilot", 13)
    await station.event(session, "Ended", "EVDeparted", info={"stoppedReason": "EVDisconnected"})
    await station.status("Available")
    await controlled_by(witness, "Unmanaged", INSTALLATION_MAX_A)


class TestCableOfTheConfiguration:
    @pytest.fixture
    def options(self) -> Options:
        return {"stations": {"known": {"CS1": {"cable_max_a": 20}}}}

    async def test_proximity_pilot(self, station: RawStation, witness: Witness) -> None:
        await controlled_by(witness, "ProximityPilot", 20)
        assert outcome(await witness.ask("limit", {"limitA": 24}, place=PLACE)) == [
            ("accepted", "ok"),
            ("done", "standby"),
        ]
        await controlled_by(witness, "ProximityPilot", 20, state="standby")
        assert amperes((await station.asked("SetChargingProfile"))["chargingProfile"]) == 20


# --- Transaction


async def started_with(station: RawStation, witness: Witness, **arguments: Any) -> Session:
    """Start a transaction by a command with limits of its own, and let it charge."""
    results = await witness.ask("start", arguments, place=PLACE)
    assert outcome(results) == DONE
    request = await station.asked("RequestStartTransaction")
    session = Session()
    info = {"chargingState": "Charging", "remoteStartId": request["remoteStartId"]}
    at = iso(session.begin)
    reading = energy(at, 1000, "Transaction.Begin")
    payload = session.event("Started", "RemoteStart", info=info, meterValue=reading)
    await station.call("TransactionEvent", payload)
    return session


@pytest.mark.conformance("TC_K_37_CSMS")
async def test_transaction_by_the_current_of_its_start(
    station: RawStation, witness: Witness
) -> None:
    session = await started_with(station, witness, maxA=8)
    allocation = await controlled_by(witness, "Transaction", 8)
    assert allocation["accepted"]["via"] == "TxProfile"
    profile = (await station.asked("RequestStartTransaction"))["chargingProfile"]
    assert amperes(profile) == 8
    await station.event(session, "Ended", "RemoteStop", info={"stoppedReason": "Remote"})
    await controlled_by(witness, "Unmanaged", INSTALLATION_MAX_A)


async def test_transaction_that_has_its_energy_pauses_and_is_ended(
    station: RawStation, witness: Witness
) -> None:
    session = await started_with(station, witness, energyWh=500)
    await controlled_by(witness, "Unmanaged", INSTALLATION_MAX_A)

    enough = energy(iso(session.begin + timedelta(seconds=2)), 1501)
    await station.event(session, "Updated", "MeterValuePeriodic", meterValue=enough)

    allocation = await controlled_by(witness, "Transaction", 0)
    assert allocation["limits"][0]["detail"] == {"reason": "energyWh"}
    assert await station.asked("RequestStopTransaction") == {"transactionId": "tx-1"}


async def test_transaction_whose_time_is_over_pauses_and_is_ended(
    station: RawStation, witness: Witness
) -> None:
    until = datetime.now(tz=UTC) + timedelta(seconds=2)
    await started_with(station, witness, until=iso(until))

    allocation = await controlled_by(witness, "Transaction", 0)
    assert allocation["limits"][0]["detail"] == {"reason": "until"}
    assert datetime.now(tz=UTC) >= until
    assert await station.asked("RequestStopTransaction") == {"transactionId": "tx-1"}


# --- OCPP Profile


@pytest.mark.parametrize("evse_id", [1, 0], ids=["EVSE", "whole station"])
async def test_ocpp_profile_by_a_limit_that_the_station_reports(
    station: RawStation, witness: Witness, evse_id: int
) -> None:
    await station.limited_by_others(16, "EMS", evse_id)
    allocation = await controlled_by(witness, "OCPP Profile", 16)
    assert allocation["limits"][0]["detail"]["limitSource"] == "EMS"
    await station.freed_by_others("EMS", evse_id)
    await controlled_by(witness, "Unmanaged", INSTALLATION_MAX_A)


FOREIGN: Final[Json] = {
    "id": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "ChargingStationMaxProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [
        {
            "id": 7,
            "startSchedule": "2026-01-01T00:00:00Z",
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
        }
    ],
}


@pytest.mark.conformance("TC_K_31_CSMS", "TC_K_51_CSMS")
async def test_ocpp_profile_by_what_another_system_has_installed(
    witness: Witness, broker: Broker, tmp_path: Path
) -> None:
    memory = Memory(profiles={7: (0, FOREIGN)})
    async with (
        running_bridge(broker, tmp_path, ASKING) as bridge,
        played(bridge.url, memory=memory) as station,
    ):
        await station.boot()
        allocation = await controlled_by(witness, "OCPP Profile", 16)
        detail = allocation["limits"][0]["detail"]
        assert (detail["profileId"], detail["limitSource"]) == (7, "CSO")
        assert detail["purpose"] == "ChargingStationMaxProfile"
        assert not station.calls_of("ClearChargingProfile")

        del memory.profiles[7]
        await station.freed_by_others(evse_id=0)
        await controlled_by(witness, "Unmanaged", INSTALLATION_MAX_A)


@pytest.mark.conformance("TC_K_43_CSMS")
async def test_ocpp_profile_by_what_the_station_makes_of_all_profiles(
    witness: Witness, broker: Broker, tmp_path: Path
) -> None:
    answers: Mapping[str, Answer] = {"GetCompositeSchedule": composite_of(10)}
    async with (
        running_bridge(broker, tmp_path, merged(ASKING)) as bridge,
        played(bridge.url, answers=answers) as station,
    ):
        await station.boot()
        await station.call("TransactionEvent", Session().started())
        await witness.ask("limit", {"limitA": 16}, place=PLACE)
        allocation = await controlled_by(witness, "OCPP Profile", 10, state="standby")
        assert allocation["limits"][0]["detail"]["limitSource"] == "Unknown"


def composite_of(amps: float) -> Answer:
    """Answer that, all in all, this is what the EVSE may have."""

    def answer(payload: Json) -> Json:
        return {
            "status": "Accepted",
            "schedule": {
                "evseId": payload["evseId"],
                "duration": payload["duration"],
                "scheduleStart": iso(datetime.now(tz=UTC)),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amps}],
            },
        }

    return answer
