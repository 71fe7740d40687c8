"""Runs faults against a bridge that reads a charge controller by one of its APIs."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

from bench.broker import Broker
from bench.process import LOOPBACK
from bench.secc_faults.car import CLIENT_ID, Secc
from bench.secc_faults.faults import FAULTS, INSTALLATION_A, Faults
from bench.secc_faults.oracle import judge
from bench.secc_faults.view import NAME, NotSeenError, viewing
from bridge.app import application
from bridge.config import load_config

FACES: Final = ("rest", "websocket", "mqtt")
_RELEASES_EVERY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done to one controller."""

    face: str
    faults: int
    seed: int
    skip: int = 0
    """How many of the faults that the seed draws are passed over."""

    def drawn(self) -> list[str]:
        """Return the names of the faults: each as often as any, in an order by the seed."""
        chance = Random(self.seed)
        rounds = (chance.sample(sorted(FAULTS), len(FAULTS)) for _ in repeat(None))
        return list(islice(chain.from_iterable(rounds), self.skip, self.skip + self.faults))


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was done to one controller and what came of it."""

    plan: Plan
    broker: str
    faults: dict[str, int] = field(default_factory=dict)
    sessions: int = 0
    events: int = 0
    releases: int = 0
    """After each, no lease was left at the controller."""
    seconds: float = 0.0
    convergence_seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    """From the end of each fault until all was as it should be, by the fault."""
    counters: dict[str, int] = field(default_factory=dict)
    """Of the bridge: what it has noticed."""
    violations: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations


async def run_faults(
    plan: Plan, directory: Path, broker: Broker, root: str, *, tell: Any = None
) -> Outcome:
    """Run faults against a bridge in this process; `tell` is called with a line for each."""
    began = time.monotonic()
    outcome = Outcome(plan=plan, broker=broker.name)
    chance = Random(plan.seed + plan.skip)
    secc = Secc(plan.face, broker.url, f"secc/{root}")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(secc.kill)
        await secc.start(plugged=False)
        view = await stack.enter_async_context(viewing(broker.url, broker.protocol, root))
        options = _configuration(plan.face, secc, broker, root, directory)
        app = await stack.enter_async_context(application(load_config(overrides=options)))
        faults = Faults(secc, view, chance)
        try:
            await _run(faults, plan, outcome, tell)
        except NotSeenError as error:
            outcome.violations.append(str(error))
        outcome.sessions, outcome.events = len(faults.sessions), len(view.events)
        outcome.violations += judge(faults.sessions, view.events)
        outcome.counters = {
            name: int(value)
            for name, value in app.counters.snapshot().items()
            if name.startswith("secc.")
        }
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


async def _run(faults: Faults, plan: Plan, outcome: Outcome, tell: Any) -> None:
    times: defaultdict[str, list[float]] = defaultdict(list)
    await faults.begin()
    for number, name in enumerate(plan.drawn(), 1):
        try:
            await FAULTS[name](faults)
            await faults.healed()
            seconds = await faults.converge()
        except NotSeenError as error:
            raise NotSeenError(f"{number}: {name}: {error}") from None
        times[name].append(seconds)
        outcome.faults = dict(sorted(Counter({k: len(v) for k, v in times.items()}).items()))
        outcome.convergence_seconds = dict(_figures(times))
        if tell is not None:
            tell(f"{plan.face} {number}/{plan.faults} {name}: converged in {seconds:.1f} s")
        if number % _RELEASES_EVERY == 0:
            await faults.release()
            outcome.releases += 1
        if faults.wanted_a is None:
            await faults.limit()
    await faults.end()
    outcome.releases += 1


def _figures(times: dict[str, list[float]]) -> Iterator[tuple[str, dict[str, float]]]:
    for name, values in sorted(times.items()):
        yield name, {"median": round(median(values), 1), "longest": round(max(values), 1)}


def _configuration(
    face: str, secc: Secc, broker: Broker, root: str, directory: Path
) -> dict[str, Any]:
    table: dict[str, Any] = {
        "type": face,
        "poll_seconds": 0.2,
        "meter_interval_seconds": 1,
        "offline_after_seconds": 1,
        "lease_seconds": 30,
        "installation_max_a": INSTALLATION_A,
    }
    if face == "mqtt":
        table |= {"client_id": CLIENT_ID, "topic_prefix": f"secc/{root}", "url": broker.url}
    else:
        table["url"] = f"http://{LOOPBACK}:{secc.port}"
    return {
        "bridge": {"data_dir": str(directory)},
        "mqtt": {
            "url": broker.url,
            "root": root,
            "protocol": broker.protocol,
            "client_id": f"bridge-{root}",
            "discovery": "off",
        },
        "ocpp": {"listen": f"{LOOPBACK}:0"},
        "http": {"listen": ""},
        "commands": {"min_increase_interval_seconds": 0},
        "stations": {
            "defaults": {
                "increase_hold_seconds": 0,
                "min_decrease_interval_seconds": 0,
                "observe_seconds": 1,
            }
        },
        "secc": {NAME: table},
    }


def summary(outcome: Outcome) -> str:
    """Return what a person reads."""
    plan, done = outcome.plan, sum(outcome.faults.values())
    lines = [
        f"{plan.face}, seed {plan.seed}: {done} faults in {outcome.seconds:.0f} s",
        f"{outcome.sessions} sessions, {outcome.events} events, {outcome.releases} releases",
        *(
            f"  {outcome.faults[name]:3d} {name}: converged in {each['median']:.1f} s,"
            f" at most {each['longest']:.1f} s"
            for name, each in outcome.convergence_seconds.items()
        ),
        *(f"VIOLATION {each}" for each in outcome.violations),
        "every promise kept" if outcome.kept else f"{len(outcome.violations)} violations",
    ]
    return "\n".join(lines)
