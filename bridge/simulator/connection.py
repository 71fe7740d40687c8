"""The WebSocket of one simulated station: dial, pump frames, dial again.

One task a station, plus the reader of its connection. All thinking is in `Endpoint`; here are
the socket, the clock's beat and the back-off (OCPP 2.0.1 part 4, section 5.3).
"""

import asyncio
import base64
import contextlib
import logging
import random
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from bridge.simulator.endpoint import Endpoint
from bridge.simulator.snapshot import StationSnapshot, describe_changes, snapshot_of
from bridge.simulator.station import Boot, StationModel
from bridge.simulator.wire import SUBPROTOCOLS

LOGGER: Final = logging.getLogger("bridge.simulator")

TICK_S: Final = 0.25
"""Longest time between two looks at the clock."""

OPEN_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 0.4
PING_INTERVAL_S: Final = 30.0


class Backoff:
    """Waiting times between attempts: doubled each time, jittered, bounded."""

    def __init__(self, minimum_s: float, maximum_s: float, jitter: random.Random) -> None:
        """Start at `minimum_s`; a wait is never longer than `maximum_s`."""
        self._minimum_s = minimum_s
        self._maximum_s = maximum_s
        self._jitter = jitter
        self._attempt = 0

    def reset(self) -> None:
        """Begin anew after a connection that worked."""
        self._attempt = 0

    def next_s(self) -> float:
        """Return how long to wait before the next attempt, in seconds."""
        ceiling_s = min(self._maximum_s, self._minimum_s * 2.0**self._attempt)
        self._attempt = min(self._attempt + 1, 30)
        return ceiling_s * self._jitter.uniform(0.5, 1.0)


class StationRunner:
    """Runs one station until it is cancelled."""

    def __init__(
        self,
        station: StationModel,
        *,
        clock: Callable[[], datetime],
        jitter: random.Random,
        on_change: Callable[[StationSnapshot], None] | None,
    ) -> None:
        """Take the model, what tells the time, and who wants to see changes."""
        options = station.options
        self._station = station
        self._endpoint = Endpoint(station)
        self._subprotocol = SUBPROTOCOLS[options.version]
        self._clock = clock
        self._backoff = Backoff(options.reconnect_min_s, options.reconnect_max_s, jitter)
        self._on_change = on_change
        self._seen = snapshot_of(station)
        self._wake = asyncio.Event()
        self._beat_s = min(TICK_S, options.meter_interval_s / 2)

    async def run(self) -> None:
        """Keep the station alive: connected where possible, charging in any case."""
        while True:
            try:
                await self._connect_once()
            except (OSError, TimeoutError, InvalidHandshake) as error:
                LOGGER.warning("%s: cannot connect: %s", self._station.station_id, error)
            if self._station.ready_to_restart(self._clock()):
                await self._pass_time(self._station.options.reboot_s)
                self._station.reboot(self._clock())
            else:
                await self._pass_time(self._backoff.next_s())

    async def _connect_once(self) -> None:
        async with connect(
            self._url(),
            subprotocols=[Subprotocol(self._subprotocol)],
            additional_headers=self._headers(),
            user_agent_header="ocpp-mqtt-bridge simulator",
            compression=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
        ) as socket:
            if socket.subprotocol != self._subprotocol:
                LOGGER.warning(
                    "%s: the central system does not speak %s",
                    self._station.station_id,
                    self._subprotocol,
                )
                return
            await self._converse(socket)

    async def _converse(self, socket: ClientConnection) -> None:
        self._endpoint.connected(self._clock())
        reader = asyncio.create_task(self._read(socket))
        try:
            with contextlib.suppress(ConnectionClosed):  # the next attempt follows
                await self._pump(socket, reader)
        finally:
            reader.cancel()
            await asyncio.wait({reader})
            self._endpoint.disconnected(self._clock())
            self._show()
        if not reader.cancelled():
            reader.result()

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                self._endpoint.receive(text, self._clock())
                self._wake.set()
        self._wake.set()

    async def _pump(self, socket: ClientConnection, reader: asyncio.Task[None]) -> None:
        while not reader.done():
            now = self._clock()
            self._endpoint.tick(now)
            for frame in self._endpoint.frames(now):
                await socket.send(frame)
            self._show()
            if self._station.boot is Boot.ACCEPTED:
                self._backoff.reset()
            if self._station.ready_to_restart(now) or self._endpoint.hung_up:
                return
            await self._beat(self._beat_s)

    async def _pass_time(self, seconds: float) -> None:
        """Live without a connection for a while."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left_s := end - loop.time()) > 0:
            self._endpoint.tick(self._clock())
            self._show()
            await asyncio.sleep(min(self._beat_s, left_s))

    async def _beat(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _show(self) -> None:
        """Log what changed, and tell whoever wants to know."""
        snapshot = snapshot_of(self._station)
        if snapshot == self._seen:
            return
        for line in describe_changes(self._seen, snapshot):
            LOGGER.info("%s: %s", snapshot.station_id, line)
        self._seen = snapshot
        if self._on_change is not None:
            self._on_change(snapshot)

    def _url(self) -> str:
        return (
            f"{self._station.options.url.rstrip('/')}/{quote(self._station.station_id, safe='')}"
        )

    def _headers(self) -> dict[str, str]:
        """Return the Basic credentials of security profile 1: the user is the station id."""
        password = self._station.variables.text("SecurityCtrlr", "BasicAuthPassword")
        if not password:
            return {}
        credentials = f"{self._station.station_id}:{password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
