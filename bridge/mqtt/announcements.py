"""What Home Assistant is told of stations, kept true: announced, moved, taken back.

Theory of operation. Configuration topics are retained topics as the documents are, marked where a
station has told what it is, never by what it does. A connection whose session is new begins with a
search: for a few seconds everything that is retained below the discovery prefix is looked through
for what this bridge wrote before. Only then is anything announced, since what stands in the other
style has to be moved first: Home Assistant is asked to keep the entities (`migrate_discovery`),
the old topics are cleared, and a little later it is told of them in the new style. (Cleared after
that, as its pages say, it would complain of each: it takes the clearing for a conflict.) Whatever
else was found, and nobody wants any more, is cleared: stations that are gone, entities that they
have no longer, everything where discovery is off.

`auto` announces a station that is new only while there are few; what is announced stays.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Final

import orjson

from bridge.domain.ids import STATION_EVSE, StationId
from bridge.domain.model import Station
from bridge.mqtt.discovery import MIGRATION, Discovery, Place
from bridge.mqtt.orphans import SubscribeLink
from bridge.mqtt.presence import ONLINE
from bridge.mqtt.retained import ClearedTopic, RetainedSender, RetainedTopic, Signature
from bridge.mqtt.rows_at_home import DISCOVERY_DEVICE, DISCOVERY_ENTITY
from bridge.mqtt.settings import DiscoveryMode, DiscoverySettings, DiscoveryStyle
from bridge.mqtt.topics import Topics
from bridge.mqtt.traffic import Incoming
from bridge.ports import IdSource, Metrics

_log = logging.getLogger(__name__)

MAX_STATIONS: Final = 50
"""How many stations `auto` announces (mqtt-api.md, Home Assistant discovery)."""
SEARCH_SECONDS: Final = 3.0
"""How long retained configurations are waited for before anything is announced."""
JITTER_SECONDS: Final = 5.0
"""Within which bridges answer Home Assistant's birth message, so that not all do at once."""
MOVE_SECONDS: Final = 2.0
"""Home Assistant's time to unload what is moved: it drops what it is told meanwhile."""
_NOTHING: Final = (b"", 0)


class _Entry:
    """A station, and what of it may be announced."""

    __slots__ = ("admitted", "removed", "topics")

    def __init__(self) -> None:
        self.admitted = False
        self.removed = False
        self.topics: dict[Place, _ConfigTopic] = {}


class _ConfigTopic(RetainedTopic):
    """One configuration topic."""

    __slots__ = ("_entry", "_owner", "_place", "_station_id")

    def __init__(
        self,
        owner: "Announcements",
        entry: _Entry,
        station_id: StationId,
        place: Place,
    ) -> None:
        row = DISCOVERY_ENTITY if place[1] else DISCOVERY_DEVICE
        super().__init__(owner.discovery.address(station_id, place), row)
        self._owner = owner
        self._entry = entry
        self._station_id = station_id
        self._place = place

    def content(self) -> tuple[bytes, Signature] | None:
        """Return the configuration as it is now."""
        payload = None
        if not self._entry.removed:
            payload = self._owner.payload(self._station_id, self._place)
            if payload is None and self.acknowledged is None:
                return None
        content = payload or b""
        return content, hash(content)

    def settled(self) -> None:
        """Forget what is gone."""
        if self._entry.removed:
            self._entry.topics.pop(self._place, None)


class _Moved(RetainedTopic):
    """An old topic: Home Assistant is asked to keep its entities, then it is cleared."""

    __slots__ = ("_owner", "asked")

    def __init__(self, owner: "Announcements", address: str) -> None:
        super().__init__(address, DISCOVERY_DEVICE)
        self._owner = owner
        self.asked = False

    def content(self) -> tuple[bytes, Signature]:
        """Return the request, and nothing once it was made."""
        payload = b"" if self.asked else orjson.dumps(MIGRATION)
        return payload, hash(payload)

    def settled(self) -> None:
        """Take the next step."""
        self._owner.moved(self, over=self.asked)
        self.asked = True


class Announcements:
    """All stations' configuration topics."""

    def __init__(
        self,
        *,
        discovery: Discovery,
        settings: DiscoverySettings,
        topic_table: Topics,
        link: SubscribeLink,
        sender: RetainedSender,
        ids: IdSource,
        metrics: Metrics,
        station_of: Callable[[StationId], Station | None],
        on_birth: Callable[[list[StationId]], None],
    ) -> None:
        """Plug in who knows the stations, and who publishes their documents again at a birth."""
        self.discovery = discovery
        self._settings = settings
        self._topics = topic_table
        self._link = link
        self._sender = sender
        self._ids = ids
        self._metrics = metrics
        self._station_of = station_of
        self._on_birth = on_birth
        self._entries: dict[StationId, _Entry] = {}
        self._found: dict[str, str] = {}
        """Object ids of what this bridge wrote before, by topic."""
        self._moving: set[_Moved] = set()
        """What has to be cleared before anything is announced."""
        self._ready = False
        """The search and what follows from it is over."""
        self._search: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._birth: asyncio.TimerHandle | None = None
        self._warned = False
        prefix = re.escape(settings.prefix)
        self._config_topic = re.compile(rf"{prefix}/[^/]+/([^/]+)/(?:[^/]+/)?config")

    # --- stations ---------------------------------------------------------------------------

    def changed(self, station_id: StationId) -> None:
        """Look again at what a station is."""
        if self._settings.mode is DiscoveryMode.OFF:
            return
        entry = self._entries.get(station_id)
        if entry is None or entry.removed:
            entry = self._entries[station_id] = _Entry()
        if self._ready:
            self._admit(entry)
            for topic in self._topics_of(station_id, entry) if entry.admitted else ():
                self._sender.mark(topic)

    def removed(self, station: Station) -> None:
        """Take back what was announced of a station."""
        entry = self._entries.pop(station.id, None) or _Entry()
        self._topics_of(station.id, entry, station)
        entry.removed = True
        if self._ready:
            for topic in list(entry.topics.values()):
                self._sender.mark(topic)

    def _admit(self, entry: _Entry) -> None:
        """Decide once whether a station is announced."""
        mode = self._settings.mode
        few = len(self._entries) <= MAX_STATIONS
        entry.admitted |= mode is DiscoveryMode.ON or (mode is DiscoveryMode.AUTO and few)
        if mode is DiscoveryMode.AUTO and not entry.admitted and not self._warned:
            self._warned = True
            _log.warning(
                "more stations than are announced to Home Assistant without being asked to:"
                ' mqtt.discovery = "on" announces all',
                extra={"stations": len(self._entries), "limit": MAX_STATIONS},
            )

    def _topics_of(
        self, station_id: StationId, entry: _Entry, station: Station | None = None
    ) -> list[_ConfigTopic]:
        """Return a station's topics, those that it has come to need among them."""
        station = station or self._station_of(station_id)
        for place in self.discovery.places(station) if station else ():
            if place not in entry.topics:
                entry.topics[place] = _ConfigTopic(self, entry, station_id, place)
        return list(entry.topics.values())

    def payload(self, station_id: StationId, place: Place) -> bytes | None:
        """Return what a topic is to say; None where nothing is to be announced."""
        entry, station = self._entries.get(station_id), self._station_of(station_id)
        if entry is None or station is None or not entry.admitted:
            return None
        if place not in self.discovery.places(station):
            return None
        found = self.discovery.payload(station, place)
        return None if found is None else orjson.dumps(found)

    # --- the link ---------------------------------------------------------------------------

    def connected(self, *, session_present: bool) -> None:
        """Begin to look for what was announced before, unless the session goes on."""
        if self._settings.mode is not DiscoveryMode.OFF:
            self._link.subscribe([self._topics.home_assistant_status], retained=False)
        if session_present and self._ready:
            return
        self._ready = False
        self._found.clear()
        self._moving.clear()
        self._link.subscribe(list(self._topics.discovery_filters), retained=True)
        loop = asyncio.get_running_loop()
        self._search = loop.call_later(SEARCH_SECONDS, self._end_search)

    def stop(self) -> None:
        """Wait for nothing any more; a search begins anew with the next connection."""
        for timer in (self._search, self._pause, self._birth):
            if timer is not None:
                timer.cancel()
        self._search = self._pause = self._birth = None

    def observe(self, message: Incoming) -> bool:
        """Look at a message; False where it has nothing to do with discovery."""
        if message.topic == self._topics.home_assistant_status:
            self._on_status(message)
            return True
        match = self._config_topic.fullmatch(message.topic)
        if match is None:
            return False
        if self._search is not None and message.retain and message.payload:
            self._look_at(message, match[1])
        return True

    def _look_at(self, message: Incoming, object_id: str) -> None:
        try:
            payload = orjson.loads(message.payload)
        except orjson.JSONDecodeError:
            return
        if isinstance(payload, dict) and self.discovery.is_ours(object_id, payload):
            self._found[message.topic] = object_id

    # --- after the search -------------------------------------------------------------------

    def _end_search(self) -> None:
        self._search = None
        self._link.unsubscribe(list(self._topics.discovery_filters))
        adopted = set(self._found.values())
        for station_id, entry in self._entries.items():
            entry.admitted |= self.discovery.object_id(station_id, STATION_EVSE) in adopted
            self._admit(entry)
        self._take_back({topic.address for topic in self._announced()})
        if not self._moving:
            self._announce()

    def _announce(self) -> None:
        """Say everything; from now on what changes is said at once."""
        self._pause = None
        self._ready = True
        self._sender.mark_all(self._announced())

    def _announced(self) -> list[_ConfigTopic]:
        """Return the topics that have something to say."""
        return [
            topic
            for station_id, entry in self._entries.items()
            if entry.admitted
            for topic in self._topics_of(station_id, entry)
            if (topic.content() or _NOTHING)[0]
        ]

    def _take_back(self, wanted: set[str]) -> None:
        """Begin to move what changes its style, and clear what nobody wants."""
        ours = {
            self.discovery.object_id(station_id, evse_id)
            for station_id, entry in self._entries.items()
            for evse_id, _ in entry.topics
            if entry.admitted
        }
        for address, object_id in self._found.items():
            if address in wanted:
                continue
            self._metrics.count("mqtt.discovery_cleared")
            topic: RetainedTopic = ClearedTopic(address, DISCOVERY_DEVICE)
            if object_id in ours and self._is_other_style(address):
                topic = _Moved(self, address)
                self._moving.add(topic)
            self._sender.mark(topic)
        self._found.clear()

    def _is_other_style(self, address: str) -> bool:
        """Say whether a topic is not of the style that is wanted."""
        is_device = address.startswith(f"{self._settings.prefix}/device/")
        return is_device is not (self._settings.style is DiscoveryStyle.DEVICE)

    def moved(self, topic: _Moved, *, over: bool) -> None:
        """Clear an old topic when its request was made; announce when all are cleared."""
        if topic not in self._moving:
            return  # the connection has gone meanwhile, and a new search begins
        if not over:
            self._sender.mark(topic)
            return
        self._moving.remove(topic)
        if not self._moving:
            self._pause = asyncio.get_running_loop().call_later(MOVE_SECONDS, self._announce)

    # --- Home Assistant's birth -------------------------------------------------------------

    def _on_status(self, message: Incoming) -> None:
        """Publish everything again a little later: Home Assistant has just begun to listen."""
        if message.retain or message.payload != ONLINE or self._birth is not None:
            return
        self._metrics.count("mqtt.home_assistant_births")
        delay = self._ids.jitter() * JITTER_SECONDS
        self._birth = asyncio.get_running_loop().call_later(delay, self._announce_again)

    def _announce_again(self) -> None:
        self._birth = None
        if not self._ready:
            return
        self._sender.mark_all(self._announced())
        self._on_birth([name for name, entry in self._entries.items() if entry.admitted])
