"""A controller that gives commands in every way the promise is about, and insists on an answer.

It sends a command again, with the same id and body, until it has a final result: that is how a
command survives the death of a bridge, whose session with the broker dies with it.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import orjson

from bench.flood_oracle import TRY_AGAIN, Answer, Order
from bench.mqtt_wire import Message, MqttSession

COMMAND_TOPICS: Final = "v1/cs/+/+/cmd/#"
"""Filter of what controllers send, below the root."""

_ANSWER_SECONDS: Final = 1.5
"""Then a command is sent again."""
_PAUSE_SECONDS: Final = (0.0, 0.16)
_SOON_SECONDS: Final = (0.05, 1.5)
_AGO_SECONDS: Final = 5.0
_HIGHEST_LIMIT_A: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A way to send a command."""

    weight: float
    copies: tuple[int, int] = (1, 1)
    """How often it is sent at once, at least and at most."""
    replay: bool = False
    """Once more when its final result is known."""
    retained: bool = False
    expires_in: tuple[float, float] | None = None
    """Seconds from now, negative where it is over already."""
    must_be: str | None = None


KINDS: Final = {
    "plain": Kind(weight=40),
    "doubled": Kind(weight=20, copies=(2, 4)),
    "replayed": Kind(weight=14, replay=True),
    "retained": Kind(weight=8, retained=True, must_be="retained_command"),
    "expired": Kind(weight=6, expires_in=(-_AGO_SECONDS, -1.0), must_be="expired"),
    "expiring": Kind(weight=12, copies=(1, 3), replay=True, expires_in=_SOON_SECONDS),
}
"""What the flood is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A command by name: its share and its arguments, from its id."""

    weight: float
    visible: bool
    arguments: Callable[[str, random.Random], dict[str, Any]]


def _start(command_id: str, _chance: random.Random) -> dict[str, Any]:
    return {"idToken": {"value": command_id, "type": "Central"}}


def _call(command_id: str, _chance: random.Random) -> dict[str, Any]:
    payload = {"vendorId": "flood", "messageId": command_id}
    return {"action": "DataTransfer", "payload": payload}


def _limit(_command_id: str, chance: random.Random) -> dict[str, Any]:
    return {"limitA": chance.randint(0, _HIGHEST_LIMIT_A)}


_Entry = TypeVar("_Entry", Kind, Shape)

SHAPES: Final = {
    "start": Shape(weight=45, visible=True, arguments=_start),
    "call": Shape(weight=35, visible=True, arguments=_call),
    "limit": Shape(weight=20, visible=False, arguments=_limit),
}
"""The commands of the flood; a limit may be written any number of times, so it is not counted."""


class FloodController:
    """Gives its commands one after the other."""

    def __init__(
        self,
        name: str,
        place: str,
        chance: random.Random,
        kinds: Mapping[str, Kind] = KINDS,
        attempts: int = 40,
        *,
        endless: bool = False,
    ) -> None:
        """Set up a controller of the EVSE at `place` (`{root}/v1/cs/{cs}/{e}`).

        It sends a command `attempts` times; where it is `endless`, only those after `finish` count.
        """
        self.name = name
        self.orders: list[Order] = []
        self.answers: list[Answer] = []
        self.published = 0
        self._place = place
        self._chance = chance
        self._kinds = kinds
        self._attempts = attempts
        self._endless = endless
        self._finishing = False
        self._answered: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def run(self, broker_url: str, count: int) -> None:
        """Give `count` commands, and wait for the final result of each."""
        session = await MqttSession.connect(
            broker_url, f"flood-{self.name}-{time.monotonic_ns():x}", on_message=self._take
        )
        await session.subscribe(f"{self._place}/res/{self.name}/+")
        for number in range(count):
            if self._finishing:
                break
            await asyncio.sleep(self._chance.uniform(*_PAUSE_SECONDS))
            await self._give(session, f"{self.name}-{number:05d}")
        self._session = session

    def finish(self) -> None:
        """Give no more than the present command."""
        self._finishing = True

    def close(self) -> None:
        """Leave the broker."""
        self._session.close()

    async def _give(self, session: MqttSession, command_id: str) -> None:
        label, kind = _drawn(self._kinds, self._chance)
        name, shape = _drawn(SHAPES, self._chance)
        expires_at = _expiry(kind, self._chance)
        order = Order(
            command_id=command_id,
            kind=f"{label} {name}",
            visible=shape.visible,
            expires_at=expires_at,
            must_be=kind.must_be,
        )
        self.orders.append(order)
        body = {"id": command_id, **shape.arguments(command_id, self._chance)}
        if expires_at is not None:
            body["expiresAt"] = datetime.fromtimestamp(expires_at, UTC).isoformat()
        payload = orjson.dumps(body)
        for _ in range(self._chance.randint(*kind.copies)):
            self._publish(session, name, payload, kind)
        await self._insist(session, name, payload, kind, command_id)
        if kind.replay:
            self._publish(session, name, payload, kind)

    async def _insist(
        self, session: MqttSession, name: str, payload: bytes, kind: Kind, command_id: str
    ) -> None:
        """Send a command again until there is a final result, or the Oracle has to say so."""
        left = self._attempts
        while left:
            left -= self._finishing or not self._endless
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await self._answered[command_id].wait()
            except TimeoutError:
                self._publish(session, name, payload, kind)
            else:
                return

    def _publish(self, session: MqttSession, name: str, payload: bytes, kind: Kind) -> None:
        self.published += 1
        topic = f"{self._place}/cmd/{self.name}/{name}"
        session.publish(topic, payload, _nothing, retain=kind.retained)

    def _take(self, message: Message) -> None:
        result = orjson.loads(message.payload)
        answer = Answer(result["id"], result["status"], result["code"], final=result["final"])
        self.answers.append(answer)
        if answer.final and answer.code not in TRY_AGAIN:
            self._answered[answer.command_id].set()


def _expiry(kind: Kind, chance: random.Random) -> float | None:
    if kind.expires_in is None:
        return None
    return round(time.time() + chance.uniform(*kind.expires_in), 3)


def _drawn(table: Mapping[str, _Entry], chance: random.Random) -> tuple[str, _Entry]:
    names = list(table)
    (name,) = chance.choices(names, [table[each].weight for each in names])
    return name, table[name]


def _nothing() -> None:
    """Await no PUBACK: the final result is what counts."""
