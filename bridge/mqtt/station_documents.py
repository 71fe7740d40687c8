"""The retained documents of stations: built from the newest record when they are sent."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.mqtt import mapping, topics
from bridge.mqtt.mapping import Documents
from bridge.mqtt.retained import RetainedSender, RetainedTopic, Signature
from bridge.mqtt.topics import TopicRow, Topics
from bridge.ports import Clock

_TIMELESS: Final = b'"cs":'
"""What follows the times in the head of a document (mqtt-api.md, Documents)."""
_CLEARED: Final = (b"", 0)

EvseBuilder = Callable[[Station, Evse, datetime], Any]


def signature(payload: bytes) -> Signature:
    """Return a hash of what a document says, `v`, `ts` and `receivedAt` left out.

    Two documents that differ have the same one once in 2^64: a risk that costs 8 bytes per topic
    instead of a second copy of every document.
    """
    return hash(payload[max(0, payload.find(_TIMELESS)) :])


class _Entry:
    """A station as it was last told, and its topics by EVSE id and kind of document."""

    __slots__ = ("removed", "station", "topics")

    def __init__(self, station: Station) -> None:
        self.station = station
        self.topics: dict[tuple[int, str], _StationTopic] = {}
        self.removed = False


class _StationTopic(RetainedTopic):
    """One document of a station."""

    __slots__ = ("_entry", "_evse_id", "_owner")

    def __init__(
        self, owner: "StationDocuments", entry: _Entry, evse_id: int, row: TopicRow
    ) -> None:
        super().__init__(owner.address(row, entry.station.id, evse_id), row)
        self._owner = owner
        self._entry = entry
        self._evse_id = evse_id

    def content(self) -> tuple[bytes, Signature] | None:
        """Return the document as it is now."""
        payload = None
        if not self._entry.removed:
            payload = self._owner.build(self._entry.station, self._evse_id, self.row)
            if payload is None and self.acknowledged is None:
                return None
        return (payload, signature(payload)) if payload else _CLEARED

    def settled(self) -> None:
        """Forget the topic of a station that is gone once it is cleared."""
        if self._entry.removed:
            self._owner.cleared(self._entry, (self._evse_id, self.row.name))


class StationDocuments:
    """All stations' retained topics, marked as the stations change."""

    def __init__(
        self, *, documents: Documents, topic_table: Topics, sender: RetainedSender, clock: Clock
    ) -> None:
        """Plug in how documents are built and who sends them."""
        self._topics = topic_table
        self._documents = documents
        self._sender = sender
        self._clock = clock
        self._entries: dict[StationId, _Entry] = {}
        self._evse_builders: Mapping[str, EvseBuilder] = {
            topics.STATE.name: documents.state,
            topics.SECC.name: mapping.secc,
            topics.TRANSACTION.name: documents.transaction,
            topics.ALLOCATION.name: documents.allocation,
            topics.METER.name: mapping.meter,
        }

    # --- changes ---------------------------------------------------------------------------

    def changed(self, before: Station | None, after: Station) -> None:
        """Mark what a change of a station touches."""
        entry = self._entries.get(after.id)
        known = before
        if entry is None or entry.removed:
            known = None
            if entry is None:
                entry = self._entries[after.id] = _Entry(after)
        entry.removed = False
        entry.station = after
        changes = mapping.documents_changed(known, after)
        if before is None:
            self._sender.mark_all([self._topic(entry, *change) for change in changes])
            return
        for evse_id, row in changes:
            spaced = known is not None and _may_wait(row, known, after, evse_id)
            self._sender.mark(self._topic(entry, evse_id, row), spaced=spaced)

    def _topic(self, entry: _Entry, evse_id: int, row: TopicRow) -> _StationTopic:
        key = (evse_id, row.name)
        topic = entry.topics.get(key)
        if topic is None:
            topic = entry.topics[key] = _StationTopic(self, entry, evse_id, row)
        return topic

    def removed(self, station: Station) -> None:
        """Clear all topics of a station."""
        entry = self._entries.get(station.id)
        if entry is None:
            entry = self._entries[station.id] = _Entry(station)
            for evse_id, row in mapping.documents_changed(None, station):
                self._topic(entry, evse_id, row)
        entry.removed = True
        for topic in entry.topics.values():
            self._sender.mark(topic)

    def cleared(self, entry: _Entry, key: tuple[int, str]) -> None:
        """Forget a topic, and with the last one the station."""
        entry.topics.pop(key, None)
        if not entry.topics and self._entries.get(entry.station.id) is entry:
            del self._entries[entry.station.id]

    # --- contents --------------------------------------------------------------------------

    def all_topics(self) -> Iterator[RetainedTopic]:
        """Yield every topic."""
        for entry in self._entries.values():
            yield from entry.topics.values()

    def knows(self, station_id: StationId) -> bool:
        """Say whether a station is one of ours."""
        entry = self._entries.get(station_id)
        return entry is not None and not entry.removed

    @property
    def count(self) -> int:
        """How many stations there are."""
        return sum(not entry.removed for entry in self._entries.values())

    def address(self, row: TopicRow, station_id: StationId, evse_id: int) -> str:
        """Return where a document goes."""
        return self._topics.station(row, station_id, evse_id)

    def build(self, station: Station, evse_id: int, row: TopicRow) -> bytes | None:
        """Return a document as it is published; None where there is nothing to say."""
        if row is topics.AVAILABILITY:
            return mapping.availability(station).encode()
        now = self._clock.now()
        if row is topics.STATION_INFO:
            return orjson.dumps(self._documents.station_info(station, now))
        evse = station.evses.get(evse_id)
        if evse is None:
            return None
        document = self._evse_builders[row.name](station, evse, now)
        return None if document is None else orjson.dumps(document)


def _may_wait(row: TopicRow, before: Station, after: Station, evse_id: int) -> bool:
    """Say whether a change is not worth a document at once (ADR 3; `TopicRow.spacing_seconds`)."""
    if row is topics.METER:
        return True
    if row is not topics.TRANSACTION and row is not topics.ALLOCATION:
        return False
    earlier, evse = before.evses.get(evse_id), after.evses[evse_id]
    if row is topics.ALLOCATION:
        return earlier is not None and mapping.only_current_moved(earlier, evse)
    return (
        earlier is not None
        and earlier.view.used_phases == evse.view.used_phases
        and mapping.only_energy_moved(earlier.transaction, evse.transaction)
    )
