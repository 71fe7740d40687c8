"""A subscriber that remembers what it saw and can be asked to wait for more.

Built on `aiomqtt`, independent of the bridge's own MQTT code:

    async with MqttProbe(broker.url, f"{broker.root}/#") as probe:
        await probe.publish(f"{broker.root}/v1/cs/S1/1/cmd/me/limit", {"limitA": 10})
        result = await probe.wait_for(f"{broker.root}/v1/cs/+/1/res/me/limit")
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import aiomqtt
import orjson
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

DEFAULT_TIMEOUT_SECONDS: Final = 30.0
_USUAL_PORT: Final = 1883


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as it arrived."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: dict[str, Any] = field(default_factory=dict)
    """MQTT 5 properties by their paho name, e.g. `ContentType`, `UserProperty`."""

    @property
    def json(self) -> Any:
        return orjson.loads(self.payload)

    @property
    def text(self) -> str:
        return self.payload.decode()


def anything(_message: Received) -> bool:
    return True


class MqttProbe:
    """Subscribes to `filters` and collects; an async context manager."""

    def __init__(
        self,
        url: str,
        *filters: str,
        mqtt5: bool = True,
        retain_as_published: bool = False,
        client_id: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare a client of the broker at `url` (mqtt://[user:password@]host[:port])."""
        parts = urlsplit(url)
        self.messages: list[Received] = []
        """All that arrived, oldest first."""
        self._filters: list[str] = []
        self._first_filters = filters
        self._mqtt5 = mqtt5
        self._retain_as_published = retain_as_published
        self._changed = asyncio.Condition()
        self._stack = AsyncExitStack()
        self._reader: asyncio.Task[None] | None = None
        self.client = aiomqtt.Client(
            parts.hostname or "",
            parts.port or _USUAL_PORT,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            identifier=client_id,
            tls_context=tls,
            protocol=aiomqtt.ProtocolVersion.V5 if mqtt5 else aiomqtt.ProtocolVersion.V311,
        )

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.client)
        self._reader = asyncio.create_task(self._collect(), name="mqtt-probe")
        for topic_filter in self._first_filters:
            await self.subscribe(topic_filter)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._stack.__aexit__(kind, error, traceback)

    async def subscribe(self, topic_filter: str, qos: int = 1) -> None:
        """Subscribe and wait for the SUBACK."""
        self._filters.append(topic_filter)
        if self._mqtt5:
            options = SubscribeOptions(qos=qos, retainAsPublished=self._retain_as_published)
            await self.client.subscribe(topic_filter, options=options)
        else:
            await self.client.subscribe(topic_filter, qos=qos)

    async def publish(
        self,
        topic: str,
        payload: Any,
        *,
        qos: int = 1,
        retain: bool = False,
        **properties: Any,
    ) -> None:
        """Publish and, above QoS 0, wait for the PUBACK.

        Args:
            topic: Where to.
            payload: Text and bytes go out as they are, anything else as JSON.
            qos: Quality of service.
            retain: Whether the broker keeps it.
            properties: MQTT 5 properties by their paho name, e.g. `ResponseTopic`.
        """
        body = payload if isinstance(payload, str | bytes) else orjson.dumps(payload)
        await self.client.publish(topic, body, qos, retain, properties=_properties(properties))

    def matching(
        self, topic_filter: str, predicate: Callable[[Received], bool] = anything
    ) -> list[Received]:
        """Return what has arrived on `topic_filter` so far."""
        return _matching(self.messages, topic_filter, predicate)

    async def wait_for(
        self,
        topic_filter: str,
        predicate: Callable[[Received], bool] = anything,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> Received:
        """Return the first message that fits, of those that have arrived or that come in time."""
        return (await self.wait_for_count(1, topic_filter, predicate, timeout))[0]

    async def wait_for_count(
        self,
        count: int,
        topic_filter: str,
        predicate: Callable[[Received], bool] = anything,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> list[Received]:
        """Return the messages that fit once there are at least `count` of them.

        Raises:
            AssertionError: They did not come in `timeout` seconds; says what came instead.
        """
        found: list[Received] = []
        looked_at = 0
        try:
            async with asyncio.timeout(timeout), self._changed:
                while True:
                    # Only at what is new: a test of thousands of messages waits for the last.
                    looked_at = min(looked_at, len(self.messages))  # some may be forgotten
                    found += _matching(self.messages[looked_at:], topic_filter, predicate)
                    looked_at = len(self.messages)
                    if len(found) >= count:
                        break
                    self._raise_if_broken()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"{len(found)} of {count} messages on {topic_filter} after {timeout} s; "
                f"all that came:\n{_listing(self.messages)}"
            ) from None
        return found

    async def settle(self) -> None:
        """Return when all that the broker has taken up to now for this client is here.

        A message to oneself is queued behind what the broker had for this client before it: so a
        test can say that something did *not* arrive without sleeping.
        """
        topic = f"probe/{id(self):x}/{len(self.messages)}"
        await self.subscribe(topic)
        await self.publish(topic, b"")
        await self.wait_for(topic)
        self.messages = [message for message in self.messages if message.topic != topic]

    def forget(self) -> None:
        """Drop what has arrived, to wait for what comes from now on."""
        self.messages.clear()

    def _raise_if_broken(self) -> None:
        if self._reader is not None and self._reader.done():
            self._reader.result()

    async def _collect(self) -> None:
        try:
            async for message in self.client.messages:
                # amqtt also delivers retained messages that others had subscribed to.
                if any(message.topic.matches(wanted) for wanted in self._filters):
                    async with self._changed:
                        self.messages.append(_received(message))
                        self._changed.notify_all()
        finally:
            async with self._changed:
                self._changed.notify_all()


def _matching(
    messages: Sequence[Received], topic_filter: str, predicate: Callable[[Received], bool]
) -> list[Received]:
    return [
        message
        for message in messages
        if aiomqtt.Topic(message.topic).matches(topic_filter) and predicate(message)
    ]


def _received(message: aiomqtt.Message) -> Received:
    properties = vars(message.properties) if message.properties is not None else {}
    return Received(
        topic=message.topic.value,
        payload=bytes(message.payload),
        qos=message.qos,
        retain=message.retain,
        properties={
            name: value for name, value in properties.items() if name not in _OWN_ATTRIBUTES
        },
    )


# What paho keeps on a Properties object besides the properties.
_OWN_ATTRIBUTES: Final = frozenset(vars(Properties(PacketTypes.PUBLISH)))


def _properties(values: dict[str, Any]) -> Properties | None:
    if not values:
        return None
    properties = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _listing(messages: Sequence[Received]) -> str:
    return "\n".join(f"  {message.topic} {message.payload!r}" for message in messages) or "  none"
