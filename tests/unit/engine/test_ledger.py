"""What is written into the record of transactions, and when (seeds 001 and 002)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.enums import (
    ChargingState,
    ConnectorStatus,
    EventType,
    StoppedReason,
    TriggerReason,
)
from bridge.domain.events import (
    MeterValue,
    SampledValue,
    StatusNotification,
    TransactionEvent,
)
from bridge.domain.ledger import TransactionRecord
from bridge.domain.queries import TransactionMoment, TransactionQuery
from bridge.engine.testing import MemoryTransactions
from tests.unit.engine.ports import CS, START, World

HOUR = timedelta(hours=1)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.engine.start({}, world)
    world.engine.connected(CS, "2.0.1", "link-1", "127.0.0.1")
    await world.engine.idle()
    yield world
    await world.engine.stop()


async def told(
    world: World, at: datetime, *messages: TransactionEvent | StatusNotification
) -> None:
    """Let the bridge's clock be at a moment, and the station send something."""
    world.clock.moment = at
    for message in messages:
        world.engine.receive(CS, message, world.respond)
        await world.engine.idle()


def event(kind: EventType, name: str, at: datetime, **more: Any) -> TransactionEvent:
    number = {EventType.STARTED: 0, EventType.UPDATED: 1, EventType.ENDED: 2}[kind]
    values: dict[str, Any] = {
        "event_type": kind,
        "timestamp": at,
        "trigger_reason": TriggerReason.CABLE_PLUGGED_IN,
        "seq_no": number,
        "transaction_id": name,
        "evse_id": 1,
        "connector_id": 1,
    }
    if kind is EventType.ENDED:
        values |= {
            "trigger_reason": TriggerReason.STOP_AUTHORIZED,
            "stopped_reason": StoppedReason.LOCAL,
        }
    return TransactionEvent(**values | more)


def energy(wh: float, at: datetime) -> tuple[MeterValue, ...]:
    sample = SampledValue(
        measurand="Energy.Active.Import.Register", value=wh, unit="Wh", phase=None
    )
    return (MeterValue(timestamp=at, sampled_values=(sample,)),)


def written(world: World) -> list[TransactionRecord]:
    return list(world.journal.transactions.values())


async def test_it_is_written_at_its_begin_and_at_its_end_and_not_between(world: World) -> None:
    await told(world, START, event(EventType.STARTED, "T1", START, meter_values=energy(10, START)))
    [begun] = written(world)
    assert begun.transaction.open
    assert begun.inserted_at == START

    later = START + HOUR
    await told(world, later, event(EventType.UPDATED, "T1", later, meter_values=energy(20, later)))
    assert written(world) == [begun]

    end = START + 2 * HOUR
    await told(world, end, event(EventType.ENDED, "T1", end, meter_values=energy(30, end)))
    [closed] = written(world)
    assert (closed.transaction.ended_at, closed.inserted_at) == (end, end)
    assert closed.transaction.energy_wh == 20.0
    assert closed.transaction.uuid == begun.transaction.uuid


async def test_plugging_in_and_out_are_the_session_around_it(world: World) -> None:
    """Seed 002: SessionStartTime and SessionEndTime."""
    minutes = [START + timedelta(minutes=number) for number in range(5)]
    occupied, available = (
        StatusNotification(timestamp=at, evse_id=1, connector_id=1, status=status)
        for at, status in (
            (minutes[0], ConnectorStatus.OCCUPIED),
            (minutes[4], ConnectorStatus.AVAILABLE),
        )
    )
    charging = event(EventType.STARTED, "T1", minutes[1], charging_state=ChargingState.CHARGING)
    ended = event(EventType.ENDED, "T1", minutes[3], charging_state=ChargingState.EV_CONNECTED)
    await told(world, minutes[4], occupied, charging, ended)
    [record] = written(world)
    assert record.transaction.plugged_at == minutes[0]
    assert record.transaction.unplugged_at is None

    await told(world, minutes[4] + HOUR, available)
    [record] = written(world)
    assert record.transaction.unplugged_at == minutes[4]
    assert record.inserted_at == minutes[4]


async def test_one_that_never_ended_is_closed_by_the_next(world: World) -> None:
    next_day = START + 24 * HOUR
    await told(world, START, event(EventType.STARTED, "T1", START))
    await told(world, next_day, event(EventType.STARTED, "T2", next_day))

    first, second = written(world)
    assert not first.transaction.complete
    assert first.transaction.ended_at == START
    assert first.inserted_at == next_day
    assert second.transaction.open


async def test_history_of_one_that_was_never_seen_makes_a_whole_record(world: World) -> None:
    """A queue of an offline station whose newest transaction came first."""
    running = START + 10 * HOUR
    await told(world, running, event(EventType.STARTED, "T9", running))
    begin, end = START, START + HOUR
    await told(
        world,
        running + HOUR,
        event(EventType.STARTED, "T1", begin, offline=True, meter_values=energy(10, begin)),
        event(EventType.UPDATED, "T1", begin + HOUR / 2, offline=True),
    )
    found = {record.transaction.id: record for record in written(world)}
    assert not found["T1"].transaction.complete

    told_at = running + 2 * HOUR
    await told(
        world,
        told_at,
        event(EventType.ENDED, "T1", end, offline=True, meter_values=energy(4010, end)),
    )
    found = {record.transaction.id: record for record in written(world)}
    ended = found["T1"].transaction
    assert (ended.started_at, ended.ended_at, ended.complete) == (begin, end, True)
    assert (ended.energy_wh, ended.stopped_reason) == (4000.0, StoppedReason.LOCAL)
    assert found["T1"].inserted_at == told_at
    assert found["T9"].transaction.open


async def test_the_offline_scenario_of_seed_002_day_by_day(world: World) -> None:
    def at(day: int, hour: int, minute: int = 0) -> datetime:
        return datetime(2023, 5, day, hour, minute, tzinfo=UTC)

    async def run(now: datetime, filter_by: TransactionMoment) -> list[str]:
        """Return what a daily run fetches: the last 24 hours."""
        query = TransactionQuery(filter_by=filter_by, since=now - timedelta(days=1), before=now)
        page = await MemoryTransactions(world.journal).page(query)
        return [record.transaction.id for record in page]

    def both(
        name: str, begin: datetime, end: datetime, *, offline: bool
    ) -> list[TransactionEvent]:
        return [
            event(EventType.STARTED, name, begin, offline=offline),
            event(EventType.ENDED, name, end, offline=offline),
        ]

    first = both("Transaction 1", at(3, 10), at(3, 10, 30), offline=False)
    await told(world, at(3, 10), first[0])
    await told(world, at(3, 10, 30), first[1])
    world.engine.disconnected(CS, "link-1")
    await world.engine.idle()
    assert await run(at(4, 6), TransactionMoment.STARTED) == ["Transaction 1"]

    world.engine.connected(CS, "2.0.1", "link-2", "127.0.0.1")
    await told(
        world,
        at(4, 12),
        *both("Transaction 2", at(3, 14), at(3, 14, 30), offline=True),
        *both("Transaction 3", at(4, 10, 30), at(4, 11), offline=True),
    )
    assert await run(at(5, 6), TransactionMoment.INSERTED) == ["Transaction 2", "Transaction 3"]
    # the document has none by StartAt: its own run looks at days, this one at 24 hours
    assert await run(at(5, 6), TransactionMoment.STARTED) == ["Transaction 3"]
    assert await run(at(5, 12), TransactionMoment.STARTED) == []


async def test_the_time_of_insertion_never_goes_back_over_a_restart(world: World) -> None:
    await told(world, START + HOUR, event(EventType.STARTED, "T1", START))
    await world.engine.stop()

    again = World()
    again.services.journal = world.journal
    again.clock.moment = START
    await again.engine.start(await world.journal.restore(), again)
    again.engine.connected(CS, "2.0.1", "link-1", "127.0.0.1")
    await told(again, START, event(EventType.ENDED, "T1", START + timedelta(minutes=5)))

    [record] = written(world)
    assert record.inserted_at == START + HOUR
    await again.engine.stop()
