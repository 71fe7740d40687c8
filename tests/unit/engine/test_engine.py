"""The order of things in the engine, and what happens where the store cannot write."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.domain.calls import CallResult, SetChargingProfile, SetVariables, TriggerMessage
from bridge.domain.commands import (
    ApproveStation,
    Arguments,
    AskTransactionStatus,
    ChangePassword,
    Command,
    CommandRef,
    Get,
    Refusal,
    ReplyTo,
    ResultCode,
    SetLimit,
    Start,
)
from bridge.domain.credentials import GivenPassword, NewPassword
from bridge.domain.effects import Acknowledged, BootReply, NotAccepted, TransactionReply
from bridge.domain.enums import (
    AllocationSource,
    ChargingState,
    ConnectorStatus,
    EventType,
    Registration,
    SecurityCode,
    TriggerReason,
)
from bridge.domain.events import (
    BootNotification,
    Heartbeat,
    IdToken,
    StatusNotification,
    TransactionEvent,
)
from bridge.domain.ids import StationId
from bridge.domain.security import Incident
from bridge.domain.settings import StationSettings, UnknownStations
from bridge.domain.tokens import ACCEPTED
from bridge.engine import actor as actor_module
from bridge.engine.engine import PENDING_LIMIT
from bridge.ports import StoreError
from tests.unit.engine.ports import CS, START, World

STARTED = TransactionEvent(
    event_type=EventType.STARTED,
    timestamp=START,
    trigger_reason=TriggerReason.CABLE_PLUGGED_IN,
    seq_no=0,
    transaction_id="T1",
    evse_id=1,
    charging_state=ChargingState.CHARGING,
    id_token=IdToken(value="04AB", type="ISO14443"),
)
_NAMES: dict[type, str] = {
    ApproveStation: "approve",
    ChangePassword: "password",
    SetLimit: "limit",
    Start: "start",
    Get: "get",
    AskTransactionStatus: "transactionStatus",
}
BOOT = BootNotification(vendor_name="V", model="M", reason="PowerUp")


def command(arguments: Arguments, command_id: str = "c1", *, evse_id: int = 1) -> Command:
    name = _NAMES[type(arguments)]
    ref = CommandRef(
        id=command_id,
        name=name,
        controller="me",
        source=AllocationSource.MQTT,
        evse_id=evse_id,
        reply_to=ReplyTo(name=name),
    )
    return Command(ref=ref, arguments=arguments, received_at=START)


async def started(world: World) -> World:
    await world.engine.start({}, world)
    return world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = await started(World())
    world.engine.connected(CS, "2.0.1", "link-1", "127.0.0.1")
    await world.engine.idle()
    yield world
    await world.engine.stop()


async def charging(world: World) -> None:
    world.engine.receive(CS, STARTED, world.respond)
    await world.engine.idle()


async def test_an_event_is_durable_before_it_is_answered_and_answered_before_it_is_published(
    world: World,
) -> None:
    await charging(world)
    assert [kind for kind, _ in world.log] == ["committed", "answered", "published"]
    assert world.took("answered") == [TransactionReply(verdict=ACCEPTED)]


async def test_an_event_that_cannot_be_stored_is_not_answered_and_counts_when_sent_again(
    world: World,
) -> None:
    world.journal.failing = StoreError("disk full")
    await charging(world)
    assert world.log == [("answered", None)]
    assert world.station is not None
    assert not world.station.evses
    world.journal.failing = None
    world.log.clear()
    await charging(world)
    assert [kind for kind, _ in world.log] == ["committed", "answered", "published"]


async def test_a_resend_gets_the_same_answer_and_is_not_stored_twice(world: World) -> None:
    await charging(world)
    await charging(world)
    assert world.took("answered") == [TransactionReply(verdict=ACCEPTED)] * 2
    assert len(world.took("published")) == 1
    assert world.counters.snapshot()["engine.event_repeated"] == 1


async def test_a_heartbeat_like_message_costs_no_commit(world: World) -> None:
    status = StatusNotification(
        timestamp=START, evse_id=0, connector_id=0, status=ConnectorStatus.AVAILABLE
    )
    world.engine.receive(CS, status, world.respond)
    await world.engine.idle()
    assert [kind for kind, _ in world.log] == ["answered"]


async def test_a_limit_is_journaled_acknowledged_called_and_answered_in_this_order(
    world: World,
) -> None:
    await charging(world)
    world.log.clear()
    world.engine.command(CS, command(SetLimit(limit_a=10)), "hash", world.durable)
    await world.engine.idle()
    await world.engine.idle()
    kinds = [kind for kind, _ in world.log]
    assert kinds == [
        *("committed", "durable", "published", "called"),
        *("committed", "published", "published"),
    ]
    assert world.took("published") == ["res/accepted/ok", "event/allocation", "res/done/ok"]
    (call,) = world.took("called")
    assert isinstance(call, SetChargingProfile)
    assert call.limit_a == 10.0
    assert world.station is not None
    allocation = world.station.evses[1].allocation
    assert allocation is not None
    assert (allocation.source, allocation.offered_a) == (AllocationSource.MQTT, 10.0)


async def test_a_command_that_cannot_be_journaled_is_not_carried_out(world: World) -> None:
    await charging(world)
    world.log.clear()
    world.journal.failing = StoreError("disk full")
    world.engine.command(CS, command(SetLimit(limit_a=10)), "hash", world.durable)
    await world.engine.idle()
    assert world.log == [("durable", False)]


async def test_an_answer_that_cannot_be_stored_is_kept_until_it_can(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor_module, "STORE_RETRY_SECONDS", 0.0)
    await charging(world)
    world.answer = None
    world.engine.command(CS, command(SetLimit(limit_a=10)), "hash", world.durable)
    await world.engine.idle()
    world.journal.failing = StoreError("disk full")
    world.unanswered[0](CallResult(accepted=True, status="Accepted"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.counters.snapshot()["store.commit_failed"] > 1
    world.journal.failing = None
    await world.engine.idle()
    assert world.took("published")[-1] == "res/done/ok"


async def test_the_same_command_again_gets_the_stored_result(world: World) -> None:
    await charging(world)
    for _ in range(3):
        world.engine.command(CS, command(SetLimit(limit_a=10)), "hash", world.durable)
        await world.engine.idle()
        await world.engine.idle()
    assert world.took("published")[1:] == [
        "res/accepted/ok",
        "event/allocation",
        "res/done/ok",
        "res/done/duplicate",
        "res/done/duplicate",
    ]
    assert len(world.took("called")) == 1
    assert world.took("durable") == [True, True, True]


async def test_a_repetition_while_the_first_is_under_way_is_only_accepted(world: World) -> None:
    await charging(world)
    world.answer = None
    for _ in range(2):
        world.engine.command(CS, command(SetLimit(limit_a=10)), "hash", world.durable)
        await world.engine.idle()
    assert world.took("published")[1:] == ["res/accepted/ok", "res/accepted/duplicate"]


async def test_an_id_used_for_another_body_is_a_conflict(world: World) -> None:
    await charging(world)
    world.engine.command(CS, command(SetLimit(limit_a=10)), "hash", world.durable)
    world.engine.command(CS, command(SetLimit(limit_a=11)), "other", world.durable)
    await world.engine.idle()
    assert "res/rejected/id_conflict" in world.took("published")
    assert len(world.took("called")) == 1


async def test_an_unknown_station_and_a_refusal_at_the_edge_are_answered(world: World) -> None:
    world.engine.command("NOBODY", command(Get()), "hash", world.durable)  # type: ignore[arg-type]
    refusal = Refusal(code=ResultCode.EXPIRED, message="too late")
    world.engine.refuse(CS, command(Get()).ref, refusal, world.durable)
    await world.engine.idle()
    assert world.took("published") == ["res/rejected/unknown_station", "res/expired/expired"]
    assert world.took("durable") == [True, True]


@pytest.mark.parametrize(
    ("body_hash", "told"),
    [("hash", "res/done/duplicate"), ("other", "res/expired/expired")],
    ids=["the same command", "another body"],
)
async def test_a_late_repetition_is_told_what_became_of_the_command(
    world: World, body_hash: str, told: str
) -> None:
    await charging(world)
    world.engine.command(CS, command(SetLimit(limit_a=10)), "hash", world.durable)
    await world.engine.idle()
    world.took("published")
    late = Refusal(code=ResultCode.EXPIRED, message="too late")
    ref = command(SetLimit(limit_a=10)).ref

    world.engine.refuse(CS, ref, late, world.durable, body_hash)
    await world.engine.idle()

    assert world.took("published")[-1] == told
    assert world.took("durable")[-1] is True


async def test_a_late_repetition_waits_behind_the_command(world: World) -> None:
    await charging(world)
    world.engine.command(CS, command(SetLimit(limit_a=10)), "hash", world.durable)
    late = Refusal(code=ResultCode.EXPIRED, message="too late")
    ref = command(SetLimit(limit_a=10)).ref
    world.engine.refuse(CS, ref, late, world.durable, "hash")
    await world.engine.idle()
    assert "res/expired/expired" not in world.took("published")


async def test_a_late_command_that_cannot_be_stored_is_not_acknowledged(world: World) -> None:
    await charging(world)
    world.took("durable")
    world.journal.failing = StoreError("disk full")
    late = Refusal(code=ResultCode.STALE_COMMAND, message="too old")
    world.engine.refuse(CS, command(Get()).ref, late, world.durable, "hash")
    await world.engine.idle()
    assert world.took("durable") == [False]


async def test_a_refusal_that_cannot_be_stored_is_not_acknowledged(world: World) -> None:
    world.journal.failing = StoreError("disk full")
    refusal = Refusal(code=ResultCode.INVALID_JSON, message="no JSON")
    world.engine.refuse(CS, command(Get()).ref, refusal, world.durable)
    await world.engine.idle()
    assert world.log == [("durable", False)]


async def test_too_many_waiting_commands_are_refused(world: World) -> None:
    for number in range(actor_module.COMMAND_LIMIT + 1):
        world.engine.command(CS, command(Get(), str(number)), "hash", world.durable)
    await world.engine.idle()
    assert world.took("published").count("res/rejected/queue_full") == 1


async def test_reading_stops_when_many_messages_wait(world: World) -> None:
    taken = [
        world.engine.receive(CS, STARTED, world.respond) for _ in range(actor_module.HIGH_MARK)
    ]
    assert taken == [True] * (actor_module.HIGH_MARK - 1) + [False]
    await world.engine.idle()
    assert len(world.took("answered")) == actor_module.HIGH_MARK


async def test_a_lease_ends_when_its_time_is_over(world: World) -> None:
    await charging(world)
    world.engine.command(CS, command(SetLimit(limit_a=10, ttl_seconds=60)), "h", world.durable)
    await world.engine.idle()
    await world.engine.idle()
    world.clock.advance(60)
    world.engine._due(CS)  # the timer's call, without its minute
    await world.engine.idle()
    await world.engine.idle()
    assert world.station is not None
    allocation = world.station.evses[1].allocation
    assert allocation is not None
    assert allocation.source is AllocationSource.UNMANAGED


async def test_a_restart_takes_up_the_stored_station(world: World) -> None:
    await charging(world)
    world.answer = None
    world.engine.command(
        CS, command(Start(id_token=IdToken(value="a", type="Central"))), "h", world.durable
    )
    await world.engine.idle()
    again = World()
    again.journal.stations.update(world.journal.stations)
    await again.engine.start(await again.journal.restore(), again)
    assert again.station is not None
    assert again.station.online is False
    transaction = again.station.evses[1].transaction
    assert transaction is not None
    assert transaction.open
    await again.engine.stop()


async def test_a_pending_station_is_held_until_it_is_approved() -> None:
    world = await started(World(StationSettings()))
    assert world.engine.admit(CS)
    world.engine.connected(CS, "2.0.1", "link-1", "127.0.0.1")
    world.engine.receive(CS, BOOT, world.respond)
    world.engine.receive(CS, STARTED, world.respond)
    world.engine.command(CS, command(Get()), "hash", world.durable)
    await world.engine.idle()
    assert world.took("answered") == [
        BootReply(status=Registration.PENDING, interval_seconds=300),
        NotAccepted(),
    ]
    assert world.took("published") == ["res/rejected/unknown_station"]
    world.journal.approvals.add(CS)
    world.engine.receive(CS, BOOT, world.respond)
    await world.engine.idle()
    assert world.took("answered")[-1] == BootReply(
        status=Registration.ACCEPTED, interval_seconds=300
    )
    await world.engine.stop()


async def test_a_pending_station_is_let_in_by_a_command_at_once() -> None:
    world = await started(World(StationSettings(automatic_calls=False)))
    world.engine.connected(CS, "2.0.1", "link-1", "127.0.0.1")
    world.engine.receive(CS, BOOT, world.respond)
    world.engine.command(CS, command(ApproveStation(), evse_id=0), "hash", world.durable)
    await world.engine.idle()
    assert world.took("published") == ["res/accepted/ok", "res/done/ok"]
    assert world.took("called") == [TriggerMessage(message="BootNotification")]
    world.engine.receive(CS, BOOT, world.respond)
    await world.engine.idle()
    assert world.took("answered")[-1] == BootReply(
        status=Registration.ACCEPTED, interval_seconds=300
    )
    await world.engine.stop()


async def test_an_approval_elsewhere_reaches_a_pending_station_that_is_connected() -> None:
    world = await started(World(StationSettings(automatic_calls=False)))
    world.engine.connected(CS, "2.0.1", "link-1", "127.0.0.1")
    world.engine.receive(CS, BOOT, world.respond)
    await world.engine.idle()
    assert CS in world.engine._timers._due
    world.engine._due(CS)
    await world.engine.idle()
    assert world.took("called") == []
    world.journal.approvals.add(CS)
    world.engine._due(CS)  # the timer's call, without its wait
    await world.engine.idle()
    assert world.took("called") == [TriggerMessage(message="BootNotification")]
    assert world.station is not None
    assert world.station.registration is Registration.ACCEPTED
    await world.engine.stop()


async def test_a_password_is_made_where_its_command_comes_in(world: World) -> None:
    given = GivenPassword(salt="s", digest="d", given_at=START)
    world.services.new_password = lambda _: NewPassword(secret="canary", given=given)
    world.engine.command(CS, command(ChangePassword(), evse_id=0), "hash", world.durable)
    await world.engine.idle()
    (request,) = world.took("called")
    assert isinstance(request, SetVariables)
    assert [value for _, value in request.values] == ["canary"]
    assert "canary" not in repr(request)
    stored = world.journal.stations[CS]
    assert stored.credentials.passwords == (given,)
    # it is written before it is sent
    kinds = [kind for kind, _ in world.log]
    assert kinds.index("committed") < kinds.index("called")


async def test_an_incident_is_an_event_of_a_station_that_is_known(world: World) -> None:
    incident = Incident(incident_id="i1", code=SecurityCode.FAILED_LOGIN, details={})
    world.engine.security(StationId("NOBODY"), incident)
    world.engine.security(CS, incident)
    await world.engine.idle()
    assert world.took("published") == ["event/security"]
    assert world.engine.station(StationId("NOBODY")) is None


async def test_who_is_admitted() -> None:
    refusing = await started(World(StationSettings(unknown_stations=UnknownStations.REFUSE)))
    assert not refusing.engine.admit(CS)
    await refusing.engine.stop()
    pending = await started(World(StationSettings()))
    for number in range(PENDING_LIMIT):
        pending.engine.connected(f"CS{number}", "2.0.1", "link", "ip")  # type: ignore[arg-type]
    assert pending.engine.admit(CS)
    assert not pending.engine.admit("ANOTHER")  # type: ignore[arg-type]
    await pending.engine.stop()


async def test_one_input_after_the_other_while_a_commit_is_under_way(world: World) -> None:
    await charging(world)
    world.log.clear()
    world.engine.command(CS, command(SetLimit(limit_a=10)), "hash", world.durable)
    heartbeats: list[object] = []
    world.engine.receive(CS, Heartbeat(), heartbeats.append)
    assert not heartbeats
    await world.engine.idle()
    assert heartbeats == [Acknowledged()]
    assert next(kind for kind, _ in world.log) == "committed"


async def test_what_costs_no_commit_is_answered_at_once(world: World) -> None:
    answers: list[object] = []
    world.engine.receive(CS, Heartbeat(), answers.append)
    assert answers == [Acknowledged()]


async def test_a_bug_in_one_input_does_not_keep_the_next_ones_from_being_handled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_facts: object) -> None:
        raise ZeroDivisionError

    await charging(world)
    answers: list[object] = []
    with monkeypatch.context() as broken:
        broken.setattr("bridge.domain.station.handle", bug)
        world.engine.receive(CS, Heartbeat(), answers.append)
    world.engine.receive(CS, Heartbeat(), answers.append)
    await world.engine.idle()
    assert answers == [None, Acknowledged()]
    assert world.counters.snapshot()["engine.input_failed"] == 1


async def test_nothing_is_answered_after_the_end(world: World) -> None:
    world.engine.receive(CS, STARTED, world.respond)
    await world.engine.stop()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not world.took("answered")
