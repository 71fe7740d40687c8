"""The composition root: makes every part, plugs them together, and takes them down in order.

No logic here. The order of the end matters: stations first (no more frames), then what is still
in mailboxes becomes durable, then what is due is published for a short while, then `offline`.
"""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Final

from bridge.adapter_settings import (
    StartError,
    http_settings,
    keeping,
    mqtt_settings,
    ocpp_settings,
    secc_settings,
    store_place,
)
from bridge.api.documents import Documents, TokenMask
from bridge.api.rate_limit import RateLimit
from bridge.api.results import ResultDocuments
from bridge.api.transactions import vehicle_of
from bridge.config import Config
from bridge.domain.calls import CallOutcome, StationRequest
from bridge.domain.credentials import Access
from bridge.domain.ids import StationId
from bridge.engine.access import AccessRules
from bridge.engine.clock import RandomIds, SystemClock, random_bytes
from bridge.engine.engine import Engine
from bridge.engine.services import Services
from bridge.engine.settings import EffectiveSettings
from bridge.http.app import application as http_application
from bridge.http.auth import Authenticator
from bridge.http.recent import Recent
from bridge.http.server import HttpServer
from bridge.http.service import HttpService
from bridge.http.waiting import ResultDesk
from bridge.http.watching import Watchers
from bridge.mqtt.link import Link, LinkError
from bridge.mqtt.mapping import MessagePresenter
from bridge.mqtt.presence import presence
from bridge.mqtt.publisher import MqttPublisher
from bridge.mqtt.secc_topics import SeccTopics
from bridge.mqtt.subscriber import Subscriber
from bridge.mqtt.topics import Topics
from bridge.ocpp.server import OcppServer
from bridge.ports import StationGateway
from bridge.secc.stations import SeccStations
from bridge.store.opening import open_journal, open_transactions
from bridge.store.secret_key import secret_key
from bridge.telemetry.counters import Counters

_log = logging.getLogger(__name__)

BROKER_PATIENCE_SECONDS: Final = 5.0
"""How long a start waits before it says that the broker does not answer (and keeps trying)."""
STORE_SECONDS: Final = 1.0
"""How long an end waits for what was taken to be stored."""
DRAIN_SECONDS: Final = 2.0
"""How long an end publishes what is due; stations, store, broker and this take less than 5 s."""
COLLECTOR_THRESHOLDS: Final = (50_000, 50, 100)
SETTINGS_CACHE: Final = 20_000
"""Stations whose settings are kept merged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A running bridge."""

    engine: Engine
    server: OcppServer
    http: HttpServer | None
    """None where the configuration wants none."""
    desk: ResultDesk
    link: Link
    counters: Counters


class Gateways:
    """The way to each station, whatever it speaks (`bridge.ports.StationGateway`)."""

    def __init__(self, server: OcppServer, seccs: SeccStations) -> None:
        """Plug in both; what is no charge controller speaks OCPP."""
        self._server = server
        self._seccs = seccs

    def call(
        self,
        station_id: StationId,
        request: StationRequest,
        on_answer: Callable[[CallOutcome], None],
        expires_at: datetime | None = None,
    ) -> None:
        """Queue a request where the station is reached."""
        self._to(station_id).call(station_id, request, on_answer, expires_at)

    def disconnect(self, station_id: StationId, reason: str) -> None:
        """Close the station's connection, if there is one."""
        self._to(station_id).disconnect(station_id, reason)

    def _to(self, station_id: StationId) -> StationGateway:
        return self._seccs if station_id in self._seccs else self._server


@asynccontextmanager
async def application(config: Config) -> AsyncIterator[Application]:
    """Run a bridge for as long as the context lasts.

    Raises StoreError where the store cannot be used, OSError where the port for
    stations cannot be listened on, StartError for files that cannot be read.
    """
    clock, ids, counters = SystemClock(), RandomIds(), Counters()
    async with AsyncExitStack() as stack:
        place = store_place(config)
        journal = await open_journal(place, clock=clock, metrics=counters, keeping=keeping(config))
        stack.push_async_callback(journal.close)
        key = secret_key(config.bridge.data_dir)
        authorization = config.authorization.settings(key)
        settings_for = partial(config.station_settings, authorization=authorization)
        settings = EffectiveSettings(lru_cache(SETTINGS_CACHE)(settings_for))
        access = AccessRules(
            key=key,
            configured=config.stations.password,
            random=random_bytes,
            clock=clock,
            tls=config.ocpp.tls_cert_file is not None,
        )
        mqtt = mqtt_settings(config, key)
        topics = Topics(mqtt.root, mqtt.bridge_id, config.mqtt.discovery_prefix)
        documents = Documents(
            mqtt.bridge_id,
            TokenMask(mqtt.token_key),
            settings,
            uppercase_secc_state=config.mqtt.secc_uppercase_state,
        )
        link = Link(mqtt, ids=ids, metrics=counters, will=presence(topics, "offline"))
        publisher = MqttPublisher(
            link=link,
            journal=journal,
            documents=documents,
            topics=topics,
            clock=clock,
            ids=ids,
            metrics=counters,
            settings=mqtt,
        )
        transactions = open_transactions(place, clock=clock)
        stack.push_async_callback(transactions.close)
        result_documents = ResultDocuments(documents)
        watchers, desk = Watchers(), ResultDesk(result_documents)
        recent = Recent(clock, watchers)
        engine = Engine(
            Services(
                clock=clock,
                journal=journal,
                presenter=MessagePresenter(topics, documents),
                publisher=publisher,
                metrics=counters,
                settings=settings,
                transactions=transactions,
                vehicle_of=partial(
                    vehicle_of,
                    mask=documents.mask,
                    vehicles={name.casefold(): each for name, each in config.vehicles.items()},
                ),
                new_password=access.new_password,
                teams=config.team_settings,
                on_team=publisher.team_changed,
                on_team_gone=publisher.team_removed,
                on_station=recent.station_changed,
                on_events=recent.events.take,
                on_results=desk.results,
            )
        )
        subscriber = Subscriber(
            link=link,
            inbox=engine,
            topics=topics,
            clock=clock,
            ids=ids,
            metrics=counters,
            settings=mqtt,
        )

        def access_to(station_id: StationId) -> Access:
            settings = engine.settings(station_id)
            return access.of(station_id, engine.station(station_id), settings)

        server = OcppServer(
            inbox=engine,
            clock=clock,
            ids=ids,
            metrics=counters,
            settings=ocpp_settings(
                config, key, publisher.raw if mqtt.raw else None, engine.settings, access_to
            ),
        )
        seccs = SeccStations(
            secc_settings(config), inbox=engine, clock=clock, ids=ids, metrics=counters
        )
        link.add_listener(publisher)
        link.add_listener(subscriber)
        secc_topics = SeccTopics(
            mqtt,
            link=link,
            inbox=engine,
            stations=engine,
            settings_for=documents.settings_for,
            watching=watchers.watching,
            clock=clock,
            ids=ids,
            metrics=counters,
        )
        link.add_listener(secc_topics)
        await engine.start(await journal.restore(), Gateways(server, seccs))
        stack.push_async_callback(engine.stop)
        link.start()
        stack.push_async_callback(_leave, publisher, link)
        telling = asyncio.create_task(secc_topics.run(), name="secc topics")
        stack.callback(telling.cancel)
        await server.start()
        seccs.start()
        stack.push_async_callback(_hang_up, server, seccs, engine)
        await _listen_for_tls(server, config)
        http = None
        http_wanted = http_settings(config)
        if http_wanted is not None:
            service = HttpService(
                settings=http_wanted,
                authenticator=Authenticator(
                    tokens=journal,
                    needs_token=http_wanted.needs_token,
                    clock=clock,
                    metrics=counters,
                ),
                clock=clock,
                stations=engine,
                documents=documents,
                measurements=counters,
                broker=link,
                watchers=watchers,
                recent=recent,
                ids=ids,
                inbox=engine,
                journal=journal,
                result_documents=result_documents,
                desk=desk,
                rate=RateLimit(clock),
                transactions=engine.transactions,
            )
            http = await _listen_for_http(service, config.http.listen)
            stack.push_async_callback(http.stop)
            stack.callback(desk.close)
            stack.callback(watchers.close)
        yield Application(
            engine=engine, server=server, http=http, desk=desk, link=link, counters=counters
        )


async def _listen_for_tls(server: OcppServer, config: Config) -> None:
    """Listen for stations with TLS beside those without, where the configuration wants it."""
    try:
        await server.start_tls()
    except OSError as error:
        raise _cannot_listen(config.ocpp.listen_tls or "", "ocpp.listen_tls", error) from None


async def _listen_for_http(service: HttpService, listen: str) -> HttpServer:
    """Return the HTTP service, which listens."""
    server = HttpServer(http_application(service), service.settings)
    try:
        await server.start()
    except OSError as error:
        raise _cannot_listen(listen, "http.listen", error) from None
    return server


def _cannot_listen(listen: str, key: str, error: OSError) -> StartError:
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return StartError(f"cannot listen on {listen} ({key}): {reason}")


async def _hang_up(server: OcppServer, seccs: SeccStations, engine: Engine) -> None:
    """Take no more frames, read no more, and make durable what was taken.

    A store that cannot be written does not hold the end up: what it has not taken was not answered
    either, and comes again.
    """
    await seccs.stop()
    await server.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(STORE_SECONDS):
            await engine.idle()


async def _leave(publisher: MqttPublisher, link: Link) -> None:
    """Publish what is due for a short while, then say `offline` and close."""
    await publisher.drain(DRAIN_SECONDS)
    await link.stop()


async def run(config: Config) -> int:
    """Run a bridge until SIGTERM or SIGINT; a second signal ends the process at once."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _on_signal, stop)
    async with application(config) as bridge:
        _calm_the_collector()
        await _look_for_the_broker(bridge.link, stop)
        await stop.wait()
        _log.info("stopping")
    return 0


def _calm_the_collector() -> None:
    """Look for reference cycles less often: frozen records make none, but very many objects.

    Measured with script/bench: a tenth less CPU per event.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def _on_signal(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(1)
    stop.set()


async def _look_for_the_broker(link: Link, stop: asyncio.Event) -> None:
    """Say early, and in one line, that the broker does not answer; stations are served anyway."""
    try:
        await link.wait_connected(BROKER_PATIENCE_SECONDS)
    except LinkError as error:
        if not stop.is_set():
            _log.error(
                "still no broker: check mqtt.url, user and password; events are stored meanwhile",
                extra={"reason": str(error)},
            )
