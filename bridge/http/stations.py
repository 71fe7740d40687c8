"""The stations and their EVSEs: the documents that MQTT has on its retained topics."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from typing_extensions import TypedDict

from bridge.api import payloads
from bridge.api.commands.base import MAX_NUMBER
from bridge.api.documents import EVSE_DOCUMENTS, availability, is_public, ocpp_version
from bridge.domain.commands import ResultCode
from bridge.domain.enums import Registration
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.http.auth import Requires
from bridge.http.problems import HttpCode, RequestError
from bridge.http.responses import JsonResponse
from bridge.http.service import HttpService, Service
from bridge.ports import Scope

PAGE: Final = 100
LARGEST_PAGE: Final = 1000
MODELS: Final[Mapping[str, Any]] = {
    "state": payloads.StateDocument,
    "secc": payloads.SeccDocument,
    "transaction": payloads.TransactionDocument,
    "allocation": payloads.AllocationDocument,
    "meter": payloads.MeterDocument,
}
"""The documents of an EVSE, by name."""

StationPath = Annotated[
    str, Path(max_length=255, description="The station's id as it connects with.")
]
EvsePath = Annotated[int, Path(ge=0, le=MAX_NUMBER, description="OCPP EVSE id.")]


class StationSummary(TypedDict):
    """A station in the list."""

    cs: payloads.RawStationId
    availability: payloads.Presence
    registration: Annotated[Registration, Field(description="`Pending`: it waits for approval.")]
    ocppVersion: Annotated[str | None, Field(description="null = never connected.")]
    evses: Annotated[list[int], Field(description="EVSEs that it has told of so far.")]


class StationList(TypedDict):
    """A page of the stations."""

    stations: Annotated[list[StationSummary], Field(description="In the order of their ids.")]
    next: Annotated[
        str | None, Field(description="`after` of the next page; null = this was the last.")
    ]


class EvseView(TypedDict):
    """An EVSE: each document as on its topic, null where there is none yet."""

    evse: payloads.EvseId
    state: payloads.StateDocument
    secc: payloads.SeccDocument
    transaction: payloads.TransactionDocument | None
    allocation: payloads.AllocationDocument | None
    meter: payloads.MeterDocument | None


class StationView(TypedDict):
    """A station with its EVSEs."""

    cs: payloads.RawStationId
    availability: payloads.Presence
    info: payloads.StationInfo
    evses: Annotated[
        list[EvseView], Field(description="None while the station waits for approval.")
    ]


ROUTER: Final = APIRouter(
    prefix="/api/v1/stations", tags=["stations"], dependencies=[Depends(Requires(Scope.READ))]
)


@ROUTER.get("", response_model=StationList)
async def list_stations(
    service: Service,
    limit: Annotated[
        int, Query(ge=1, le=LARGEST_PAGE, description="Most stations on a page.")
    ] = PAGE,
    after: Annotated[str, Query(max_length=255, description="`next` of the page before.")] = "",
) -> JsonResponse:
    """List the stations that have ever connected, pending ones too."""
    found = [each for each in service.stations.stations if each.id > after]
    found.sort(key=attrgetter("id"))
    page = found[:limit]
    return JsonResponse(
        {
            "stations": [_summary(station) for station in page],
            "next": page[-1].id if len(found) > limit else None,
        }
    )


@ROUTER.get("/{station}", response_model=StationView)
async def show_station(service: Service, station: StationPath) -> JsonResponse:
    """Return a station with all documents of its EVSEs."""
    return JsonResponse(station_view(service, find_station(service, station)))


@ROUTER.get("/{station}/evses/{evse}", response_model=EvseView)
async def show_evse(service: Service, station: StationPath, evse: EvsePath) -> JsonResponse:
    """Return all documents of an EVSE."""
    return JsonResponse(_evse_view(service, *find_evse(service, station, evse)))


def _document_route(name: str) -> None:
    path = f"/{{station}}/evses/{{evse}}/{name}"

    @ROUTER.get(
        path,
        response_model=MODELS[name],
        name=f"show_evse_{name}",
        description=f"Return the document `{name}` of an EVSE, as on its topic.",
    )
    async def show(service: Service, station: StationPath, evse: EvsePath) -> JsonResponse:
        document = service.documents.of_evse(
            name, *find_evse(service, station, evse), service.clock.now()
        )
        if document is None:
            raise RequestError(HttpCode.NOT_FOUND, f"EVSE {evse} of {station!r} has no {name} yet")
        return JsonResponse(document)


for _name in EVSE_DOCUMENTS:
    _document_route(_name)


def find_station(service: HttpService, station_id: str) -> Station:
    """Return a station that has connected once. Raises RequestError."""
    station = service.stations.station(StationId(station_id))
    if station is None:
        raise RequestError(
            ResultCode.UNKNOWN_STATION,
            f"no station {station_id!r} has ever connected to this bridge",
        )
    return station


def find_evse(service: HttpService, station_id: str, evse_id: int) -> tuple[Station, Evse]:
    """Return an EVSE that its station has told of. Raises RequestError."""
    station = find_station(service, station_id)
    known = dict(station.evses) if is_public(station) else {}
    if evse_id not in known:
        raise RequestError(
            ResultCode.UNKNOWN_EVSE,
            f"station {station_id!r} has told of no EVSE {evse_id}",
            known=sorted(known),
        )
    return station, known[evse_id]


def station_view(service: HttpService, station: Station) -> dict[str, Any]:
    """Return a `StationView`."""
    evses = station.evses.values() if is_public(station) else ()
    return {
        "cs": station.id,
        "availability": availability(station),
        "info": service.documents.station_info(station, service.clock.now()),
        "evses": [_evse_view(service, station, evse) for evse in evses],
    }


def _summary(station: Station) -> StationSummary:
    return {
        "cs": station.id,
        "availability": availability(station),
        "registration": station.registration,
        "ocppVersion": ocpp_version(station),
        "evses": sorted(station.evses) if is_public(station) else [],
    }


def _evse_view(service: HttpService, station: Station, evse: Evse) -> dict[str, Any]:
    now = service.clock.now()
    documents = {
        name: service.documents.of_evse(name, station, evse, now) for name in EVSE_DOCUMENTS
    }
    return {"evse": evse.id, **documents}
