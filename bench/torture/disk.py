"""Scenario `disk`: no file of the bridge can grow any more (RLIMIT_FSIZE), and later it can.

In some rounds the bridge is also killed and started while there is no room: it must serve with
what it has or refuse to start, and in both cases keep what it had.
"""

from collections import Counter
from typing import Final

from bench.oracle import Violation
from bench.quantiles import milliseconds
from bench.torture.stage import Findings, Stage

_SECONDS_BETWEEN: Final = (0.5, 2.0)
_FULL_SECONDS: Final = (0.5, 3.0)
_ROOM_BYTES: Final = (0, 262_144)
"""That are left in the largest file when the disk begins to be full."""
_NOTICED_SECONDS: Final = 60.0
_RECOVERED_SECONDS: Final = 30.0
_RESTARTED: Final = 0.4
"""Share of the rounds in which the bridge is killed and started on the full disk."""
_START_SECONDS: Final = 5.0
_READY: Final = "ready"


async def disk(stage: Stage) -> Findings:
    """Have the disk full, and free again, once in each round."""
    findings = Findings()
    done: Counter[str] = Counter()
    recovered_ns: list[int] = []
    for number in range(1, stage.torment.rounds + 1):
        await stage.pause(*_SECONDS_BETWEEN)
        limit = _largest(stage) + stage.chance.randint(*_ROOM_BYTES)
        stage.victim.limit_files(limit)
        noticed = await stage.readiness_within(_NOTICED_SECONDS, lambda status: status != _READY)
        if noticed is None:
            findings.violations.append(
                Violation("health", f"round {number}: ready though nothing can be written")
            )
        await stage.pause(*_FULL_SECONDS)
        if stage.chance.random() < _RESTARTED:
            done[await _restarted_without_room(stage, limit)] += 1
        else:
            stage.victim.limit_files(None)
            done["room again while it ran"] += 1
        seconds = await stage.readiness_within(_RECOVERED_SECONDS, lambda status: status == _READY)
        if seconds is None:
            findings.violations.append(
                Violation("health", f"round {number}: not ready though there is room again")
            )
        else:
            recovered_ns.append(int(seconds * 1e9))
        stage.progress(number)
    findings.figures |= {"rounds": dict(done), "readyAgainMs": milliseconds(recovered_ns)}
    return findings


def _largest(stage: Stage) -> int:
    files = stage.store.parent.iterdir()
    return max(file.stat().st_size for file in files)


async def _restarted_without_room(stage: Stage, limit: int) -> str:
    """Kill the bridge, try it without room, then start it with room; say what it did without."""
    await stage.victim.kill()
    await stage.victim.start(wait=False)
    stage.victim.limit_files(limit)
    code = await stage.victim.died(_START_SECONDS)
    await stage.victim.kill()
    await stage.victim.start()
    return "started without room" if code is None else f"refused to start (exit code {code})"
