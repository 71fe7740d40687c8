"""Stations that open their connections in every wrong way, and tell of a transaction meanwhile.

Each has one transaction, whose events it sends until they are acknowledged, over whatever
connection is its newest one. What it does is drawn from a seeded generator.
"""

import asyncio
import socket
import struct
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol

from tests.acceptance.stations import iso

PATIENCE_SECONDS: Final = 20.0
SUPERSEDED: Final = 4001
AT_ONCE: Final = 3
"""Connections that are opened in the same moment."""
_BEGAN: Final = datetime(2026, 11, 21, 8, tzinfo=UTC)
_HOME: Final = "127.0.0.1"
_ELSEWHERE: Final = "127.0.0.2"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


def password_of(name: str) -> str:
    """Return the password of a racer."""
    return f"the secret of {name}"


class Racer:
    """A station; `present` is its newest connection."""

    def __init__(self, url: str, name: str, seed: int, *, may_be_gone: bool) -> None:
        """Take where to connect; who may be gone also drops its connection before the next."""
        self.name = name
        self.acknowledged: list[int] = []
        """Sequence numbers of the events that were acknowledged, in order."""
        self.gaps = 0
        """How often it was without any connection, as far as it knows."""
        self.refused = 0
        """How often somebody was refused in its name."""
        self.present: ClientConnection
        self._url = url
        self._random = Random(f"{seed}/{name}")
        self._opened: list[ClientConnection] = []
        self._ways: Sequence[Callable[[], Awaitable[None]]] = (
            self._duplicate,
            self._half_open,
            self._in_the_middle_of_a_frame,
            self._at_the_same_moment,
            self._while_an_event_is_on_its_way,
        )
        if may_be_gone:
            self._ways = (*self._ways, self._reset, self._reset_in_the_middle_of_a_frame)

    @property
    def connections(self) -> int:
        """How many it has opened so far."""
        return len(self._opened)

    @property
    def port(self) -> int:
        """The port of its newest connection."""
        port: int = self.present.local_address[1]
        return port

    async def begin(self) -> None:
        """Connect and begin the transaction."""
        self.present = await self.open()
        await self._deliver("Started")

    async def step(self) -> None:
        """Connect once more, in one of the ways, and tell an event."""
        await self._random.choice(self._ways)()
        await self._deliver("Updated")

    async def end(self) -> None:
        """End the transaction, and leave."""
        await self._deliver("Ended")
        await self.present.close()

    def close(self) -> None:
        """Let go of all connections."""
        for websocket in self._opened:
            websocket.transport.abort()

    async def intrude(self) -> None:
        """Have somebody elsewhere try in its name, with a wrong password."""
        with pytest.raises(InvalidStatus) as refused:
            await self.open(password="guessed", host=_ELSEWHERE)
        assert refused.value.response.status_code == 401
        self.refused += 1

    # --- Ways to connect once more ------------------------------------------------------

    async def _duplicate(self) -> None:
        """The old connection is open and alive."""
        old = self.present
        self.present = await self.open()
        await _closed(old)

    async def _half_open(self) -> None:
        """The old connection is open, but hears and says nothing any more."""
        self._leave()
        self.present = await self.open()

    async def _in_the_middle_of_a_frame(self) -> None:
        """The old connection falls silent within a frame."""
        self._say_half()
        self._leave()
        self.present = await self.open()

    async def _at_the_same_moment(self) -> None:
        """Several connections are opened at once; one of them stays."""
        old = self.present
        opened = await asyncio.gather(*(self.open() for _ in range(AT_ONCE)))
        await _closed(old)
        async with asyncio.timeout(PATIENCE_SECONDS):
            ends = {asyncio.ensure_future(each.wait_closed()): each for each in opened}
            while len(ends) > 1:
                done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in done:
                    assert ends.pop(end).close_code == SUPERSEDED
        ((end, self.present),) = ends.items()
        end.cancel()

    async def _while_an_event_is_on_its_way(self) -> None:
        """The new connection is opened before an event is answered, which is then sent again."""
        old = self.present
        message_id, text = self._event("Updated")
        await old.send(text)
        self.present = await self.open()
        if self._random.random() < 0.5:  # a station may give it a new id, or the same
            message_id, text = self._event("Updated")
        await self._tell(message_id, text)
        await _closed(old)

    async def _reset(self) -> None:
        """The old connection is reset."""
        self._abort()
        self.present = await self.open()

    async def _reset_in_the_middle_of_a_frame(self) -> None:
        """The old connection is reset within a frame."""
        self._say_half()
        self._abort()
        self.present = await self.open()

    # --- Connections --------------------------------------------------------------------

    async def open(self, password: str = "", host: str = _HOME) -> ClientConnection:
        """Open a connection, with its own password unless there is another."""
        secret = password or password_of(self.name)
        credentials = b64encode(f"{self.name}:{secret}".encode()).decode()
        websocket = await connect(
            f"{self._url}/{self.name}",
            subprotocols=[Subprotocol("ocpp2.0.1")],
            additional_headers={"Authorization": f"Basic {credentials}"},
            local_addr=(host, 0),
            compression=None,
            ping_interval=None,
            open_timeout=PATIENCE_SECONDS,
            close_timeout=PATIENCE_SECONDS,
        )
        self._opened.append(websocket)
        return websocket

    def _leave(self) -> None:
        """Leave the present connection open, but deaf."""
        self.present.transport.pause_reading()

    def _abort(self) -> None:
        """Reset the present connection."""
        self.gaps += 1
        raw: socket.socket = self.present.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.present.transport.abort()

    def _say_half(self) -> None:
        """Send the beginning of an event that is never told as a whole over this connection."""
        _, text = self._event("Updated")
        frame = Frame(Opcode.TEXT, text.encode()).serialize(mask=True)
        self.present.transport.write(frame[: self._random.randrange(1, len(frame))])

    # --- Events -------------------------------------------------------------------------

    def _event(self, event_type: str) -> tuple[str, str]:
        """Return the next event that is to be told, under a new message id."""
        seq_no = len(self.acknowledged)
        message_id = f"{self.name}-{self._random.randrange(10**12)}"
        trigger = "Authorized" if event_type == "Started" else "MeterValuePeriodic"
        payload: dict[str, Any] = {
            "eventType": event_type,
            "timestamp": iso(_BEGAN + timedelta(seconds=seq_no)),
            "triggerReason": trigger,
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": f"T-{self.name}", "chargingState": "Charging"},
            "evse": {"id": 1, "connectorId": 1},
        }
        return message_id, orjson.dumps([2, message_id, "TransactionEvent", payload]).decode()

    async def _deliver(self, event_type: str) -> None:
        await self._tell(*self._event(event_type))

    async def _tell(self, message_id: str, text: str) -> None:
        """Send an event over the present connection; it stays, so it is answered there."""
        await self.present.send(text)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (answer := orjson.loads(await self.present.recv()))[1] != message_id:
                pass
        assert answer[0] == 3, answer
        self.acknowledged.append(len(self.acknowledged))


async def _closed(old: ClientConnection) -> None:
    """Wait for the end of a connection that was superseded."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            while old.state is State.OPEN:
                await old.recv()
        except ConnectionClosed:
            pass
        await old.wait_closed()
    assert old.close_code == SUPERSEDED
