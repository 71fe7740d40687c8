"""Whether the bridge lives, and whether it can do its work."""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import Field
from typing_extensions import TypedDict

from bridge.http.responses import JsonResponse
from bridge.http.service import Service

ROUTER: Final = APIRouter(tags=["health"])
_STORE_FAILING: Final = "store.failing"
_LITTLE_ROOM: Final = "store.little_room"
_STATIONS_CONNECTED: Final = "ocpp.connections"


class Alive(TypedDict):
    """The process answers."""

    status: Annotated[Literal["ok"], Field(description="Always.")]


class Readiness(TypedDict):
    """Whether the bridge can do its work."""

    status: Annotated[
        Literal["ready", "degraded", "unavailable"],
        Field(
            description="`degraded`: stations are served and nothing is lost, but see `reasons`; "
            "`unavailable`: the store cannot be written."
        ),
    ]
    reasons: Annotated[list[str], Field(description="Sentences; empty when it is ready.")]
    store: Annotated[Literal["ok", "failing"], Field(description="As of the last write.")]
    broker: Literal["connected", "disconnected"]
    stationsConnected: Annotated[int, Field(ge=0, description="Charging stations.")]


@ROUTER.get("/healthz", response_model=Alive)
async def healthz() -> JsonResponse:
    """Say that the process lives; asks for no token."""
    return JsonResponse({"status": "ok"})


_UNREADY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": Readiness, "description": "The store cannot be written."}
}


@ROUTER.get("/readyz", response_model=Readiness, responses=_UNREADY)
async def readyz(service: Service) -> JsonResponse:
    """Say whether the bridge can do its work; asks for no token.

    Without a broker it can: events wait in the store. Without a store it cannot: stations are
    left without an answer, and send again.
    """
    gauges = service.measurements.gauges
    writes = not gauges.get(_STORE_FAILING)
    connected = service.broker.connected
    reasons = []
    if gauges.get(_LITTLE_ROOM):
        reasons.append("the disk is nearly full: meter readings are thinned out to make room")
    if not writes:
        reasons.append("the store could not be written: stations are left without an answer")
    if not connected:
        reasons.append("no connection to the broker: events wait in the store")
    readiness: Readiness = {
        "status": "unavailable" if not writes else "degraded" if reasons else "ready",
        "reasons": reasons,
        "store": "ok" if writes else "failing",
        "broker": "connected" if connected else "disconnected",
        "stationsConnected": int(gauges.get(_STATIONS_CONNECTED, 0)),
    }
    return JsonResponse(
        readiness, status_code=HTTPStatus.OK if writes else HTTPStatus.SERVICE_UNAVAILABLE
    )
