"""Scenarios about the broker: killed under load, killed with a quiet fleet, frozen."""

import asyncio
import time
from typing import Any, Final

from bench.load import Fleet, LoadedStation
from bench.mqtt_wire import Message, MqttSession
from bench.oracle import EventKey, Violation
from bench.quantiles import milliseconds
from bench.retained import Documents, differences, told
from bench.torture.stage import Findings, Stage

_SECONDS_BETWEEN: Final = (0.3, 1.5)
_AWAY_SECONDS: Final = (0.05, 2.0)
_SHORT_AWAY_SECONDS: Final = (0.05, 0.5)
_FROZEN_AT_LEAST_SECONDS: Final = 1.0
_CONVERGED_SECONDS: Final = 5.0
"""The bar: from the bridge's reconnect until the retained topics are true (issue 5)."""
_GIVE_UP_SECONDS: Final = 60.0
_CHANGED: Final = 0.2
"""Share of the stations that tell something while the broker is away."""


async def broker_kill(stage: Stage) -> Findings:
    """Kill the broker under load, and start it with nothing that it knew."""
    for number in range(1, stage.torment.rounds + 1):
        await stage.pause(*_SECONDS_BETWEEN)
        await stage.own_broker.kill()
        stage.stopwatch.running = True
        await stage.pause(*_AWAY_SECONDS)
        stage.stopwatch.running = False
        await stage.own_broker.start()
        await stage.connected()
        stage.progress(number)
    return Findings(figures={"whileTheBrokerWasAway": stage.stopwatch.report()})


async def freeze(stage: Stage) -> Findings:
    """Freeze the broker: its links stay open and silent."""
    frozen: list[float] = []
    for number in range(1, stage.torment.rounds + 1):
        await stage.pause(*_SECONDS_BETWEEN)
        seconds = stage.chance.uniform(_FROZEN_AT_LEAST_SECONDS, stage.torment.longest_seconds)
        with stage.broker.frozen():
            stage.stopwatch.running = True
            await asyncio.sleep(seconds)
            stage.stopwatch.running = False
        frozen.append(seconds)
        await stage.connected()
        stage.progress(number)
    return Findings(
        figures={
            "frozenSeconds": round(sum(frozen), 1),
            "longestSeconds": round(max(frozen), 1),
            "whileTheBrokerWasFrozen": stage.stopwatch.report(),
        }
    )


# --- A quiet fleet --------------------------------------------------------------------------


async def broker_wipe(stage: Stage) -> Findings:
    """Kill the broker and time until the retained topics of a fleet are true again."""
    fleet = Fleet(stage.station_url, "WIPE")
    await fleet.grow(stage.torment.stations, transactions=True)
    findings = Findings()
    times_ns: list[int] = []
    topics = 0
    for number in range(1, stage.torment.rounds + 1):
        await stage.own_broker.kill()
        await _tell_something(stage, fleet)
        await stage.pause(*_SHORT_AWAY_SECONDS)
        truth = await stage.bridge.truth()
        topics = len(truth)
        await stage.own_broker.start()
        view = _View(stage.place.root, truth)
        seconds = await view.converged(stage.broker.url)
        times_ns.append(int(seconds * 1e9))
        complaints = [f"not within {seconds:.1f} s"] if seconds > _CONVERGED_SECONDS else []
        complaints += await stage.untrue(0.0)
        findings.violations += [
            Violation("I6", f"round {number}: {complaint}") for complaint in complaints
        ]
        stage.progress(number)
    findings.figures |= {
        "retainedTopics": topics,
        "fromReconnectToTruthMs": milliseconds(times_ns),
    }
    for station in fleet.stations:
        stage.told += _events(station)
        station.link.abort()
    return findings


def _events(station: LoadedStation) -> list[EventKey]:
    """Return what a station has told, which was all acknowledged."""
    return [
        EventKey(
            station.station_id, station.transaction_id, seq_no, "Updated" if seq_no else "Started"
        )
        for seq_no in range(station.seq_no + 1)
    ]


async def _tell_something(stage: Stage, fleet: Fleet) -> None:
    """Let some stations send an event, and wait for the answers: nobody else talks."""
    told_by = [each for each in fleet.stations if stage.chance.random() < _CHANGED]
    answered = asyncio.Event()
    missing = len(told_by)

    def on_answer(_answer: Any) -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            answered.set()

    for station in told_by:
        station.send_event(on_answer)
    if told_by:
        async with asyncio.timeout(_GIVE_UP_SECONDS):
            await answered.wait()


class _View:
    """What a subscriber sees of a broker that has just been started."""

    def __init__(self, root: str, truth: Documents) -> None:
        self._untrue = dict(truth)
        self._truth = truth
        self._root = root
        self._reconnected_at: float | None = None
        self._true = asyncio.Event()

    def take(self, message: Message) -> None:
        """Compare one message with the truth."""
        if message.topic.startswith(f"{self._root}/v1/bridge/") and message.payload == b"online":
            self._reconnected_at = self._reconnected_at or time.monotonic()
        if message.topic not in self._truth:
            return
        true = self._truth[message.topic]
        if differences({"": true}, {"": told(message.payload)}):
            self._untrue[message.topic] = true
        else:
            self._untrue.pop(message.topic, None)
        if not self._untrue:
            self._true.set()

    async def converged(self, broker_url: str) -> float:
        """Return seconds from the bridge's reconnect until everything was true.

        Raises:
            TimeoutError: it was not within a minute.
        """
        session = await MqttSession.connect(
            broker_url, f"view-{time.monotonic_ns():x}", on_message=self.take
        )
        await session.subscribe(f"{self._root}/v1/#")
        async with asyncio.timeout(_GIVE_UP_SECONDS):
            await self._true.wait()
        now = time.monotonic()
        session.close()
        return now - (self._reconnected_at or now)
