"""What OCPP 2.1 has added to transactions: going on after an interruption, limits of their own."""

from collections.abc import AsyncIterator

import pytest

from tests.acceptance.bridges import Bridge
from tests.acceptance.stations import BOOT, RawStation, played
from tests.acceptance.witness import Witness
from tests.conformance.story import PLACE, Story


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
        ("EnergyLimitReached", "EnergyLimitReached"),
        ("SoCLimitReached", "SOCLimitReached"),
        ("CostLimitReached", "LocalOutOfCredit"),
        ("TimeLimitReached", "TimeLimitReached"),
    ],
)
@pytest.mark.conformance("TC_E_109_CSMS", "TC_E_110_CSMS", "TC_E_111_CSMS")
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
