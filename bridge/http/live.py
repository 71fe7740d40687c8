"""What the status page follows: stations, power and events, now and whenever they change.

Server-sent events (`text/event-stream`) rather than a WebSocket, because a page can then show its
token in a header: browsers let it send none with a WebSocket, and a token in a URL ends up in logs.

| `event:` | `data:` | When |
|---|---|---|
| `bridge` | version, time, broker, who asks | first, then every 10 s |
| `station` | as `GET /api/v1/stations/{station}` | first, then on change |
| `power` | `{cs, evse, points}`: Unix time (s) and W, by slots of 15 s | likewise |
| `log` | an event as on MQTT's `event/...` | the last 200, then each |
| `gone` | `{cs}`: is not on this page any more | |
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from bridge import __version__
from bridge.domain.ids import StationId
from bridge.domain.units import rfc3339
from bridge.http.auth import Principal, Reader
from bridge.http.problems import HttpCode, RequestError
from bridge.http.recent import SLOT_SECONDS
from bridge.http.service import HttpService, Service
from bridge.http.stations import station_view
from bridge.http.watching import Changes
from bridge.ports import StationBook

ROUTER: Final = APIRouter(prefix="/api/v1/live", tags=["stations"])
PAGE: Final = 50
LARGEST_PAGE: Final = 200
MOST_VIEWERS: Final = 50
HEARTBEAT_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = 0.2
"""What changes within it is told once."""
_STREAM: Final = "text/event-stream"
_UNBUFFERED: Final = {"x-accel-buffering": "no"}
"""Asks proxies of nginx's kind to pass on what there is."""


@ROUTER.get(
    "",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: `bridge`, `station`, `power`, `log`, `gone`.",
            "content": {_STREAM: {"schema": {"type": "string"}}},
        }
    },
)
async def follow_stations(
    service: Service,
    caller: Reader,
    limit: Annotated[
        int, Query(ge=1, le=LARGEST_PAGE, description="Most stations that are told of.")
    ] = PAGE,
    after: Annotated[str, Query(max_length=255, description="Only stations after this id.")] = "",
) -> StreamingResponse:
    """Tell of stations, their power and their events, now and whenever they change."""
    if service.watchers.of_all >= MOST_VIEWERS:
        raise RequestError(HttpCode.UNAVAILABLE, f"{MOST_VIEWERS} are looking already")
    window = Window(service.stations, after, limit)
    return StreamingResponse(
        _stream(service, caller, window), media_type=_STREAM, headers=_UNBUFFERED
    )


class Window:
    """The stations of one page: so many, in the order of their ids, after one."""

    def __init__(self, book: StationBook, after: str, limit: int) -> None:
        """Look which ones these are now."""
        self._book = book
        self._after = after
        self._limit = limit
        self.ids: tuple[StationId, ...] = ()
        self.refresh()

    def refresh(self) -> set[StationId]:
        """Look again; return those that are not on the page any more."""
        before = set(self.ids)
        found = sorted(each.id for each in self._book.stations if each.id > self._after)
        self.ids = tuple(found[: self._limit])
        return before - set(self.ids)

    def concerns(self, station_id: StationId) -> bool:
        """Say whether a station is on the page, or belongs there."""
        full = len(self.ids) >= self._limit
        return station_id > self._after and not (full and station_id > self.ids[-1])


async def _stream(service: HttpService, caller: Principal, window: Window) -> AsyncIterator[bytes]:
    """Yield server-sent events until the token is revoked or the bridge ends."""
    viewer = _Viewer(service, window)
    with service.watchers.watching_all() as changes:
        revoked = asyncio.create_task(_end_when_revoked(service, caller, changes))
        try:
            yield b"".join([_hello(service, caller), *viewer.everything()])
            while not changes.over:
                with suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await changes.wait()
                        await asyncio.sleep(PAUSE_SECONDS)
                told = b"".join(viewer.news(changes.take()))
                yield told or _hello(service, caller)
        finally:
            revoked.cancel()


async def _end_when_revoked(service: HttpService, caller: Principal, changes: Changes) -> None:
    await service.authenticator.until_revoked(caller)
    changes.end()


class _Viewer:
    """What one page was told already."""

    def __init__(self, service: HttpService, window: Window) -> None:
        self._service = service
        self._window = window
        self._events = 0
        self._power_until: dict[tuple[StationId, int], int] = {}

    def everything(self) -> Iterator[bytes]:
        """Yield all there is to tell."""
        yield from self._stations(self._window.ids)
        yield from self._new_events()

    def news(self, changed: set[StationId]) -> Iterator[bytes]:
        """Yield what is new, where these stations have changed."""
        concerned = [each for each in changed if self._window.concerns(each)]
        if not set(self._window.ids).issuperset(concerned):
            for gone in sorted(self._window.refresh()):
                yield _event("gone", {"cs": gone})
        yield from self._stations(sorted(concerned))
        yield from self._new_events()

    def _stations(self, station_ids: Iterable[StationId]) -> Iterator[bytes]:
        for station_id in station_ids:
            station = self._service.stations.station(station_id)
            if station is not None:
                view = station_view(self._service, station)
                yield _event("station", view)
                for evse in view["evses"]:
                    yield from self._power(station_id, evse["evse"])

    def _power(self, station_id: StationId, evse_id: int) -> Iterator[bytes]:
        """Yield what is new of an EVSE's power; its newest slot may have changed."""
        key = (station_id, evse_id)
        since = self._power_until.get(key, 0)
        points = self._service.recent.power.points(station_id, evse_id, since)
        if points:
            self._power_until[key] = points[-1][0]
            yield _event("power", {"cs": station_id, "evse": evse_id, "points": points})

    def _new_events(self) -> Iterator[bytes]:
        log = self._service.recent.events
        for each in log.since(self._events):
            yield _event("log", self._service.documents.event(each, each.received_at))
        self._events = log.count


def _hello(service: HttpService, caller: Principal) -> bytes:
    return _event(
        "bridge",
        {
            "version": __version__,
            "now": rfc3339(service.clock.now()),
            "broker": "connected" if service.broker.connected else "disconnected",
            "stations": len(service.stations.stations),
            "slotSeconds": SLOT_SECONDS,
            "heartbeatSeconds": HEARTBEAT_SECONDS,
            "caller": {"name": caller.name, "scopes": sorted(caller.scopes)},
        },
    )


def _event(name: str, document: Mapping[str, Any]) -> bytes:
    """Return a server-sent event; JSON has no line breaks of its own."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(document))
