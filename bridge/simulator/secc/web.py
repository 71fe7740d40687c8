"""REST and WebSocket of a simulated SECC: `/api/v1/...` and `/api/ws`, on one port."""

import asyncio
import contextlib
import json
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bridge.simulator.secc import documents, writing
from bridge.simulator.secc.model import SeccModel
from bridge.simulator.secc.quirks import SeccQuirk

PUSH_BEAT_S = 0.2
"""How often is looked whether there is something to push."""
HANGS_S = 3600.0
"""How long a SECC that does not answer is silent; clients give up before."""


class SeccWeb:
    """The web server of one SECC."""

    def __init__(self, model: SeccModel, advance: Callable[[], None]) -> None:
        """Serve a model; `advance` brings it up to the present moment before each answer."""
        self._model = model
        self._advance = advance
        self._answers = 0
        self.sockets: set[WebSocket] = set()
        """Clients of the WebSocket."""
        self.app = Starlette(
            routes=[
                Route("/api/v1/limits", self._limits, methods=["GET", "PUT"]),
                Route("/api/v1/{topic}", self._document, methods=["GET"]),
                WebSocketRoute("/api/ws", self._websocket),
            ]
        )

    # --- REST -------------------------------------------------------------------------------

    async def _document(self, request: Request) -> Response:
        topic = request.path_params["topic"]
        if topic not in documents.TOPICS:
            return Response(status_code=404)
        return await self._answered(topic)

    async def _limits(self, request: Request) -> Response:
        if request.method == "GET":
            return await self._answered("limits")
        body = await request.body()
        refused = await self._hindered()
        if refused is not None:
            return refused
        try:
            given = json.loads(body)
        except ValueError:
            return Response(status_code=400)
        self._advance()
        if not isinstance(given, dict) or not writing.write_limits(self._model, given):
            return Response(status_code=400)
        return self._written("limits")

    async def _answered(self, topic: str) -> Response:
        refused = await self._hindered()
        if refused is not None:
            return refused
        self._advance()
        return self._written(topic)

    async def _hindered(self) -> Response | None:
        """Do what quirks want before an answer; return one that takes its place."""
        quirks = self._model.quirks
        if SeccQuirk.NO_ANSWER in quirks:
            await asyncio.sleep(HANGS_S)
        if SeccQuirk.SLOW_ANSWERS in quirks:
            await asyncio.sleep(self._model.options.answer_delay_s)
        if SeccQuirk.SERVER_ERRORS in quirks and self._every(2):
            return Response(status_code=503)
        return None

    def _every(self, nth: int) -> bool:
        self._answers += 1
        return self._answers % nth == 1

    def _written(self, topic: str) -> Response:
        text = documents.text_of(self._model, documents.document(self._model, topic))
        return Response(self._perhaps_half(text, 2), media_type="application/json")

    def _perhaps_half(self, text: str, nth: int) -> str:
        cut = SeccQuirk.HALF_ANSWERS in self._model.quirks and self._every(nth)
        return text[: math.ceil(len(text) / 2)] if cut else text

    # --- WebSocket ---------------------------------------------------------------------------

    async def _websocket(self, client: WebSocket) -> None:
        await client.accept()
        if SeccQuirk.NO_ANSWER in self._model.quirks:
            await asyncio.sleep(HANGS_S)
        self.sockets.add(client)
        pushing = asyncio.create_task(self._push(client))
        try:
            while True:
                text = await client.receive_text()
                self._advance()
                writing.command(self._model, text)
        except WebSocketDisconnect:
            pass
        finally:
            self.sockets.discard(client)
            pushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pushing

    async def _push(self, client: WebSocket) -> None:
        """Push every document when it changes, and every few seconds."""
        told: dict[str, str] = {}
        loop = asyncio.get_running_loop()
        again_at = 0.0
        while True:
            self._advance()
            everything = loop.time() >= again_at
            if everything and (not told or SeccQuirk.SILENT_PUSHES not in self._model.quirks):
                told.clear()
            if everything:
                again_at = loop.time() + self._model.options.push_interval_s
            for topic in documents.TOPICS:
                message = documents.document(self._model, topic)
                text = documents.text_of(self._model, message)
                if told.get(topic) != text:
                    told[topic] = text
                    pushed = self._pushed(topic, text)
                    try:
                        await client.send_text(self._perhaps_half(pushed, 3))
                    except (WebSocketDisconnect, RuntimeError):
                        return  # it has gone; RuntimeError where we have closed it
            await asyncio.sleep(PUSH_BEAT_S)

    def _pushed(self, topic: str, text: str) -> str:
        if SeccQuirk.PREFIXED_PUSHES in self._model.quirks:
            return f"{topic}\n{text}"
        return f'{{"topic":"{topic}","message":{text}}}'


class SeccServer:
    """Listens for one SECC, between `start` and `stop`."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        """Set it up; nothing is listened to before `start`."""
        self._address = host, port
        self._server = _Server(
            uvicorn.Config(
                app,
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self.port = port
        """The port that is listened to, once it is."""

    async def start(self) -> None:
        """Listen. Raises OSError where that cannot be."""
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
        self.port = listening.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve([listening]), name="secc")
        await self._server.ready.wait()

    async def stop(self) -> None:
        """Hang up on everybody, and close."""
        self._server.should_exit = self._server.force_exit = True
        if self._task is not None:
            await self._task


class _Server(uvicorn.Server):
    """A server that leaves signals alone and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to the program."""
        yield

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.ready.set()
