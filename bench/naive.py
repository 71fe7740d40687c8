"""The honest naive reference: what one writes first with the usual packages.

The `ocpp` package's ChargePoint with its validation on, the asyncio server of `websockets`, and one
`aiomqtt` client; each TransactionEvent is published at QoS 1 and awaited before the station gets
its answer. Nothing is stored. `--nodelay` sets TCP_NODELAY on the broker link, which neither paho
nor aiomqtt does by itself (performance.md, point 3).
"""

import argparse
import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import aiomqtt
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result, datatypes
from ocpp.v201.enums import (
    Action,
    ChargingProfileKindEnumType,
    ChargingProfilePurposeEnumType,
    ChargingRateUnitEnumType,
    RegistrationStatusEnumType,
)
from websockets import Subprotocol
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.mqtt_wire import BrokerAddress


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class NaiveStation(ChargePoint):  # type: ignore[misc]  # the ocpp package has no types
    """A connected station: publishes its transaction events, takes limits."""

    def __init__(self, station_id: str, connection: Any, mqtt: aiomqtt.Client, root: str) -> None:
        """Set up the station of one connection."""
        super().__init__(station_id, connection)
        self._mqtt = mqtt
        self._root = root

    @on(Action.boot_notification)  # type: ignore[untyped-decorator]
    async def on_boot(self, **_: Any) -> Any:
        """Accept every station."""
        return call_result.BootNotification(
            current_time=_now(), interval=300, status=RegistrationStatusEnumType.accepted
        )

    @on(Action.status_notification)  # type: ignore[untyped-decorator]
    async def on_status(self, **_: Any) -> Any:
        """Take note."""
        return call_result.StatusNotification()

    @on(Action.heartbeat)  # type: ignore[untyped-decorator]
    async def on_heartbeat(self) -> Any:
        """Tell the time."""
        return call_result.Heartbeat(current_time=_now())

    @on(Action.transaction_event)  # type: ignore[untyped-decorator]
    async def on_transaction_event(self, **event: Any) -> Any:
        """Publish the event and wait for the broker, then answer."""
        document = {
            "v": 1,
            "cs": self.id,
            "evse": 1,
            "receivedAt": _now(),
            "ts": event["timestamp"],
            "eventType": event["event_type"],
            "seqNo": event["seq_no"],
            "triggerReason": event["trigger_reason"],
            "offline": event.get("offline", False),
            "transaction": event["transaction_info"],
            "meterValue": event.get("meter_value", []),
        }
        topic = f"{self._root}/v1/cs/{self.id}/1/event/transaction"
        await self._mqtt.publish(topic, json.dumps(document), qos=1)
        return call_result.TransactionEvent()

    async def set_limit(self, controller: str, command: dict[str, Any]) -> None:
        """Set a TxDefaultProfile with the limit and publish the result."""
        profile = datatypes.ChargingProfileType(
            id=1,
            stack_level=0,
            charging_profile_purpose=ChargingProfilePurposeEnumType.tx_default_profile,
            charging_profile_kind=ChargingProfileKindEnumType.absolute,
            charging_schedule=[
                datatypes.ChargingScheduleType(
                    id=1,
                    start_schedule=_now(),
                    charging_rate_unit=ChargingRateUnitEnumType.amps,
                    charging_schedule_period=[
                        datatypes.ChargingSchedulePeriodType(
                            start_period=0, limit=float(command["limitA"])
                        )
                    ],
                )
            ],
        )
        answer = await self.call(call.SetChargingProfile(evse_id=1, charging_profile=profile))
        result = {"cmd": "limit", "status": answer.status if answer else "failed", "ts": _now()}
        topic = f"{self._root}/v1/cs/{self.id}/1/res/{controller}/limit"
        await self._mqtt.publish(topic, json.dumps(result), qos=1)


class NaiveBridge:
    """All connected stations and the one MQTT client."""

    def __init__(self, mqtt: aiomqtt.Client, root: str) -> None:
        """Set up a bridge without stations."""
        self._mqtt = mqtt
        self._root = root
        self._stations: dict[str, NaiveStation] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def on_connect(self, connection: ServerConnection) -> None:
        """Serve one station until it disconnects."""
        request = connection.request
        if request is None:
            return
        station_id = request.path.rpartition("/")[2]
        station = NaiveStation(station_id, connection, self._mqtt, self._root)
        self._stations[station_id] = station
        with contextlib.suppress(ConnectionClosed):
            await station.start()

    async def take_commands(self) -> None:
        """Carry out limit commands, each in its own task."""
        await self._mqtt.subscribe(f"{self._root}/v1/cs/+/1/cmd/+/limit", qos=1)
        async for message in self._mqtt.messages:
            levels = str(message.topic).split("/")
            station = self._stations.get(levels[-5])
            if station is not None and isinstance(message.payload, bytes):
                self._start(station.set_limit(levels[-2], json.loads(message.payload)))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


async def run(port: int, broker_url: str, root: str, *, nodelay: bool) -> None:
    """Run the naive bridge until the process is ended."""
    address = BrokerAddress.parse(broker_url)
    # aiomqtt warns on every publish while more than ten are pending; printing that would be
    # measured as the reference's own cost.
    quiet = logging.getLogger("bench.naive.mqtt")
    quiet.setLevel(logging.ERROR)
    async with aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        logger=quiet,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)] if nodelay else (),
    ) as mqtt:
        bridge = NaiveBridge(mqtt, root)
        subprotocols = [Subprotocol("ocpp2.0.1")]
        async with serve(bridge.on_connect, "127.0.0.1", port, subprotocols=subprotocols):
            await bridge.take_commands()


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--root", default="ocpp")
    parser.add_argument("--nodelay", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.port, arguments.broker, arguments.root, nodelay=arguments.nodelay))


if __name__ == "__main__":
    main()
