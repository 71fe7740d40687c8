"""What the routes work with, as plugged together by `bridge.app`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends
from starlette.requests import HTTPConnection

from bridge.api.documents import Documents
from bridge.api.rate_limit import RateLimit
from bridge.api.results import ResultDocuments
from bridge.http.auth import Authenticator
from bridge.http.recent import Recent
from bridge.http.secc_leases import SeccLeases
from bridge.http.settings import HttpSettings
from bridge.http.waiting import ResultDesk
from bridge.http.watching import Watchers
from bridge.ports import Clock, IdSource, Inbox, Journal, StationBook, Transactions


class Measurements(Protocol):
    """What the bridge has counted and measured, by dotted name."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What was counted so far; rises only."""

    @property
    def gauges(self) -> Mapping[str, float]:
        """What was measured last."""


class BrokerLink(Protocol):
    """The connection to the broker."""

    @property
    def connected(self) -> bool:
        """Whether there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpService:
    """The ports of the HTTP service."""

    settings: HttpSettings
    authenticator: Authenticator
    clock: Clock
    stations: StationBook
    documents: Documents
    measurements: Measurements
    broker: BrokerLink
    ids: IdSource
    inbox: Inbox
    journal: Journal
    result_documents: ResultDocuments
    desk: ResultDesk
    rate: RateLimit
    watchers: Watchers
    recent: Recent
    transactions: Transactions
    secc_leases: SeccLeases = field(default_factory=SeccLeases)


def _service(connection: HTTPConnection) -> HttpService:
    service: HttpService = connection.app.state.service
    return service


Service = Annotated[HttpService, Depends(_service)]
"""A parameter of a route: what it works with."""
