"""`python -m bench.throughput`: durable events per second, and how long stations wait for answers.

Some hundred stations in a second process send their next TransactionEvent when the last one is
answered, and an event is answered when it is on disk (synchronous FULL, group commit). Done with a
broker that is there, one that is frozen and one that is dead: stations must not notice which. Then
the same stations send at a fixed rate. Afterwards the store must hold every event.
"""

import argparse
import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from bench.broker import Broker, OwnBroker
from bench.control import Worker
from bench.evidence import STORE_FILE
from bench.process import usage
from bench.subjects import Running, run_subject
from bridge.demo.broker import free_port
from bridge.store import sql

State = Literal["alive", "frozen", "dead"]

STATES: Final[Sequence[State]] = ("alive", "frozen", "dead")
_WARM_UP_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = 300.0
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    stations: int = 300
    seconds: float = 10.0
    rate: float = 1000.0
    """Events per second of the open loop."""
    repetitions: int = 3


async def measure(state: State, plan: Plan, directory: Path) -> dict[str, Any]:
    """Measure a bridge in an existing, empty directory."""
    root = f"throughput-{time.monotonic_ns():x}"
    own = OwnBroker(free_port(), directory)
    await own.start()
    broker = Broker(url=own.url, name=own.name, protocol=own.protocol, own=own)
    try:
        async with run_subject("bridge", broker, root, directory) as bridge:
            wires = ("--url", bridge.url, "--broker", broker.url, "--root", root)
            load = await Worker.start("bench.load", *wires)
            try:
                await load.ask("grow", count=plan.stations, transactions=True)
                async with _in_state(state, broker):
                    report = await _figures(load, bridge, plan)
            finally:
                await load.stop()
    finally:
        await own.stop()
    sent = report["sent"] + plan.stations  # with the beginning of each transaction
    stored = _stored(directory / "data" / STORE_FILE)
    return {**report, "lost": sent - stored}


@asynccontextmanager
async def _in_state(state: State, broker: Broker) -> AsyncIterator[None]:
    if state == "frozen":
        with broker.frozen():
            yield
        return
    if state == "dead" and broker.own is not None:
        await broker.own.kill()
    yield


async def _figures(load: Worker, bridge: Running, plan: Plan) -> dict[str, Any]:
    warm = await load.ask("closed", seconds=_WARM_UP_SECONDS)
    before = usage(bridge.pid)
    closed = await load.ask("closed", seconds=plan.seconds, timeout_seconds=_TIMEOUT_SECONDS)
    after = usage(bridge.pid)
    cpu_seconds = after.cpu_seconds - before.cpu_seconds
    paced = await load.ask(
        "open", rate=plan.rate, seconds=plan.seconds, timeout_seconds=_TIMEOUT_SECONDS
    )
    return {
        "sent": warm["answered"] + closed["answered"] + paced["answered"],
        "eventsPerSecond": closed["answered"] / closed["seconds"],
        "answerMs": closed["answerMs"],
        "eventsPerCpuSecond": closed["answered"] / cpu_seconds,
        "cpuShare": cpu_seconds / closed["seconds"],
        "rssMiB": after.rss_bytes / _MIB,
        "atFixedRate": {"eventsPerSecond": plan.rate, "answerMs": paced["answerMs"]},
    }


def _stored(store: Path) -> int:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM event WHERE transaction_id IS NOT NULL"
        ).fetchone()
    return int(count)


def summarised(repetitions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians, and the worst of what must not be bad."""

    def middle(*names: str) -> float:
        values: list[float] = []
        for each in repetitions:
            value: Any = each
            for name in names:
                value = value[name]
            values.append(value)
        return round(float(statistics.median(values)), 2)

    return {
        "eventsPerSecond": middle("eventsPerSecond"),
        "answerMsP50": middle("answerMs", "p50"),
        "answerMsP99": middle("answerMs", "p99"),
        "eventsPerCpuSecond": middle("eventsPerCpuSecond"),
        "cpuShare": middle("cpuShare"),
        "atFixedRateAnswerMsP99": middle("atFixedRate", "answerMs", "p99"),
        "lost": max(each["lost"] for each in repetitions),
    }


async def run(plan: Plan) -> dict[str, Any]:
    """Measure in every state, in turns."""
    found: dict[str, list[dict[str, Any]]] = {state: [] for state in STATES}
    load_before = os.getloadavg()[0]
    for number in range(1, plan.repetitions + 1):
        for state in STATES:
            with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
                found[state].append(await measure(state, plan, Path(folder)))
            print(f"{number} of {plan.repetitions}: {state}", file=sys.stderr, flush=True)
    return {
        "stations": plan.stations,
        "seconds": plan.seconds,
        "fixedRate": plan.rate,
        "processors": os.cpu_count(),
        "loadOfTheMachineBefore": round(load_before, 2),
        "storeSettings": [*sql.WRITER_SETTINGS],
        "medians": {state: summarised(repetitions) for state, repetitions in found.items()},
        "repetitions": found,
    }


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"{'broker':8}{'events/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'at rate p99':>13}{'lost':>6}"
    ]
    lines += [
        f"{state:8}{each['eventsPerSecond']:10.0f}{each['answerMsP50']:9.1f}"
        f"{each['answerMsP99']:9.1f}{each['atFixedRateAnswerMsP99']:13.1f}{each['lost']:6d}"
        for state, each in report["medians"].items()
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure, print, write; return 1 where an answered event was lost."""
    parser = argparse.ArgumentParser(prog="python -m bench.throughput", description=__doc__)
    parser.add_argument("--stations", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    plan = Plan(
        stations=arguments.stations,
        seconds=arguments.seconds,
        rate=arguments.rate,
        repetitions=arguments.repetitions,
    )
    report = asyncio.run(run(plan))
    print(_table(report))
    if arguments.json is not None:
        arguments.json.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    return 1 if any(each["lost"] for each in report["medians"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
