"""The measurements of one subject: throughput, latency, commands, memory."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from bench.broker import Broker
from bench.control import Worker
from bench.process import usage
from bench.quantiles import milliseconds
from bench.subjects import Running, run_subject

Phase = Literal["closed", "open", "commands", "frozen"]

_DRAIN_TIMEOUT_SECONDS: Final = 60.0
_WARM_UP_SECONDS: Final = 1.0
_WARM_STATIONS: Final = 20
_FROZEN_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 2.0
_KIB: Final = 1024


class MeasurementError(Exception):
    """A run whose figures would be wrong, e.g. an answered event never reached MQTT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large a measurement is."""

    stations: int = 300
    seconds: float = 10.0
    rate: float = 250.0
    """Events per second of the open loop."""
    commands: int = 200
    idle_stations: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """One running subject with its load and its subscriber."""

    subject: Running
    load: Worker
    subscriber: Worker


async def measure(
    name: str, phases: tuple[Phase, ...], plan: Plan, broker: Broker, directory: Path
) -> dict[str, Any]:
    """Start a subject with empty directories, run the phases, stop it; return the figures."""
    root = f"bench-{time.monotonic_ns():x}"
    async with AsyncExitStack() as stack:
        rig = await _rig(stack, name, broker, root, directory)
        await rig.load.ask("grow", count=plan.stations, transactions=True)
        await _closed(rig, _WARM_UP_SECONDS)
        report: dict[str, Any] = {}
        if "closed" in phases:
            report["closed"] = await _closed(rig, plan.seconds)
        if "open" in phases:
            report["open"] = await _open(rig, plan)
        if "commands" in phases:
            report["commands"] = await rig.load.ask("commands", count=plan.commands)
        if "frozen" in phases and broker.pid is not None:
            report["frozen"] = await _frozen(rig, plan, broker)
        report["rssMiB"] = usage(rig.subject.pid).rss_bytes / _KIB**2
        return report


async def _rig(
    stack: AsyncExitStack, name: str, broker: Broker, root: str, directory: Path
) -> Rig:
    subject = await stack.enter_async_context(run_subject(name, broker, root, directory))
    wires = ("--broker", broker.url, "--root", root)
    subscriber = await Worker.start("bench.subscriber", *wires)
    stack.push_async_callback(subscriber.stop)
    load = await Worker.start("bench.load", "--url", subject.url, *wires)
    stack.push_async_callback(load.stop)
    return Rig(subject=subject, load=load, subscriber=subscriber)


async def _closed(rig: Rig, seconds: float) -> dict[str, Any]:
    """Run the closed loop; CPU time counts until the last event is at the subscriber.

    Events that a bridge answers before it publishes them would else be cheaper than they are.
    """
    await rig.subscriber.ask("reset", record=False)
    before = usage(rig.subject.pid)
    began = time.monotonic()
    load = await rig.load.ask("closed", seconds=seconds)
    await _drained(rig, load["answered"])
    wall_seconds = time.monotonic() - began
    cpu_seconds = usage(rig.subject.pid).cpu_seconds - before.cpu_seconds
    arrivals = await rig.subscriber.ask("report")
    return {
        **load,
        "delivered": arrivals["unique"],
        "repeated": arrivals["repeated"],
        "inverted": arrivals["inverted"],
        "drainSeconds": wall_seconds - load["seconds"],
        "cpuSeconds": cpu_seconds,
        "eventsPerSecond": load["answered"] / wall_seconds,
        "eventsPerCpuSecond": load["answered"] / cpu_seconds,
        "cpuUsPerEvent": cpu_seconds / load["answered"] * 1e6,
    }


async def _open(rig: Rig, plan: Plan) -> dict[str, Any]:
    await rig.subscriber.ask("reset", record=True)
    load = await rig.load.ask("open", rate=plan.rate, seconds=plan.seconds)
    await _drained(rig, load["answered"])
    arrived = (await rig.subscriber.ask("report"))["times"]
    await rig.subscriber.ask("reset", record=False)
    times: dict[str, int] = load.pop("times")
    latencies = [arrived[key] - sent for key, sent in times.items()]
    return {**load, "frameToSubscriberMs": milliseconds(latencies)}


async def _frozen(rig: Rig, plan: Plan, broker: Broker) -> dict[str, Any]:
    """Run the open loop while the broker is frozen: stations must get their answers."""
    await rig.subscriber.ask("reset", record=False)
    with broker.frozen():
        load = await rig.load.ask("open", rate=plan.rate, seconds=_FROZEN_SECONDS)
    began = time.monotonic()
    await _drained(rig, load["answered"])
    del load["times"]
    return {**load, "drainSeconds": time.monotonic() - began}


async def _drained(rig: Rig, expected: int) -> None:
    deadline = time.monotonic() + _DRAIN_TIMEOUT_SECONDS
    while (count := (await rig.subscriber.ask("count"))["unique"]) < expected:
        if time.monotonic() > deadline:
            raise MeasurementError(
                f"{count} of {expected} answered events reached MQTT within 60 s"
            )
        await asyncio.sleep(0.02)


async def measure_memory(
    name: str,
    plan: Plan,
    broker: Broker,
    directory: Path,
    tls_files: tuple[Path, Path] | None = None,
) -> dict[str, Any]:
    """Return the resident memory that each further booted, idle station takes.

    Twenty stations come first, so that what is loaded once (schemas, pools) is not counted.
    """
    root = f"bench-{time.monotonic_ns():x}"
    async with AsyncExitStack() as stack:
        subject = await stack.enter_async_context(
            run_subject(name, broker, root, directory, tls_files)
        )
        wires = ("--url", subject.url, "--broker", broker.url, "--root", root)
        load = await Worker.start("bench.load", *wires)
        stack.push_async_callback(load.stop)
        await load.ask("grow", count=_WARM_STATIONS, transactions=False)
        await asyncio.sleep(_SETTLE_SECONDS)
        before = usage(subject.pid)
        await load.ask("grow", count=plan.idle_stations, transactions=False)
        await asyncio.sleep(_SETTLE_SECONDS)
        after = usage(subject.pid)
        grown = after.rss_bytes - before.rss_bytes
        return {
            "kibPerStation": grown / _KIB / plan.idle_stations,
            "rssMiB": after.rss_bytes / _KIB**2,
        }
