"""Whatever the broker does: everything arrives or is a dead letter, in order per key, in bounds."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.testing import MemoryJournal
from bridge.mqtt.traffic import PublishOutcome
from bridge.ports import OutboxMessage, StoredMessage
from tests.mqtt_link import turns
from tests.unit.mqtt.test_publisher import World, event, eventually

KEYS = ("a", "b", "c")
LIMIT = 6


@dataclass(frozen=True, slots=True)
class Commit:
    """Messages of these keys become durable: from now on the store shows them."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandIn:
    """The publisher is told of all that was committed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The broker answers the n-th message in flight."""

    index: int
    outcome: PublishOutcome


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection dies."""


@dataclass(frozen=True, slots=True)
class Connect:
    """A connection is made."""

    session_present: bool


Step = Commit | HandIn | Answer | Cut | Connect

STEPS = st.lists(
    st.builds(Commit, st.lists(st.sampled_from(KEYS), min_size=1, max_size=5).map(tuple))
    | st.builds(HandIn)
    | st.builds(HandIn)
    | st.builds(
        Answer,
        st.integers(0, 5),
        st.sampled_from([PublishOutcome.ACKNOWLEDGED] * 5 + [PublishOutcome.REFUSED]),
    )
    | st.builds(Cut)
    | st.builds(Connect, st.booleans()),
    max_size=40,
)


class SlowJournal(MemoryJournal):
    """Reads what is there now, and tells of it some turns later."""

    async def unpublished(self, after_row_id: int, limit: int) -> Sequence[StoredMessage]:
        rows = await super().unpublished(after_row_id, limit)
        await turns(5)
        return rows


class Play:
    """A publisher, and what was committed without it being told yet."""

    def __init__(self, window: int) -> None:
        self.world = World(automatic=False, window=window, memory_limit=LIMIT)
        self.world.journal = self.world.publisher._outbox._journal = SlowJournal()
        self.numbers = dict.fromkeys(KEYS, 0)
        self._committed: list[StoredMessage] = []

    async def step(self, step: Step) -> None:
        link = self.world.link
        match step:
            case Commit(keys):
                self._committed += await self.world.stored(*map(self._next, keys))
            case HandIn():
                self.hand_in()
            case Answer(index, outcome) if link.in_flight:
                link.finish(link.in_flight[index % len(link.in_flight)], outcome)
            case Cut() if link.connected:
                link.disconnect()
            case Connect(session_present) if not link.connected:
                link.connect(session_present=session_present)
        await turns(2)

    def _next(self, key: str) -> OutboxMessage:
        self.numbers[key] += 1
        return event(key, self.numbers[key] - 1)

    def hand_in(self) -> None:
        committed, self._committed = self._committed, []
        self.world.publisher.publish(committed)


def _check(world: World) -> None:
    in_flight = [message.topic for message, _ in world.link.in_flight]
    assert len(in_flight) == len(set(in_flight))  # one per key, and per document
    assert world.publisher._outbox.backlog <= LIMIT + LIMIT // 2
    assert len(in_flight) <= world.link.window


async def _play(steps: list[Step], window: int) -> None:
    play = Play(window)
    world = play.world
    for step in steps:
        await play.step(step)
        _check(world)
    play.hand_in()
    world.link.automatic = True
    world.link.acknowledge_all()
    if not world.link.connected:
        world.link.connect(session_present=True)
    await eventually(lambda: not world.journal.outbox)
    world.publisher.close()

    dead = {(s.message.topic, s.message.payload) for s, _ in world.journal.dead_letters}
    for key in KEYS:
        delivered = [int(m.payload) for m in world.link.delivered if m.topic == key]
        assert delivered == sorted(set(delivered))
        buried = {int(payload) for topic, payload in dead if topic == key}
        assert set(delivered) | buried == set(range(play.numbers[key]))
        assert not buried.intersection(delivered)


@given(steps=STEPS, window=st.integers(1, 8))
def test_order_is_kept_and_nothing_is_lost_or_left(steps: list[Step], window: int) -> None:
    asyncio.run(_play(steps, window))
