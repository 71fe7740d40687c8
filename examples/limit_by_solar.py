"""Charges with what a solar system has left over.

Reads the surplus at the grid connection from a topic (a plain number, W; positive: you feed in), adds
what the car draws now, and asks for the sum as `limitW`. Each request is a lease: if this program dies,
the limit lapses by itself, and the car charges as if it had never run.

    python limit_by_solar.py --station SIM001 --surplus-topic solar/surplus

It is an example and not a controller: it has no hysteresis, so on a cloudy day the charging will
pause and go on again and again. Below 6 A per phase the bridge pauses the charging.
"""

import argparse
import asyncio
import json

import aiomqtt


class Surplus:
    """What the car may draw, W."""

    def __init__(self) -> None:
        """Start without any reading."""
        self.feed_in_w: float | None = None
        self.car_w = 0.0

    @property
    def limit_w(self) -> int | None:
        """What is left over for the car, None before the first reading."""
        if self.feed_in_w is None:
            return None
        return max(0, round(self.feed_in_w + self.car_w))

    def take_feed_in(self, payload: bytes) -> None:
        """Take a reading; what is no number ("unavailable") ends our asking, and the lease lapses."""
        try:
            self.feed_in_w = float(payload)
        except ValueError:
            self.feed_in_w = None
            print("no number, no limit:", payload, flush=True)


async def read(client: aiomqtt.Client, surplus: Surplus, options: argparse.Namespace) -> None:
    """Keep the readings up to date, and print what becomes of our commands."""
    async for message in client.messages:
        payload = bytes(message.payload)
        if message.topic.matches(options.surplus_topic):
            surplus.take_feed_in(payload)
        elif message.topic.matches(f"{options.place}/meter"):
            surplus.car_w = json.loads(payload)["powerW"] or 0.0
        elif message.topic.matches(options.results):
            result = json.loads(payload)
            reason = result["error"]["message"] if result["error"] else result["data"]
            print(result["status"], result["code"], reason, flush=True)


async def ask(client: aiomqtt.Client, surplus: Surplus, options: argparse.Namespace) -> None:
    """Ask for the limit again and again, so that the lease does not run out."""
    while True:
        limit_w = surplus.limit_w
        if limit_w is not None:
            command = {"limitW": limit_w, "ttlSeconds": round(4 * options.seconds) + 1}
            topic = f"{options.place}/cmd/{options.controller}/limit"
            await client.publish(topic, json.dumps(command), qos=1)
        await asyncio.sleep(options.seconds)


async def run(options: argparse.Namespace) -> None:
    """Connect, and go on until the connection ends."""
    surplus = Surplus()
    async with aiomqtt.Client(
        options.broker,
        options.port,
        username=options.controller if options.password else None,
        password=options.password,
    ) as client:
        for topic in (options.surplus_topic, f"{options.place}/meter", options.results):
            await client.subscribe(topic, qos=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read(client, surplus, options))
            tasks.create_task(ask(client, surplus, options))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Charge with what a solar system has left over.")
    parser.add_argument("--broker", default="127.0.0.1", help="host name or address")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--password", help="of the MQTT user --controller")
    parser.add_argument("--controller", default="solar", help="our name as a controller")
    parser.add_argument("--station", required=True, help="as it is written in topics")
    parser.add_argument("--evse", type=int, default=1)
    parser.add_argument("--root", default="ocpp", help="first topic segment of the bridge")
    parser.add_argument("--surplus-topic", required=True, help="feed-in, W; negative: drawn")
    parser.add_argument("--seconds", type=float, default=10, help="between two requests")
    options = parser.parse_args()
    options.place = f"{options.root}/v1/cs/{options.station}/{options.evse}"
    options.results = f"{options.place}/res/{options.controller}/limit"
    try:
        asyncio.run(run(options))
    except* KeyboardInterrupt:
        print("the limit lapses by itself")
    except* aiomqtt.MqttError as group:
        raise SystemExit(f"broker: {group.exceptions[0]}") from None


if __name__ == "__main__":
    main()
