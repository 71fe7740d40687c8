"""Scenario `partitions`: black holes between bridge and broker, or stations and bridge, or both.

Each round is a schedule by chance: which links, which ways (one way is enough for TCP to stop), for
how long, and whether what was held arrives in the end or every connection is cut off.
"""

import asyncio
from collections import Counter
from typing import Final

from bench.torture.stage import Findings, Stage
from bench.wire import Way, Wire

_SECONDS_BETWEEN: Final = (0.5, 2.0)
_SHORTEST_SECONDS: Final = 0.1
_KILLED: Final = 0.1
"""Share of the partitions during which the bridge is killed and started again."""
_WAYS: Final = ((Way.THERE,), (Way.BACK,), (Way.THERE, Way.BACK))
_ENDS: Final = ("delivered", "cut")
_LINKS: Final = ("broker", "stations", "both")


async def partitions(stage: Stage) -> Findings:
    """Have one partition in each round."""
    chance = stage.chance
    done: Counter[str] = Counter()
    total = 0.0
    for number in range(1, stage.torment.rounds + 1):
        await stage.pause(*_SECONDS_BETWEEN)
        link, end = chance.choice(_LINKS), chance.choice(_ENDS)
        longest = stage.torment.longest_seconds / _SHORTEST_SECONDS
        seconds = _SHORTEST_SECONDS * longest ** chance.random()
        killed = chance.random() < _KILLED
        wires = _wires(stage, link)
        for wire in wires:
            wire.hold(chance.choice(_WAYS))
        await asyncio.sleep(seconds)
        if killed:
            await stage.victim.kill()
            await stage.victim.start()
        for wire in wires:
            if end == "cut":
                wire.cut()
            wire.release()
        done.update([link, end, *(["killed meanwhile"] if killed else [])])
        total += seconds
        stage.progress(number)
    await stage.connected()
    return Findings(figures={"partitions": dict(done), "partedSeconds": round(total, 1)})


def _wires(stage: Stage, link: str) -> list[Wire]:
    return {
        "broker": [stage.broker_wire],
        "stations": [stage.station_wire],
        "both": [stage.broker_wire, stage.station_wire],
    }[link]
