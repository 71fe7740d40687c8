"""Seed 001: transactions of EVSE ports, as Swyched's Transaction Management API tells them.

A client of that API changes its base URL to `http://host:port/1.2`. Its `port_uuid` is made of
station and EVSE (`GET /1.2/ports` lists them), its queue is our commands: `queue_uuid` is the id
of the `start` or `stop` that was given, remembered for 24 hours.

Where seed 001 leaves something open: an empty list is `[]`, times end with `Z`, and what `stg`
asks for is an example that touches nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID, uuid5

import orjson
from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from bridge.api.documents import is_public
from bridge.api.incoming import CommandAddress
from bridge.api.transactions import PortTransaction, port_transaction, port_uuid
from bridge.domain.commands import CommandResult, ResultCode, ResultStatus
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import StationId, requested_uuid
from bridge.domain.ledger import TransactionRecord
from bridge.domain.queries import TransactionMoment, TransactionQuery
from bridge.http.auth import Principal, Requires
from bridge.http.commands import body_of, give
from bridge.http.problems import STATUSES, RequestError
from bridge.http.responses import JsonResponse
from bridge.http.service import HttpService, Service
from bridge.ports import Scope

PREFIX: Final = "/1.2"
_QUEUE: Final = UUID("6f1d2b52-6f0f-5d5c-9d52-4d5154540003")
EXTEND_SECONDS: Final = 10.0
MOST_TRANSACTIONS: Final = 10_000
"""Told of a port at a time, also with `limit` 0."""

Caller = Annotated[Principal, Depends(Requires(Scope.CONTROL))]
Reader = Annotated[Principal, Depends(Requires(Scope.READ))]

ROUTER: Final = APIRouter(prefix=PREFIX, tags=["seed 001"])


class Port(TypedDict):
    """An EVSE as a port."""

    port_uuid: Annotated[str, Field(description="The same for ever.")]
    station: Annotated[str, Field(description="Raw id of the station.")]
    evse: Annotated[int, Field(description="OCPP EVSE id.")]


class Begun(TypedDict):
    """A start that is in the queue."""

    href: str
    queue_uuid: str
    transaction_uuid: Annotated[str, Field(description="Of the transaction that it leads to.")]


class Queued(TypedDict):
    """A stop that is in the queue."""

    href: str
    id: str


class Progress(TypedDict):
    """What has become of something in the queue, unless it is a transaction by now."""

    id: str
    status: Literal["IN PROGRESS", "FAILURE"]
    reason: Annotated[str | None, Field(description="Why it failed.")]


class Message(TypedDict):
    """What is wrong."""

    message: str


class PortError(Exception):
    """A request cannot be served; answered as seed 001 does."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def _body(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenAPI is told of a body; `_arguments` reads it, to answer as seed 001 does."""
    staging = {"type": "boolean", "description": "An example is enough."}
    schema = {"type": "object", "properties": {**properties, "stg": staging}}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_TIME: Final = {"type": "string", "format": "date-time", "description": "In the future; UTC."}


def _answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Message} for status in (400, *statuses)}


# --- Ports ----------------------------------------------------------------------------------


@ROUTER.get("/ports", response_model=list[Port])
async def list_ports(service: Service, _caller: Reader) -> JsonResponse:
    """List the EVSEs of all stations with their uuids (not in seed 001, which has no way)."""
    return JsonResponse(
        [
            {"port_uuid": uuid, "station": station_id, "evse": evse_id}
            for uuid, (station_id, evse_id) in sorted(_ports(service).items())
        ]
    )


def _ports(service: HttpService) -> dict[str, tuple[StationId, int]]:
    return {
        port_uuid(station.id, evse_id): (station.id, evse_id)
        for station in service.stations.stations
        if is_public(station)
        for evse_id in station.evses
    }


def _port(service: HttpService, uuid: str) -> tuple[StationId, int]:
    found = _ports(service).get(uuid.casefold())
    if found is None:
        raise PortError(HTTPStatus.NOT_FOUND, f"EVSE not found: {uuid}")
    return found


# --- Begin ----------------------------------------------------------------------------------


@ROUTER.post(
    "/transactions",
    status_code=HTTPStatus.CREATED,
    response_model=Begun,
    responses=_answers(404),
    openapi_extra=_body(
        port_uuid={"type": "string", "format": "uuid"},
        expires=_TIME,
        invoice_id={"type": "string", "minLength": 1, "maxLength": 36},
    ),
)
async def begin_port_transaction(request: Request, service: Service, caller: Caller) -> Response:
    """Ask a station to begin a transaction on a port, which is ended at `expires`."""
    arguments = await _arguments(request, service)
    if _is_staging(arguments):
        return JsonResponse(_EXAMPLE_BEGUN, status_code=HTTPStatus.CREATED)
    uuid = _text(arguments, "port_uuid")
    expires = _expiry(arguments, service.clock.now())
    invoice_id = _text(arguments, "invoice_id") if "invoice_id" in arguments else None
    station_id, evse_id = _port(service, uuid)
    queue_uuid = _fresh_uuid(service)
    body = {"id": queue_uuid, "until": expires.isoformat(), "invoiceId": invoice_id}
    await _given(service, caller, (station_id, evse_id), "start", body, wait=0.0)
    begun: Begun = {
        "href": f"/queue/{queue_uuid}",
        "queue_uuid": queue_uuid,
        "transaction_uuid": requested_uuid(caller.name, queue_uuid),
    }
    return JsonResponse(begun, status_code=HTTPStatus.CREATED)


def _expiry(arguments: Mapping[str, Any], now: datetime) -> datetime:
    """Return when a transaction is to be ended, which must be to come."""
    text = _text(arguments, "expires")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise PortError(
            HTTPStatus.BAD_REQUEST, f"expires is no ISO 8601 timestamp: {text!r}"
        ) from None
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    if moment <= now:
        raise PortError(
            HTTPStatus.BAD_REQUEST,
            "Expiry time must be in the future. Please ensure the time you have entered is in "
            "the correct timezone (UTC) and try again. Current UTC time is "
            f"{now:%Y-%m-%dT%H:%M:%S}. Received UTC time is {moment.isoformat(sep=' ')}.",
        )
    return moment


# --- The queue ------------------------------------------------------------------------------


@ROUTER.get(
    "/queue/{queue_uuid}",
    response_model=PortTransaction | Progress,
    responses=_answers(404),
)
async def show_queued(
    request: Request,
    service: Service,
    caller: Reader,
    queue_uuid: Annotated[str, Path(description="As the start or stop told it.")],
) -> Response:
    """Return the transaction that a start or stop has led to, or how far it is."""
    arguments = await _arguments(request, service, needed=False)
    uuid = _uuid(queue_uuid)
    if _is_staging(arguments):
        return JsonResponse(_staged(arguments, uuid))
    known = await service.journal.find_command(caller.name, uuid)
    if known is None:
        raise PortError(HTTPStatus.NOT_FOUND, f"Queue item not found: {uuid}")
    return JsonResponse(await _progress(service, caller, uuid, known.result))


async def _progress(
    service: HttpService, caller: Principal, uuid: str, result: CommandResult | None
) -> PortTransaction | Progress:
    in_progress: Progress = {"id": uuid, "status": "IN PROGRESS", "reason": None}
    if result is None:
        return in_progress
    if result.status is not ResultStatus.DONE or result.code is ResultCode.ALREADY_STARTED:
        return {"id": uuid, "status": "FAILURE", "reason": _reason(result)}
    if result.ref.name == "start":
        found = await service.transactions.find(requested_uuid(caller.name, uuid))
        return in_progress if found is None else port_transaction(found)
    stopped = (result.data or {}).get("transactionUuid")
    found = None if stopped is None else await service.transactions.find(stopped)
    if found is None or found.transaction.open:
        return in_progress
    return port_transaction(found)


def _reason(result: CommandResult) -> str:
    if result.refusal is not None:
        return result.refusal.message
    return "a transaction runs on this EVSE already"


# --- Read -----------------------------------------------------------------------------------


@ROUTER.get("/transactions", response_model=list[PortTransaction], responses=_answers(404))
async def list_port_transactions(request: Request, service: Service, _caller: Reader) -> Response:
    """Return the latest `limit` transactions of the port `port_uuid`; all of them for 0.

    Both are in the body, as seed 001 has it, or in the query.
    """
    arguments = await _arguments(request, service, needed=False)
    if _is_staging(arguments):
        return JsonResponse([_EXAMPLE])
    uuid = _text(arguments, "port_uuid")
    limit = _limit(arguments)
    station_id, evse_id = _port(service, uuid)
    page = await service.transactions.page(
        TransactionQuery(
            station_id=station_id,
            evse_id=evse_id,
            order_by=TransactionMoment.STARTED,
            descending=True,
            limit=limit or MOST_TRANSACTIONS,
        )
    )
    return JsonResponse([port_transaction(each) for each in page])


def _limit(arguments: Mapping[str, Any]) -> int:
    limit = arguments.get("limit")
    if limit is None:
        raise PortError(HTTPStatus.BAD_REQUEST, "limit is missing")
    if isinstance(limit, str) and limit.isascii() and limit.isdigit():
        limit = int(limit)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise PortError(HTTPStatus.BAD_REQUEST, "limit must be an integer, 0 or above")
    return min(limit, MOST_TRANSACTIONS)


TransactionUuid = Annotated[str, Path(description="As the list or a start told it.")]


@ROUTER.get(
    "/transactions/{transaction_uuid}", response_model=PortTransaction, responses=_answers(404)
)
async def show_port_transaction(
    request: Request, service: Service, _caller: Reader, transaction_uuid: TransactionUuid
) -> Response:
    """Return a transaction."""
    if _is_staging(await _arguments(request, service, needed=False)):
        return JsonResponse(_EXAMPLE)
    return JsonResponse(port_transaction(await _found(service, transaction_uuid)))


async def _found(service: HttpService, text: str) -> TransactionRecord:
    uuid = _uuid(text)
    found = await service.transactions.find(uuid)
    if found is None:
        raise PortError(HTTPStatus.NOT_FOUND, f"Transaction not found: {uuid}")
    return found


# --- Change ---------------------------------------------------------------------------------


@ROUTER.patch(
    "/transactions/{transaction_uuid}",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Queued,
    responses={204: {"description": "`expires` is moved."}, **_answers(403, 404)},
    openapi_extra=_body(state={"type": "string", "enum": ["closed"]}, expires=_TIME),
)
async def change_port_transaction(
    request: Request, service: Service, caller: Caller, transaction_uuid: TransactionUuid
) -> Response:
    """End a transaction (`state`: closed), or move the moment at which it is ended (`expires`)."""
    arguments = await _arguments(request, service)
    if ("state" in arguments) == ("expires" in arguments):
        raise PortError(HTTPStatus.BAD_REQUEST, "give either state or expires")
    if _is_staging(arguments):
        return _staged_change(arguments)
    until = _expiry(arguments, service.clock.now()) if "expires" in arguments else None
    if until is None and _text(arguments, "state").casefold() != "closed":
        raise PortError(HTTPStatus.BAD_REQUEST, "state can only be set to closed")
    record = await _found(service, transaction_uuid)
    if not record.transaction.open:
        raise PortError(HTTPStatus.FORBIDDEN, "Transaction already ended, cannot modify")
    place = (record.station_id, record.evse_id)
    if until is not None:
        await _given(service, caller, place, "extend", {"until": until.isoformat()})
        return Response(status_code=HTTPStatus.NO_CONTENT)
    queue_uuid = _fresh_uuid(service)
    body = {"id": queue_uuid, "transactionUuid": record.transaction.uuid}
    await _given(service, caller, place, "stop", body, wait=0.0)
    queued: Queued = {"href": f"/queue/{queue_uuid}", "id": queue_uuid}
    return JsonResponse(queued, status_code=HTTPStatus.ACCEPTED)


async def _given(
    service: HttpService,
    caller: Principal,
    place: tuple[StationId, int],
    name: str,
    body: Mapping[str, Any],
    *,
    wait: float = EXTEND_SECONDS,
) -> None:
    """Hand a command in. One that is stored and then refused is told by the queue."""
    station_id, evse_id = place
    address = CommandAddress(
        station_id=station_id,
        evse_id=evse_id,
        controller=caller.name,
        name=name,
        source=AllocationSource.API,
    )
    try:
        result, _document = await give(service, address, orjson.dumps(body), wait=wait)
    except RequestError as error:
        raise PortError(error.status, error.document["error"]["message"]) from error
    if wait and result.refusal is not None:
        raise PortError(STATUSES[result.refusal.code], result.refusal.message)


# --- Arguments ------------------------------------------------------------------------------


async def _arguments(
    request: Request, service: HttpService, *, needed: bool = True
) -> dict[str, Any]:
    """Return the body's object, and what the query has besides. Raises PortError."""
    body = await body_of(request, service)
    try:
        arguments = orjson.loads(body) if body.strip() else {}
    except ValueError as error:
        raise PortError(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise PortError(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    if needed and not arguments:
        raise PortError(
            HTTPStatus.BAD_REQUEST, "the body must be a JSON object with the arguments"
        )
    return {**request.query_params, **arguments}


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if value is None:
        raise PortError(HTTPStatus.BAD_REQUEST, f"{name} is missing")
    if not isinstance(value, str) or not value:
        raise PortError(HTTPStatus.BAD_REQUEST, f"{name} must be a string")
    return value


def _fresh_uuid(service: HttpService) -> str:
    return str(uuid5(_QUEUE, service.ids.new_id()))


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise PortError(HTTPStatus.BAD_REQUEST, f"not a UUID: {text!r}") from None


async def answer_port_error(_request: Request, error: Exception) -> JsonResponse:
    """Answer a request that cannot be served."""
    if not isinstance(error, PortError):
        raise TypeError from error
    return JsonResponse({"message": error.message}, status_code=error.status)


# --- Staging --------------------------------------------------------------------------------

_EXAMPLE: Final[PortTransaction] = {
    "transaction_uuid": "251dcc08-aa22-4f4c-9e18-19b39404622d",
    "port_uuid": "f1985d47-a946-4400-ba52-c00bb0c2cc0f",
    "state": "Closed",
    "started": "2022-07-23T20:29:07Z",
    "ended": "2022-07-23T23:01:47Z",
    "expires": "2022-07-23T23:00:00Z",
}
_EXAMPLE_QUEUE: Final = "b220da0e-05e5-46ad-bba9-1871e5b29bd6"
_EXAMPLE_BEGUN: Final[Begun] = {
    "href": f"/queue/{_EXAMPLE_QUEUE}",
    "queue_uuid": _EXAMPLE_QUEUE,
    "transaction_uuid": _EXAMPLE["transaction_uuid"],
}


def _is_staging(arguments: Mapping[str, Any]) -> bool:
    """Say whether an example is asked for. Raises PortError."""
    asked = arguments.get("stg", False)
    if asked in {"true", "True"}:
        return True
    if not isinstance(asked, bool) and asked not in {"false", "False"}:
        raise PortError(HTTPStatus.BAD_REQUEST, "stg must be a boolean")
    return asked is True


def _staged(arguments: Mapping[str, Any], uuid: str) -> PortTransaction | Progress:
    wanted = arguments.get("stg_input", "Success")
    if wanted == "Success":
        return {**_EXAMPLE, "state": "Open", "ended": None}
    if wanted == "Failure":
        return {"id": uuid, "status": "FAILURE", "reason": "an example of a failure"}
    if wanted == "InProgress":
        return {"id": uuid, "status": "IN PROGRESS", "reason": None}
    raise PortError(HTTPStatus.BAD_REQUEST, "stg_input must be Success, Failure or InProgress")


def _staged_change(arguments: Mapping[str, Any]) -> Response:
    if "expires" in arguments:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    queued: Queued = {"href": f"/queue/{_EXAMPLE_QUEUE}", "id": _EXAMPLE_QUEUE}
    return JsonResponse(queued, status_code=HTTPStatus.ACCEPTED)
