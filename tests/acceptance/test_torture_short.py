"""The kill -9 harness, short: script/torture does the same 50 times under 20 stations."""

from pathlib import Path

import pytest

from bench.torture import Torment, run_torture, summary


@pytest.mark.mosquitto
@pytest.mark.timeout(120)
async def test_no_acknowledged_event_is_lost_doubled_or_reordered_by_kills(
    tmp_path: Path,
) -> None:
    torment = Torment(kills=3, stations=5, seconds_between=(0.3, 0.8), seed=201)

    outcome = await run_torture(torment, tmp_path)

    assert outcome.verdict.kept, summary(outcome)
    assert outcome.verdict.acknowledged > 100
    assert outcome.exit_code == 0
