"""The connection to the broker: the one place that knows paho.

Theory of operation. paho's client is driven by the event loop's reader and writer callbacks and
a timer, without its thread; only connecting, which blocks on DNS, TCP and TLS, happens in an
executor. Publishes and their PUBACKs do not pass through it but through the `wire.Tap` that it
takes for its socket; the window is ours, from the broker's Receive Maximum. The session starts
clean with the process and is resumed on reconnects within it; what was in flight when a
connection died is reported as `LOST`, since the publisher knows better than paho what is still
worth sending. (MQTT wants it sent again under its packet identifier. To the receiver of a QoS 1
message a new one is no different, and an old state must not follow a newer one.)

Completions and messages are handed on when paho has returned from the socket, never from within
its callbacks: whoever is told may publish again at once.
"""

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from paho.mqtt.client import (
    MQTT_CLEAN_START_FIRST_ONLY,
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.mqtt import packets
from bridge.mqtt.client import TappedClient, in_thread, tls_context
from bridge.mqtt.settings import MqttSettings, Protocol
from bridge.mqtt.traffic import (
    BrokerCapabilities,
    Incoming,
    LinkError,
    LinkListener,
    OnDone,
    Outgoing,
    PublishOutcome,
)
from bridge.mqtt.wire import Tap, publish_properties
from bridge.ports import IdSource, Metrics

__all__ = [
    "BrokerCapabilities",
    "Incoming",
    "Link",
    "LinkError",
    "LinkListener",
    "Outgoing",
    "PublishOutcome",
]

_log = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
"""How often keepalive is looked after."""
STOP_SECONDS: Final = 2.0
NO_RETAINED: Final = 2
"""Retain Handling: do not send retained messages at the time of the subscribe (MQTT 5, 3.8.3.1)."""
HEADER_BYTES: Final = 64
"""More than a PUBLISH needs besides topic, payload and correlation data."""
TOPIC_BYTES: Final = 65_535
TOPICS_CACHE: Final = 16_384
"""Topics of which it is remembered that they can be sent: the same ones come again and again."""
FAILURE: Final = 0x80
"""PUBACK reason codes from here on are failures (MQTT 5, 3.4.2.1)."""
CHOKED_BYTES: Final = 1_048_576
"""Unsent bytes beyond which messages that may be lost (QoS 0) are not taken."""
_FORBIDDEN: Final = re.compile(
    rb"[+#\x00-\x1f\x7f]|\xed[\xa0-\xbf]|\xc2[\x80-\x9f]|\xef\xbf[\xbe\xbf]"
)
"""Wildcards, and what makes brokers hang up: control and non-characters, lone surrogates."""


@lru_cache(maxsize=TOPICS_CACHE)
def _encoded(topic: str) -> bytes:
    """Return a topic as it is sent, nothing where no broker takes it."""
    encoded = topic.encode("utf-8", "surrogatepass")
    return b"" if len(encoded) > TOPIC_BYTES or _FORBIDDEN.search(encoded) else encoded


class Link:
    """A connection to one broker that is made again for as long as the process lives."""

    def __init__(
        self, settings: MqttSettings, *, ids: IdSource, metrics: Metrics, will: Outgoing
    ) -> None:
        """Prepare; `start` begins connecting."""
        self.connected = False
        self.capabilities: BrokerCapabilities | None = None
        """Of the present or the last connection."""
        self._settings = settings
        self._ids = ids
        self._metrics = metrics
        self._listeners: list[LinkListener] = []
        self._properties: dict[tuple[int | None, bool], bytes] = {}
        self._tap: Tap[OnDone] | None = None
        self._window = settings.window
        self._completed: list[tuple[OnDone, PublishOutcome, str]] = []
        self._received: list[MQTTMessage] = []
        self._connection = 0
        self._descriptor = -1
        self._flush_due = False
        self._stopping = False
        self._reason = f"still connecting to {settings.address}"
        self._complaint = ""
        self._client = self._make_client(will)

    # --- life ----------------------------------------------------------------------------

    def add_listener(self, listener: LinkListener) -> None:
        """Tell this one too; in the order in which they were added."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin connecting, and keep trying until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._task = self._loop.create_task(self._keep_connected(), name="mqtt-link")

    async def wait_connected(self, timeout_seconds: float) -> None:
        """Return when there is a connection; raises LinkError, saying why not, on time-out."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._up.wait()
        except TimeoutError:
            raise LinkError(self._reason) from None

    async def stop(self) -> None:
        """Take leave of the broker, so that it publishes no Will, and close."""
        self._stopping = True
        if self.connected:
            self._client.disconnect()
            self._flush()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._down.wait()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._detach()

    async def _keep_connected(self) -> None:
        pause = self._settings.backoff_min_seconds
        while True:
            self._down.clear()
            self._up.clear()
            welcomed = await self._connect_once()
            if welcomed:
                pause = self._settings.backoff_min_seconds
            await asyncio.sleep(pause * (0.5 + self._ids.jitter() / 2))
            pause = min(pause * 2, self._settings.backoff_max_seconds)

    async def _connect_once(self) -> bool:
        """Connect and return when the connection is gone; say whether the broker took us."""
        self._connection += 1
        try:
            await in_thread(self._client.reconnect)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            place = self._settings.address
            self._complain(f"cannot reach the broker at {place}: {error}")
            return False
        ticker = self._loop.create_task(self._tick(), name="mqtt-keepalive")
        patience = self._loop.call_later(self._settings.connect_timeout_seconds, self._give_up)
        try:
            await self._down.wait()
        finally:
            patience.cancel()
            ticker.cancel()
        return self._up.is_set()

    def _give_up(self) -> None:
        """End a connection on which nobody has answered the CONNECT."""
        if not self.connected and self._tap is not None:
            self._complain(f"{self._settings.address} does not answer: is it an MQTT broker?")
            self._tap.close()
            self._readable()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._client.loop_misc()
            self._hand_on()

    def _complain(self, reason: str) -> None:
        """Log why there is no connection: once per reason, not once per attempt."""
        self._reason = reason
        self._metrics.count("mqtt.connect_failed")
        if reason != self._complaint:
            self._complaint = reason
            _log.warning("no connection to the broker, will keep trying", extra={"reason": reason})

    # --- sending -------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many QoS 1 messages may be sent now."""
        if not self.connected or self._tap is None:
            return 0
        return max(0, self._window - self._tap.in_flight)

    def publish(self, message: Outgoing, on_done: OnDone) -> bool:
        """Send a message; `on_done` is called exactly once, later.

        Returns False, and never calls `on_done`, while not connected, at QoS 1 without room, and
        at QoS 0 while the broker does not read what waits for it already.
        """
        tap = self._tap
        if tap is None or not self.connected:
            return False
        if not self.room if message.qos else tap.unsent_bytes > CHOKED_BYTES:
            return False
        topic = _encoded(message.topic)
        refusal = self._cannot_be_sent(message, topic)
        if refusal is not None:
            self._loop.call_soon(on_done, PublishOutcome.REFUSED, refusal)
            return True
        confirmed = message.qos and self._can.maximum_qos
        tap.publish(
            topic,
            message.payload,
            retain=message.retain and self._can.retain_available,
            properties=self._properties_of(message),
            token=on_done if confirmed else None,
        )
        if not confirmed:
            self._loop.call_soon(on_done, PublishOutcome.ACKNOWLEDGED, "")
        return True

    def flush(self) -> None:
        """Have what was published leave now: somebody waits for it."""
        if self._tap is not None:
            self._tap.flush()

    def _cannot_be_sent(self, message: Outgoing, topic: bytes) -> str | None:
        if not topic:
            return "no broker takes this topic"
        limit = self._can.maximum_packet_size
        if limit is None:
            return None
        size = len(message.payload) + len(topic) + len(message.correlation or b"") + HEADER_BYTES
        if size <= limit:
            return None
        return f"{size} bytes are more than the broker's Maximum Packet Size of {limit}"

    def _properties_of(self, message: Outgoing) -> bytes:
        if self._settings.protocol is not Protocol.V5:
            return b""
        if message.correlation is not None:
            return publish_properties(
                json=message.json,
                expiry_seconds=message.expiry_seconds,
                correlation=message.correlation,
            )
        key = (message.expiry_seconds, message.json)
        known = self._properties.get(key)
        if known is None:
            known = publish_properties(json=message.json, expiry_seconds=message.expiry_seconds)
            self._properties[key] = known
        return known

    def subscribe(self, filters: Sequence[str], *, retained: bool = True) -> None:
        """Subscribe at QoS 1, with Retain As Published where there is MQTT 5."""
        if not filters or not self.connected:
            return
        if self._settings.protocol is Protocol.V5:
            handling = 0 if retained else NO_RETAINED
            options = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=handling)
            self._client.subscribe([(each, options) for each in filters])
        else:
            self._client.subscribe([(each, 1) for each in filters])

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Take subscriptions back."""
        if filters and self.connected:
            self._client.unsubscribe(list(filters))

    def acknowledge(self, message: Incoming) -> None:
        """Tell the broker that a message is safe; without effect after a reconnect."""
        connection, packet_id = message.ack_id
        if packet_id and self.connected and connection == self._connection:
            self._client.ack(packet_id, 1)

    # --- paho and the event loop ---------------------------------------------------------

    def _make_client(self, will: Outgoing) -> Client:
        settings, address = self._settings, self._settings.address
        newest = settings.protocol is Protocol.V5
        client = TappedClient(
            self._acknowledged,
            CallbackAPIVersion.VERSION2,
            client_id=settings.effective_client_id,
            clean_session=None if newest else True,
            protocol=MQTTProtocolVersion.MQTTv5 if newest else MQTTProtocolVersion.MQTTv311,
            transport="websockets" if address.websocket else "tcp",
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = settings.connect_timeout_seconds
        client.suppress_exceptions = False
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if settings.address.encrypted:
            client.tls_set_context(tls_context(settings))
        if address.websocket:
            client.ws_set_options(path=address.path)
        client.will_set(
            will.topic,
            will.payload,
            will.qos,
            retain=will.retain,
            properties=self._will_properties() if newest else None,
        )
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.connect_async(
            address.host,
            address.port,
            settings.keepalive_seconds,
            clean_start=MQTT_CLEAN_START_FIRST_ONLY,
            properties=self._connect_properties() if newest else None,
        )
        return client

    def _connect_properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = self._settings.session_expiry_seconds
        return properties

    def _will_properties(self) -> Properties:
        properties = Properties(PacketTypes.WILLMESSAGE)
        properties.WillDelayInterval = self._settings.will_delay_seconds
        return properties

    def _in_loop(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call back in the event loop: paho connects in an executor's thread."""
        if threading.get_ident() == self._thread:
            callback(*arguments)
        else:
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _on_socket_open(self, _client: Client, _userdata: object, sock: Any) -> None:
        self._in_loop(self._attach, sock)

    def _attach(self, tap: Tap[OnDone]) -> None:
        if self._stopping:
            tap.close()
            return
        self._tap = tap
        self._descriptor = tap.fileno()
        tap.attach(self._loop, self._readable)
        self._flush()

    def _on_socket_close(self, _client: Client, _userdata: object, _sock: Any) -> None:
        self._in_loop(self._detach)

    def _detach(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            self._descriptor = -1

    def _on_want_write(self, _client: Client, _userdata: object, _sock: Any) -> None:
        """Write at the end of this turn of the loop: packets of one turn leave together."""
        if not self._flush_due:
            self._flush_due = True
            self._in_loop_soon(self._flush)

    def _in_loop_soon(self, callback: Callable[[], None]) -> None:
        if threading.get_ident() == self._thread:
            self._loop.call_soon(callback)
        else:
            self._loop.call_soon_threadsafe(callback)

    def _flush(self) -> None:
        self._flush_due = False
        if self._descriptor < 0:
            return
        self._client.loop_write()
        self._hand_on()

    def _readable(self) -> None:
        self._client.loop_read()
        # the tap has emptied the socket, which says nothing of what paho has still to read
        while self._tap is not None and self._tap.pending():
            self._client.loop_read()
        self._hand_on()

    def _hand_on(self) -> None:
        """Tell of what paho has completed and received since the last time."""
        while self._completed or self._received:
            completed, self._completed = self._completed, []
            received, self._received = self._received, []
            for on_done, outcome, reason in completed:
                on_done(outcome, reason)
            for message in received:
                incoming = packets.incoming(message, self._connection)
                for listener in self._listeners:
                    listener.on_message(incoming)
            if completed and self.connected:
                for listener in self._listeners:
                    listener.on_writable()

    # --- what paho tells -----------------------------------------------------------------

    def _on_connect(
        self,
        _client: Client,
        _userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._complain(f"the broker refuses the connection: {reason}")
            return
        self._can = self.capabilities = packets.capabilities(
            self._settings.protocol.value, properties
        )
        self._window = min(self._preferred_window(), self._can.receive_maximum)
        self.connected = True
        self._complaint = self._reason = ""
        self._up.set()
        _log.info(
            "connected to the broker",
            extra={"broker": str(self._settings.address)},
        )
        self._metrics.count("mqtt.connected")
        self._loop.call_soon(self._greet, self._connection, flags.session_present)

    def _preferred_window(self) -> int:
        newest = self._settings.protocol is Protocol.V5
        return self._settings.window if newest else self._settings.window_311

    def _greet(self, connection: int, session_present: bool) -> None:  # noqa: FBT001  # call_soon
        if not self.connected or connection != self._connection:
            return
        for listener in self._listeners:
            listener.on_connected(session_present=session_present)
        for listener in self._listeners:
            listener.on_writable()

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        was_connected, self.connected = self.connected, False
        tap, self._tap = self._tap, None
        if tap is not None:
            self._completed += [(done, PublishOutcome.LOST, str(reason)) for done in tap.abandon()]
        self._loop.call_soon(self._lost, was_connected, str(reason))

    def _lost(self, was_connected: bool, reason: str) -> None:  # noqa: FBT001  # call_soon
        self._hand_on()
        if was_connected:
            level = logging.INFO if self._stopping else logging.WARNING
            _log.log(level, "connection to the broker ended", extra={"reason": reason})
            for listener in self._listeners:
                listener.on_disconnected(reason)
        elif not self._complaint:
            self._complain(f"the broker ends the connection: {reason}")
        self._down.set()

    def _acknowledged(self, on_done: OnDone, code: int) -> None:
        if code < FAILURE:
            self._completed.append((on_done, PublishOutcome.ACKNOWLEDGED, ""))
        else:
            self._completed.append((on_done, PublishOutcome.REFUSED, packets.refusal(code)))

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._received.append(message)

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: object,
        _packet_id: int,
        reasons: Sequence[ReasonCode],
        _properties: Properties,
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                _log.error("the broker refuses a subscription", extra={"reason": str(reason)})
                self._metrics.count("mqtt.subscribe_refused")
