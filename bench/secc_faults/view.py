"""What a user of MQTT sees of the controller's station, and the commands that are given to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiomqtt
import orjson

Document = dict[str, Any]
NAME: Final = "carport"
CONTROLLER: Final = "bench"
DONE: Final = "done"
_EVENT: Final = "event/transaction"
_RESULT_SECONDS: Final = 60.0
_USUAL_PORT: Final = 1883


class NotSeenError(Exception):
    """What should have come about has not; the message says what is there instead."""


class View:
    """The newest document of each topic of EVSE 1, and all events of transactions."""

    def __init__(self, client: aiomqtt.Client, root: str) -> None:
        """Take what is subscribed to by `viewing`."""
        self._client = client
        self._station = f"{root}/v1/cs/{NAME}/"
        self._newest: dict[str, Document] = {}
        self._results: dict[str, list[Document]] = {}
        self._changed = asyncio.Event()
        self._commands = 0
        self.availability = ""
        self.events: list[Document] = []
        """As they came: one that comes twice is there twice."""

    def document(self, name: str) -> Document:
        """Return the newest document of EVSE 1: `state`, `allocation`, ..."""
        return self._newest.get(name, {})

    async def until(
        self, condition: Callable[["View"], Any], seconds: float, what: str = "nothing"
    ) -> None:
        """Wait until a condition holds. Raises NotSeenError."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise NotSeenError(f"{what} within {seconds:g} s; {self}") from None

    async def publish(self, name: str, body: Document) -> str:
        """Give a command and return its id; who does so does not wait for anything."""
        self._commands += 1
        command_id = f"b{self._commands}"
        topic = f"{self._station}1/cmd/{CONTROLLER}/{name}"
        await self._client.publish(topic, orjson.dumps({"id": command_id, **body}), qos=1)
        return command_id

    async def final(self, command_id: str) -> Document:
        """Return the final result of a command. Raises NotSeenError."""

        def finals(view: View) -> list[Document]:
            told = view._results.get(command_id, [])
            return [each for each in told if each["final"]]

        await self.until(finals, _RESULT_SECONDS, f"no result of {command_id}")
        return finals(self)[0]

    async def ask(self, name: str, body: Document) -> Document:
        """Give a command and return its final result."""
        return await self.final(await self.publish(name, body))

    def __str__(self) -> str:
        state, allocation = self.document("state"), self.document("allocation")
        shown = {
            "availability": self.availability,
            **{key: state.get(key) for key in ("state", "stale", "offeredA", "transactionId")},
            **{key: allocation.get(key) for key in ("allocationSourceName", "requested")},
            "pending": allocation.get("pending"),
        }
        return ", ".join(f"{key} {value}" for key, value in shown.items())

    async def take(self) -> None:
        """Take messages for as long as they come."""
        async for message in self._client.messages:
            if message.payload:
                self._take(message.topic.value.removeprefix(self._station), message.payload)
                self._changed.set()

    def _take(self, topic: str, payload: bytes) -> None:
        name = topic.removeprefix("1/")
        if topic == "availability":
            self.availability = payload.decode()
        elif name == _EVENT:
            self.events.append(orjson.loads(payload))
        elif name.startswith(f"res/{CONTROLLER}/"):
            result = orjson.loads(payload)
            self._results.setdefault(result["id"], []).append(result)
        elif "/" not in name:
            self._newest[name] = orjson.loads(payload)


@asynccontextmanager
async def viewing(url: str, protocol: str, root: str) -> AsyncIterator[View]:
    """Look at the station while in the context."""
    parts = urlsplit(url)
    newest = protocol == "5"
    async with aiomqtt.Client(
        parts.hostname or "",
        parts.port or _USUAL_PORT,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        protocol=aiomqtt.ProtocolVersion.V5 if newest else aiomqtt.ProtocolVersion.V311,
    ) as client:
        view = View(client, root)
        await client.subscribe(f"{root}/v1/cs/{NAME}/#", qos=1)
        taking = asyncio.create_task(view.take())
        try:
            yield view
        finally:
            taking.cancel()
            await asyncio.wait([taking])
