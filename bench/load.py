"""The load generator process: N booted stations with a transaction each.

Closed loop: each station sends its next event when the last one is answered: how much a bridge can
take. Open loop: a fixed number of events per second over all stations: how long one takes. A
command is published and timed until its SetChargingProfile reaches the station.
"""

import argparse
import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import orjson

from bench import frames
from bench.control import serve
from bench.mqtt_wire import MqttSession
from bench.process import run_fast
from bench.quantiles import milliseconds
from bench.station import Answer, LightStation
from bench.subscriber import event_key

_CONNECT_AT_ONCE: Final = 32
_COMMAND_TIMEOUT_SECONDS: Final = 5.0
_HIGHEST_LIMIT_A: Final = 15
_LOWEST_LIMIT_A: Final = 6
LIMIT_STEPS: Final = _HIGHEST_LIMIT_A - _LOWEST_LIMIT_A + 1
"""Limits per station: each lower than the last, since a bridge may hold an increase back."""


class LoadedStation:
    """A station in a transaction that sends Updated events on demand."""

    def __init__(self, station_id: str) -> None:
        """Set up a station that is not connected yet."""
        self.station_id = station_id
        self.transaction_id = f"tx-{station_id}"
        self.seq_no = 0
        self.busy = False
        self.link = LightStation(station_id, self._on_call)
        self.on_limit: Callable[[float], None] | None = None
        self._events = frames.UpdatedEvents(self.transaction_id)

    async def start(self, base_url: str, *, transaction: bool) -> None:
        """Connect, boot and, where wanted, start the transaction."""
        await self.link.connect(base_url)
        await self.link.boot()
        if transaction:
            await self.link.request("StatusNotification", frames.status_notification("Occupied"))
            started = frames.transaction_event("Started", self.transaction_id, 0, 0)
            await self.link.request("TransactionEvent", started)

    def send_event(self, on_answer: Callable[[Answer], None]) -> None:
        """Send the next Updated event."""
        self.seq_no += 1
        message_id = self.link.next_message_id()
        frame = self._events.render(message_id, self.seq_no, self.seq_no)
        self.busy = True
        self.link.send_call(message_id, frame, on_answer)

    def _on_call(self, action: str, payload: Any) -> None:
        if action == "SetChargingProfile" and self.on_limit is not None:
            self.on_limit(_first_limit(payload))


def _first_limit(payload: Any) -> float:
    schedule = payload["chargingProfile"]["chargingSchedule"][0]
    return float(schedule["chargingSchedulePeriod"][0]["limit"])


class Tally:
    """Events sent and answered in one run of a load."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.sent = 0
        self.refused = 0
        self.answer_ns: list[int] = []
        self.idle = asyncio.Event()

    def answered(self, sent_ns: int, answer: Answer) -> None:
        """Count one answer."""
        self.answer_ns.append(time.monotonic_ns() - sent_ns)
        self.refused += answer[0] != frames.MESSAGE_TYPE_RESULT
        if len(self.answer_ns) == self.sent:
            self.idle.set()

    def report(self) -> dict[str, Any]:
        """Return counts and quantiles of the time from CALL to answer."""
        return {
            "sent": self.sent,
            "answered": len(self.answer_ns),
            "refused": self.refused,
            "answerMs": milliseconds(self.answer_ns),
        }


class Fleet:
    """All stations of this process."""

    def __init__(self, base_url: str, prefix: str) -> None:
        """Set up without stations; their ids begin with `prefix`."""
        self._base_url = base_url
        self._prefix = prefix
        self.stations: list[LoadedStation] = []

    async def grow(self, count: int, *, transactions: bool) -> None:
        """Connect and boot `count` more stations."""
        first = len(self.stations)
        new = [LoadedStation(f"{self._prefix}{first + index:04d}") for index in range(count)]
        gate = asyncio.Semaphore(_CONNECT_AT_ONCE)

        async def start(station: LoadedStation) -> None:
            async with gate:
                await station.start(self._base_url, transaction=transactions)

        async with asyncio.TaskGroup() as tasks:
            for station in new:
                tasks.create_task(start(station))
        self.stations += new

    async def closed_loop(self, seconds: float) -> dict[str, Any]:
        """Let every station send as fast as it is answered for `seconds`."""
        tally = Tally()
        began_ns = time.monotonic_ns()
        deadline_ns = began_ns + int(seconds * 1e9)

        def send(station: LoadedStation) -> None:
            sent_ns = time.monotonic_ns()
            tally.sent += 1

            def answered(answer: Answer) -> None:
                if time.monotonic_ns() < deadline_ns:
                    send(station)
                tally.answered(sent_ns, answer)

            station.send_event(answered)

        for station in self.stations:
            send(station)
        await self._settled(tally, seconds)
        return tally.report() | {"seconds": (time.monotonic_ns() - began_ns) / 1e9}

    async def open_loop(self, rate: float, seconds: float) -> dict[str, Any]:
        """Send `rate` events a second over all stations, and tell when each was sent.

        An event that is due while its station awaits an answer waits, and counts from when it was
        due: a slow bridge does not thin the load out.
        """
        tally = Tally()
        sent_at: dict[str, int] = {}
        waiting: dict[str, deque[int]] = {s.station_id: deque() for s in self.stations}

        def send(station: LoadedStation, due_ns: int) -> None:
            sent_at[event_key(station.station_id, station.seq_no + 1)] = due_ns

            def answered(answer: Answer) -> None:
                station.busy = False
                if waiting[station.station_id]:
                    send(station, waiting[station.station_id].popleft())
                tally.answered(due_ns, answer)

            station.send_event(answered)

        async for index in _ticks(rate, seconds):
            station = self.stations[index % len(self.stations)]
            tally.sent += 1
            if station.busy:
                waiting[station.station_id].append(time.monotonic_ns())
            else:
                send(station, time.monotonic_ns())
        await self._settled(tally, 0)
        return tally.report() | {"seconds": seconds, "times": sent_at}

    async def commands(self, broker_url: str, root: str, count: int) -> dict[str, Any]:
        """Publish limits one after another and time each to the station's SetChargingProfile."""
        session = await MqttSession.connect(broker_url, f"bench-command-{time.monotonic_ns()}")
        taken_ns: list[int] = []
        lost = 0
        for station, limit in _limits(self.stations, count):
            topic = f"{root}/v1/cs/{station.station_id}/1/cmd/{station.station_id}/limit"
            try:
                taken_ns.append(await self._command(session, topic, station, limit))
            except TimeoutError:
                lost += 1
        session.close()
        return {"count": count, "lost": lost, "commandMs": milliseconds(taken_ns)}

    @staticmethod
    async def _command(
        session: MqttSession, topic: str, station: LoadedStation, limit: float
    ) -> int:
        reached: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def on_limit(value: float) -> None:
            if value == limit and not reached.done():
                reached.set_result(time.monotonic_ns())

        station.on_limit = on_limit
        sent_ns = time.monotonic_ns()
        session.publish(topic, orjson.dumps({"limitA": limit}), _nothing)
        try:
            async with asyncio.timeout(_COMMAND_TIMEOUT_SECONDS):
                return await reached - sent_ns
        finally:
            station.on_limit = None

    async def _settled(self, tally: Tally, extra_seconds: float) -> None:
        async with asyncio.timeout(extra_seconds + 60):
            await tally.idle.wait()
            while len(tally.answer_ns) < tally.sent:
                tally.idle.clear()
                await tally.idle.wait()
        for station in self.stations:
            station.busy = False


async def _ticks(rate: float, seconds: float) -> AsyncIterator[int]:
    began = time.monotonic()
    for index in range(int(rate * seconds)):
        ahead = began + index / rate - time.monotonic()
        if ahead > 0:
            await asyncio.sleep(ahead)
        yield index


def _limits(stations: Sequence[LoadedStation], count: int) -> list[tuple[LoadedStation, float]]:
    """Return at most `count` falling limits in turns over as few stations as that needs."""
    used = stations[: -(-count // LIMIT_STEPS)]
    falling = [float(_HIGHEST_LIMIT_A - step) for step in range(LIMIT_STEPS)]
    return [(station, limit) for limit in falling for station in used][:count]


def _nothing() -> None:
    """Await no PUBACK: the command's effect is what is timed."""


Request = dict[str, Any]


async def run(arguments: argparse.Namespace) -> None:
    """Serve the benchmark's requests `grow`, `closed`, `open` and `commands`."""
    fleet = Fleet(arguments.url, arguments.prefix)

    async def grow(request: Request) -> dict[str, Any]:
        await fleet.grow(request["count"], transactions=request["transactions"])
        return {"stations": len(fleet.stations)}

    def closed(request: Request) -> Awaitable[dict[str, Any]]:
        return fleet.closed_loop(request["seconds"])

    def opened(request: Request) -> Awaitable[dict[str, Any]]:
        return fleet.open_loop(request["rate"], request["seconds"])

    def commands(request: Request) -> Awaitable[dict[str, Any]]:
        return fleet.commands(arguments.broker, arguments.root, request["count"])

    await serve({"grow": grow, "closed": closed, "open": opened, "commands": commands})


def main() -> None:
    """Parse the command line and run, on uvloop where it is installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="ws://host:port of the bridge")
    parser.add_argument("--broker", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--prefix", default="BENCH")
    run_fast(run(parser.parse_args()))


if __name__ == "__main__":
    main()
