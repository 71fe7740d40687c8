"""Seed 000: the transaction of an EVSE, as a charge controller (SECC) reports it.

`GET /api/v1/transaction` is that of the only EVSE, as on a charge controller, which has one; where
there are more, `?station=&evse=` says which. The WebSocket beside it sends the same document now
and whenever it changes.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from bridge.api import payloads
from bridge.api.commands.base import MAX_NUMBER
from bridge.api.documents import is_public
from bridge.domain.commands import ResultCode
from bridge.domain.model import Evse, Station
from bridge.http.auth import Principal, Reader
from bridge.http.problems import HttpCode, RequestError
from bridge.http.responses import JsonResponse
from bridge.http.service import HttpService, Service
from bridge.http.stations import find_evse, find_station

ROUTER: Final = APIRouter(prefix="/api/v1/transaction", tags=["transactions"])
POLICY_VIOLATION: Final = 1008
_MOST_NAMED: Final = 20
"""EVSEs that an error lists."""

StationQuery = Annotated[
    str | None, Query(max_length=255, description="The station's id; absent: the only one.")
]
EvseQuery = Annotated[
    int | None,
    Query(ge=0, le=MAX_NUMBER, description="OCPP EVSE id; absent: the station's only one."),
]


@ROUTER.get("", response_model=payloads.SeccDocument)
async def show_secc(
    service: Service, _caller: Reader, station: StationQuery = None, evse: EvseQuery = None
) -> JsonResponse:
    """Return the running or the last transaction of an EVSE, as a charge controller does."""
    return JsonResponse(_document(service, *pick(service, station, evse)))


@ROUTER.websocket("/ws")
async def push_transaction(
    socket: WebSocket,
    service: Service,
    caller: Reader,
    station: StationQuery = None,
    evse: EvseQuery = None,
) -> None:
    """Send the document of `GET /api/v1/transaction` now, and whenever it changes."""
    found, found_evse = pick(service, station, evse)
    with service.watchers.watching(found.id) as changed:
        await socket.accept()
        with suppress(WebSocketDisconnect):
            await first_of(
                _push(socket, service, found.id, found_evse.id, changed),
                _until_closed(socket),
                until_revoked(socket, service, caller),
            )


def _document(service: HttpService, station: Station, evse: Evse) -> Mapping[str, Any] | None:
    return service.documents.of_evse("secc", station, evse, service.clock.now())


async def first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Do all of it until the first has ended; raises what that one raises."""
    tasks = [asyncio.create_task(each, name="http-push") for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        await task


async def _push(
    socket: WebSocket, service: HttpService, station_id: str, evse_id: int, changed: asyncio.Event
) -> None:
    """Send what is new until the client has gone; what comes while it reads is sent as one."""
    told: object = None
    while True:
        changed.clear()
        document = _document(service, *find_evse(service, station_id, evse_id))
        if document != told:
            await socket.send_text(orjson.dumps(document).decode())
            told = document
        await changed.wait()


async def _until_closed(socket: WebSocket) -> None:
    """Return when the client has gone; it has nothing to say."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def until_revoked(socket: WebSocket, service: HttpService, caller: Principal) -> None:
    """Close the connection of a token that is not good any more."""
    await service.authenticator.until_revoked(caller)
    await socket.close(code=POLICY_VIOLATION, reason="the token has expired or was revoked")


def pick(
    service: HttpService, station_id: str | None, evse_id: int | None
) -> tuple[Station, Evse]:
    """Return the EVSE that is meant, which must be one. Raises RequestError."""
    if station_id is not None and evse_id is not None:
        return find_evse(service, station_id, evse_id)
    stations = (
        service.stations.stations if station_id is None else [find_station(service, station_id)]
    )
    found = [
        (station, evse)
        for station in stations
        if is_public(station)
        for evse in station.evses.values()
        if evse_id in {None, evse.id}
    ]
    if len(found) == 1:
        return found[0]
    raise _several(found) if found else _none(station_id)


def _several(found: Sequence[tuple[Station, Evse]]) -> RequestError:
    known = sorted((station.id, evse.id) for station, evse in found)
    named: list[dict[str, Any]] = [
        {"station": station_id, "evse": evse_id} for station_id, evse_id in known[:_MOST_NAMED]
    ]
    first = named[0]
    return RequestError(
        HttpCode.AMBIGUOUS,
        f"there are {len(found)} EVSEs: say which, e.g. "
        f"?station={first['station']}&evse={first['evse']}",
        known=named,
    )


def _none(station_id: str | None) -> RequestError:
    if station_id is None:
        return RequestError(HttpCode.NOT_FOUND, "no station has told of an EVSE yet")
    return RequestError(ResultCode.UNKNOWN_EVSE, f"station {station_id!r} has no such EVSE yet")
