"""All charge controllers, and the way to ask something of them (`bridge.ports.StationGateway`)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from bridge.domain.calls import CallOutcome, StationRequest
from bridge.domain.ids import StationId
from bridge.ports import Clock, IdSource, Inbox, Metrics
from bridge.secc.controller import SeccController
from bridge.secc.link import SeccLink
from bridge.secc.mqtt import MqttLink
from bridge.secc.rest import RestLink
from bridge.secc.settings import SeccSettings, SeccType
from bridge.secc.websocket import WebSocketLink

LINKS: Final[Mapping[SeccType, Callable[[SeccSettings], SeccLink]]] = {
    SeccType.REST: RestLink,
    SeccType.WEBSOCKET: WebSocketLink,
    SeccType.MQTT: MqttLink,
}


class SeccStations:
    """The charge controllers of the configuration, between `start` and `stop`."""

    def __init__(
        self,
        settings: Sequence[SeccSettings],
        *,
        inbox: Inbox,
        clock: Clock,
        ids: IdSource,
        metrics: Metrics,
    ) -> None:
        """Set them up; nothing is read before `start`."""
        self._controllers = {
            each.station_id: SeccController(
                each, LINKS[each.type](each), inbox=inbox, clock=clock, ids=ids, metrics=metrics
            )
            for each in settings
        }
        self._tasks: list[asyncio.Task[None]] = []

    def __contains__(self, station_id: object) -> bool:
        """Say whether a station is one of them."""
        return station_id in self._controllers

    def start(self) -> None:
        """Begin to read them."""
        self._tasks = [
            asyncio.create_task(controller.run(), name=f"secc {station_id}")
            for station_id, controller in self._controllers.items()
        ]

    async def stop(self) -> None:
        """Read them no more; limits are left to run out."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- bridge.ports.StationGateway ----------------------------------------------------------

    def call(
        self,
        station_id: StationId,
        request: StationRequest,
        on_answer: Callable[[CallOutcome], None],
        expires_at: datetime | None = None,
    ) -> None:
        """Queue a request; `on_answer` is called exactly once, later."""
        self._controllers[station_id].call(request, on_answer, expires_at)

    def disconnect(self, station_id: StationId, reason: str) -> None:
        """Do nothing: it is the bridge that reads, whatever anybody wants."""
