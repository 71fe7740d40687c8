"""The application: routes, guard, and how errors are told."""

import asyncio
from functools import cache
from operator import attrgetter
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from bridge import __version__
from bridge.http import (
    commands,
    depot,
    health,
    live,
    metrics,
    page,
    ports,
    secc,
    secc_api,
    stations,
)
from bridge.http.guard import Guard
from bridge.http.openapi import document_of
from bridge.http.ports import PortError, answer_port_error
from bridge.http.problems import (
    RequestError,
    answer_fault,
    answer_invalid,
    answer_problem,
    answer_routing,
)
from bridge.http.responses import JsonResponse
from bridge.http.service import HttpService

_ROUTERS: Final = (
    health.ROUTER,
    metrics.ROUTER,
    stations.ROUTER,
    secc.ROUTER,
    secc_api.ROUTER,
    secc_api.BASE_ROUTER,
    commands.ROUTER,
    depot.ROUTER,
    ports.ROUTER,
    live.ROUTER,
    page.ROUTER,
)
_HANDLERS: Final[dict[Any, Any]] = {
    RequestError: answer_problem,
    PortError: answer_port_error,
    RequestValidationError: answer_invalid,
    WebSocketRequestValidationError: answer_invalid,
    HTTPException: answer_routing,
    Exception: answer_fault,
}


def routes() -> FastAPI:
    """Return the application without what it needs to serve anybody: for its OpenAPI document."""
    application = FastAPI(
        title="OCPP and MQTT bridge",
        version=__version__,
        summary="Charging stations: what they do, and control of it.",
        openapi_url=None,  # it is served as it is committed
        docs_url=None,  # it would load programs from elsewhere
        redoc_url=None,
        default_response_class=JsonResponse,
        exception_handlers=_HANDLERS,
        redirect_slashes=False,
        generate_unique_id_function=attrgetter("name"),
    )
    for router in _ROUTERS:
        application.include_router(router)
    return application


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI document; to be left as it is."""
    return document_of(routes(), _ROUTERS)


async def _show_openapi() -> JsonResponse:
    """Return the OpenAPI document; asks for no token."""
    return JsonResponse(await asyncio.to_thread(openapi))  # the first time takes a while


def application(service: HttpService) -> ASGIApp:
    """Return the application that a server can run."""
    served = routes()
    served.add_api_route("/openapi.json", _show_openapi, include_in_schema=False)
    served.state.service = service
    return Guard(served, service.settings)
