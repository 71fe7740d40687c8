"""A charge controller that dies, freezes, restarts or lies: all converges, and no one is deceived.

`python -m bench.secc_faults` does the same a hundred times by each API: bench/reports has its report.
"""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from bench import broker as brokers
from bench.secc_faults.faults import FAULTS
from bench.secc_faults.run import FACES, Plan, run_faults, summary
from tests.acceptance.bridges import Bridge, Options
from tests.acceptance.witness import Witness, outcome
from tests.brokers import Broker
from tests.seccs import NOBODY, SimulatedSecc, simulated_secc

NAME: Final = "carport"
PLACE: Final = f"{NAME}/1"
SEED: Final = 6
DONE: Final = ("done", "ok")
QUICK: Final[dict[str, Any]] = {
    "poll_seconds": 0.2,
    "meter_interval_seconds": 1,
    "offline_after_seconds": 1,
}
SHARE: Final = -(-len(FAULTS) // len(FACES))
PLANS: Final = [
    Plan(face=face, faults=SHARE, seed=SEED, skip=number * SHARE)
    for number, face in enumerate(FACES)
]
"""Each fault once, shared out among the APIs."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("plan", PLANS, ids=FACES)
async def test_after_each_fault_all_converges(plan: Plan, broker: Broker, tmp_path: Path) -> None:
    protocol = "5" if broker.mqtt5 else "3.1.1"
    place = brokers.Broker(url=broker.url, name="the tests' own", protocol=protocol)

    done = await run_faults(plan, tmp_path, place, broker.root)

    assert done.kept, summary(done)
    assert sum(done.faults.values()) == SHARE
    assert done.releases > 0


def test_the_short_form_has_each_fault() -> None:
    assert {name for plan in PLANS for name in plan.drawn()} == set(FAULTS)


@pytest.fixture
async def secc() -> AsyncIterator[SimulatedSecc]:
    async with simulated_secc(script=NOBODY) as running:
        yield running


@pytest.fixture
def options(secc: SimulatedSecc) -> Options:
    return {
        "secc": {NAME: {"type": "rest", "url": secc.url, **QUICK}},
        "stations": {"defaults": {"observe_seconds": 1}},
    }


async def test_a_controller_that_accepts_a_limit_and_ignores_it_is_told_of(
    secc: SimulatedSecc, bridge: Bridge, witness: Witness
) -> None:
    await witness.until(f"{PLACE}/state", state="Idle")
    secc.model.plug_in()
    secc.model.authorize()
    await secc.until_current(16)
    secc.model.limits.deaf = True
    assert outcome(await witness.ask("limit", {"limitA": 8}, place=PLACE))[-1] == DONE
    fault = await witness.until(f"{PLACE}/event/fault", code="limit_not_observed")
    assert fault["details"]["currentA"] == 16
    # MQTT was accepted; the controller says otherwise
    await witness.until_newest(
        f"{PLACE}/allocation", allocationSourceName="Unmanaged", computed="MQTT"
    )
    secc.model.limits.deaf = False
    await secc.until_current(8)
    await witness.until_newest(f"{PLACE}/allocation", allocationSourceName="MQTT", offeredA=8)
    assert Counter(each["code"] for each in witness.documents(f"{PLACE}/event/fault")) == {
        "limit_not_observed": 1
    }
