"""Whatever the broker does: everything arrives or is a dead letter, in order per key, in bounds."""

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.traffic import PublishOutcome
from tests.mqtt_link import turns
from tests.unit.mqtt.test_publisher import World, event, eventually

KEYS = ("a", "b", "c")
LIMIT = 6


@dataclass(frozen=True, slots=True)
class Publish:
    """Messages of these keys, committed and handed in together."""

    keys: tuple[str, ...]


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


Step = Publish | Answer | Cut | Connect

STEPS = st.lists(
    st.builds(Publish, st.lists(st.sampled_from(KEYS), min_size=1, max_size=5).map(tuple))
    | st.builds(
        Answer,
        st.integers(0, 5),
        st.sampled_from([PublishOutcome.ACKNOWLEDGED] * 5 + [PublishOutcome.REFUSED]),
    )
    | st.builds(Cut)
    | st.builds(Connect, st.booleans()),
    max_size=40,
)


async def _step(world: World, step: Step, numbers: dict[str, int]) -> None:
    link = world.link
    match step:
        case Publish(keys):
            messages = []
            for key in keys:
                messages.append(event(key, numbers[key]))
                numbers[key] += 1
            await world.publish(*messages)
        case Answer(index, outcome) if link.in_flight:
            link.finish(link.in_flight[index % len(link.in_flight)], outcome)
        case Cut() if link.connected:
            link.disconnect()
        case Connect(session_present) if not link.connected:
            link.connect(session_present=session_present)
    await turns(3)


def _check(world: World) -> None:
    in_flight = [message.topic for message, _ in world.link.in_flight]
    assert len(in_flight) == len(set(in_flight))  # one per key, and per document
    assert world.publisher._outbox.backlog <= LIMIT + LIMIT // 2
    assert len(in_flight) <= world.link.window


async def _play(steps: list[Step], window: int) -> None:
    world = World(automatic=False, window=window, memory_limit=LIMIT)
    numbers = dict.fromkeys(KEYS, 0)
    for step in steps:
        await _step(world, step, numbers)
        _check(world)
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
        assert set(delivered) | buried == set(range(numbers[key]))
        assert not buried.intersection(delivered)


@given(steps=STEPS, window=st.integers(1, 8))
def test_order_is_kept_and_nothing_is_lost_or_left(steps: list[Step], window: int) -> None:
    asyncio.run(_play(steps, window))
