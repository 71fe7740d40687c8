"""What the routes work with, as plugged together by `bridge.app`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from bridge.http.settings import HttpSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpService:
    """The ports of the HTTP service."""

    settings: HttpSettings


def _service(connection: HTTPConnection) -> HttpService:
    service: HttpService = connection.app.state.service
    return service


Service = Annotated[HttpService, Depends(_service)]
"""A parameter of a route: what it works with."""
