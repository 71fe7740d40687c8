"""From what happened to messages: the events and results of the outbox (`ports.Presenter`).

Together with `documents` (retained ones) and `changes` (which of them to look at again) this is
the whole way from the model to MQTT; the names that others need can be had from here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from bridge.api.documents import Documents, TokenMask, availability, meter, secc
from bridge.api.results import ResultDocuments
from bridge.api.transactions import kept_transaction
from bridge.domain.commands import CommandRef, CommandResult
from bridge.domain.effects import (
    AllocationRecorded,
    FaultRecorded,
    InquiryRecorded,
    RecordedEvent,
    SecurityRecorded,
    StatusRecorded,
    TransactionRecorded,
)
from bridge.domain.ids import StationId
from bridge.domain.ledger import TransactionRecord
from bridge.domain.model import Station
from bridge.mqtt import topics
from bridge.mqtt.changes import documents_changed, only_current_moved, only_energy_moved
from bridge.mqtt.topics import Topics
from bridge.ports import OutboxMessage

__all__ = [
    "Documents",
    "MessagePresenter",
    "TokenMask",
    "availability",
    "documents_changed",
    "meter",
    "only_current_moved",
    "only_energy_moved",
    "secc",
]

ADDRESSES_CACHE: Final = 16_384
"""Topics of events that are kept once they are written."""

_EVENT_ROWS: Final[Mapping[type, topics.TopicRow]] = {
    TransactionRecorded: topics.EVENT_TRANSACTION,
    StatusRecorded: topics.EVENT_STATUS,
    AllocationRecorded: topics.EVENT_ALLOCATION,
    FaultRecorded: topics.EVENT_FAULT,
    SecurityRecorded: topics.EVENT_SECURITY,
    InquiryRecorded: topics.EVENT_AUTHORIZE,
}


class MessagePresenter:
    """Turns events and results into messages for the outbox (`bridge.ports.Presenter`)."""

    def __init__(self, topic_table: Topics, documents: Documents) -> None:
        """Plug in the topics under our root and how documents are built."""
        self._topics = topic_table
        self._documents = documents
        self._result = ResultDocuments(documents)
        self._address = lru_cache(ADDRESSES_CACHE)(self._address_of)

    def event(self, event: RecordedEvent, inserted_at: datetime) -> OutboxMessage:
        """Return the message for an event."""
        kind = type(event)
        topic, ordering_key, expiry_seconds = self._address(kind, event.station_id, event.evse_id)
        return OutboxMessage(
            topic=topic,
            payload=orjson.dumps(self._documents.event(event, inserted_at)),
            ordering_key=ordering_key,
            expiry_seconds=expiry_seconds,
        )

    def _address_of(
        self, kind: type, station_id: StationId, evse_id: int
    ) -> tuple[str, str, int | None]:
        """Return topic, ordering key and time to live, s, of such an event of an EVSE."""
        row = _EVENT_ROWS[kind]
        topic = self._topics.station(row, station_id, evse_id)
        return topic, f"{station_id}/{evse_id}", row.expiry_seconds

    def page(self, records: Sequence[TransactionRecord]) -> Mapping[str, Any]:
        """Return the data of the result that tells a page of transactions."""
        return {"transactions": [kept_transaction(each, self._documents.mask) for each in records]}

    def results(
        self, result: CommandResult, station: Station | None, station_id: StationId
    ) -> Sequence[OutboxMessage]:
        """Return the messages for a command's result (result topic, and Response Topic if any)."""
        ref = result.ref
        document = self._result(result, station, station_id)
        payload = orjson.dumps(document, default=str)
        correlation = ref.reply_to.correlation
        addresses = [self._result_address(ref, station_id)]
        if ref.reply_to.topic is not None:
            addresses.append(ref.reply_to.topic)
        return [
            OutboxMessage(
                topic=address,
                payload=payload,
                ordering_key=f"team/{ref.team}" if ref.team else f"{station_id}/{ref.evse_id}",
                expiry_seconds=topics.RESULT_EXPIRY_SECONDS,
                correlation=bytes.fromhex(correlation) if correlation else None,
            )
            for address in addresses
        ]

    def _result_address(self, ref: CommandRef, station_id: StationId) -> str:
        name = ref.reply_to.name
        if ref.team is not None:
            return self._topics.team_result(ref.team, ref.controller, name)
        return self._topics.result(station_id, ref.evse_id, ref.controller, name)
