"""Each scenario of script/torture, short: what it does at length is in bench/reports."""

from pathlib import Path
from typing import Final

import pytest

from bench.torture.__main__ import summary
from bench.torture.scenarios import SCENARIOS, run_scenario
from bench.torture.stage import Torment

_SIZES: Final = {"kills": (3, 5), "points": (1, 5), "broker-kill": (2, 5), "broker-wipe": (2, 30)}
"""Rounds and stations, where they are not one and five."""
SHORT: Final = {
    name: Torment(
        scenario=name,
        rounds=_SIZES.get(name, (1, 5))[0],
        stations=_SIZES.get(name, (1, 5))[1],
        seed=201,
        quiet_seconds=0.5,
        longest_seconds=1.5,
    )
    for name in SCENARIOS
}


@pytest.mark.mosquitto
@pytest.mark.timeout(600)
@pytest.mark.parametrize("torment", SHORT.values(), ids=SHORT.keys())
async def test_every_promise_is_kept(torment: Torment, tmp_path: Path) -> None:
    outcome = await run_scenario(torment, tmp_path)

    assert outcome.kept, summary(outcome)
    assert outcome.judgement.events.acknowledged > 0
    assert outcome.judgement.exit_code == 0
