"""The MQTT API of a simulated SECC, on a broker of its own choice."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlsplit

import aiomqtt

from bridge.simulator.secc import documents, writing
from bridge.simulator.secc.model import SeccModel
from bridge.simulator.secc.quirks import SeccQuirk

LOGGER: Final = logging.getLogger("bridge.simulator")
USUAL_PORT: Final = 1883
BEAT_S: Final = 0.2
AGAIN_AFTER_S: Final = 1.0
HALF: Final = 2
EVERY: Final = 3


class SeccMqtt:
    """Publishes what a SECC says and takes what is written to its topics."""

    def __init__(self, model: SeccModel, client_id: str, advance: Callable[[], None]) -> None:
        """Speak for a model; `advance` brings it up to the present moment."""
        self._model = model
        self._advance = advance
        self._client_id = client_id
        self._root = f"{model.options.mqtt_prefix}/{client_id}"
        self._sent = 0

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            try:
                await self._connected()
            except aiomqtt.MqttError as error:
                LOGGER.warning("%s: no broker: %s", self._model.name, error)
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _connected(self) -> None:
        url = urlsplit(self._model.options.mqtt_url)
        async with aiomqtt.Client(
            url.hostname or "",
            url.port or USUAL_PORT,
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            identifier=f"secc-{self._client_id}",
        ) as client:
            for topic in writing.MQTT_WRITABLE:
                await client.subscribe(f"{self._root}/{topic}")
            publishing = asyncio.create_task(self._publish(client))
            try:
                async for message in client.messages:
                    if self._is_silent:
                        continue
                    self._advance()
                    topic = message.topic.value.removeprefix(f"{self._root}/")
                    text = bytes(message.payload).decode(errors="replace")
                    writing.mqtt_write(self._model, topic, text)
            finally:
                publishing.cancel()

    async def _publish(self, client: aiomqtt.Client) -> None:
        told: dict[str, str] = {}
        loop = asyncio.get_running_loop()
        again_at = 0.0
        while True:
            await asyncio.sleep(BEAT_S)
            if self._is_silent:
                continue
            self._advance()
            if loop.time() >= again_at:
                again_at = loop.time() + self._model.options.push_interval_s
                if SeccQuirk.SILENT_PUSHES not in self._model.quirks:
                    told.clear()
            for topic, document in documents.mqtt_documents(self._model).items():
                text = documents.text_of(self._model, document)
                if told.get(topic) != text:
                    told[topic] = text
                    await client.publish(f"{self._root}/{topic}", self._perhaps_half(text))

    @property
    def _is_silent(self) -> bool:
        return SeccQuirk.NO_ANSWER in self._model.quirks

    def _perhaps_half(self, text: str) -> str:
        if SeccQuirk.HALF_ANSWERS not in self._model.quirks:
            return text
        self._sent += 1
        return text if self._sent % EVERY else text[: len(text) // HALF]
