"""What OCPP 2.1 has added to transactions: going on after an interruption, limits of their own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.acceptance.bridges import Bridge
from tests.acceptance.stations import BOOT, Json, RawStation, Session, iso, played
from tests.acceptance.witness import Witness, outcome
from tests.conformance.story import ACCEPTED, DONE, PLACE, TOKEN, Story


@pytest.fixture
async def station(bridge: Bridge) -> AsyncIterator[RawStation]:
    """A booted station of OCPP 2.1."""
    async with played(bridge.url, version="2.1") as playing:
        await playing.boot()
        yield playing


@pytest.mark.parametrize(
    "state",
    [
        pytest.param("Charging", marks=pytest.mark.conformance("TC_E_113_CSMS")),
        pytest.param("SuspendedEVSE", marks=pytest.mark.conformance("TC_E_117_CSMS")),
    ],
)
async def test_a_transaction_goes_on_after_a_restart_of_the_station(
    bridge: Bridge, story: Story, witness: Witness, state: str
) -> None:
    await story.charge()
    before = await witness.until_newest(f"{PLACE}/transaction", chargingState="Charging")
    await story.station.socket.close()
    await witness.until_text("CS1/availability", "offline")
    async with played(bridge.url, version="2.1") as story.station:
        boot = BOOT | {"reason": "PowerUp"}
        assert (await story.station.call("BootNotification", boot))["status"] == "Accepted"
        await story.station.status("Occupied")
        assert await story.event("Updated", "TxResumed", state) == {}
        after = await witness.until_newest(f"{PLACE}/transaction", resumed=True, lastSeqNo=3)
        assert (after["transactionUuid"], after["active"]) == (before["transactionUuid"], True)
        assert (after["meterStartWh"], after["startedAt"]) == (
            before["meterStartWh"],
            before["startedAt"],
        )
        await story.shows(state=state, transactionId="tx-1")
        assert (await story.told())[-1] == ("Updated", "TxResumed", state)


@pytest.mark.parametrize(
    "limit",
    [{"maxEnergy": 5000}, {"maxTime": 3600}, {"maxCost": 12.5}, {"maxSoC": 80}],
    ids=lambda limit: next(iter(limit)),
)
@pytest.mark.conformance("TC_E_106_CSMS", "TC_E_107_CSMS", "TC_E_108_CSMS")
async def test_a_limit_that_the_driver_sets_at_the_station_is_told(
    story: Story, limit: dict[str, float]
) -> None:
    await story.charge()
    assert await story.event("Updated", "LimitSet", info={"transactionLimit": limit}) == {}
    assert (await story.told())[-1] == ("Updated", "LimitSet", "Charging")
    told = (await story.events())[-1]["ocpp"]["transactionLimit"]
    assert [value for value in told.values() if value is not None] == list(limit.values())


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        pytest.param(
            "EnergyLimitReached",
            "EnergyLimitReached",
            marks=pytest.mark.conformance("TC_E_106_CSMS"),
        ),
        pytest.param("SoCLimitReached", "SOCLimitReached"),
        pytest.param(
            "CostLimitReached",
            "LocalOutOfCredit",
            marks=pytest.mark.conformance("TC_E_108_CSMS", "TC_E_109_CSMS"),
        ),
        pytest.param(
            "TimeLimitReached",
            "TimeLimitReached",
            marks=pytest.mark.conformance("TC_E_107_CSMS"),
        ),
    ],
)
async def test_a_limit_that_is_reached_ends_the_transaction(
    story: Story, trigger: str, reason: str
) -> None:
    await story.charge()
    assert await story.event("Updated", trigger, "SuspendedEVSE") == {}
    await story.shows(state="SuspendedEVSE", transactionId="tx-1")
    assert await story.event("Ended", trigger, info={"stoppedReason": reason}) == {}
    await story.witness.until_newest(f"{PLACE}/secc", stopReason=reason)
    assert [each[:2] for each in (await story.told())[-2:]] == [
        ("Updated", trigger),
        ("Ended", trigger),
    ]


# --- limits that the bridge sets


async def started(story: Story, **limits: Any) -> Json:
    """Have a `start` with limits begin the transaction; return the answer to its first event."""
    results = await story.witness.ask("start", limits, place=PLACE)
    assert outcome(results) == DONE
    await story.station.status("Occupied")
    info = {"remoteStartId": results[-1]["data"]["remoteStartId"]}
    return await story.event("Started", "RemoteStart", "Charging", info=info, idToken=TOKEN)


async def confirm(story: Story, limit: Json) -> None:
    """Say that the limit holds, which is answered without it."""
    assert await story.event("Updated", "LimitSet", info={"transactionLimit": limit}) == {}


def stops(story: Story) -> int:
    return len(story.station.calls_of("RequestStopTransaction"))


@pytest.mark.conformance("TC_E_110_CSMS")
async def test_the_energy_of_a_start_is_a_limit_of_the_station(story: Story) -> None:
    limit = {"maxEnergy": 6000.0}
    assert await started(story, energyWh=6000) == ACCEPTED | {"transactionLimit": limit}
    await confirm(story, limit)
    assert await story.event("Updated", "EnergyLimitReached", "SuspendedEVSE") == {}
    await story.station.asked("RequestStopTransaction")
    reason = {"stoppedReason": "EnergyLimitReached"}
    assert await story.event("Ended", "EnergyLimitReached", info=reason) == {}
    await story.witness.until_newest(f"{PLACE}/secc", stopReason="EnergyLimitReached")
    ended = await story.witness.until_newest(f"{PLACE}/transaction", active=False)
    assert ended["endedBy"] == "energyWh"
    assert stops(story) == 1


@pytest.mark.conformance("TC_E_111_CSMS")
async def test_the_time_of_a_start_is_a_limit_of_the_station_which_it_ends_by_itself(
    story: Story,
) -> None:
    until = story.session.begin + timedelta(seconds=4200)
    limit = {"maxTime": 4200}
    assert await started(story, until=iso(until)) == ACCEPTED | {"transactionLimit": limit}
    await confirm(story, limit)
    until += timedelta(seconds=60)
    results = await story.witness.ask("extend", {"until": iso(until)}, place=PLACE)
    assert outcome(results) == DONE
    answer = await story.event("Updated", "MeterValuePeriodic")
    assert answer == {"transactionLimit": {"maxTime": 4260}}
    await confirm(story, {"maxTime": 4260})
    reason = {"stoppedReason": "TimeLimitReached"}
    assert await story.event("Ended", "TimeLimitReached", info=reason) == {}
    ended = await story.witness.until_newest(f"{PLACE}/transaction", active=False)
    assert ended["endedBy"] == "expires"
    assert stops(story) == 0


async def test_an_event_whose_answer_was_lost_is_answered_with_the_limit_again(
    bridge: Bridge, story: Story
) -> None:
    limit = {"transactionLimit": {"maxEnergy": 6000.0}}
    assert await started(story, energyWh=6000) == ACCEPTED | limit
    await story.station.socket.close()
    session, story.session = story.session, Session()
    story.session.begin = session.begin
    async with played(bridge.url, version="2.1") as story.station:
        info = {"remoteStartId": 1}
        again = await story.event("Started", "RemoteStart", "Charging", info=info, idToken=TOKEN)
        assert again == ACCEPTED | limit
        await confirm(story, {"maxEnergy": 6000})
        assert [event["eventType"] for event in await story.events()] == ["Started", "Updated"]


async def test_until_in_the_past_of_a_slow_station_is_no_time_at_all(story: Story) -> None:
    """The station says that it began later than the moment at which it is to be over."""
    story.session.begin = datetime.now(tz=UTC) + timedelta(hours=2)
    until = datetime.now(tz=UTC) + timedelta(hours=1)
    answer = await started(story, until=iso(until))
    assert answer["transactionLimit"] == {"maxTime": 0}
