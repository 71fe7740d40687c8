"""A small central system made of the `ocpp` package: an independent peer on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from urllib.parse import unquote

from ocpp.routing import on
from ocpp.v201 import ChargePoint, call_result
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

_Method = TypeVar("_Method", bound=Callable[..., Any])


def answers(action: str) -> Callable[[_Method], _Method]:
    """Route an action to a method; the package's own decorator has no types."""
    return cast("Callable[[_Method], _Method]", on(action))


def now() -> str:
    return datetime.now(tz=UTC).isoformat()


class Peer(ChargePoint):  # type: ignore[misc]  # the package has no types
    """One station as the central system sees it; validates every frame in both directions."""

    def __init__(self, station_id: str, socket: ServerConnection, csms: "Csms") -> None:
        super().__init__(station_id, socket)
        self.csms = csms
        self.socket = socket

    async def route_message(self, raw_msg: str) -> None:
        self.csms.frames.append(raw_msg)
        await super().route_message(raw_msg)

    @answers("BootNotification")
    def on_boot(self, **payload: Any) -> Any:
        self.csms.hear("BootNotification", payload)
        return call_result.BootNotification(current_time=now(), interval=300, status="Accepted")

    @answers("StatusNotification")
    def on_status(self, **payload: Any) -> Any:
        self.csms.hear("StatusNotification", payload)
        return call_result.StatusNotification()

    @answers("Heartbeat")
    def on_heartbeat(self, **payload: Any) -> Any:
        self.csms.hear("Heartbeat", payload)
        return call_result.Heartbeat(current_time=now())

    @answers("Authorize")
    def on_authorize(self, **payload: Any) -> Any:
        self.csms.hear("Authorize", payload)
        return call_result.Authorize(id_token_info={"status": "Accepted"})

    @answers("TransactionEvent")
    def on_transaction_event(self, **payload: Any) -> Any:
        self.csms.hear("TransactionEvent", payload)
        return call_result.TransactionEvent()

    @answers("NotifyReport")
    def on_report(self, **payload: Any) -> Any:
        self.csms.hear("NotifyReport", payload)
        return call_result.NotifyReport()

    @answers("ReportChargingProfiles")
    def on_profiles(self, **payload: Any) -> Any:
        self.csms.hear("ReportChargingProfiles", payload)
        return call_result.ReportChargingProfiles()

    @answers("NotifyChargingLimit")
    def on_limit(self, **payload: Any) -> Any:
        self.csms.hear("NotifyChargingLimit", payload)
        return call_result.NotifyChargingLimit()

    @answers("ClearedChargingLimit")
    def on_limit_cleared(self, **payload: Any) -> Any:
        self.csms.hear("ClearedChargingLimit", payload)
        return call_result.ClearedChargingLimit()

    @answers("MeterValues")
    def on_meter_values(self, **payload: Any) -> Any:
        self.csms.hear("MeterValues", payload)
        return call_result.MeterValues()


class Csms:
    """All that was heard, who is connected, and a way to wait for either."""

    def __init__(self, peer: Callable[..., Any], subprotocol: str) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.peers: dict[str, Any] = {}
        self.frames: list[str] = []
        """Every text frame of every station, as it came."""
        self._peer = peer
        self._subprotocol = Subprotocol(subprotocol)
        self.requests: list[Request] = []
        self._server: Server | None = None
        self._changed = asyncio.Event()
        self._port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/ocpp"

    def hear(self, action: str, payload: dict[str, Any]) -> None:
        self.heard.append((action, payload))
        self._changed.set()

    def calls(self, action: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.heard if name == action]

    def events(self) -> list[dict[str, Any]]:
        return self.calls("TransactionEvent")

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until a condition holds; it is looked at whenever something was heard."""
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_event(self, trigger: str) -> dict[str, Any]:
        """Wait for the next event with this trigger reason and return it."""
        begin = len(self.heard)

        def found() -> list[dict[str, Any]]:
            return [
                payload
                for action, payload in self.heard[begin:]
                if action == "TransactionEvent" and payload["trigger_reason"] == trigger
            ]

        await self.until(found)
        return found()[0]

    async def open(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._port,
            subprotocols=[self._subprotocol],
            process_request=self._look_at,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def _look_at(self, _: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None
        station_id = unquote(request.path.rsplit("/", 1)[-1])
        peer = self._peer(station_id, socket, self)
        self.peers[station_id] = peer
        self._changed.set()
        try:
            await peer.start()
        except ConnectionClosed:
            if self.peers.get(station_id) is peer:
                del self.peers[station_id]
            self._changed.set()


@asynccontextmanager
async def running_csms(
    peer: Callable[..., Any] = Peer, subprotocol: str = "ocpp2.0.1"
) -> AsyncIterator[Csms]:
    csms = Csms(peer, subprotocol)
    await csms.open()
    try:
        yield csms
    finally:
        await csms.close()
