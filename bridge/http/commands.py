"""Commands: the same arguments, checks and results as on MQTT, with source API.

The controller is the name of the token. A command goes the way of every other: it is journaled
before it is carried out, repeating its id does no harm, and what is wrong with it is answered with
a result. The answer waits for the final result; where that takes too long, or `wait=0`, it is 202
with the place where the result will be.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import Field
from typing_extensions import TypedDict

from bridge.api import commands, incoming, payloads
from bridge.api.incoming import Accepted, Arrival, CommandAddress, Refused
from bridge.api.rights import permitted
from bridge.api.team_payloads import TeamResultDocument
from bridge.domain.commands import CommandResult, ResultCode, ResultStatus
from bridge.domain.enums import AllocationSource
from bridge.domain.ids import STATION_EVSE, StationId
from bridge.http.auth import Principal, Reader, Requires
from bridge.http.problems import STATUSES, ErrorDocument, HttpCode, RequestError
from bridge.http.responses import JsonResponse
from bridge.http.service import HttpService, Service
from bridge.http.stations import EvsePath, StationPath, find_station
from bridge.http.waiting import PendingCommand, Told
from bridge.ports import Scope

ROUTER: Final = APIRouter(prefix="/api/v1", tags=["commands"])
PATIENCE_SECONDS: Final = 35.0
"""How long an answer waits by itself: a station's time for one request, and a little more."""
LONGEST_PATIENCE_SECONDS: Final = 120.0

SCOPES: Final[Mapping[str, Scope]] = {
    "limit": Scope.CONTROL,
    "release": Scope.CONTROL,
    "pause": Scope.CONTROL,
    "resume": Scope.CONTROL,
    "phases": Scope.CONTROL,
    "start": Scope.CONTROL,
    "stop": Scope.CONTROL,
    "extend": Scope.CONTROL,
    "authorize": Scope.CONTROL,
    "transactionStatus": Scope.CONTROL,
    "getProfiles": Scope.CONTROL,
    "getComposite": Scope.CONTROL,
    "transactions": Scope.READ,
    "get": Scope.READ,
    "availability": Scope.STATIONS,
    "unlock": Scope.STATIONS,
    "reset": Scope.STATIONS,
    "trigger": Scope.STATIONS,
    "getVariables": Scope.STATIONS,
    "setVariables": Scope.STATIONS,
    "approve": Scope.STATIONS,
    "password": Scope.STATIONS,
    "call": Scope.STATIONS,
}
"""What a token needs for each command."""

Wait = Annotated[
    float,
    Query(
        ge=0,
        le=LONGEST_PATIENCE_SECONDS,
        description="How long to wait for the final result, s; 0: only until it is stored.",
    ),
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=64,
        description="The command's `id`, if the body has none: repeated, nothing is done again.",
    ),
]
TeamPath = Annotated[str, Path(max_length=64, description="Name of the team.")]
CommandName = Annotated[str, Path(max_length=64, description="Name of the command.")]


class CommandState(TypedDict):
    """How far a command is."""

    id: Annotated[str, Field(description="The command's id.")]
    final: Annotated[bool, Field(description="The result is there, and will not change.")]
    result: payloads.ResultDocument | TeamResultDocument | None


def _answers(result: Any) -> dict[int | str, dict[str, Any]]:
    refusal = {
        "model": result | ErrorDocument,
        "description": "Not done: `error` says why; its codes and their statuses are a table of "
        "the how-to.",
    }
    later = {
        "model": result,
        "description": "Stored and under way; `Location` says where its result will be.",
    }
    return {202: later, "4XX": refusal, "5XX": refusal}


# --- Routes ---------------------------------------------------------------------------------


def _command_route(name: str, model: type[commands.Command]) -> None:
    scope = SCOPES[name]

    @ROUTER.post(
        f"/stations/{{station}}/evses/{{evse}}/commands/{name}",
        name=f"command_{name}",
        summary=name,
        description=f"{model.summary()}\n\nNeeds the scope `{scope.value}`.",
        response_model=payloads.ResultDocument,
        responses=_answers(payloads.ResultDocument),
    )
    async def command(
        *,
        request: Request,
        service: Service,
        caller: Annotated[Principal, Depends(Requires(scope))],
        station: StationPath,
        evse: EvsePath,
        wait: Wait = PATIENCE_SECONDS,
        key: Key = None,
    ) -> JsonResponse:
        find_station(service, station)
        address = _station_address(station, evse, caller, name)
        body = await body_of(request, service)
        return _answer(*await give(service, address, body, wait=wait, key=key))


def _access_route(name: str, model: type[commands.Command]) -> None:
    """Offer a command of EVSE 0 as something that is done to the station."""

    @ROUTER.post(
        f"/stations/{{station}}/{name}",
        name=f"station_{name}",
        summary=name,
        description=f"{model.summary()}\n\nNeeds the scope `{Scope.STATIONS.value}`.",
        response_model=payloads.ResultDocument,
        responses=_answers(payloads.ResultDocument),
    )
    async def access(
        *,
        request: Request,
        service: Service,
        caller: Annotated[Principal, Depends(Requires(SCOPES[name]))],
        station: StationPath,
        wait: Wait = PATIENCE_SECONDS,
        key: Key = None,
    ) -> JsonResponse:
        find_station(service, station)
        address = _station_address(station, STATION_EVSE, caller, name)
        body = await body_of(request, service)
        key = key or service.ids.new_id()
        return _answer(*await give(service, address, body, wait=wait, key=key))


def _station_address(station: str, evse: int, caller: Principal, name: str) -> CommandAddress:
    return CommandAddress(
        station_id=StationId(station),
        evse_id=evse,
        controller=caller.name,
        name=name,
        source=AllocationSource.API,
    )


def _team_route(name: str, model: type[commands.Command]) -> None:
    @ROUTER.post(
        f"/teams/{{team}}/commands/{name}",
        name=f"team_{name}",
        summary=f"{name} of a team",
        description=f"{model.summary()}\n\nNeeds the scope `{Scope.CONTROL.value}`.",
        response_model=TeamResultDocument,
        responses=_answers(TeamResultDocument),
    )
    async def command(
        *,
        request: Request,
        service: Service,
        caller: Annotated[Principal, Depends(Requires(Scope.CONTROL))],
        team: TeamPath,
        wait: Wait = PATIENCE_SECONDS,
        key: Key = None,
    ) -> JsonResponse:
        address = CommandAddress(
            station_id=StationId(""),
            evse_id=STATION_EVSE,
            controller=caller.name,
            name=name,
            team=team,
            source=AllocationSource.API,
        )
        body = await body_of(request, service)
        return _answer(*await give(service, address, body, wait=wait, key=key))


for _name, _model in commands.API_MODELS.items():
    _command_route(_name, _model)
for _name in ("approve", "password"):
    _access_route(_name, commands.API_MODELS[_name])
for _name, _model in commands.TEAM_MODELS.items():
    _team_route(_name, _model)


@ROUTER.post("/stations/{station}/evses/{evse}/commands/{name}", include_in_schema=False)
async def unknown_command(_caller: Reader, name: CommandName) -> None:
    """Say which commands there are."""
    raise _no_command(name, commands.API_MODELS)


@ROUTER.post("/teams/{team}/commands/{name}", include_in_schema=False)
async def unknown_team_command(_caller: Reader, name: CommandName) -> None:
    """Say which commands to teams there are."""
    raise _no_command(name, commands.TEAM_MODELS)


@ROUTER.get("/commands/{command_id}", response_model=CommandState)
async def show_command(
    service: Service,
    caller: Reader,
    command_id: Annotated[str, Path(max_length=64, description="The command's id.")],
) -> JsonResponse:
    """Return how far one's own command is; it is remembered for 24 hours at least."""
    known = await service.journal.find_command(caller.name, command_id)
    if known is None:
        raise RequestError(
            HttpCode.NOT_FOUND, f"no command with this id was given as {caller.name!r}"
        )
    document = None
    if known.result is not None:
        station = service.stations.station(known.station_id)
        document = service.result_documents(known.result, station, known.station_id)
    state = {"id": command_id, "final": known.result is not None, "result": document}
    return JsonResponse(state)


def _no_command(name: str, known: Iterable[str]) -> RequestError:
    return RequestError(
        ResultCode.UNSUPPORTED,
        f"there is no command {name!r}{incoming.suggestion(name, known)}",
        status=HTTPStatus.NOT_FOUND,
        known=sorted(known),
    )


# --- The way of a command -------------------------------------------------------------------


async def body_of(request: Request, service: HttpService) -> bytes:
    """Return the body. Raises RequestError where it does not arrive, or is too large."""
    try:
        async with asyncio.timeout(service.settings.opening_timeout_seconds):
            return await request.body() or b"{}"
    except TimeoutError:
        raise RequestError(HttpCode.TOO_SLOW, "the body did not arrive in time") from None


async def give(
    service: HttpService,
    address: CommandAddress,
    body: bytes,
    *,
    wait: float,
    key: str | None = None,
) -> Told:
    """Hand a command in; return its newest result when it is final, or the time (s) is over.

    It is stored by then. Raises RequestError where it could not be.
    """
    check_rate(service, address.controller)
    arrival = Arrival(
        address=address,
        payload=body,
        received_at=service.clock.now(),
        fresh_id=service.ids.new_id(),
        key=key,
    )
    rules = service.settings.rules
    verdict = incoming.read(arrival, require_ts=rules.require_ts, require_ttl=rules.require_ttl)
    async with handed_in(service, address.station_id, verdict) as pending:
        return await latest(pending, wait)


def check_rate(service: HttpService, controller: str) -> None:
    """Count a command of a controller. Raises RequestError where it gives too many."""
    if not service.rate.allows(controller):
        raise RequestError(
            ResultCode.RATE_LIMITED,
            "too many commands of this controller",
            headers={"Retry-After": "1"},
        )


@asynccontextmanager
async def handed_in(
    service: HttpService, station_id: StationId, verdict: Accepted | Refused
) -> AsyncIterator[PendingCommand]:
    """Hand in what was read; return what waits for its results, of which one is there.

    Raises RequestError where it could not be stored.
    """
    if not isinstance(verdict, Refused):
        verdict = permitted(verdict, station_id, service.settings.rules)
    ref = verdict.ref if isinstance(verdict, Refused) else verdict.command.ref
    with service.desk.pending(ref.controller, ref.id) as pending:
        if isinstance(verdict, Refused):
            service.inbox.refuse(
                station_id, ref, verdict.refusal, pending.settle, verdict.body_hash
            )
        else:
            service.inbox.command(station_id, verdict.command, verdict.body_hash, pending.settle)
        await pending.first()
        if pending.told is None:
            raise _unstored(pending)
        yield pending


async def latest(pending: PendingCommand, wait: float) -> Told:
    """Return the newest result of a command when it is final, or the time (s) is over."""
    if wait:
        await pending.last(wait)
    assert pending.told is not None  # noqa: S101  # by `handed_in`
    return pending.told


def _answer(result: CommandResult, document: Mapping[str, Any]) -> JsonResponse:
    headers = {}
    if not result.final:
        headers["Location"] = f"/api/v1/commands/{quote(result.ref.id, safe='')}"
    return JsonResponse(document, status_code=status_of(result), headers=headers)


def _unstored(pending: PendingCommand) -> RequestError:
    if pending.durable:
        return RequestError(ResultCode.QUEUE_FULL, "too many refusals wait to be written")
    return RequestError(
        HttpCode.UNAVAILABLE, "the command could not be stored, and was not carried out"
    )


def status_of(result: CommandResult) -> HTTPStatus:
    """Return the status that a result is answered with."""
    if not result.final:
        return HTTPStatus.ACCEPTED
    if result.refusal is not None:  # also of a `duplicate`, which has the earlier one's
        return STATUSES[result.refusal.code]
    return HTTPStatus.OK if result.status is ResultStatus.DONE else HTTPStatus.CONFLICT
