"""The API of a charge controller (SECC) for any charger: seed 000 and its neighbours (secc.md).

`GET /api/v1/configuration`, `charging`, `limits`, `PUT /api/v1/limits` and the WebSocket `/api/ws`,
so that a client that was written for a charge controller drives a charger of OCPP. They are of the
only EVSE, of `?station=&evse=`, or below `/secc/{station}/{evse}`, for clients that know a base URL
only; there is `GET /api/v1/transaction`, too. A station that is offline does not answer (503), as
a charge controller without power.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, WebSocket
from starlette.websockets import WebSocketDisconnect

from bridge.api import payloads
from bridge.api.secc_commands import Place
from bridge.api.secc_documents import (
    TOPICS,
    SeccCharging,
    SeccConfiguration,
    secc_charging,
    secc_configuration,
)
from bridge.api.secc_limits import (
    SeccLimitsDocument,
    Write,
    WriteError,
    limits_document,
    merged,
    read_body,
    read_command,
)
from bridge.domain.commands import ResultCode
from bridge.domain.model import Evse, Station
from bridge.http.auth import Principal, Reader, Requires
from bridge.http.commands import body_of
from bridge.http.problems import ErrorDocument, RequestError
from bridge.http.responses import JsonResponse
from bridge.http.secc import EvseQuery, StationQuery, first_of, pick, until_revoked
from bridge.http.secc_control import check_online, limits_for, write_limits
from bridge.http.service import HttpService, Service
from bridge.http.stations import EvsePath, StationPath, find_evse
from bridge.ports import Scope

PATIENCE_SECONDS: Final = 3.0
"""How long an answer to a write waits for the station; clients give up after five or ten."""
PUSH_SECONDS: Final = 5.0
"""How often a WebSocket tells everything, changed or not: evcc gives up after 10 s of silence."""
RETRY_SECONDS: Final = 1.0
"""After which a WebSocket's command is tried again that came too soon after others."""

_log = logging.getLogger(__name__)

Found = tuple[Station, Evse]
Writer = Annotated[Principal, Depends(Requires(Scope.CONTROL))]


def _named(service: Service, station: StationQuery = None, evse: EvseQuery = None) -> Found:
    return pick(service, station, evse)


def _below(service: Service, station: StationPath, evse: EvsePath) -> Found:
    return find_evse(service, station, evse)


# --- Documents --------------------------------------------------------------------------------


def _document(
    topic: str, service: HttpService, found: Found, caller: Principal
) -> Mapping[str, Any]:
    """Return one of `TOPICS`."""
    station, evse = found
    documents = service.documents
    match topic:
        case "configuration":
            settings = documents.settings_for(station)
            return secc_configuration(station, evse, settings, documents.bridge_id)
        case "charging":
            return secc_charging(evse, documents.settings_for(station))
        case "limits":
            return limits_document(limits_for(service, station, evse, caller))
        case _:
            told = documents.of_evse("secc", station, evse, service.clock.now())
            return told or {}


_MODELS: Final[Mapping[str, Any]] = {
    "configuration": SeccConfiguration,
    "transaction": payloads.SeccDocument,
    "charging": SeccCharging,
    "limits": SeccLimitsDocument,
}
_LIMIT: Final = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "minProperties": 1,
                    "properties": {
                        "amperageLimit": {**_LIMIT, "description": "A per phase; null: none."},
                        "powerLimit": {**_LIMIT, "description": "W in all; null: none."},
                        "timeout": {"type": "integer", "minimum": 1, "description": "ms"},
                        "enabled": {"type": "boolean", "description": "The limits count."},
                        "setOnePhaseLimit": {"type": "boolean"},
                    },
                },
                "example": {"amperageLimit": 8.5, "timeout": 300_000, "enabled": True},
            }
        },
    }
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"model": ErrorDocument, "description": "Not done: `error` says why."},
    "5XX": {
        "model": ErrorDocument,
        "description": "The station cannot be told: `error` says why.",
    },
}


# --- Routes -----------------------------------------------------------------------------------


def _routes(prefix: str, place: Any, suffix: str) -> APIRouter:
    """Return the API below a prefix, for the EVSE that `place` finds."""
    router = APIRouter(prefix=f"{prefix}/api", tags=["charge controller"])
    at = Annotated[Found, Depends(place)]

    def _document_route(topic: str) -> None:
        @router.get(
            f"/v1/{topic}",
            name=f"show_secc_{topic}{suffix}",
            description=f"Return the `{topic}` of an EVSE, as a charge controller does.",
            response_model=_MODELS[topic],
        )
        async def show(service: Service, caller: Reader, found: at) -> JsonResponse:
            check_online(found[0])
            return JsonResponse(_document(topic, service, found, caller))

    for topic in TOPICS:
        if prefix or topic != "transaction":  # that of the root is there (`bridge.http.secc`)
            _document_route(topic)

    @router.put(
        "/v1/limits",
        name=f"set_secc_limits{suffix}",
        response_model=SeccLimitsDocument,
        responses=_REFUSALS,
        openapi_extra=_BODY,
    )
    async def put(
        request: Request,
        service: Service,
        caller: Writer,
        found: at,
    ) -> JsonResponse:
        """Set limits, as with a charge controller; what is left out stays as it is.

        They count while `enabled`, and lapse after `timeout` unless something is written again.
        The lower of both holds; null (or NaN) gives one up; below 6 A is 0 A.
        """
        station, evse = found
        await _put(service, (station.id, evse.id), caller, await body_of(request, service))
        again = find_evse(service, station.id, evse.id)
        return JsonResponse(_document("limits", service, again, caller))

    @router.websocket("/ws")
    async def push(socket: WebSocket, service: Service, caller: Reader, found: at) -> None:
        await _serve(socket, service, caller, (found[0].id, found[1].id))

    return router


async def _put(service: HttpService, place: Place, caller: Principal, body: bytes) -> None:
    try:
        write = read_body(body)
    except WriteError as error:
        pointer = f"/{error.key}" if error.key else ""
        raise RequestError(ResultCode.INVALID_ARGUMENT, str(error), pointer=pointer) from None
    await write_limits(service, place, caller, write, wait=PATIENCE_SECONDS)


# --- The WebSocket ----------------------------------------------------------------------------


async def _serve(socket: WebSocket, service: HttpService, caller: Principal, place: Place) -> None:
    """Push the documents and take commands, until the client has gone."""
    commands = _Commands(service, caller, place)
    with service.watchers.watching(place[0]) as changed:
        await socket.accept()
        with suppress(WebSocketDisconnect, RequestError):  # the station is no longer known
            await first_of(
                _push(socket, service, caller, place, changed),
                _read(socket, commands),
                commands.carry_out(),
                until_revoked(socket, service, caller),
            )


async def _push(
    socket: WebSocket,
    service: HttpService,
    caller: Principal,
    place: Place,
    changed: asyncio.Event,
) -> None:
    """Send what has changed at once, and everything again from time to time.

    Nothing while the station is offline: the client is to see that its data are old.
    """
    told: dict[str, bytes] = {}
    clock = service.clock
    again_at = clock.monotonic()
    while True:
        changed.clear()
        found = find_evse(service, *place)
        if clock.monotonic() >= again_at or not found[0].online:
            told.clear()
            again_at = clock.monotonic() + PUSH_SECONDS
        for topic in TOPICS if found[0].online else ():
            message = _document(topic, service, found, caller)
            text = orjson.dumps({"topic": topic, "message": message})
            if told.get(topic) != text:
                await socket.send_text(text.decode())
                told[topic] = text
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, again_at - clock.monotonic())):
                await changed.wait()


async def _read(socket: WebSocket, commands: "_Commands") -> None:
    """Take commands until the client has gone."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text:
            commands.take(text)


class _Commands:
    """The commands of one client, which is told nothing of them but by the documents.

    Those that come while one is under way are carried out as one.
    """

    def __init__(self, service: HttpService, caller: Principal, place: Place) -> None:
        self._service = service
        self._caller = caller
        self._place = place
        self._waiting: Write = {}
        self._there = asyncio.Event()

    def take(self, text: str) -> None:
        """Take a command of two lines; what it is not is passed over."""
        if not self._caller.may(Scope.CONTROL):
            self._refused("the token lacks the scope 'control'")
            return
        try:
            self._waiting = merged(self._waiting, read_command(text))
        except WriteError as error:
            self._refused(str(error))
        self._there.set()

    async def carry_out(self) -> None:
        """Do what was taken, for as long as the connection lasts."""
        while True:
            await self._there.wait()
            self._there.clear()
            write, self._waiting = self._waiting, {}
            try:
                if write:
                    await write_limits(self._service, self._place, self._caller, write, wait=0)
            except RequestError as error:
                if error.document["error"]["code"] is ResultCode.RATE_LIMITED:
                    self._waiting = merged(write, self._waiting)
                    self._there.set()
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    self._refused(str(error))

    def _refused(self, reason: str) -> None:
        station_id, evse_id = self._place
        _log.info(
            "a command of a charge controller's client was refused",
            extra={"station": station_id, "evse": evse_id, "reason": reason},
        )


ROUTER: Final = _routes("", _named, "")
BASE_ROUTER: Final = _routes("/secc/{station}/{evse}", _below, "_below")
