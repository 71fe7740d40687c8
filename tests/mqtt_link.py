"""A link to a broker in memory: the test is the broker and says what becomes of each message.

It keeps the promises of `bridge.mqtt.link.Link`: `on_done` is called exactly once and later, what
is in flight is LOST before `on_disconnected`, nothing is taken without a connection or room.
"""

import asyncio
from collections.abc import Sequence

from bridge.mqtt.traffic import (
    BrokerCapabilities,
    Incoming,
    LinkListener,
    OnDone,
    Outgoing,
    PublishOutcome,
)


class MemoryLink:
    """A connection that the test opens, closes and answers on."""

    def __init__(self, *, window: int = 1000, automatic: bool = True) -> None:
        """Acknowledge by itself where `automatic`, else when the test says so."""
        self.window = window
        self.automatic = automatic
        self.refused_topics: set[str] = set()
        self.connected = False
        self.capabilities: BrokerCapabilities | None = None
        self.sent: list[Outgoing] = []
        """Everything that was sent, over all connections."""
        self.delivered: list[Outgoing] = []
        """Everything that was acknowledged, in that order."""
        self.in_flight: list[tuple[Outgoing, OnDone]] = []
        self.most_in_flight = 0
        self.filters: list[str] = []
        self.unsubscribed: list[str] = []
        self.acknowledged: list[Incoming] = []
        self._listeners: list[LinkListener] = []

    # --- bridge.mqtt.link.Link --------------------------------------------------------------

    def add_listener(self, listener: LinkListener) -> None:
        self._listeners.append(listener)

    @property
    def room(self) -> int:
        if not self.connected:
            return 0
        return max(0, self.window - sum(message.qos for message, _ in self.in_flight))

    def publish(self, message: Outgoing, on_done: OnDone) -> bool:
        if not self.connected or (message.qos and not self.room):
            return False
        self.sent.append(message)
        self.in_flight.append((message, on_done))
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        if self.automatic or not message.qos or message.topic in self.refused_topics:
            asyncio.get_running_loop().call_soon(self._answer, message, on_done)
        return True

    def flush(self) -> None:
        """Nothing is held back here."""

    def subscribe(self, filters: Sequence[str], *, retained: bool = True) -> None:
        self.filters += filters

    def unsubscribe(self, filters: Sequence[str]) -> None:
        self.unsubscribed += filters

    def acknowledge(self, message: Incoming) -> None:
        self.acknowledged.append(message)

    # --- the test's side --------------------------------------------------------------------

    def _answer(self, message: Outgoing, on_done: OnDone) -> None:
        if (message, on_done) in self.in_flight:
            refused = message.topic in self.refused_topics
            self.finish(
                (message, on_done),
                PublishOutcome.REFUSED if refused else PublishOutcome.ACKNOWLEDGED,
                "Not authorized" if refused else "",
            )

    def finish(
        self,
        entry: tuple[Outgoing, OnDone],
        outcome: PublishOutcome = PublishOutcome.ACKNOWLEDGED,
        reason: str = "",
    ) -> None:
        """Tell what became of a message."""
        self.in_flight.remove(entry)
        if outcome is PublishOutcome.ACKNOWLEDGED:
            self.delivered.append(entry[0])
        entry[1](outcome, reason)

    def acknowledge_all(self) -> None:
        for entry in list(self.in_flight):
            self.finish(entry)

    def connect(self, *, session_present: bool = False, protocol: str = "5") -> None:
        self.connected = True
        self.capabilities = BrokerCapabilities(protocol=protocol, receive_maximum=self.window)
        for listener in self._listeners:
            listener.on_connected(session_present=session_present)
        for listener in self._listeners:
            listener.on_writable()

    def disconnect(self, reason: str = "gone") -> None:
        self.connected = False
        for entry in list(self.in_flight):
            self.finish(entry, PublishOutcome.LOST, reason)
        for listener in self._listeners:
            listener.on_disconnected(reason)

    def deliver(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> Incoming:
        """Give the listeners a message."""
        message = Incoming(
            topic=topic,
            payload=payload,
            retain=retain,
            response_topic=response_topic,
            correlation=correlation,
            ack_id=(1, len(self.acknowledged) + 1),
        )
        for listener in self._listeners:
            listener.on_message(message)
        return message

    def topics(self, messages: Sequence[Outgoing] | None = None) -> list[str]:
        return [message.topic for message in (self.sent if messages is None else messages)]

    def last(self, topic: str) -> bytes | None:
        """Return the newest payload that a topic was acknowledged with."""
        found = [message.payload for message in self.delivered if message.topic == topic]
        return found[-1] if found else None


async def turns(count: int = 12) -> None:
    """Let the event loop turn: the pump runs once per turn."""
    for _ in range(count):
        await asyncio.sleep(0)
