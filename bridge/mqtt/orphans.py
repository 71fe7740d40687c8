"""Retained topics that are ours by name and that nobody keeps true any more (ADR 5).

Those of stations that we do not know, and the single values of an earlier run that published them.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import orjson

from bridge.domain.ids import StationId
from bridge.mqtt.retained import ClearedTopic, RetainedSender
from bridge.mqtt.topics import STATION_INFO, VALUES, TopicError, Topics, unescape
from bridge.mqtt.traffic import Incoming
from bridge.ports import Metrics

_log = logging.getLogger(__name__)

SEARCH_SECONDS: Final = 10.0
"""How long retained messages are waited for after a connect."""


class SubscribeLink(Protocol):
    """What the search needs of `bridge.mqtt.link.Link`."""

    def subscribe(self, filters: list[str], *, retained: bool = True) -> None:
        """Subscribe; retained messages that match are delivered."""

    def unsubscribe(self, filters: list[str]) -> None:
        """Take subscriptions back."""


class Orphans:
    """Looks for orphans for a while after a connect, and clears them."""

    def __init__(
        self,
        *,
        link: SubscribeLink,
        topic_table: Topics,
        sender: RetainedSender,
        metrics: Metrics,
        knows: Callable[[StationId], bool],
        values: bool = True,
    ) -> None:
        """Plug in who knows our stations and who clears topics.

        `values`: single values are published; else those that an earlier run has left are cleared.
        """
        self._link = link
        self._topics = topic_table
        self._sender = sender
        self._metrics = metrics
        self._knows = knows
        self._filters = [topic_table.station_info_filter]
        if not values:
            self._filters.append(topic_table.value_filter)
        self._prefix = topic_table.station_info_filter.removesuffix("+/info")
        self._found: dict[str, StationId] = {}
        """Stations by the segment of their topics."""
        self._infos: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._interrupted = False

    def search(self, *, session_present: bool) -> None:
        """Begin to look, unless the session goes on and was searched; ends by itself."""
        if session_present and not self._interrupted:
            return
        self.stop()
        self._interrupted = False
        self._link.subscribe(self._filters, retained=True)
        self._timer = asyncio.get_running_loop().call_later(SEARCH_SECONDS, self._finish)

    def stop(self) -> None:
        """End the search where it is; it begins anew with the next connection."""
        if self._timer is not None:
            self._interrupted = True
            self._timer.cancel()
            self._timer = None
        self._found.clear()
        self._infos.clear()

    def observe(self, message: Incoming) -> None:
        """Look at a message that came for a subscription of the search."""
        if self._timer is None or not message.payload or not message.retain:
            return
        segment, _, rest = message.topic.removeprefix(self._prefix).partition("/")
        if rest.rpartition("/")[0].endswith("/val") and segment not in self._found:
            self._clear_value(segment, message.topic)
        elif segment in self._found:
            self._clear(segment, message.topic, rest)
        elif rest == "info" and self._is_orphan(segment, message.payload):
            self._found[segment] = StationId(unescape(segment))
            self._link.subscribe([self._topics.below_station(segment)], retained=True)
            self._infos.append(message.topic)

    def _clear_value(self, segment: str, topic: str) -> None:
        """Clear a value of a station of ours, which nobody keeps true any more."""
        with suppress(TopicError):
            if self._knows(StationId(unescape(segment))):
                self._sender.mark(ClearedTopic(topic, VALUES[0]))

    def _is_orphan(self, segment: str, payload: bytes) -> bool:
        try:
            station_id = StationId(unescape(segment))
            info = orjson.loads(payload)
        except (TopicError, orjson.JSONDecodeError):
            return False
        ours = isinstance(info, dict) and info.get("bridge") == self._topics.bridge_id
        return ours and not self._knows(station_id)

    def _clear(self, segment: str, topic: str, rest: str) -> None:
        """Clear a topic, `info` last: by it the others are found again if we are interrupted."""
        if rest != "info" and not self._knows(self._found[segment]):
            self._sender.mark(ClearedTopic(topic, STATION_INFO))

    def _finish(self) -> None:
        self._timer = None
        filters = [self._topics.below_station(segment) for segment in self._found]
        self._link.unsubscribe([*self._filters, *filters])
        for topic, station_id in zip(self._infos, self._found.values(), strict=True):
            if not self._knows(station_id):
                self._sender.mark(ClearedTopic(topic, STATION_INFO))
                self._metrics.count("mqtt.orphans_cleared")
                _log.info(
                    "cleared the topics of a station that is not ours any more",
                    extra={"station": station_id},
                )
        self._found.clear()
        self._infos.clear()
