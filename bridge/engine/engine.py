"""The engine: all stations' actors, their deadlines, and the door to them (`ports.Inbox`)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from bridge.crash import passes
from bridge.domain import station as rules
from bridge.domain.commands import (
    ApproveStation,
    ChangePassword,
    Command,
    CommandRef,
    Refusal,
    ResultCode,
)
from bridge.domain.credentials import LoggedIn
from bridge.domain.effects import Reply
from bridge.domain.events import Connected, Disconnected, StationMessage
from bridge.domain.ids import StationId
from bridge.domain.model import Station
from bridge.domain.records import replace
from bridge.domain.security import Incident
from bridge.domain.settings import StationSettings, UnknownStations
from bridge.engine.actor import COMMAND_LIMIT, Mail, StationActor
from bridge.engine.clerk import Clerk
from bridge.engine.repeats import Belated
from bridge.engine.services import Services
from bridge.engine.team import Teams
from bridge.engine.timers import Timers
from bridge.engine.transactions import LiveTransactions
from bridge.ports import StationGateway

_log = logging.getLogger(__name__)

PENDING_LIMIT: Final = 100
"""Stations that may wait for approval: invented identities must not fill the memory."""


_NO_STATION: Final = StationId("")
_TEAMS: Final = StationId("/")
"""A key among the stations' tasks that no station can have."""


class Engine:
    """Runs one actor per station, between `start` and `stop`."""

    def __init__(self, services: Services) -> None:
        """Plug in the ports; `start` begins the work."""
        self._services = services
        self._timers = Timers(services.clock, self._due)
        self._clerk = Clerk(services)
        self.teams = Teams(services, self._post_share, partial(self.refuse, _NO_STATION))
        services.watch = self.teams.station_changed
        self.transactions = LiveTransactions(services.transactions, self.station)
        """The record of transactions, brought up to date with the stations."""
        self._actors: dict[StationId, StationActor] = {}
        self._tasks: dict[StationId | None, asyncio.Task[None]] = {}

    @property
    def stations(self) -> list[Station]:
        """The records of all stations, in no particular order."""
        return [actor.station for actor in self._actors.values()]

    def station(self, station_id: StationId) -> Station | None:
        """Return the record of a station, None where there is none."""
        actor = self._actors.get(station_id)
        return None if actor is None else actor.station

    async def start(self, stations: Mapping[StationId, Station], gateway: StationGateway) -> None:
        """Take up where the last run ended; returns when every station's record is in force."""
        self._services.gateway = gateway
        await self._services.resume_time()
        self._tasks[None] = asyncio.create_task(self._clerk.run(), name="clerk")
        for station in stations.values():
            self._services.publisher.station_changed(None, station)
            self._actor(station.id, station).post(Mail(rules.Restarted()))
        await self.idle()
        self._tasks[_TEAMS] = asyncio.create_task(self.teams.run(), name="teams")
        await self.teams.start({station.id: station for station in self.stations})
        await self.idle()

    async def idle(self) -> None:
        """Return when every input that was handed in so far has been handled."""
        await self._clerk.idle()
        await self.teams.idle()
        for actor in list(self._actors.values()):
            await actor.idle()

    async def stop(self) -> None:
        """End all actors; inputs that still wait are left to be sent again."""
        self._timers.close()
        self.teams.close()
        for task in self._tasks.values():
            task.cancel()
        stopping = [actor.stop() for actor in self._actors.values()]
        await asyncio.gather(*self._tasks.values(), *stopping, return_exceptions=True)

    def settings(self, station_id: StationId) -> StationSettings:
        """Return the settings of a station as they take effect, also of one not seen so far."""
        actor = self._actors.get(station_id)
        return self._services.settings.of(station_id, actor.station.boot if actor else None)

    # --- bridge.ports.Inbox -------------------------------------------------------------

    def admit(self, station_id: StationId) -> bool:
        """Say whether this station may connect at all."""
        settings = self._services.settings.configured(station_id)
        if settings.secc:
            return False  # the bridge reaches it; who connects by that name is somebody else
        if settings.known or settings.unknown_stations is UnknownStations.ACCEPT:
            return True
        actor = self._actors.get(station_id)
        if actor is not None:
            return actor.registered or settings.unknown_stations is UnknownStations.PENDING
        return settings.unknown_stations is UnknownStations.PENDING and self._pending_room()

    def _pending_room(self) -> bool:
        pending = sum(not actor.registered for actor in self._actors.values())
        if pending >= PENDING_LIMIT:
            self._services.metrics.count("engine.pending_full")
        return pending < PENDING_LIMIT

    def connected(
        self, station_id: StationId, version: str, connection_id: str, remote: str
    ) -> None:
        """Take note of an authenticated connection; an earlier one is superseded."""
        message = Connected(version=version, connection_id=connection_id, remote=remote)
        actor = self._actor(station_id)
        if not actor.registered:
            _log.warning("station waits for approval", extra={"station": station_id})
        actor.post(Mail(message))

    def disconnected(self, station_id: StationId, connection_id: str) -> None:
        """Take note that a connection is gone."""
        self._actor(station_id).post(Mail(Disconnected(connection_id=connection_id)))

    def logged_in(self, station_id: StationId, login: LoggedIn) -> None:
        """Take note of a login that changes what is asked of the station."""
        self._actor(station_id).post(Mail(login))

    def security(self, station_id: StationId, incident: Incident) -> None:
        """Take note of what concerns the identity of a station."""
        actor = self._actors.get(station_id)
        if actor is not None:
            actor.post(Mail(incident))

    def receive(
        self,
        station_id: StationId,
        message: StationMessage,
        respond: Callable[[Reply | None], None],
    ) -> bool:
        """Take a station's message in; False where reading should stop for a while."""
        passes("received")
        return self._actor(station_id).post(Mail(message, respond))

    def command(
        self,
        station_id: StationId,
        command: Command,
        body_hash: str,
        on_durable: Callable[[bool], None],
    ) -> None:
        """Take a command in, or have it refused."""
        if command.ref.team is not None:
            self.teams.command(command, body_hash, on_durable)
            return
        actor = self._actors.get(station_id)
        approves = isinstance(command.arguments, ApproveStation)
        if actor is None or not (actor.registered or approves):
            self.refuse(station_id, command.ref, _unknown(actor), on_durable)
        elif actor.backlog >= COMMAND_LIMIT:
            refusal = Refusal(
                code=ResultCode.QUEUE_FULL, message="too much is waiting for this station"
            )
            self.refuse(station_id, command.ref, refusal, on_durable)
        else:
            command = self._with_password(station_id, command)
            actor.post(Mail(command, on_durable=on_durable, body_hash=body_hash))

    def _with_password(self, station_id: StationId, command: Command) -> Command:
        """Return the command with what chance has to do for it."""
        if not isinstance(command.arguments, ChangePassword):
            return command
        arguments = ChangePassword(new=self._services.new_password(station_id))
        return replace(command, arguments=arguments)

    def refuse(
        self,
        station_id: StationId,
        ref: CommandRef,
        refusal: Refusal,
        on_durable: Callable[[bool], None],
        body_hash: str = "",
    ) -> None:
        """Answer a command that was refused before it reached a station."""
        actor = self._actors.get(station_id)
        if actor is None or not body_hash or actor.backlog >= COMMAND_LIMIT:
            self._clerk.refuse(station_id, ref, refusal, on_durable)
        else:  # behind what came before it
            mail = Mail(Belated(ref, refusal), on_durable=on_durable, body_hash=body_hash)
            actor.post(mail)

    # --- actors -------------------------------------------------------------------------

    def _actor(self, station_id: StationId, station: Station | None = None) -> StationActor:
        actor = self._actors.get(station_id)
        if actor is None:
            actor = StationActor(station or Station(id=station_id), self._services, self._timers)
            self._actors[station_id] = actor
            self._services.metrics.gauge("engine.stations", len(self._actors))
        return actor

    def _post_share(
        self,
        station_id: StationId,
        changed: rules.ShareChanged,
        on_durable: Callable[[bool], None],
    ) -> None:
        self._actor(station_id).post(Mail(changed, on_durable=on_durable))

    def _due(self, station_id: StationId) -> None:
        actor = self._actors.get(station_id)
        if actor is not None:
            actor.post(Mail(rules.Tick()))


def _unknown(actor: StationActor | None) -> Refusal:
    if actor is None:
        message = "no station of this id has ever connected to this bridge"
    else:
        message = (
            "this station waits for approval: send the command `approve`, run "
            f"`ocpp-mqtt-bridge stations approve {actor.station.id}`, or name it in the "
            "configuration"
        )
    return Refusal(code=ResultCode.UNKNOWN_STATION, message=message)
