"""A client that commands the bridge, sees all of its topics, and holds them to their schemas."""

from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Any, Final

from bridge.mqtt.topics import Direction, TopicRow
from tests.brokers import Broker
from tests.mqtt_probe import MqttProbe, Received
from tests.schema_check import check_document, check_message

CONTROLLER: Final = "me"
Document = dict[str, Any]


class Witness(MqttProbe):
    """Subscribed to everything under one root. What breaks a published schema fails the test."""

    def __init__(self, broker: Broker) -> None:
        """Prepare a client of `broker`, to be used as an async context manager."""
        super().__init__(broker.url, f"{broker.root}/#", mqtt5=broker.mqtt5)
        self.root = broker.root
        self._numbers = count(1)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await super().__aexit__(kind, error, traceback)
        if error is None:
            self._check()

    def forget(self) -> None:
        self._check()
        super().forget()

    def _check(self) -> None:
        for message in self.messages:
            if not message.topic.startswith(f"{self.root}/"):
                continue  # of something else that a test has subscribed it to
            row = check(message, self.root)
            # amqtt delivers with the subscriber's QoS
            assert row is None or not self._mqtt5 or message.qos == row.qos, message

    # --- topics -----------------------------------------------------------------------------

    def address(self, rest: str) -> str:
        """Return a topic below `{root}/v1/cs/`."""
        return f"{self.root}/v1/cs/{rest}"

    def documents(self, rest: str) -> list[Any]:
        """Return what has come on a topic below `{root}/v1/cs/`, parsed."""
        return [message.json for message in self.matching(self.address(rest))]

    def newest(self, rest: str) -> Any:
        """Return the newest document of a topic below `{root}/v1/cs/`."""
        return self.documents(rest)[-1]

    async def until(self, rest: str, **expected: Any) -> Any:
        """Wait for a document in which these keys have these values, and return it."""
        message = await self.wait_for(
            self.address(rest), lambda each: contains(each.json, expected), timeout=15
        )
        return message.json

    async def until_newest(self, rest: str, **expected: Any) -> Any:
        """Wait until the newest document of a topic has these values, and return it."""
        topic = self.address(rest)

        def fits(message: Received) -> bool:
            newest = self.matching(topic)[-1]
            return message is newest and contains(message.json, expected)

        return (await self.wait_for(topic, fits, timeout=30)).json

    async def until_text(self, rest: str, text: str) -> None:
        """Wait for a plain text on a topic below `{root}/v1/cs/`."""
        await self.wait_for(self.address(rest), lambda each: each.text == text, timeout=30)

    async def retained(self, broker: Broker, rest: str) -> Any:
        """Return what the broker gives to whoever subscribes to a topic just now."""
        async with MqttProbe(broker.url, self.address(rest), mqtt5=broker.mqtt5) as late:
            message = await late.wait_for(self.address(rest))
        assert message.retain
        check(message, self.root)
        return message.json

    # --- commands ---------------------------------------------------------------------------

    async def ask(
        self,
        name: str,
        body: Document | None = None,
        *,
        place: str = "SIM001/1",
        controller: str = CONTROLLER,
        **properties: Any,
    ) -> list[Document]:
        """Give a command and return all its results, of which the last is final."""
        body = {"id": f"{name}-{next(self._numbers)}", **(body or {})}
        await self.publish(self.address(f"{place}/cmd/{controller}/{name}"), body, **properties)
        return await self.results(name, body["id"], place=place, controller=controller)

    async def results(
        self, name: str, command_id: str, *, place: str = "SIM001/1", controller: str = CONTROLLER
    ) -> list[Document]:
        """Wait for the final result of a command and return all of its results."""
        topic = self.address(f"{place}/res/{controller}/{name}")

        def final(message: Received) -> bool:
            return bool(message.json["id"] == command_id and message.json["final"])

        await self.wait_for(topic, final, timeout=30)
        found = [message.json for message in self.matching(topic)]
        return [each for each in found if each["id"] == command_id]

    async def set_value(self, attribute: str, text: str) -> list[Document]:
        """Set a plain value and return its results."""
        topic = self.address(f"SIM001/1/res/{CONTROLLER}/set_{attribute}")
        before = len(self.matching(topic))
        await self.publish(self.address(f"SIM001/1/set/{CONTROLLER}/{attribute}"), text)

        def final(message: Received) -> bool:
            return bool(message.json["final"])

        finals = len(self.matching(topic, final))
        await self.wait_for_count(finals + 1, topic, final)
        return [message.json for message in self.matching(topic)[before:]]


def outcome(results: Sequence[Document]) -> list[tuple[str, str]]:
    """Return status and code of each result."""
    return [(each["status"], each["code"]) for each in results]


def contains(document: Any, expected: Document) -> bool:
    """Say whether a document has these values."""
    return all(document.get(key) == value for key, value in expected.items())


def check(message: Received, root: str) -> TopicRow | None:
    """Hold a message of the bridge to its schema; what controllers write is their affair."""
    if message.topic.startswith(f"{root}/v1/client/"):
        check_document("result", message.json, message.topic)
        return None
    if message.topic.split("/")[-3] in {"cmd", "set"}:
        return None
    row = check_message(message.topic, message.payload, root)
    assert row.direction is Direction.FROM_BRIDGE
    return row
