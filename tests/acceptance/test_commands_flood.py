"""The flood of commands, short: script/flood does the same with 10,000 of them."""

from pathlib import Path

import pytest

from bench.flood import Flood, run_flood, summary


@pytest.mark.mosquitto
@pytest.mark.timeout(180)
async def test_no_command_is_carried_out_twice_or_late_and_each_has_one_final_result(
    tmp_path: Path,
) -> None:
    flood = Flood(commands=400, stations=5, controllers=40, messages_between=(100, 250), seed=203)

    outcome = await run_flood(flood, tmp_path)

    assert outcome.verdict.kept, summary(outcome)
    assert outcome.verdict.commands == flood.commands
    assert outcome.verdict.executed > flood.commands / 4
    assert outcome.kills >= 2
    assert outcome.exit_code == 0
