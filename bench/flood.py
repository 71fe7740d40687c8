"""`python -m bench.flood`: very many commands, sent in every wrong way, while the bridge dies.

Controllers give remote starts, raw calls and limits: once, doubled, replayed after the answer, as
retained messages, after their expiry, shortly before it. Stations answer late or refuse. The
bridge is killed and started again meanwhile; before some kills its messages to the broker are
lost. The Oracle then judges that no command was carried out twice, none after its expiry, and that
each got exactly one final result. Exit code 1 on any violation.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import orjson

from bench.broker import run_broker
from bench.evidence import read_retained
from bench.flood_controller import COMMAND_TOPICS, FloodController
from bench.flood_oracle import FloodEvidence, FloodVerdict, judge_flood
from bench.flood_station import FloodStation
from bench.process import LOOPBACK, REPOSITORY
from bench.subjects import Place
from bench.torture.victim import Victim
from bench.wire import run_wire
from bridge.demo.broker import free_port

_BEHIND_A_DEAD_LINK: Final = 0.4
"""Share of the kills before which the bridge's messages to the broker are lost on the way."""
_DEAD_LINK_SECONDS: Final = (0.02, 0.4)
_SETTLE_SECONDS: Final = 3.0
"""After the last command: what is still on its way arrives."""
_LOOK_SECONDS: Final = 0.01
_SHOWN_VIOLATIONS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """What is done to the bridge."""

    commands: int = 10_000
    stations: int = 20
    controllers: int = 40
    messages_between: tuple[int, int] = (200, 1200)
    """Messages with commands between two kills: not seconds, so that a quick machine has as many
    kills as a slow one."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodOutcome:
    """What was done and what came of it."""

    flood: Flood
    broker: str
    verdict: FloodVerdict
    seconds: float
    published: int
    """Messages with commands, each command at least once."""
    kills: int
    swallowed_bytes: int
    exit_code: int | None
    """Of the last bridge, after SIGTERM."""


async def run_flood(flood: Flood, directory: Path, broker_url: str | None = None) -> FloodOutcome:
    """Flood a bridge in an existing, empty directory and judge it.

    Raises:
        ChildProcessError: the bridge did not start again.
    """
    async with run_broker(broker_url, directory) as broker, run_wire(broker.url) as (wire, url):
        root = f"flood-{time.monotonic_ns():x}"
        near = replace(broker, url=url)
        place = Place(port=free_port(), broker=near, root=root, directory=directory)
        victim = Victim("bridge", place, wire)
        try:
            return await _flood(flood, replace(place, broker=broker), victim)
        finally:
            await victim.kill()


async def _flood(flood: Flood, place: Place, victim: Victim) -> FloodOutcome:
    began = time.monotonic()
    chance = random.Random(flood.seed)
    stations = _stations(flood, place, chance)
    controllers = _controllers(flood, place, chance)
    await victim.start()
    kills = 0
    async with asyncio.TaskGroup() as tasks:
        for station in stations:
            tasks.create_task(station.run())
        giving = tasks.create_task(_give(flood, place, controllers))
        while await _more(giving, controllers, chance.randint(*flood.messages_between)):
            await _kill(victim, chance)
            kills += 1
        await asyncio.sleep(_SETTLE_SECONDS)
        exit_code = await victim.stop()
        for station in stations:
            station.finish()
    evidence = FloodEvidence(
        orders=[order for controller in controllers for order in controller.orders],
        executions=[execution for station in stations for execution in station.executions],
        answers=[answer for controller in controllers for answer in controller.answers],
        still_retained=[*await read_retained(place.broker.url, f"{place.root}/{COMMAND_TOPICS}")],
    )
    for controller in controllers:
        controller.close()
    return FloodOutcome(
        flood=flood,
        broker=place.broker.name,
        verdict=judge_flood(evidence),
        seconds=time.monotonic() - began,
        published=sum(controller.published for controller in controllers),
        kills=kills,
        swallowed_bytes=victim.wire.swallowed_bytes,
        exit_code=exit_code,
    )


def _stations(flood: Flood, place: Place, chance: random.Random) -> list[FloodStation]:
    url = f"ws://{LOOPBACK}:{place.port}"
    return [
        FloodStation(f"FLOOD{number:03d}", url, random.Random(chance.random()))
        for number in range(flood.stations)
    ]


def _controllers(flood: Flood, place: Place, chance: random.Random) -> list[FloodController]:
    return [
        FloodController(
            f"c{number:03d}",
            f"{place.root}/v1/cs/FLOOD{number % flood.stations:03d}/1",
            random.Random(chance.random()),
        )
        for number in range(flood.controllers)
    ]


async def _give(flood: Flood, place: Place, controllers: list[FloodController]) -> None:
    """Let all controllers give their commands; their sum is exact."""
    share, rest = divmod(flood.commands, len(controllers))
    async with asyncio.TaskGroup() as tasks:
        for number, controller in enumerate(controllers):
            count = share + (number < rest)
            tasks.create_task(controller.run(place.broker.url, count))


async def _more(
    giving: asyncio.Task[None], controllers: list[FloodController], messages: int
) -> bool:
    """Return when so many more messages were sent; False where nothing is left to send."""
    due = messages + sum(controller.published for controller in controllers)
    while not giving.done() and sum(controller.published for controller in controllers) < due:
        await asyncio.wait([giving], timeout=_LOOK_SECONDS)
    return not giving.done()


async def _kill(victim: Victim, chance: random.Random) -> None:
    if chance.random() < _BEHIND_A_DEAD_LINK:
        victim.wire.swallowing = True
        await asyncio.sleep(chance.uniform(*_DEAD_LINK_SECONDS))
    await victim.kill()
    await victim.start()


def summary(outcome: FloodOutcome) -> str:
    """Return what a person reads."""
    verdict, flood = outcome.verdict, outcome.flood
    lines = [
        f"{verdict.commands} commands in {outcome.published} messages",
        f"{outcome.kills} kills, {outcome.seconds:.0f} s",
        f"seed {flood.seed}, broker {outcome.broker}",
        f"{flood.controllers} controllers, {flood.stations} stations",
        f"carried out visibly {verdict.executed}",
        f"closest to an expiry {verdict.latest_seconds:+.3f} s",
        *(f"  {count:6d} {final}" for final, count in verdict.finals.items()),
        f"lost between bridge and broker before kills: {outcome.swallowed_bytes} bytes",
        f"exit code after SIGTERM {outcome.exit_code}",
    ]
    shown = verdict.violations[:_SHOWN_VIOLATIONS]
    lines += [f"VIOLATION {violation.invariant}: {violation.detail}" for violation in shown]
    lines.append("every promise kept" if verdict.kept else f"{len(verdict.violations)} violations")
    return "\n".join(lines)


def write_report(path: Path, outcome: FloodOutcome) -> None:
    """Write the outcome as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = asdict(outcome) | {"kept": outcome.verdict.kept}
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def parse_arguments() -> tuple[Flood, argparse.Namespace]:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.flood", description=__doc__)
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--stations", type=int, default=20)
    parser.add_argument("--controllers", type=int, default=40)
    parser.add_argument(
        "--messages-between", metavar="LOW..HIGH", default="200..1200", help="between two kills"
    )
    parser.add_argument("--seed", type=int, help="default: a new one, printed")
    parser.add_argument("--broker", metavar="URL", help="mqtt://[user:password@]host[:port]")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=REPOSITORY / "bench-results/flood.json"
    )
    arguments = parser.parse_args()
    low, _, high = arguments.messages_between.partition("..")
    flood = Flood(
        commands=arguments.commands,
        stations=arguments.stations,
        controllers=arguments.controllers,
        messages_between=(int(low), int(high)),
        seed=arguments.seed if arguments.seed is not None else random.randrange(2**32),
    )
    return flood, arguments


def main() -> int:
    """Run, print the summary, write the report; return 1 where a promise was broken."""
    flood, arguments = parse_arguments()
    print(f"flood: seed {flood.seed}", file=sys.stderr)
    directory = Path(tempfile.mkdtemp(prefix="flood-"))
    outcome = asyncio.run(run_flood(flood, directory, arguments.broker))
    write_report(arguments.json, outcome)
    print(summary(outcome))
    if outcome.verdict.kept:
        shutil.rmtree(directory)
        return 0
    print(f"logs and store: {directory}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
