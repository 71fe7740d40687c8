"""Scenario `clock`: the wall clock of the bridge is set, by a second or by a year, either way.

The process is the real one; what it reads as wall clock is changed from outside (`skewed/`), its
monotonic clock is not. Stations and controllers have the right time, so commands that expire are
left out: a bridge whose clock is wrong cannot know.
"""

import struct
from pathlib import Path
from typing import Final

from bench.oracle import Violation
from bench.torture.stage import Findings, Stage

_SKEWED: Final = Path(__file__).parent / "skewed"
_DAY: Final = 86_400
_JUMPS_SECONDS: Final = (1, 10, 60, 3_600, _DAY, 30 * _DAY, 365 * _DAY)
_SECONDS_BETWEEN: Final = (0.5, 2.0)


async def clock(stage: Stage) -> Findings:
    """Set the clock once in each round."""
    victim, findings = stage.victim, Findings()
    offset = stage.place.directory / "clock"
    _set(offset, 0)
    victim.environment |= {"PYTHONPATH": str(_SKEWED), "BENCH_CLOCK": str(offset)}
    await victim.kill()
    await victim.start()
    await stage.connected()
    await stage.pause(*_SECONDS_BETWEEN)
    retries = sum(station.retries for station in stage.stations)
    stage.stopwatch.running = True
    jumps: list[int] = []
    for number in range(1, stage.torment.rounds + 1):
        jumps.append(stage.chance.choice(_JUMPS_SECONDS) * stage.chance.choice((-1, 1)))
        _set(offset, jumps[-1])
        await stage.pause(*_SECONDS_BETWEEN)
        stage.progress(number)
    _set(offset, 0)
    stage.stopwatch.running = False
    lost = sum(station.retries for station in stage.stations) - retries
    if lost:
        findings.violations.append(
            Violation("storm", f"{lost} times a station lost its connection or got no answer")
        )
    findings.figures |= {
        "clockWrongBySeconds": [min(jumps), max(jumps)],
        "whileTheClockJumped": stage.stopwatch.report(),
    }
    return findings


def _set(offset: Path, seconds: int) -> None:
    """Say how wrong the clock is. Eight bytes in place, since the bridge has mapped them."""
    raw = struct.pack("<q", seconds * 1_000_000_000)
    if offset.exists():
        with offset.open("r+b") as file:
            file.write(raw)
    else:
        offset.write_bytes(raw)
