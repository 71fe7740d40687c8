"""Scenario `kills`: SIGKILL at random moments, some of them behind a dead link or during a start."""

import asyncio
from typing import Final

from bench.torture.stage import Findings, Stage

_SECONDS_BETWEEN: Final = (0.3, 1.5)
_DURING_START: Final = 0.15
"""Share of the kills that do not wait until the bridge listens."""
_BEHIND_A_DEAD_LINK: Final = 0.4
"""Share of the kills before which the bridge's messages to the broker are lost on the way."""
_DEAD_LINK_SECONDS: Final = (0.02, 0.4)
_START_SECONDS: Final = 0.6


async def kills(stage: Stage) -> Findings:
    """Kill the bridge once in each round, and start it again."""
    victim, chance = stage.victim, stage.chance
    twice = 0
    for number in range(1, stage.torment.rounds + 1):
        await stage.pause(*_SECONDS_BETWEEN)
        if chance.random() < _BEHIND_A_DEAD_LINK:
            victim.wire.swallowing = True
            await stage.pause(*_DEAD_LINK_SECONDS)
        await victim.kill()
        if chance.random() < _DURING_START:
            await victim.start(wait=False)
            await asyncio.sleep(chance.uniform(0, _START_SECONDS))
            await victim.kill()
            twice += 1
        await victim.start()
        stage.progress(number)
    return Findings(
        figures={"killedAgainDuringStart": twice, "swallowedBytes": victim.wire.swallowed_bytes},
        deaths=stage.torment.rounds + twice,
    )
