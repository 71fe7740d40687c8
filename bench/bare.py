"""The bare limit: what the two transports alone allow in Python.

A WebSocket frame in, its raw bytes out at QoS 1, the station's answer on the PUBACK: no parsing,
no validation, no store, no documents. On uvloop, the Sans-I/O layer of `websockets` and the small
MQTT client of this package. A bridge is measured by which share of it remains (performance.md).
"""

import argparse
import asyncio
import functools
import socket
from typing import Final, cast

from websockets import Subprotocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from bench.frames import timestamp
from bench.mqtt_wire import MqttSession
from bench.process import LOOPBACK, run_fast

_ID_STARTS: Final = len('[2,"')


class BareConnection(asyncio.Protocol):
    """One station's connection."""

    def __init__(self, mqtt: MqttSession, root: str) -> None:
        """Set up a connection that publishes on `mqtt`."""
        self._mqtt = mqtt
        self._root = root
        self._websocket = ServerProtocol(subprotocols=[Subprotocol("ocpp2.0.1")])
        self._topic = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        endpoint: socket.socket = transport.get_extra_info("socket")
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Accept the handshake, forward frames."""
        self._websocket.receive_data(data)
        for event in self._websocket.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._forward(bytes(event.data))
            elif isinstance(event, Request):
                station_id = event.path.rpartition("/")[2]
                self._topic = f"{self._root}/v1/cs/{station_id}/1/event/transaction"
                self._websocket.send_response(self._websocket.accept(event))
        self._flush()

    def _forward(self, frame: bytes) -> None:
        id_ends = frame.index(b'"', _ID_STARTS)
        message_id = frame[_ID_STARTS:id_ends]
        if frame.startswith(b'","TransactionEvent"', id_ends):
            self._mqtt.publish(self._topic, frame, functools.partial(self._answer, message_id))
        else:
            self._answer(message_id, b'"status":"Accepted","interval":300')

    def _answer(self, message_id: bytes, body: bytes = b"") -> None:
        if self._transport.is_closing():
            return
        self._websocket.send_text(b'[3,"%b",{%b}]' % (message_id, body))
        self._flush()

    def _flush(self) -> None:
        for chunk in self._websocket.data_to_send():
            if chunk:
                self._transport.write(chunk)
            else:
                self._transport.close()


async def run(port: int, broker_url: str, root: str) -> None:
    """Run until the broker ends the link or the process is ended."""
    mqtt = await MqttSession.connect(broker_url, f"bare-{timestamp()}")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BareConnection(mqtt, root), LOOPBACK, port)
    async with server:
        await mqtt.lost.wait()


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--root", default="ocpp")
    arguments = parser.parse_args()
    run_fast(run(arguments.port, arguments.broker, arguments.root))


if __name__ == "__main__":
    main()
