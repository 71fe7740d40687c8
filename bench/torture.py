"""`python -m bench.torture`: kill -9 of the bridge at random moments, and what became of its promise.

Stations charge without pause while the bridge is killed and started again on the same data
directory and port; before some kills its messages to the broker are lost for a moment. At the end the stations finish, the outbox drains, and the Oracle judges from
the stations' acknowledgements, the store and a subscriber's trace. Exit code 1 on any violation.
"""

import argparse
import asyncio
import contextlib
import random
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import Process
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import orjson

from bench.broker import run_broker
from bench.evidence import STORE_FILE, Trace, read_events, read_retained
from bench.mqtt_wire import MqttSession
from bench.oracle import Evidence, Verdict, judge
from bench.process import (
    LOOPBACK,
    REPOSITORY,
    start_logged,
    stop_process,
    wait_for_port,
)
from bench.subjects import COMMANDS, Place
from bench.torture_station import TortureStation
from bench.wire import Wire, run_wire
from bridge.demo.broker import free_port

_DRAIN_TIMEOUT_SECONDS: Final = 60.0
_QUIET_SECONDS: Final = 3.0
_DURING_START: Final = 0.15
"""Share of the kills that do not wait until the bridge listens."""
_BEHIND_A_DEAD_LINK: Final = 0.4
"""Share of the kills before which the bridge's messages to the broker are lost on the way."""
_DEAD_LINK_SECONDS: Final = (0.02, 0.4)
_START_SECONDS: Final = 0.6
_SHOWN_VIOLATIONS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Torment:
    """What is done to the bridge."""

    kills: int = 50
    stations: int = 20
    seconds_between: tuple[float, float] = (0.3, 1.5)
    seed: int = 0
    subject: str = "bridge"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was done and what came of it."""

    torment: Torment
    broker: str
    verdict: Verdict
    seconds: float
    retries: int
    """Attempts after the first one of an event, most of them at a closed port."""
    resent: int
    """Frames sent again on a new connection: the bridge may or may not have stored the first."""
    unanswered: int
    """CALLs without an answer for 10 s on a connection that stayed open."""
    swallowed_bytes: int
    """Between bridge and broker, in the last moments before some kills."""
    start_seconds: list[float] = field(default_factory=list)
    """From each start of the bridge until it listened."""
    exit_code: int | None = None
    """Of the last bridge, after SIGTERM."""


class Victim:
    """The bridge process that dies and is started again at the same place."""

    def __init__(self, subject: str, place: Place, wire: Wire) -> None:
        """Set up without a process."""
        self.wire = wire
        self.start_seconds: list[float] = []
        self._subject = subject
        self._place = place
        self._log = place.directory / "bridge.log"
        self._process: Process | None = None

    async def start(self, *, wait: bool = True) -> None:
        """Start the bridge and wait until it listens.

        Raises:
            ChildProcessError: it ended instead.
            TimeoutError: it did not listen within 30 s.
        """
        command = COMMANDS[self._subject](self._place)
        began = time.monotonic()
        self._process = await start_logged(command, self._log)
        if wait:
            await wait_for_port(self._place.port, self._process, self._log)
            self.start_seconds.append(time.monotonic() - began)

    async def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing said."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self.wire.swallowing = False

    async def stop(self) -> int | None:
        """SIGTERM; return the exit code."""
        if self._process is None:
            return None
        await stop_process(self._process)
        return self._process.returncode


async def run_torture(torment: Torment, directory: Path, broker_url: str | None = None) -> Outcome:
    """Torment a bridge in an existing, empty directory and judge it.

    Raises:
        ChildProcessError: the bridge did not start again.
    """
    async with run_broker(broker_url, directory) as broker:
        root = f"torture-{time.monotonic_ns():x}"
        trace = Trace()
        subscriber = await MqttSession.connect(
            broker.url, f"torture-{root}", on_message=trace.take, clean=False
        )
        await subscriber.subscribe(f"{root}/v1/cs/+/+/event/transaction")
        async with run_wire(broker.url) as (wire, url):
            near = replace(broker, url=url)
            place = Place(port=free_port(), broker=near, root=root, directory=directory)
            victim = Victim(torment.subject, place, wire)
            try:
                return await _torment(torment, place, victim, trace)
            finally:
                await victim.kill()
                subscriber.close()


async def _torment(torment: Torment, place: Place, victim: Victim, trace: Trace) -> Outcome:
    began = time.monotonic()
    chance = random.Random(torment.seed)
    stations = _stations(torment, place, chance)
    await victim.start()
    async with asyncio.TaskGroup() as tasks:
        for station in stations:
            tasks.create_task(station.run())
        await _kill_repeatedly(torment, victim, chance)
        for station in stations:
            station.finish()
    await _drained(trace, stations)
    retained = await read_retained(place.broker.url, place.root)
    exit_code = await victim.stop()
    return Outcome(
        torment=torment,
        broker=place.broker.name,
        verdict=judge(_evidence(torment, place, stations, trace, retained)),
        seconds=time.monotonic() - began,
        retries=sum(station.retries for station in stations),
        resent=sum(station.resent for station in stations),
        unanswered=sum(station.unanswered for station in stations),
        swallowed_bytes=victim.wire.swallowed_bytes,
        start_seconds=victim.start_seconds,
        exit_code=exit_code,
    )


def _stations(torment: Torment, place: Place, chance: random.Random) -> list[TortureStation]:
    url = f"ws://{LOOPBACK}:{place.port}"
    return [
        TortureStation(f"TORTURE*{number:03d}", url, random.Random(chance.random()))
        for number in range(torment.stations)
    ]


async def _kill_repeatedly(torment: Torment, victim: Victim, chance: random.Random) -> None:
    for number in range(1, torment.kills + 1):
        await asyncio.sleep(chance.uniform(*torment.seconds_between))
        if chance.random() < _BEHIND_A_DEAD_LINK:
            victim.wire.swallowing = True
            await asyncio.sleep(chance.uniform(*_DEAD_LINK_SECONDS))
        await victim.kill()
        if chance.random() < _DURING_START:
            await victim.start(wait=False)
            await asyncio.sleep(chance.uniform(0, _START_SECONDS))
            await victim.kill()
        await victim.start()
        _progress(number, torment.kills)


async def _drained(trace: Trace, stations: list[TortureStation]) -> None:
    """Wait until every acknowledged event arrived, at most a minute, then for quiet."""
    expected = {key for station in stations for key in station.acknowledged}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_TIMEOUT_SECONDS):
            await trace.complete(expected)
    await trace.quiet(_QUIET_SECONDS)


def _evidence(
    torment: Torment,
    place: Place,
    stations: list[TortureStation],
    trace: Trace,
    retained: dict[str, Any],
) -> Evidence:
    has_store = torment.subject == "bridge"
    return Evidence(
        sent=[key for station in stations for key in station.sent],
        acknowledged=frozenset(key for station in stations for key in station.acknowledged),
        refused=[key for station in stations for key in station.refused],
        unanswered=[station.stuck for station in stations if station.stuck is not None],
        stored=read_events(place.directory / "data" / STORE_FILE) if has_store else None,
        delivered=trace.delivered,
        truth={station.station_id: station.truth for station in stations},
        retained=retained,
    )


def summary(outcome: Outcome) -> str:
    """Return what a person reads."""
    verdict = outcome.verdict
    starts = sorted(outcome.start_seconds)
    torment = outcome.torment
    lines = [
        f"{torment.kills} kills, {torment.stations} stations, {outcome.seconds:.0f} s",
        f"seed {torment.seed}, broker {outcome.broker}",
        f"events sent {verdict.sent}, acknowledged {verdict.acknowledged}",
        f"in the store {verdict.stored}",
        f"on MQTT {verdict.delivered}, of which repeated {verdict.repeated_deliveries}",
        f"station retries {outcome.retries}, of which reached a bridge {outcome.resent}",
        f"lost between bridge and broker before kills: {outcome.swallowed_bytes} bytes",
        f"unanswered for 10 s {outcome.unanswered}",
        f"start until listening: {starts[len(starts) // 2]:.2f} s, longest {starts[-1]:.2f} s",
        f"exit code after SIGTERM {outcome.exit_code}",
    ]
    shown = verdict.violations[:_SHOWN_VIOLATIONS]
    lines += [f"VIOLATION {violation.invariant}: {violation.detail}" for violation in shown]
    lines.append("every promise kept" if verdict.kept else f"{len(verdict.violations)} violations")
    return "\n".join(lines)


def write_report(path: Path, outcome: Outcome) -> None:
    """Write the outcome as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = asdict(outcome) | {"kept": outcome.verdict.kept}
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def _progress(number: int, kills: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if number == kills else ""
        print(f"\rtorture: kill {number} of {kills} ", end=end, file=sys.stderr, flush=True)
    elif number % 10 == 0 or number == kills:
        print(f"torture: kill {number} of {kills}", file=sys.stderr, flush=True)


def parse_arguments() -> tuple[Torment, argparse.Namespace]:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--stations", type=int, default=20)
    parser.add_argument(
        "--seconds-between", metavar="LOW..HIGH", default="0.3..1.5", help="between two kills"
    )
    parser.add_argument("--seed", type=int, help="default: a new one, printed")
    parser.add_argument("--subject", choices=["bridge", "naive"], default="bridge")
    parser.add_argument("--broker", metavar="URL", help="mqtt://[user:password@]host[:port]")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=REPOSITORY / "bench-results/torture.json"
    )
    arguments = parser.parse_args()
    low, _, high = arguments.seconds_between.partition("..")
    torment = Torment(
        kills=arguments.kills,
        stations=arguments.stations,
        seconds_between=(float(low), float(high)),
        seed=arguments.seed if arguments.seed is not None else random.randrange(2**32),
        subject=arguments.subject,
    )
    return torment, arguments


def main() -> int:
    """Run, print the summary, write the report; return 1 where a promise was broken."""
    torment, arguments = parse_arguments()
    print(f"torture: seed {torment.seed}", file=sys.stderr)
    directory = Path(tempfile.mkdtemp(prefix="torture-"))
    outcome = asyncio.run(run_torture(torment, directory, arguments.broker))
    write_report(arguments.json, outcome)
    print(summary(outcome))
    if outcome.verdict.kept:
        shutil.rmtree(directory)
        return 0
    print(f"logs and store: {directory}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
