"""A charge controller by its own MQTT topics, on a connection of their own.

Not the bridge's link: the controller's broker may be another one, and these topics are no part of
the bridge's API. The documented default prefix begins with a slash and the documented examples do
not: unless one is configured, both are listened to, and written to is the one that was heard.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiomqtt

from bridge.domain.enums import AllocationSource
from bridge.secc import payloads
from bridge.secc.link import LinkError, RefusedError, fields_of
from bridge.secc.payloads import Reading
from bridge.secc.pushes import Push, Pushes
from bridge.secc.settings import SeccSettings

DEFAULT_PREFIXES: Final = ("pulsatrix/secc", "/pulsatrix/secc")
USUAL_PORT: Final = 1883
USUAL_TLS_PORT: Final = 8883
NEEDED: Final = frozenset({"tx/status"})
LIMIT: Final = "charging/amperageLimit"
TIMEOUT: Final = "charging/limitTimeout"


class MqttLink:
    """Listens to topics (`bridge.secc.link.SeccLink`)."""

    own_name = AllocationSource.MQTT.value
    switches_phases = False
    reads_limits = False
    poll_seconds = 0.0

    def __init__(self, settings: SeccSettings) -> None:
        """Take where it is."""
        self._settings = settings
        prefixes = (settings.topic_prefix,) if settings.topic_prefix else DEFAULT_PREFIXES
        self._roots = tuple(f"{prefix}/{settings.client_id}/" for prefix in prefixes)
        self._root = self._roots[0]
        self._stack = AsyncExitStack()
        self._client: aiomqtt.Client | None = None
        self._pushes = Pushes(
            self._next,
            order=tuple(payloads.MQTT_TOPICS),
            needed=NEEDED,
            silence_seconds=settings.offline_after_seconds,
        )

    async def open(self) -> None:
        """Connect and subscribe."""
        self._pushes.forget()
        url = urlsplit(self._settings.url)
        tls = url.scheme == "mqtts"
        client = aiomqtt.Client(
            url.hostname or "",
            url.port or (USUAL_TLS_PORT if tls else USUAL_PORT),
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            timeout=self._settings.request_timeout_seconds,
            tls_params=self._tls() if tls else None,
        )
        try:
            self._client = await self._stack.enter_async_context(client)
            for root in self._roots:
                for topic in payloads.MQTT_TOPICS:
                    await client.subscribe(f"{root}{topic}", qos=1)
        except aiomqtt.MqttError as error:
            await self.close()
            raise LinkError(str(error)) from error

    def _tls(self) -> aiomqtt.TLSParameters:
        ca_file = self._settings.ca_file
        return aiomqtt.TLSParameters(ca_certs=None if ca_file is None else str(ca_file))

    async def close(self) -> None:
        """Hang up."""
        stack, self._stack, self._client = self._stack, AsyncExitStack(), None
        try:
            await stack.aclose()
        except aiomqtt.MqttError:
            return  # it was gone already

    # --- Reading ----------------------------------------------------------------------------

    async def reading(self) -> Reading:
        """Wait for news and return all that is known."""
        return await self._pushes.reading()

    async def _next(self) -> Push:
        while True:
            try:
                message = await anext(self._connection().messages)
            except aiomqtt.MqttError as error:
                raise LinkError(str(error)) from error
            heard = self._heard(message)
            if heard is not None:
                topic, document = heard
                return topic, fields_of(topic, document, payloads.MQTT_TOPICS[topic])

    def _heard(self, message: aiomqtt.Message) -> tuple[str, Mapping[str, Any]] | None:
        """Return the topic below its root, and the document; None where it is none."""
        name = message.topic.value
        root = next((each for each in self._roots if name.startswith(each)), None)
        payload = message.payload
        if root is None or not isinstance(payload, bytes | bytearray):
            return None
        document = payloads.parse(payload.decode(errors="replace"))
        topic = name.removeprefix(root)
        if document is None or topic not in payloads.MQTT_TOPICS:
            return None
        self._root = root
        return topic, document

    def _connection(self) -> aiomqtt.Client:
        if self._client is None:
            raise LinkError("not connected")
        return self._client

    # --- Writing ----------------------------------------------------------------------------

    async def set_limit(self, limit_a: float, timeout_ms: int) -> None:
        """Write a limit, its time-out first."""
        await self._publish(TIMEOUT, str(timeout_ms))
        await self._publish(LIMIT, f"{limit_a:g}")

    async def release(self) -> None:
        """Give the limit up: NaN."""
        await self._publish(LIMIT, "NaN")

    async def disable(self) -> None:
        """MQTT has no `enabled`: the limit is let go by not renewing it."""

    async def hold_to_one_phase(self, *, active: bool) -> None:
        """MQTT has no way to say so."""
        wanted = "one phase" if active else "all phases"
        raise RefusedError(f"the MQTT API cannot switch to {wanted}")

    async def _publish(self, topic: str, value: str) -> None:
        try:
            await self._connection().publish(f"{self._root}{topic}", value, qos=1)
        except aiomqtt.MqttError as error:
            raise LinkError(str(error)) from error
