"""What goes wrong, and how it is told: one shape, that of a result's `error` (mqtt-api.md).

`{"error": {"code", "message", "retryable", "details"}}`, with the status of its code. Codes of
commands are those of MQTT; `HttpCode` has those that only HTTP can give.
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Request
from fastapi.exceptions import ValidationException
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket
from typing_extensions import TypedDict

from bridge.domain.commands import RETRYABLE, ResultCode
from bridge.http.responses import JsonResponse


class HttpCode(StrEnum):
    """Errors of a request that is no command yet."""

    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_AUTHENTICATED = "not_authenticated"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    WRONG_HOST = "wrong_host"
    WRONG_ORIGIN = "wrong_origin"
    UNAVAILABLE = "unavailable"


STATUSES: Final[Mapping[ResultCode | HttpCode, HTTPStatus]] = {
    ResultCode.OK: HTTPStatus.OK,
    ResultCode.ALREADY_STARTED: HTTPStatus.OK,
    ResultCode.ALREADY_STOPPED: HTTPStatus.OK,
    ResultCode.CLIPPED: HTTPStatus.OK,
    ResultCode.BELOW_MINIMUM_PAUSED: HTTPStatus.OK,
    ResultCode.STANDBY: HTTPStatus.OK,
    ResultCode.DUPLICATE: HTTPStatus.OK,
    ResultCode.SUPERSEDED: HTTPStatus.CONFLICT,
    ResultCode.UNKNOWN: HTTPStatus.CONFLICT,
    ResultCode.INVALID_JSON: HTTPStatus.BAD_REQUEST,
    ResultCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    ResultCode.MISSING_ID: HTTPStatus.BAD_REQUEST,
    ResultCode.UNSUPPORTED: HTTPStatus.CONFLICT,
    ResultCode.UNKNOWN_STATION: HTTPStatus.NOT_FOUND,
    ResultCode.UNKNOWN_EVSE: HTTPStatus.NOT_FOUND,
    ResultCode.UNKNOWN_TEAM: HTTPStatus.NOT_FOUND,
    ResultCode.TRANSACTION_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ResultCode.TRANSACTION_ENDED: HTTPStatus.FORBIDDEN,  # as seed 001
    ResultCode.NOT_AUTHORISED: HTTPStatus.FORBIDDEN,
    ResultCode.RETAINED_COMMAND: HTTPStatus.BAD_REQUEST,
    ResultCode.STALE_COMMAND: HTTPStatus.CONFLICT,
    ResultCode.EXPIRED: HTTPStatus.CONFLICT,
    ResultCode.CLOCK_SKEW: HTTPStatus.CONFLICT,
    ResultCode.ID_CONFLICT: HTTPStatus.CONFLICT,
    ResultCode.PHASE_SWITCH_BLOCKED: HTTPStatus.CONFLICT,
    ResultCode.STATION_REJECTED: HTTPStatus.CONFLICT,
    ResultCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ResultCode.QUEUE_FULL: HTTPStatus.SERVICE_UNAVAILABLE,
    ResultCode.STATION_OFFLINE: HTTPStatus.SERVICE_UNAVAILABLE,
    ResultCode.STATION_ERROR: HTTPStatus.BAD_GATEWAY,
    ResultCode.TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
    ResultCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    HttpCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    HttpCode.AMBIGUOUS: HTTPStatus.CONFLICT,
    HttpCode.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    HttpCode.NOT_AUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    HttpCode.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HttpCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HttpCode.TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
    HttpCode.WRONG_HOST: HTTPStatus.MISDIRECTED_REQUEST,
    HttpCode.WRONG_ORIGIN: HTTPStatus.FORBIDDEN,
    HttpCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Every code and the status that it is told with."""

_RETRYABLE: Final = RETRYABLE | {HttpCode.UNAVAILABLE, HttpCode.TOO_SLOW}


class ErrorBody(TypedDict):
    """Why a request was not served."""

    code: Annotated[ResultCode | HttpCode, Field(description="For programs.")]
    message: Annotated[str, Field(description="A sentence for people.")]
    retryable: Annotated[bool, Field(description="The same request may succeed later.")]
    details: Annotated[
        dict[str, Any],
        Field(description="Facts, by code; `pointer` or `parameter` says which value is wrong."),
    ]


class ErrorDocument(TypedDict):
    """Body of every answer that is an error, unless it is the result of a command."""

    error: ErrorBody


class RequestError(Exception):
    """A request cannot be served; answered with the status of its code."""

    def __init__(
        self,
        code: ResultCode | HttpCode,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        status: HTTPStatus | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status or STATUSES[code]
        self.headers = headers
        self.document: ErrorDocument = {
            "error": {
                "code": code,
                "message": message,
                "retryable": code in _RETRYABLE,
                "details": details,
            }
        }

    def response(self) -> JsonResponse:
        """Return the answer."""
        return JsonResponse(self.document, status_code=self.status, headers=self.headers)


async def answer_problem(connection: HTTPConnection, problem: Exception) -> JsonResponse:
    """Answer a request, or a WebSocket that was not opened yet, with what is wrong with it."""
    if not isinstance(problem, RequestError):
        raise TypeError from problem
    response = problem.response()
    if isinstance(connection, WebSocket):
        await connection.send_denial_response(response)
    return response


async def answer_invalid(connection: HTTPConnection, error: Exception) -> JsonResponse:
    """Answer a parameter of the path or the query that is not what it should be."""
    if not isinstance(error, ValidationException):
        raise TypeError from error
    first = error.errors()[0]
    name = str(first["loc"][-1])
    message = f"{name}: {first['msg'].removeprefix('Value error, ')}"
    problem = RequestError(ResultCode.INVALID_ARGUMENT, message, parameter=name)
    return await answer_problem(connection, problem)


async def answer_routing(connection: HTTPConnection, error: Exception) -> JsonResponse:
    """Answer a path or a method that there is not."""
    if not isinstance(error, HTTPException):
        raise TypeError from error
    path = connection.url.path
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        problem = RequestError(
            HttpCode.METHOD_NOT_ALLOWED, f"{path} takes {allowed}", headers=error.headers
        )
    else:
        problem = RequestError(
            HttpCode.NOT_FOUND, f"there is nothing at {path}; see /openapi.json"
        )
    return await answer_problem(connection, problem)


async def answer_fault(_request: Request, _error: Exception) -> JsonResponse:
    """Answer a request whose handling has failed; uvicorn logs the traceback."""
    return RequestError(ResultCode.INTERNAL, "a fault of the bridge; its log has more").response()
