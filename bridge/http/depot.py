"""Seed 002: the record of transactions as DepotFinity's Transaction Management API tells it.

`/v2/transactions` and `/v2/transactions/{TransactionID}`: a client of that API changes its server
URL only. By `filterBy=InsertedAt` nothing is missed that a station told late.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BeforeValidator, Field, WithJsonSchema
from typing_extensions import TypedDict

from bridge.api.transactions import DepotTransaction, depot_transaction
from bridge.domain.commands import ResultCode
from bridge.domain.queries import TransactionMoment, TransactionQuery
from bridge.http.auth import AccessToken, Reader, Requires
from bridge.http.problems import HttpCode, RequestError
from bridge.http.responses import JsonResponse
from bridge.http.service import Service
from bridge.ports import Scope

PAGE: Final = 100
LARGEST_PAGE: Final = 1000
ACCESS_SECONDS: Final = 3600
LAST_PAGE: Final = 1_000_000

ROUTER: Final = APIRouter(
    prefix="/v2", tags=["seed 002"], dependencies=[Depends(Requires(Scope.READ))]
)


def _moment(value: object) -> object:
    """Return a time in UTC; one that names no zone is in UTC."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"is no time such as 2026-01-10T10:00:00.000Z: {value!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Access(TypedDict):
    """A token for a while."""

    access_token: Annotated[str, Field(description="To be shown as `Authorization: Bearer`.")]
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(description="s")]


@ROUTER.post("/token", response_model=Access)
async def make_access_token(service: Service, caller: Reader) -> JsonResponse:
    """Make an access token out of the token that is shown; it ends with it, or after an hour."""
    if caller.token is None:
        raise RequestError(
            HttpCode.NOT_AUTHENTICATED, "show the token that this one is to be made of: x-api-key"
        )
    now = int(service.clock.now().timestamp())
    access = AccessToken.made_from(caller.token, now + ACCESS_SECONDS)
    return JsonResponse(
        {"access_token": str(access), "token_type": "Bearer", "expires_in": ACCESS_SECONDS}
    )


@ROUTER.get("/transactions", response_model=list[DepotTransaction])
async def list_depot_transactions(  # the parameters of seed 002
    service: Service,
    *,
    chargerId: Annotated[  # noqa: N803  # as seed 002 spells it
        str | None, Query(max_length=255, description="Raw id of the station.")
    ] = None,
    connectorId: Annotated[  # noqa: N803
        int | None, Query(ge=0, le=1_000_000, description="OCPP connector id.")
    ] = None,
    vehicleId: Annotated[  # noqa: N803
        str | None, Query(max_length=255, description="As in `VehicleID`.")
    ] = None,
    since: Annotated[
        Moment | None, Query(alias="from", description="The moment is not before this.")
    ] = None,
    before: Annotated[
        Moment | None, Query(alias="to", description="The moment is before this.")
    ] = None,
    filterBy: Annotated[  # noqa: N803
        TransactionMoment, Query(description="Which moment `from` and `to` are about.")
    ] = TransactionMoment.STARTED,
    orderBy: Annotated[  # noqa: N803
        Literal["TransactionID", "StartAt", "EndAt", "InsertedAt"],
        Query(description="By what they are sorted."),
    ] = "StartAt",
    order: Annotated[
        Literal["asc", "desc", "ASC", "DESC"], Query(description="desc: the newest first.")
    ] = "desc",
    page: Annotated[int, Query(ge=1, le=LAST_PAGE, description="Which page; 1 is the first.")] = 1,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Most on a page.")] = PAGE,
) -> JsonResponse:
    """List transactions, also those that run (`EndAt` null)."""
    records = await service.transactions.page(
        TransactionQuery(
            station_id=chargerId,
            connector_id=connectorId,
            vehicle_id=vehicleId,
            since=since,
            before=before,
            filter_by=filterBy,
            order_by=orderBy,
            descending=order.casefold() == "desc",
            offset=(page - 1) * limit,
            limit=limit,
        )
    )
    mask = service.documents.mask
    return JsonResponse([depot_transaction(each, mask) for each in records])


@ROUTER.get("/transactions/{TransactionID}", response_model=DepotTransaction)
async def show_depot_transaction(
    service: Service,
    TransactionID: Annotated[  # noqa: N803  # as seed 002 spells it
        str, Path(max_length=255, description="As its station names it, or its uuid.")
    ],
    chargerId: Annotated[  # noqa: N803
        str | None,
        Query(max_length=255, description="Whose it is, where several stations have this id."),
    ] = None,
) -> JsonResponse:
    """Return a transaction; of several that a station gave the same id, the newest."""
    found = list(await service.transactions.named(TransactionID, chargerId))
    if not found:
        by_uuid = await service.transactions.find(TransactionID)
        found = [] if by_uuid is None else [by_uuid]
    if not found:
        raise RequestError(
            ResultCode.TRANSACTION_NOT_FOUND, f"there is no transaction {TransactionID!r}"
        )
    chargers = sorted({each.station_id for each in found})
    if len(chargers) > 1:
        details: dict[str, Any] = {"known": chargers}
        raise RequestError(
            HttpCode.AMBIGUOUS,
            f"several stations have a transaction {TransactionID!r}: say which with ?chargerId=",
            **details,
        )
    return JsonResponse(depot_transaction(found[0], service.documents.mask))
