"""A charge controller's own MQTT topics for any charger (secc.md, MQTT API), where configured.

Theory of operation. What an EVSE does is published at QoS 0, not retained, when it changes and all
of it every few seconds, as long as its station is online: an offline one is silent, as a controller
without power. What clients write to the three topics for it becomes commands of source MQTT, given
in the name that is configured (`bridge.api.secc_limits` has the rules); messages that come while one
is being stored are carried out as one. A message is acknowledged when what it led to is stored.

A retained write would take control again with every connection: stored ones are not taken.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import orjson

from bridge.api.documents import is_public
from bridge.api.incoming import Accepted
from bridge.api.rate_limit import RateLimit
from bridge.api.rights import permitted
from bridge.api.secc_commands import command_of
from bridge.api.secc_limits import (
    Remembered,
    Write,
    WriteError,
    commands_for,
    limits_of,
    merged,
    written,
)
from bridge.api.secc_topics import WRITABLE, read_topic, secc_topics
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.domain.settings import StationSettings
from bridge.mqtt.rows_of_a_secc import SECC_ROWS
from bridge.mqtt.settings import MqttSettings, Protocol, ServedEvse
from bridge.mqtt.subscriber import SubscriberLink
from bridge.mqtt.traffic import Incoming, Outgoing, PublishOutcome
from bridge.ports import Clock, IdSource, Inbox, Metrics, StationBook

PUSH_SECONDS: Final = 5.0
"""How often all is told, changed or not: clients take silence for the end."""
PAUSE_SECONDS: Final = 0.2
"""What changes within this is told together."""
RETRY_SECONDS: Final = 1.0
"""After which a write is tried again that came too soon after others."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Face:
    """An EVSE, as a charge controller on MQTT."""

    served: ServedEvse
    news: asyncio.Event = field(default_factory=asyncio.Event)
    told: dict[str, bytes] = field(default_factory=dict)
    remembered: Remembered | None = None
    waiting: Write = field(default_factory=Write)
    messages: list[Incoming] = field(default_factory=list)
    """Those of which `waiting` is made and that are to be acknowledged (QoS 1)."""
    under_way: int = 0
    """Commands that are being stored."""
    due: asyncio.Handle | None = None
    """When `waiting` is looked at: once, however many messages come until then."""

    @property
    def root(self) -> str:
        """What its topics begin with."""
        return f"{self.served.topic_prefix}/{self.served.client_id}/"

    def take_waiting(self) -> tuple[Write, list[Incoming]]:
        """Return what waits, which does so no longer."""
        taken = self.waiting, self.messages
        self.waiting, self.messages = {}, []
        return taken


class SeccTopics:
    """Publishes and takes the topics of the EVSEs that are served; a `LinkListener`."""

    def __init__(
        self,
        settings: MqttSettings,
        *,
        link: SubscriberLink,
        inbox: Inbox,
        stations: StationBook,
        settings_for: Callable[[Station], StationSettings],
        watching: Callable[[StationId], AbstractContextManager[asyncio.Event]],
        clock: Clock,
        ids: IdSource,
        metrics: Metrics,
    ) -> None:
        """Plug in the ports; `link.add_listener` and `run` are the caller's part.

        `watching` gives what is set when a station changes, while in its context.
        """
        self._settings = settings
        self._link = link
        self._inbox = inbox
        self._stations = stations
        self._settings_for = settings_for
        self._watching = watching
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._rate = RateLimit(clock)
        self._faces = [_Face(served=each) for each in settings.secc_topics]
        self._writable = {
            face.root + topic: (face, topic) for face in self._faces for topic in WRITABLE
        }

    # --- LinkListener -----------------------------------------------------------------------

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002  # cheap, so always
        """Subscribe, and tell all again."""
        self._link.subscribe(list(self._writable), retained=False)
        for face in self._faces:
            face.told.clear()
            face.news.set()

    def on_disconnected(self, reason: str) -> None:
        """Nothing is to be done: what was not acknowledged comes again."""

    def on_writable(self) -> None:
        """Nothing is to be done: what could not be sent is told again soon."""

    def on_message(self, message: Incoming) -> None:
        """Take what a client writes; other topics are somebody else's."""
        found = self._writable.get(message.topic)
        if found is None:
            return
        face, topic = found
        self._metrics.count("mqtt.secc_writes")
        if message.retain and self._settings.protocol is not Protocol.V5:
            self._refuse(face, [message], "it was retained: publish it with retain = false")
            return
        try:
            write = read_topic(topic, message.payload)
        except WriteError as error:
            self._refuse(face, [message], str(error))
            return
        face.waiting = merged(face.waiting, write)
        _, packet_id = message.ack_id
        if packet_id:
            face.messages.append(message)
        if face.due is None:
            # what came with it is handed on before: a time-out and its limit are one write
            face.due = asyncio.get_running_loop().call_soon(self._carry_out, face)

    # --- Writing ------------------------------------------------------------------------------

    def _carry_out(self, face: _Face) -> None:
        """Hand in what is written, unless something of before is still being stored."""
        face.due = None
        if face.under_way or not face.waiting:
            return
        served = face.served
        if not self._rate.allows(served.controller):
            loop = asyncio.get_running_loop()
            face.due = loop.call_later(RETRY_SECONDS, self._carry_out, face)
            return
        write, messages = face.take_waiting()
        station, evse = self._found(served)
        if station is None or evse is None or not station.online:
            self._refuse(face, messages, "the station is offline")
            return
        commands = self._commands(face, station, evse, write)
        face.under_way = len(commands)
        if not commands:
            self._acknowledge(messages)
        stored = partial(self._stored, face, messages)
        for command in commands:
            self._hand_in(served.station_id, command, stored)

    def _commands(
        self, face: _Face, station: Station, evse: Evse, write: Write
    ) -> Sequence[Accepted]:
        served, now = face.served, self._clock.now()
        before = limits_of(
            evse, served.controller, face.remembered, now, source=AllocationSource.MQTT
        )
        after = written(before, write, self._settings_for(station))
        face.remembered = Remembered.at(now, after)
        arguments = commands_for(
            evse,
            served.controller,
            write,
            after,
            now=now,
            disabled_pauses=False,
            source=AllocationSource.MQTT,
        )
        return [
            command_of(
                (served.station_id, served.evse_id),
                each,
                controller=served.controller,
                source=AllocationSource.MQTT,
                now=now,
                fresh_id=self._ids.new_id(),
            )
            for each in arguments
        ]

    def _hand_in(
        self, station_id: StationId, command: Accepted, on_durable: Callable[[bool], None]
    ) -> None:
        verdict = permitted(command, station_id, self._settings.rules)
        if isinstance(verdict, Accepted):
            self._inbox.command(station_id, verdict.command, verdict.body_hash, on_durable)
        else:
            self._inbox.refuse(
                station_id, verdict.ref, verdict.refusal, on_durable, verdict.body_hash
            )

    def _stored(self, face: _Face, messages: list[Incoming], durable: bool) -> None:  # noqa: FBT001  # as in the port
        """Acknowledge once all that a write led to is stored, and go on with the next one."""
        if not durable:
            messages.clear()  # the broker delivers them again
            self._metrics.count("mqtt.commands_not_stored")
        face.under_way -= 1
        if not face.under_way:
            self._acknowledge(messages)
            if face.due is None:
                self._carry_out(face)

    def _refuse(self, face: _Face, messages: Sequence[Incoming], reason: str) -> None:
        self._metrics.count("mqtt.secc_writes_refused")
        served = face.served
        _log.info(
            "a write of a charge controller's client was refused",
            extra={"station": served.station_id, "evse": served.evse_id, "reason": reason},
        )
        self._acknowledge(messages)

    def _acknowledge(self, messages: Sequence[Incoming]) -> None:
        for message in messages:
            self._link.acknowledge(message)

    # --- Telling --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Tell what changes, and all of it from time to time, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for face in self._faces:
                tasks.create_task(self._keep_telling(face), name=f"secc topics {face.root}")

    async def _keep_telling(self, face: _Face) -> None:
        again_at = self._clock.monotonic()
        with self._watching(face.served.station_id) as face.news:
            while True:
                face.news.clear()
                if self._clock.monotonic() >= again_at:
                    again_at = self._clock.monotonic() + PUSH_SECONDS
                    face.told.clear()
                try:
                    self._tell(face)
                except Exception:  # noqa: BLE001  # task boundary: one bug must not silence it for good
                    _log.exception("cannot tell", extra={"station": face.served.station_id})
                    self._metrics.count("mqtt.secc_failed")
                await asyncio.sleep(PAUSE_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, again_at - self._clock.monotonic())):
                        await face.news.wait()

    def _tell(self, face: _Face) -> None:
        station, evse = self._found(face.served)
        if station is None or evse is None or not station.online or not is_public(station):
            face.told.clear()
            return
        settings = self._settings_for(station)
        for topic, document in secc_topics(station, evse, settings, self._clock.now()).items():
            payload = orjson.dumps(document)
            if face.told.get(topic) != payload:
                qos = SECC_ROWS[topic].qos
                message = Outgoing(topic=face.root + topic, payload=payload, qos=qos)
                if self._link.publish(message, _sent):
                    face.told[topic] = payload

    def _found(self, served: ServedEvse) -> tuple[Station | None, Evse | None]:
        station = self._stations.station(served.station_id)
        return station, None if station is None else station.evses.get(served.evse_id)


def _sent(_outcome: PublishOutcome, _reason: str) -> None:
    """Take no note: all is told again soon."""
