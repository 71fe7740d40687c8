"""The retained documents of stations: built from the newest record when they are sent."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.mqtt import mapping, topics
from bridge.mqtt.mapping import Documents
from bridge.mqtt.retained import RetainedSender, RetainedTopic, Signature
from bridge.mqtt.rows_at_home import VALUE_OF, VALUES_OF_DOCUMENT
from bridge.mqtt.topics import TopicRow, Topics
from bridge.ports import Clock

_TIMELESS: Final = b'"cs":'
"""What follows the times in the head of a document (mqtt-api.md, Documents)."""
_CLEARED: Final = (b"", 0)
_OF_READINGS: Final = (topics.TRANSACTION, topics.METER)


def signature(payload: bytes) -> Signature:
    """Return a hash of what a document says, `v`, `ts` and `receivedAt` left out.

    Two documents that differ have the same one once in 2^64: a risk that costs 8 bytes per topic
    instead of a second copy of every document.
    """
    return hash(payload[max(0, payload.find(_TIMELESS)) :])


class _Entry:
    """A station as it was last told, and its topics by EVSE id and kind of document."""

    __slots__ = ("documents", "removed", "station", "topics")

    def __init__(self, station: Station) -> None:
        self.station = station
        self.topics: dict[tuple[int, str], _StationTopic] = {}
        self.documents: dict[tuple[int, str], Any] = {}
        """Those of this very record that plain values were read from."""
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
            payload = self._owner.build(self._entry, self._evse_id, self.row)
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
        self,
        *,
        documents: Documents,
        topic_table: Topics,
        sender: RetainedSender,
        clock: Clock,
        scalars: bool = False,
    ) -> None:
        """Plug in how documents are built and who sends them; `scalars`: as plain values too."""
        self._topics = topic_table
        self._documents = documents
        self._sender = sender
        self._clock = clock
        self._entries: dict[StationId, _Entry] = {}
        self._values: Mapping[str, tuple[TopicRow, ...]] = VALUES_OF_DOCUMENT if scalars else {}
        """Rows of the plain values of each document."""

    # --- changes ---------------------------------------------------------------------------

    def changed(self, before: Station | None, after: Station) -> bool:
        """Mark what a change of a station touches; say whether that is also what it is."""
        entry = self._entries.get(after.id)
        known = before
        if entry is None or entry.removed:
            known = None
            if entry is None:
                entry = self._entries[after.id] = _Entry(after)
        entry.removed = False
        entry.station = after
        entry.documents.clear()
        changes = mapping.documents_changed(known, after)
        if before is None:
            self._sender.mark_all(
                [
                    self._topic(entry, evse_id, each)
                    for evse_id, row in changes
                    for each in self._with_values(row)
                ]
            )
            return True
        told_what_it_is = False
        shown: int | None = None
        for evse_id, row in changes:
            if row is topics.STATION_INFO:
                told_what_it_is = True
            elif row is topics.SECC:
                shown = evse_id
            # most changes are readings: without the document before it, nothing else has moved
            reading = row is topics.METER or (row is topics.TRANSACTION and shown != evse_id)
            spaced = known is not None and (reading or _may_wait(row, known, after, evse_id))
            for each in self._with_values(row):
                self._sender.mark(self._topic(entry, evse_id, each), spaced=spaced)
        return told_what_it_is

    def readings_moved(self, after: Station, evse_id: int) -> None:
        """Mark what tells the readings of an EVSE, of which nothing else has changed."""
        entry = self._entries[after.id]
        entry.station = after
        if self._values:
            entry.documents.clear()
        for row in _OF_READINGS:
            for each in self._with_values(row):
                self._sender.mark(self._topic(entry, evse_id, each), spaced=True)

    def _with_values(self, row: TopicRow) -> tuple[TopicRow, ...]:
        return (row, *self._values.get(row.name, ())) if self._values else (row,)

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
                for each in self._with_values(row):
                    self._topic(entry, evse_id, each)
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

    def topics_of(self, station_ids: Iterable[StationId]) -> Iterator[RetainedTopic]:
        """Yield the topics of some stations."""
        for station_id in station_ids:
            entry = self._entries.get(station_id)
            yield from entry.topics.values() if entry else ()

    def station(self, station_id: StationId) -> Station | None:
        """Return a station as it was last told, None where it is not one of ours."""
        entry = self._entries.get(station_id)
        return None if entry is None or entry.removed else entry.station

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

    def build(self, entry: _Entry, evse_id: int, row: TopicRow) -> bytes | None:
        """Return a document or a value as it is published; None where there is nothing to say."""
        station = entry.station
        if row is topics.AVAILABILITY:
            return mapping.availability(station).encode()
        if row is topics.STATION_INFO:
            return orjson.dumps(self._documents.station_info(station, self._clock.now()))
        value = VALUE_OF.get(row.name)
        if value is not None:
            return value.text(self._for_values(entry, evse_id, value.document))
        document = self._document(station, evse_id, row.name)
        return None if document is None else orjson.dumps(document)

    def _document(self, station: Station, evse_id: int, name: str) -> Mapping[str, Any] | None:
        evse = station.evses.get(evse_id)
        if evse is None:
            return None
        return self._documents.of_evse(name, station, evse, self._clock.now())

    def _for_values(self, entry: _Entry, evse_id: int, name: str) -> Mapping[str, Any] | None:
        """Return a document that is built once for all its values."""
        key = evse_id, name
        if key not in entry.documents:
            entry.documents[key] = self._document(entry.station, evse_id, name)
        found: Mapping[str, Any] | None = entry.documents[key]
        return found


def _may_wait(row: TopicRow, before: Station, after: Station, evse_id: int) -> bool:
    """Say whether a change is not worth a document at once (ADR 3; `TopicRow.spacing_seconds`)."""
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
