"""Everything that the bridge says on MQTT (`bridge.ports.Publisher`).

Theory of operation. What there is to send waits in two places: the outbox (events and results:
each once at least, in order) and the retained topics (documents: the newest wins). Whoever adds
to one of them, and every acknowledgement, wakes the pump, which runs once per turn of the event
loop and shares the room in the link's window between the two. Nothing here blocks, and there is
no task or timer per message.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Final, Protocol

from bridge import __version__
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.team_leader import TeamState
from bridge.mqtt.announcements import Announcements
from bridge.mqtt.discovery import Discovery
from bridge.mqtt.mapping import Documents
from bridge.mqtt.orphans import Orphans, SubscribeLink
from bridge.mqtt.outbox import Outbox, PublishLink
from bridge.mqtt.presence import Boot, Presence, presence
from bridge.mqtt.retained import RetainedSender
from bridge.mqtt.settings import MqttSettings
from bridge.mqtt.station_documents import StationDocuments
from bridge.mqtt.team import TeamDocuments
from bridge.mqtt.topics import RAW, Topics
from bridge.mqtt.traffic import BrokerCapabilities, Incoming, Outgoing, PublishOutcome
from bridge.ports import Clock, IdSource, Journal, Metrics, StoredMessage

__all__ = ["MqttPublisher", "PublisherLink", "presence"]

FAREWELL_SECONDS: Final = 1.0
"""How long the broker has to acknowledge our `offline`."""


class PublisherLink(PublishLink, SubscribeLink, Protocol):
    """What the publisher needs of `bridge.mqtt.link.Link`."""

    capabilities: BrokerCapabilities | None

    @property
    def room(self) -> int:
        """How many QoS 1 messages may be sent now."""

    def flush(self) -> None:
        """Have what was published leave now."""

    def acknowledge(self, message: Incoming) -> None:
        """Tell the broker that a message was taken."""


class MqttPublisher:
    """Publishes events, results and retained documents; a `LinkListener`."""

    def __init__(
        self,
        *,
        link: PublisherLink,
        journal: Journal,
        documents: Documents,
        topics: Topics,
        settings: MqttSettings,
        clock: Clock,
        ids: IdSource,
        metrics: Metrics,
    ) -> None:
        """Plug in the ports; `link.add_listener(publisher)` is the caller's part."""
        self._link = link
        self._topics = topics
        self._metrics = metrics
        self._raw = settings.raw
        self._connected = False
        self._awake = False
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._outbox = Outbox(
            link=link,
            journal=journal,
            clock=clock,
            metrics=metrics,
            memory_limit=settings.memory_limit,
            wake=self._wake,
        )
        self._retained = RetainedSender(link=link, clock=clock, metrics=metrics, wake=self._wake)
        self._stations = StationDocuments(
            documents=documents,
            topic_table=topics,
            sender=self._retained,
            clock=clock,
            scalars=settings.scalars,
        )
        self._teams = TeamDocuments(topic_table=topics, sender=self._retained, clock=clock)
        self._presence = Presence(
            topic_table=topics,
            sender=self._retained,
            clock=clock,
            boot=Boot(version=__version__, boot_id=ids.new_id(), started=clock.now()),
            capabilities=lambda: link.capabilities,
            stations=lambda: self._stations.count,
        )
        self._orphans = Orphans(
            link=link,
            topic_table=topics,
            sender=self._retained,
            metrics=metrics,
            knows=self._stations.knows,
            values=settings.scalars,
        )
        self._announcements: Announcements | None = None
        if settings.discovery is not None:
            self._announcements = Announcements(
                discovery=Discovery(
                    topic_table=topics,
                    settings=settings.discovery,
                    rules=settings.rules,
                    settings_for=documents.settings_for,
                ),
                settings=settings.discovery,
                topic_table=topics,
                link=link,
                sender=self._retained,
                ids=ids,
                metrics=metrics,
                station_of=self._stations.station,
                on_birth=self._publish_again,
            )
        self._turn: tuple[Outbox | RetainedSender, Outbox | RetainedSender]
        self._turn = (self._outbox, self._retained)

    # --- bridge.ports.Publisher -------------------------------------------------------------

    def publish(self, messages: Sequence[StoredMessage]) -> None:
        """Send durable messages; the journal is told when the broker has acknowledged each."""
        self._outbox.add(messages)
        self._wake()

    def station_changed(self, before: Station | None, after: Station) -> None:
        """Bring the station's retained documents up to date, coalescing."""
        known = self._stations.knows(after.id)
        told_what_it_is = self._stations.changed(before, after)
        if told_what_it_is and self._announcements is not None:
            self._announcements.changed(after.id)
        if not known:
            self._presence.update()

    def readings_moved(self, after: Station, evse_id: int) -> None:
        """Do the same where only the readings of an EVSE have moved."""
        if self._stations.knows(after.id):
            self._stations.readings_moved(after, evse_id)
        else:
            self.station_changed(None, after)

    def station_removed(self, station: Station) -> None:
        """Clear the station's retained documents."""
        if self._announcements is not None:
            self._announcements.removed(station)
        self._stations.removed(station)
        self._presence.update()

    def team_changed(self, state: TeamState) -> None:
        """Bring a team's retained document up to date, coalescing."""
        self._teams.changed(state)

    def team_removed(self, name: str) -> None:
        """Clear the retained document of a team that is in the configuration no more."""
        self._teams.removed(name)

    def raw(self, station_id: StationId, direction: str, action: str, payload: bytes) -> None:
        """Publish a raw frame, already redacted; `direction` is `rx` (from the station) or `tx`.

        Without effect unless the settings want it; dropped while there is no connection.
        """
        if self._raw and self._connected:
            address = self._topics.raw(station_id, direction, action)
            message = Outgoing(topic=address, payload=payload, qos=RAW.qos)
            self._link.publish(message, _never_mind)

    # --- life -------------------------------------------------------------------------------

    async def drain(self, timeout_seconds: float) -> None:
        """Publish what is due, for at most this long, then say `offline`.

        What is not acknowledged by then goes out at the next start.
        """
        self._retained.hurry()
        answers = await self._wait_for(self._is_idle, timeout_seconds)
        self._presence.leave()
        # a broker that has taken nothing all the time is not waited for any longer
        farewell = FAREWELL_SECONDS if answers else 0.0
        await self._wait_for(lambda: self._presence.told, farewell)
        self.close()

    def close(self) -> None:
        """End what runs in the background."""
        self._stop_searching()
        self._outbox.flush()
        self._outbox.close()
        self._retained.close()

    async def _wait_for(self, condition: Callable[[], bool], timeout_seconds: float) -> bool:
        """Return True when the condition holds or there is no connection, False after the time."""
        reached = asyncio.get_running_loop().create_future()
        self._waiting.append((lambda: condition() or not self._connected, reached))
        self._wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await reached
        return reached.done() and not reached.cancelled()

    def _is_idle(self) -> bool:
        return self._outbox.idle and self._retained.idle

    # --- LinkListener -----------------------------------------------------------------------

    def on_connected(self, *, session_present: bool) -> None:
        """Say that we are here; publish everything again where the broker has forgotten us."""
        self._connected = True
        self._link.subscribe([self._presence.address], retained=True)
        if not session_present:
            self._retained.mark_all(chain(self._stations.all_topics(), self._teams.all_topics()))
        self._orphans.search(session_present=session_present)
        if self._announcements is not None:
            self._announcements.connected(session_present=session_present)
        self._presence.announce()

    def _publish_again(self, station_ids: list[StationId]) -> None:
        """Publish the documents of stations again, for somebody who has just come."""
        self._retained.mark_all(self._stations.topics_of(station_ids))

    def _stop_searching(self) -> None:
        self._orphans.stop()
        if self._announcements is not None:
            self._announcements.stop()

    def on_disconnected(self, reason: str) -> None:  # noqa: ARG002  # the link has logged it
        """Send nothing for now."""
        self._connected = False
        self._stop_searching()
        self._wake()

    def on_writable(self) -> None:
        """Use the room in the window; what was acknowledged is noted before a kill can come."""
        self._outbox.flush()
        self._wake()

    def on_message(self, message: Incoming) -> None:
        """Watch our own state, and look for orphans; commands are the subscriber's."""
        if self._topics.is_command(message.topic):
            return
        if message.topic == self._presence.address:
            if self._presence.observe(message):
                self._metrics.count("mqtt.presence_corrected")
        elif self._announcements is None or not self._announcements.observe(message):
            self._orphans.observe(message)
        self._link.acknowledge(message)

    # --- the pump ---------------------------------------------------------------------------

    def _wake(self) -> None:
        if not self._awake:
            self._awake = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._awake = False
        self._outbox.flush()
        if self._connected:
            self._outbox.refill()
            if self._outbox.suspected or self._retained.suspected:
                self._send_suspect()
            else:
                self._share_room()
        if self._waiting:
            self._look_who_waits()

    def _share_room(self) -> None:
        """Let both send, neither starving the other even where the window is 1.

        Events and results are on the wire before the documents are built.
        """
        room = self._link.room
        if not self._retained.ready:
            self._outbox.send(room)
            self._link.flush()
        elif room > 1 and self._outbox.ready:
            self._outbox.send((room + 1) // 2)
            self._link.flush()
            asyncio.get_running_loop().call_soon(self._send_documents)
        else:
            first, second = self._turn
            self._turn = second, first
            first.send((room + 1) // 2 if second.ready else room)
            second.send(self._link.room)
            first.send(self._link.room)

    def _send_documents(self) -> None:
        if self._connected and not (self._outbox.suspected or self._retained.suspected):
            self._retained.send(self._link.room)
            self._outbox.send(self._link.room)

    def _send_suspect(self) -> None:
        """Send one message that two connections have died on, alone."""
        if not (self._outbox.in_flight or self._retained.in_flight):
            suspect = self._outbox if self._outbox.suspected else self._retained
            suspect.send_suspect()

    def _look_who_waits(self) -> None:
        waiting, self._waiting = self._waiting, []
        for condition, reached in waiting:
            if reached.done():
                continue
            if condition():
                reached.set_result(None)
            else:
                self._waiting.append((condition, reached))


def _never_mind(_outcome: PublishOutcome, _reason: str) -> None:
    """Raw frames are sent once, for whoever looks."""
