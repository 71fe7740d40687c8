"""Answers that come later: their order, what goes on meanwhile, and where the store cannot write."""

from collections.abc import AsyncIterator

import pytest

from bridge.domain.commands import AnswerInquiry, Command, CommandRef, ReplyTo
from bridge.domain.effects import Acknowledged, AuthorizeReply, Later, LateReply, Reply
from bridge.domain.enums import AllocationSource, AuthorizationStatus
from bridge.domain.events import Authorize, Heartbeat, IdToken
from bridge.domain.settings import AuthorizeMode, StationSettings
from bridge.domain.tokens import Verdict
from bridge.engine.waiting import ASKERS_LIMIT, Waiting
from bridge.ports import StoreError
from tests.unit.engine.ports import CS, START, World

CARD = IdToken(value="04A2B3C4", type="ISO14443")
BLOCKED = Verdict(status=AuthorizationStatus.BLOCKED)
SETTINGS = StationSettings(known=True, automatic_calls=False, authorize=AuthorizeMode.ASK)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(SETTINGS)
    await world.engine.start({}, world)
    world.engine.connected(CS, "2.0.1", "link-1", "127.0.0.1")
    await world.engine.idle()
    world.engine.receive(CS, Authorize(id_token=CARD), world.respond)
    await world.engine.idle()
    yield world
    await world.engine.stop()


async def verdict(world: World, command_id: str = "c1") -> None:
    ref = CommandRef(
        id=command_id,
        name="authorize",
        controller="me",
        source=AllocationSource.MQTT,
        evse_id=0,
        reply_to=ReplyTo(name="authorize"),
    )
    arguments = AnswerInquiry(verdict=BLOCKED, token_value=CARD.value)
    message = Command(ref=ref, arguments=arguments, received_at=START)
    world.engine.command(CS, message, "hash", world.durable)
    await world.engine.idle()


def question(world: World) -> Later:
    (later,) = [reply for reply in world.took("answered") if isinstance(reply, Later)]
    return later


async def test_a_question_and_a_verdict_are_durable_before_anybody_hears_of_them(
    world: World,
) -> None:
    assert world.log == [
        ("committed", 1),
        ("answered", question(world)),
        ("published", "event/inquiry"),
    ]
    world.log.clear()
    await verdict(world)
    assert [kind for kind, _ in world.log] == [
        "committed",
        "durable",
        "answered",
        "published",
        "published",
        "published",
    ]
    assert world.took("answered") == [AuthorizeReply(verdict=BLOCKED)]
    assert world.took("published") == ["event/inquiry", "res/accepted/ok", "res/done/ok"]


async def test_other_messages_are_answered_while_one_waits(world: World) -> None:
    world.log.clear()
    world.engine.receive(CS, Heartbeat(), world.respond)
    await world.engine.idle()
    assert world.took("answered") == [Acknowledged()]


async def test_a_message_that_is_sent_again_waits_for_the_same_answer(world: World) -> None:
    later = question(world)
    world.log.clear()
    world.engine.receive(CS, Authorize(id_token=CARD), world.respond)
    await world.engine.idle()
    assert world.log == [("answered", later)]
    await verdict(world)
    assert world.took("answered") == [later, *[AuthorizeReply(verdict=BLOCKED)] * 2]


async def test_when_time_is_over_the_default_is_the_answer(world: World) -> None:
    world.log.clear()
    world.clock.advance(10)
    world.engine._due(CS)  # the timer's call, without its wait
    await world.engine.idle()
    invalid = Verdict(status=AuthorizationStatus.INVALID)
    assert world.log == [
        ("committed", 1),
        ("answered", AuthorizeReply(verdict=invalid)),
        ("published", "event/inquiry"),
    ]


async def test_a_verdict_that_cannot_be_stored_is_not_told(world: World) -> None:
    world.log.clear()
    world.journal.failing = StoreError("disk full")
    await verdict(world)
    assert world.log == [("durable", False)]
    world.journal.failing = None
    await verdict(world, "c2")
    assert world.took("answered") == [AuthorizeReply(verdict=BLOCKED)]


def test_whoever_does_not_wait_for_answers_gets_the_last_ones_only() -> None:
    waiting, told = Waiting(), []

    def asker(number: int) -> None:
        def respond(reply: Reply | None) -> None:
            told.append((number, reply))

        waiting.add("t", respond)

    for number in range(ASKERS_LIMIT + 2):
        asker(number)
    assert told == [(0, None), (1, None)]
    told.clear()
    late = LateReply(ticket="t", reply=Acknowledged())
    waiting.answer([late, late])
    assert told == [(number, Acknowledged()) for number in range(2, ASKERS_LIMIT + 2)]
