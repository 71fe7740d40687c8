"""What the audit keeps of commands and of changes, and what it does not."""

from collections.abc import AsyncIterator

import pytest

from bridge.domain.commands import (
    Arguments,
    AskTransactionStatus,
    Get,
    Refusal,
    ResultCode,
    SetLimit,
)
from bridge.ports import AuditKind, AuditRecord
from tests.records import replace
from tests.unit.engine.ports import CS, START, World
from tests.unit.engine.test_engine import BOOT, STARTED, command, started


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = await started(World())
    world.engine.connected(CS, "2.0.1", "link-1", "127.0.0.1")
    world.engine.receive(CS, BOOT, world.respond)
    world.engine.receive(CS, STARTED, world.respond)
    await world.engine.idle()
    yield world
    await world.engine.stop()


async def told(world: World, arguments: Arguments, command_id: str = "c1") -> list[AuditRecord]:
    world.engine.command(CS, command(arguments, command_id), "hash", world.durable)
    await world.engine.idle()
    await world.engine.idle()
    return world.journal.audit


async def test_a_limit_leaves_what_it_changed_and_how_it_ended(world: World) -> None:
    changed, ended = await told(world, SetLimit(limit_a=10))
    assert changed == AuditRecord(
        at=START,
        station_id=CS,
        evse_id=1,
        kind=AuditKind.ALLOCATION,
        controller="me",
        source="MQTT",
        what="command",
        command_id="c1",
        before={
            "allocationSourceName": "Unmanaged",
            "offeredA": 32.0,
            "mode": "normal",
            "onePhaseLimitActive": False,
            "phaseLimitSourceName": None,
        },
        after={
            "allocationSourceName": "MQTT",
            "offeredA": 10.0,
            "mode": "normal",
            "onePhaseLimitActive": False,
            "phaseLimitSourceName": None,
        },
        result="active",
    )
    assert (ended.kind, ended.what, ended.result) == (AuditKind.COMMAND, "limit", "done/ok")
    assert (ended.controller, ended.source, ended.command_id) == ("me", "MQTT", "c1")
    assert ended.after is not None
    assert ended.after["appliedA"] == 10.0


async def test_a_refused_command_leaves_why(world: World) -> None:
    refusal = Refusal(code=ResultCode.NOT_AUTHORISED, message="not yours", details={"max": 1})
    world.engine.refuse(CS, command(SetLimit(limit_a=9)).ref, refusal, world.durable)
    await world.engine.idle()
    [record] = world.journal.audit
    assert record.result == "rejected/not_authorised"
    assert record.after == {"message": "not yours", "details": {"max": 1}}


async def test_a_command_on_a_team_is_kept_under_its_name(world: World) -> None:
    ref = replace(command(SetLimit(limit_a=9)).ref, team="yard")
    refusal = Refusal(code=ResultCode.UNKNOWN_TEAM, message="no such team")
    world.engine.refuse(CS, ref, refusal, world.durable)
    await world.engine.idle()
    assert [record.station_id for record in world.journal.audit] == ["team/yard"]


async def test_a_repetition_leaves_nothing(world: World) -> None:
    await told(world, SetLimit(limit_a=10))
    assert len(await told(world, SetLimit(limit_a=10))) == 2


async def test_what_the_station_answers_to_a_question_is_not_kept(world: World) -> None:
    [record] = await told(world, AskTransactionStatus())
    assert (record.what, record.result, record.after) == ("transactionStatus", "done/ok", None)


async def test_a_question_to_the_bridge_leaves_nothing(world: World) -> None:
    assert await told(world, Get()) == []


@pytest.mark.parametrize("code", [ResultCode.RATE_LIMITED, ResultCode.QUEUE_FULL])
async def test_a_flood_leaves_nothing(world: World, code: ResultCode) -> None:
    refusal = Refusal(code=code, message="too many")
    world.engine.refuse(CS, command(SetLimit(limit_a=9)).ref, refusal, world.durable)
    await world.engine.idle()
    assert world.journal.audit == []
