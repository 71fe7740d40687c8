"""The stage of every scenario: stations, a bridge and a broker with failing networks between them.

Stations charge without pause and controllers give commands without pause, until the scenario is
over; then the outbox drains, and the Oracles judge from what stations and controllers had
acknowledged, the store, and the MQTT trace.
"""

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.broker import Broker, OwnBroker, run_broker
from bench.evidence import STORE_FILE, Trace, read_last_transactions, read_store, tracing
from bench.flood_controller import Kind
from bench.flood_oracle import FloodVerdict, judge_flood
from bench.oracle import EventKey, Evidence, Verdict, Violation, judge
from bench.process import LOOPBACK
from bench.publish_log import PublishLog
from bench.quantiles import milliseconds
from bench.retained import Bridge, converged, talking_to
from bench.subjects import Place
from bench.torture.commands import CommandLoad
from bench.torture.station import TortureStation
from bench.torture.victim import Victim
from bench.wire import Wire, listening, run_wire
from bridge.demo.broker import free_port

_DRAIN_TIMEOUT_SECONDS: Final = 60.0
_CONNECT_SECONDS: Final = 120.0
_CONVERGED_SECONDS: Final = 15.0
"""At the end: changes of the measured current alone are told every 10 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Torment:
    """How much of a scenario is done, and by which dice."""

    scenario: str
    rounds: int
    stations: int
    seed: int
    subject: str = "bridge"
    quiet_seconds: float = 3.0
    """At the end, after the last event that was waited for: what else may come."""
    longest_seconds: float = 30.0
    """Of one fault that has a length: a frozen broker, a partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a scenario needs of its stage."""

    commands: Mapping[str, Kind] | None = None
    """How commands are given meanwhile; None: there are none."""
    controllers: int = 4
    own_broker: bool = False
    """It freezes or kills the broker."""
    fleet: bool = False
    """It has stations of its own: none charge without pause."""
    brokers_word: bool = False
    """What the broker has acknowledged counts as delivered, not what a subscriber got: for brokers
    that die."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """What a scenario has seen itself."""

    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    deaths: int = 0
    """Of the bridge, where repeated deliveries are counted against them."""


class Stopwatch:
    """The times from CALL to answer, while it runs."""

    def __init__(self) -> None:
        """Start halted."""
        self.running = False
        self._times_ns: list[int] = []

    def take(self, seconds: float) -> None:
        """Note one answer."""
        if self.running:
            self._times_ns.append(int(seconds * 1e9))

    def report(self) -> dict[str, Any]:
        """Return the number of answers and quantiles of their times in ms."""
        return {"answers": len(self._times_ns), "answerMs": milliseconds(self._times_ns)}


@dataclass(slots=True, kw_only=True)
class Stage:
    """What scenarios act on."""

    torment: Torment
    chance: random.Random
    broker: Broker
    place: Place
    """Of the bridge, which sees the near ends of the wires."""
    broker_wire: Wire
    station_wire: Wire
    station_url: str
    victim: Victim
    trace: Trace
    bridge: Bridge
    stopwatch: Stopwatch
    stations: list[TortureStation]
    commands: CommandLoad | None
    told: list[EventKey] = field(default_factory=list)
    """Events that the scenario itself has had acknowledged."""

    @property
    def acknowledged(self) -> set[EventKey]:
        """All events that were acknowledged."""
        return {key for station in self.stations for key in station.acknowledged} | {*self.told}

    @property
    def own_broker(self) -> OwnBroker:
        """The broker, which may be killed."""
        if self.broker.own is None:
            raise ValueError(f"{self.torment.scenario} needs a broker of its own: no --broker")
        return self.broker.own

    @property
    def store(self) -> Path:
        """The bridge's file."""
        return self.place.directory / "data" / STORE_FILE

    async def connected(self) -> None:
        """Wait until the bridge is connected to the broker.

        Raises:
            TimeoutError: it was not within two minutes.
        """
        async with asyncio.timeout(_CONNECT_SECONDS):
            await self.bridge.until(lambda readiness: readiness["broker"] == "connected")

    async def readiness_within(
        self, seconds: float, wanted: Callable[[str], bool]
    ) -> float | None:
        """Wait until /readyz has such a status; return how long it took, None for too long."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await self.bridge.until(lambda readiness: wanted(readiness["status"]))
        except TimeoutError:
            return None
        return time.monotonic() - began

    async def untrue(self, timeout_seconds: float) -> list[str]:
        """Wait until the retained topics are true; return what is not."""
        root = self.place.root
        return await converged(self.bridge, self.broker.url, root, timeout_seconds)

    async def pause(self, low: float, high: float) -> None:
        """Let everything run for a while."""
        await asyncio.sleep(self.chance.uniform(low, high))

    def progress(self, number: int) -> None:
        """Tell a person how far it is."""
        rounds, name = self.torment.rounds, self.torment.scenario
        if sys.stderr.isatty():
            end = "\n" if number == rounds else ""
            print(f"\r{name}: {number} of {rounds} ", end=end, file=sys.stderr, flush=True)
        elif number % 10 == 0 or number == rounds:
            print(f"{name}: {number} of {rounds}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of the promises."""

    events: Verdict
    commands: FloodVerdict | None
    untrue: list[str]
    """Retained topics that do not say the truth."""
    exit_code: int | None
    """Of the last bridge, after SIGTERM."""

    @property
    def violations(self) -> list[Violation]:
        """Everything that was broken."""
        found = [*self.events.violations]
        if self.commands is not None:
            found += self.commands.violations
        return found + [Violation("I6", complaint) for complaint in self.untrue]


@asynccontextmanager
async def set_stage(
    torment: Torment, setting: Setting, directory: Path, broker_url: str | None
) -> AsyncIterator[Stage]:
    """Have everything stand while in the context, in an existing, empty directory.

    The bridge is not started yet.
    """
    root = f"torture-{time.monotonic_ns():x}"
    trace = Trace()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_broker(broker_url, directory))
        watch = partial(PublishLog, trace.take) if setting.brokers_word else None
        broker_wire, url = await stack.enter_async_context(run_wire(broker.url, watch))
        if not setting.brokers_word:
            await stack.enter_async_context(tracing(trace, broker.url, root))
        place = Place(
            port=free_port(),
            broker=replace(broker, url=url),
            root=root,
            directory=directory,
            http_port=free_port(),
        )
        assert place.http_port is not None  # noqa: S101  # just above
        bridge = await stack.enter_async_context(talking_to(place.http_port, root))
        station_wire = Wire(LOOPBACK, place.port)
        near_port = await stack.enter_async_context(listening(station_wire))
        victim = Victim(torment.subject, place, broker_wire)
        stack.push_async_callback(victim.kill)
        stage = Stage(
            torment=torment,
            chance=random.Random(torment.seed),
            broker=broker,
            place=place,
            broker_wire=broker_wire,
            station_wire=station_wire,
            station_url=f"ws://{LOOPBACK}:{near_port}",
            victim=victim,
            trace=trace,
            bridge=bridge,
            stopwatch=Stopwatch(),
            stations=[],
            commands=None,
        )
        _cast(stage, setting)
        yield stage


def _cast(stage: Stage, setting: Setting) -> None:
    """Make stations and controllers."""
    stage.stations = [
        TortureStation(
            f"TORTURE*{number:03d}",
            stage.station_url,
            random.Random(stage.chance.random()),
            stage.stopwatch.take,
        )
        for number in range(0 if setting.fleet else stage.torment.stations)
    ]
    if setting.commands is not None:
        stage.commands = CommandLoad(
            station_url=f"ws://{LOOPBACK}:{stage.place.port}",
            broker_url=stage.broker.url,
            root=stage.place.root,
            kinds=setting.commands,
            controllers=setting.controllers,
            chance=stage.chance,
        )


@asynccontextmanager
async def charging(stage: Stage) -> AsyncIterator[None]:
    """Have stations charge and controllers command while in the context, and let them finish."""
    async with asyncio.TaskGroup() as tasks:
        for station in stage.stations:
            tasks.create_task(station.run())
        if stage.commands is not None:
            tasks.create_task(stage.commands.run())
        yield
        for station in stage.stations:
            station.finish()
        if stage.commands is not None:
            stage.commands.finish()


async def judged(stage: Stage) -> Judgement:
    """Let the outbox drain, stop the bridge, and judge."""
    await drained(stage.trace, stage.acknowledged, stage.torment.quiet_seconds)
    is_bridge = stage.torment.subject == "bridge"
    untrue = await stage.untrue(_CONVERGED_SECONDS) if is_bridge else []
    retained = await read_last_transactions(stage.broker.url, stage.place.root)
    commands = None
    if stage.commands is not None:
        commands = judge_flood(await stage.commands.evidence())
    exit_code = await stage.victim.stop()
    return Judgement(
        events=judge(replace(_evidence(stage), retained=retained)),
        commands=commands,
        untrue=untrue,
        exit_code=exit_code,
    )


async def drained(trace: Trace, expected: set[EventKey], quiet_seconds: float) -> None:
    """Wait until every expected event arrived, at most a minute, then for quiet."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_TIMEOUT_SECONDS):
            await trace.complete(expected)
    await trace.quiet(quiet_seconds)


def _evidence(stage: Stage) -> Evidence:
    stations = stage.stations
    stored = read_store(stage.store) if stage.torment.subject == "bridge" else None
    return Evidence(
        sent=[*(key for station in stations for key in station.sent), *stage.told],
        acknowledged=frozenset(stage.acknowledged),
        refused=[key for station in stations for key in station.refused],
        unanswered=[station.stuck for station in stations if station.stuck is not None],
        stored=None if stored is None else stored.events,
        inserted_at=() if stored is None else stored.inserted_at,
        records=None if stored is None else stored.records,
        delivered=stage.trace.delivered,
        truth={station.station_id: station.truth for station in stations},
        retained={},
    )
