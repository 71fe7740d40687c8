"""A start with a limit, at simulated stations of each version, good and bad ones."""

from typing import Final

import pytest

from bridge.simulator.quirks import Quirk
from bridge.simulator.script import PlugIn, Script
from tests.acceptance.bridges import ASKING, Bridge, Options, merged
from tests.acceptance.simulation import simulated
from tests.acceptance.witness import Witness, outcome

PLACE: Final = "SIM001/1"
WAITING: Final = Script(steps=(PlugIn(),))
"""A car that waits for somebody to let it charge."""


@pytest.fixture
def options() -> Options:
    return merged(ASKING, {"mqtt": {"raw": True}})


async def sent(witness: Witness, action: str, number: int) -> None:
    """Wait until the bridge has sent so many requests; it must not have sent more."""
    topic = f"{witness.root}/v1/raw/SIM001/tx/{action}"
    await witness.wait_for_count(number, topic)
    await witness.settle()
    assert len(witness.matching(topic)) == number


async def charging_with(
    witness: Witness,
    bridge: Bridge,
    version: str,
    *quirks: Quirk,
    starts: int = 1,
    writes: int = 1,
) -> None:
    """Start with 8 A: so many requests of each kind; the start must be in control."""
    async with simulated(
        bridge.url, version=version, script=WAITING, quirks=frozenset(quirks)
    ) as watch:
        await witness.until_newest(f"{PLACE}/state", plugged=True)
        results = await witness.ask("start", {"maxA": 8})
        assert outcome(results) == [("accepted", "ok"), ("done", "ok")]
        await watch.until_current(8)
        await witness.until_newest(
            f"{PLACE}/allocation", allocationSourceName="Transaction", offeredA=8, pending=None
        )
        action = "RemoteStartTransaction" if version == "1.6" else "RequestStartTransaction"
        await sent(witness, action, starts)
        if Quirk.REFUSE_START_PROFILE not in quirks:  # what is written at once is not doubted
            answer = f"{witness.root}/v1/raw/SIM001/rx/GetCompositeSchedule"
            await witness.wait_for_count(1, answer)
        await sent(witness, "SetChargingProfile", writes)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
class TestOfEachVersion:
    async def test_the_transaction_begins_with_the_limit_and_nothing_more_is_written(
        self, bridge: Bridge, witness: Witness, version: str
    ) -> None:
        await charging_with(witness, bridge, version, writes=0)

    async def test_where_it_is_ignored_it_is_written(
        self, bridge: Bridge, witness: Witness, version: str
    ) -> None:
        await charging_with(witness, bridge, version, Quirk.IGNORE_START_PROFILE)

    async def test_where_it_is_refused_the_start_goes_without(
        self, bridge: Bridge, witness: Witness, version: str
    ) -> None:
        await charging_with(witness, bridge, version, Quirk.REFUSE_START_PROFILE, starts=2)

    async def test_where_it_cannot_be_verified_it_is_written_too(
        self, bridge: Bridge, witness: Witness, version: str
    ) -> None:
        await charging_with(witness, bridge, version, Quirk.NO_COMPOSITE)
