"""`ocpp-mqtt-bridge demo`: the whole thing on one machine, with nothing installed or configured.

A broker where none is given, the bridge, a simulated station with a car, and a live picture of
what any MQTT client would see. Everything is temporary and bound to the loopback.
"""

import argparse
import asyncio
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.live import Live

from bridge.app import Application, application
from bridge.config import Config, load_config
from bridge.demo.broker import BrokerError, BrokerHandle, demo_broker, usable_port
from bridge.demo.view import View
from bridge.domain.ids import StationId
from bridge.mqtt.discovery import device_id
from bridge.mqtt.settings import BrokerAddress
from bridge.mqtt.tools import ProtocolName, ToolError, connected, follow
from bridge.mqtt.topics import BRIDGE_INFO, BRIDGE_STATE, EVSE_ROWS, STATION_ROWS, Topics
from bridge.simulator import SimulatorOptions, simulate
from bridge.telemetry.logs import configure_logging

STATION: Final = StationId("SIM001")
BRIDGE_ID: Final = "demo"
ROOT: Final = "ocpp"
USUAL_OCPP_PORT: Final = 9000
USUAL_HTTP_PORT: Final = 8080
REFRESH_SECONDS: Final = 0.25
METER_INTERVAL_SECONDS: Final = 2.0
INSTALLATION_MAX_A: Final = 32
INCREASE_HOLD_SECONDS: Final = 2.0
"""Less than a real charger wants: whoever tries something does not like to wait."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `demo` to a parser."""
    parser.add_argument(
        "--broker",
        metavar="URL",
        help="use this broker (mqtt://user:password@host) instead of starting one",
    )
    parser.add_argument(
        "--mqtt-port",
        type=int,
        metavar="N",
        help="port of the broker that is started (default: 1883 where it is free)",
    )
    parser.add_argument(
        "--ocpp-port",
        type=int,
        metavar="N",
        help=f"port for stations (default: {USUAL_OCPP_PORT} where it is free)",
    )
    parser.add_argument(
        "--http-port",
        type=int,
        metavar="N",
        help=f"port for HTTP (default: {USUAL_HTTP_PORT} where it is free)",
    )
    parser.add_argument("--seconds", type=float, metavar="N", help="end by itself after N seconds")
    parser.add_argument(
        "--plain", action="store_true", help="print lines instead of a live picture"
    )


def main(namespace: argparse.Namespace) -> int:
    """Run the demo until Ctrl-C; return the exit code."""
    console = Console(highlight=False)
    plain = namespace.plain or not console.is_terminal
    configure_logging("warning" if plain else "error", "human")
    try:
        asyncio.run(_demo(namespace, console, plain=plain))
    except BrokerError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, soft_wrap=True)
        return 1
    return 0


async def _demo(namespace: argparse.Namespace, console: Console, *, plain: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if namespace.seconds is not None:
        loop.call_later(namespace.seconds, stop.set)
    tell = partial(console.print, markup=False, soft_wrap=True)
    async with (
        demo_broker(namespace.broker, namespace.mqtt_port, on_log=tell) as broker,
        _tidied(broker),
        _bridge(broker, namespace) as bridge,
    ):
        view = View(ROOT, _notes(broker, bridge), _hints(broker))
        async with asyncio.TaskGroup() as tasks:
            shown = tasks.create_task(_show(broker, view, console, plain=plain))
            tasks.create_task(_charge(bridge, stop))
            await stop.wait()
            shown.cancel()


@asynccontextmanager
async def _tidied(broker: BrokerHandle) -> AsyncIterator[None]:
    """Take the demo's retained documents off a broker that stays, once the bridge has gone."""
    yield
    if broker.kind != "given":
        return
    table = Topics(ROOT, BRIDGE_ID)
    ours = [table.bridge(row) for row in (BRIDGE_STATE, BRIDGE_INFO)]
    ours += [table.station(row, STATION) for row in STATION_ROWS]
    ours += [table.station(row, STATION, 1) for row in EVSE_ROWS]
    ours += [table.discovery_device(device_id(ROOT, STATION, evse)) for evse in (0, 1)]
    with suppress(ToolError):  # the broker went first, and with it what could be tidied
        async with connected(BrokerAddress.parse(broker.url), _protocol(broker)) as client:
            for topic in ours:
                await client.publish(topic, b"", qos=1, retain=True)


def _protocol(broker: BrokerHandle) -> ProtocolName:
    return "5" if broker.mqtt5 else "3.1.1"


@asynccontextmanager
async def _bridge(
    broker: BrokerHandle, namespace: argparse.Namespace
) -> AsyncIterator[Application]:
    ports = _Ports(
        ocpp=usable_port(
            namespace.ocpp_port, usual=USUAL_OCPP_PORT, advice="choose another with --ocpp-port"
        ),
        http=usable_port(
            namespace.http_port, usual=USUAL_HTTP_PORT, advice="choose another with --http-port"
        ),
    )
    with tempfile.TemporaryDirectory(prefix="ocpp-mqtt-bridge-demo-") as data_dir:
        async with application(_config(broker, ports, Path(data_dir))) as bridge:
            yield bridge


class _Ports(NamedTuple):
    ocpp: int
    http: int


def _config(broker: BrokerHandle, ports: _Ports, data_dir: Path) -> Config:
    return load_config(
        overrides={
            "bridge": {"id": BRIDGE_ID, "data_dir": data_dir},
            "mqtt": {
                "url": broker.url,
                "root": ROOT,
                "protocol": _protocol(broker),
            },
            "ocpp": {"listen": f"127.0.0.1:{ports.ocpp}"},
            "http": {"listen": f"127.0.0.1:{ports.http}"},
            "stations": {
                "unknown": "accept",
                "defaults": {
                    "installation_max_a": INSTALLATION_MAX_A,
                    "phase_switching": True,
                    "increase_hold_seconds": INCREASE_HOLD_SECONDS,
                },
            },
        }
    )


async def _charge(bridge: Application, stop: asyncio.Event) -> None:
    """Run the simulated station until the end."""
    await simulate(
        SimulatorOptions(
            url=f"ws://127.0.0.1:{bridge.server.port}",
            station_ids=(STATION,),
            meter_interval_s=METER_INTERVAL_SECONDS,
        ),
        stop,
        None,
    )


async def _show(broker: BrokerHandle, view: View, console: Console, *, plain: bool) -> None:
    """Follow the topics as any client does, and show them."""
    messages = follow(broker.url, [f"{ROOT}/v1/cs/#"], protocol=_protocol(broker))
    if plain:
        for text in (*view.notes, "", "try from a second terminal:", *view.hints, ""):
            console.print(text, markup=False, soft_wrap=True)
        async for message in messages:
            line = view.take(message.topic, message.payload)
            if line is not None:
                console.print(line, markup=False, soft_wrap=True)
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        painter = asyncio.create_task(_paint(live, view))
        try:
            async for message in messages:
                view.take(message.topic, message.payload)
        finally:
            painter.cancel()


async def _paint(live: Live, view: View) -> None:
    while True:
        live.update(view.render(), refresh=True)
        await asyncio.sleep(REFRESH_SECONDS)


def _notes(broker: BrokerHandle, bridge: Application) -> list[str]:
    version = "MQTT 5" if broker.mqtt5 else "MQTT 3.1.1"
    worth = ", for the demo only" if broker.kind == "amqtt" else ""
    return [
        f"broker   {_without_password(broker.url)}  ({broker.kind}, {version}{worth})",
        f"stations ws://127.0.0.1:{bridge.server.port}/<station id>  (OCPP 1.6, 2.0.1, 2.1)",
        *(
            [f"HTTP     http://127.0.0.1:{bridge.http.port}/  (status page and API)"]
            if bridge.http
            else []
        ),
        "Ctrl-C ends the demo; nothing is left behind",
    ]


def _hints(broker: BrokerHandle) -> list[str]:
    """Return commands that can be pasted as they are."""
    program = _program()
    place = f"{ROOT}/v1/cs/{STATION}/1"
    url = shlex.quote(broker.url)
    commands = [
        ("limit", '{"limitA":10}'),
        ("phases", '{"phases":1}'),
        ("phases", '{"phases":null}'),
    ]
    commands += [("pause", "{}"), ("resume", "{}"), ("release", "{}")]
    commands += [("stop", "{}"), ("start", '{"idToken":{"value":"ME","type":"Central"}}')]
    commands += [("availability", '{"operative":false}'), ("availability", '{"operative":true}')]
    lines = [
        f"{program} pub --url {url} {place}/cmd/me/{name} '{body}'" for name, body in commands
    ]
    return [*lines, f"{program} sub --url {url} '{place}/#'"]


def _program() -> str:
    """Return how this program was called, for a second terminal in the same place."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":  # python -m bridge
        return f"{shlex.quote(os.path.relpath(sys.executable))} -m bridge"
    return shlex.quote(os.path.relpath(called)) if called.is_file() else "ocpp-mqtt-bridge"


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
