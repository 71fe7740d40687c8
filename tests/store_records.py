"""Builders of what the journal keeps, for its tests: one line each where the content is no matter."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from time import monotonic
from typing import NamedTuple

from bridge.domain.commands import CommandRef, CommandResult, ReplyTo, ResultCode, ResultStatus
from bridge.domain.enums import AllocationSource, Registration
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.ports import (
    AuditKind,
    AuditRecord,
    CommandRecord,
    EventRecord,
    FinalResult,
    Journal,
    OutboxMessage,
    StoredMessage,
)
from tests.records import replace

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
GARAGE = StationId("DE*ABC*E1")


class Found(NamedTuple):
    """What a start finds in the store."""

    stations: Mapping[StationId, Station]
    messages: Sequence[StoredMessage]


async def found_by(journal: Journal, limit: int = 1_000_000) -> Found:
    """Return the stations, and the first messages that the broker has not acknowledged."""
    return Found(await journal.restore(), await journal.unpublished(0, limit))


class NoonClock:
    """Real seconds that began at noon; a test may move both hands on by hours."""

    def __init__(self) -> None:
        self._started = monotonic()
        self.skipped_seconds = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.monotonic() - self._started)

    def monotonic(self) -> float:
        return monotonic() + self.skipped_seconds


def station(station_id: str = GARAGE, *, revision: int = 0) -> Station:
    return Station(
        id=StationId(station_id),
        registration=Registration.ACCEPTED,
        evses={1: Evse(id=1)},
        revision=revision,
    )


@cache
def event(number: int, station_id: str = GARAGE) -> EventRecord:
    """Return always the same record: that a message carries an event is told by identity."""
    return EventRecord(
        event_id=f"event-{station_id}-{number}",
        station_id=StationId(station_id),
        evse_id=1,
        event_type="Updated",
        timestamp=NOON + timedelta(seconds=number),
        inserted_at=NOON + timedelta(seconds=number, milliseconds=5),
        payload=b'{"seqNo":%d}' % number,
        transaction_id="tx-1",
        transaction_uuid="uuid-1",
        seq_no=number,
    )


def message(payload: bytes = b"{}", *, key: str = GARAGE) -> OutboxMessage:
    return OutboxMessage(
        topic="ocpp/v1/cs/DE=2AABC=2AE1/1/event/transaction",
        payload=payload,
        ordering_key=key,
        expiry_seconds=86_400,
        correlation=b"\x00\xff",
    )


def message_of(record: EventRecord) -> OutboxMessage:
    return replace(message(record.payload, key=record.station_id), correlation=None)


def command(command_id: str = "01JD", *, body_hash: str = "abc") -> CommandRecord:
    return CommandRecord(
        controller="pv",
        command_id=command_id,
        station_id=GARAGE,
        body_hash=body_hash,
        received_at=NOON,
    )


def result(command_id: str = "01JD") -> FinalResult:
    ref = CommandRef(
        id=command_id,
        name="limit",
        controller="pv",
        source=AllocationSource.MQTT,
        evse_id=1,
        reply_to=ReplyTo(name="limit", correlation="00ff"),
    )
    return FinalResult(
        controller="pv",
        command_id=command_id,
        result=CommandResult(
            ref=ref,
            status=ResultStatus.DONE,
            code=ResultCode.OK,
            at=NOON,
            data={"requestedA": 10, "appliedA": 10.0, "binding": True, "expiresAt": None},
        ),
    )


def audited() -> AuditRecord:
    """Return what is kept of a command."""
    return AuditRecord(
        at=NOON,
        station_id=GARAGE,
        evse_id=1,
        kind=AuditKind.COMMAND,
        controller="pv",
        source="MQTT",
        what="limit",
        command_id="01JD",
        after={"appliedA": 10.0},
        result="done/ok",
    )


def change_audited() -> AuditRecord:
    """Return what is kept of an allocation that nobody's command has changed."""
    unmanaged = {
        "allocationSourceName": "Unmanaged",
        "offeredA": 32.0,
        "mode": "normal",
        "onePhaseLimitActive": False,
        "phaseLimitSourceName": None,
    }
    return AuditRecord(
        at=NOON,
        station_id=GARAGE,
        evse_id=1,
        kind=AuditKind.ALLOCATION,
        controller=None,
        source="OCPP Profile",
        what="external_limit",
        before=unmanaged,
        after=unmanaged | {"allocationSourceName": "OCPP Profile", "offeredA": 6.5},
        result="released",
    )
