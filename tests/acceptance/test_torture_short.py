"""Each scenario of script/torture, short: what it does at length is in bench/reports."""

from pathlib import Path
from typing import Final

import pytest

from bench.torture.__main__ import summary
from bench.torture.scenarios import SCENARIOS, run_scenario
from bench.torture.stage import Torment

SHORT: Final = {
    "kills": Torment(scenario="kills", rounds=3, stations=5, seed=201, quiet_seconds=0.5),
}


def test_every_scenario_has_a_short_form() -> None:
    assert SHORT.keys() == SCENARIOS.keys()


@pytest.mark.mosquitto
@pytest.mark.timeout(180)
@pytest.mark.parametrize("torment", SHORT.values(), ids=SHORT.keys())
async def test_every_promise_is_kept(torment: Torment, tmp_path: Path) -> None:
    outcome = await run_scenario(torment, tmp_path)

    assert outcome.kept, summary(outcome)
    assert outcome.judgement.events.acknowledged > 0
    assert outcome.judgement.exit_code == 0
