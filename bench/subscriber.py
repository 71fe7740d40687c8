"""The subscriber process: when each transaction event arrived, once or more, in order or not.

Arrival times are of the monotonic clock, which all processes of one host share.
"""

import argparse
import asyncio
import time
from collections import defaultdict
from typing import Any

import orjson

from bench.control import serve
from bench.mqtt_wire import Message, MqttSession


def event_key(station_id: str, seq_no: int) -> str:
    """Return the name of an event that load generator and subscriber share."""
    return f"{station_id}/{seq_no}"


class Arrivals:
    """What arrived since the last `reset`: unique events, repeats, inversions of seqNo."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.recording = False
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._seen: defaultdict[str, set[int]] = defaultdict(set)
        self._newest: dict[str, int] = {}
        self._times: dict[str, int] = {}
        self.unique = 0
        self.repeated = 0
        self.inverted = 0

    def take(self, message: Message) -> None:
        """Record one message on `.../cs/{cs}/{evse}/event/transaction`."""
        arrived_ns = time.monotonic_ns()
        station_id = message.topic.split("/")[-4]
        document = orjson.loads(message.payload)
        seq_no = document[3]["seqNo"] if isinstance(document, list) else document["seqNo"]
        if seq_no in self._seen[station_id]:
            self.repeated += 1
            return
        self._seen[station_id].add(seq_no)
        self.unique += 1
        self.inverted += seq_no < self._newest.get(station_id, -1)
        self._newest[station_id] = seq_no
        if self.recording:
            self._times[event_key(station_id, seq_no)] = arrived_ns

    def report(self) -> dict[str, Any]:
        """Return counts and the recorded arrival times in ns."""
        return {
            "unique": self.unique,
            "repeated": self.repeated,
            "inverted": self.inverted,
            "times": self._times,
        }


async def run(broker_url: str, root: str) -> None:
    """Serve the benchmark's requests `count`, `reset` and `report`."""
    arrivals = Arrivals()
    session = await MqttSession.connect(
        broker_url, f"bench-subscriber-{time.monotonic_ns()}", on_message=arrivals.take
    )
    await session.subscribe(f"{root}/v1/cs/+/+/event/transaction")

    async def count(_: dict[str, Any]) -> dict[str, Any]:
        return {"unique": arrivals.unique}

    async def reset(request: dict[str, Any]) -> dict[str, Any]:
        arrivals.recording = request["record"]
        arrivals.reset()
        return {}

    async def report(_: dict[str, Any]) -> dict[str, Any]:
        return arrivals.report()

    await serve({"count": count, "reset": reset, "report": report})
    session.close()


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--root", required=True)
    arguments = parser.parse_args()
    asyncio.run(run(arguments.broker, arguments.root))


if __name__ == "__main__":
    main()
