"""What each adapter is told of the configuration: translations, field by field.

Apart from `bridge.app`, which plugs the adapters together, since both are long and neither needs
to be read for the other.
"""

import ssl
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote, urlsplit

from bridge.api.rights import CommandRules, ControllerRights
from bridge.config import Config
from bridge.domain.credentials import Access
from bridge.domain.ids import StationId
from bridge.domain.settings import StationSettings
from bridge.http.settings import HttpSettings
from bridge.mqtt.settings import (
    BrokerAddress,
    DiscoveryMode,
    DiscoverySettings,
    DiscoveryStyle,
    MqttSettings,
    Protocol,
    ServedEvse,
)
from bridge.ocpp.security import tls_context
from bridge.ocpp.settings import OcppSettings, OnFrame
from bridge.secc.settings import SeccSettings, SeccType
from bridge.store.housekeeping import Keeping
from bridge.store.opening import StorePlace


class StartError(Exception):
    """The bridge cannot start; the message says what to change."""


def mqtt_settings(config: Config, key: bytes) -> MqttSettings:
    """Return what the MQTT adapter is told."""
    mqtt = config.mqtt
    endpoint = mqtt.endpoint
    return MqttSettings(
        address=BrokerAddress.parse(
            mqtt.url, username=endpoint.username, password=endpoint.password
        ),
        root=mqtt.root,
        bridge_id=config.bridge.id,
        protocol=Protocol(mqtt.protocol),
        client_id=config.mqtt_client_id,
        ca_file=mqtt.ca_file,
        cert_file=mqtt.cert_file,
        key_file=mqtt.key_file,
        raw=mqtt.raw,
        scalars=mqtt.scalars,
        discovery=DiscoverySettings(
            mode=DiscoveryMode(mqtt.discovery),
            style=DiscoveryStyle(mqtt.discovery_style),
            prefix=mqtt.discovery_prefix,
            controller=mqtt.discovery_controller,
            name_of=config.stations.name_of,
        ),
        secc_topics=tuple(
            ServedEvse(
                station_id=StationId(served.station),
                evse_id=served.evse,
                topic_prefix=served.topic_prefix,
                client_id=client_id,
                controller=served.controller,
            )
            for client_id, served in config.secc_topics.items()
        ),
        token_key=key,
        rules=command_rules(config),
    )


def command_rules(config: Config) -> CommandRules:
    """Return what every command must obey, whichever way it comes."""
    commands = config.commands
    return CommandRules(
        require_ts=commands.require_ts,
        require_ttl=commands.require_ttl,
        allow_call=commands.allow_call,
        controllers={
            name: ControllerRights(
                stations=rights.stations,
                commands=tuple(rights.commands),
                max_priority=rights.max_priority,
                teams=rights.teams,
            )
            for name, rights in config.controllers.items()
        },
    )


def store_place(config: Config) -> StorePlace:
    """Return where the bridge's memory is."""
    return StorePlace(
        data_dir=config.bridge.data_dir, url=config.store.url, bridge_id=config.bridge.id
    )


def keeping(config: Config) -> Keeping:
    """Return what the store is told of how long everything is kept."""
    store = config.store
    return Keeping(
        retention=timedelta(days=store.retention_days) if store.retention_days else None,
        thin_after=timedelta(days=store.thin_after_days) if store.thin_after_days else None,
        thin_to=timedelta(minutes=store.thin_to_minutes),
        outbox_events=store.outbox_max_events or None,
    )


def secc_settings(config: Config) -> list[SeccSettings]:
    """Return what the adapter is told of each charge controller."""
    return [
        SeccSettings(
            station_id=StationId(name),
            type=SeccType(secc.type),
            url=secc.url or _broker_url(config),
            ca_file=None if secc.url else config.mqtt.ca_file,
            topic_prefix=secc.topic_prefix,
            client_id=secc.client_id,
            poll_seconds=secc.poll_seconds,
            lease_seconds=float(secc.lease_seconds),
            meter_interval_seconds=secc.meter_interval_seconds,
            offline_after_seconds=secc.offline_after_seconds,
        )
        for name, secc in config.secc.items()
    ]


def _broker_url(config: Config) -> str:
    """Return the URL of the bridge's own broker, user and password in it."""
    endpoint = config.mqtt.endpoint
    url = urlsplit(config.mqtt.url)
    if endpoint.username is None:
        return config.mqtt.url
    user = quote(endpoint.username, safe="")
    secret = "" if endpoint.password is None else f":{quote(endpoint.password, safe='')}"
    return url._replace(netloc=f"{user}{secret}@{url.netloc.rpartition('@')[2]}").geturl()


def ocpp_settings(
    config: Config,
    key: bytes,
    on_frame: OnFrame | None,
    station_settings: Callable[[StationId], StationSettings],
    access: Callable[[StationId], Access],
) -> OcppSettings:
    """Return what the server for stations is told."""
    ocpp = config.ocpp
    tls_address = ocpp.tls_address
    return OcppSettings(
        host=ocpp.address.host,
        port=ocpp.address.port,
        ssl_context=_station_tls(config),
        versions=ocpp.versions,
        default_version=ocpp.default_version,
        tls_address=tls_address and (tls_address.host, tls_address.port),
        access=access,
        slow_passwords=config.stations.has_slow_passwords,
        hides_ids=config.stations.hides_ids,
        station_settings=station_settings,
        ping_interval_seconds=ocpp.ping_interval_seconds,
        duplicate_ping_seconds=ocpp.duplicate_ping_seconds,
        call_timeout_seconds=ocpp.call_timeout_seconds,
        compression=ocpp.compression,
        on_frame=on_frame,
        redaction_key=key,
    )


def http_settings(config: Config) -> HttpSettings | None:
    """Return what the HTTP service is told; None where there is to be none."""
    address = config.http.address
    if address is None:
        return None
    return HttpSettings(
        host=address.host,
        port=address.port,
        needs_token=config.http.needs_token,
        allowed_hosts=config.http.allowed_hosts,
        secc_disabled_pauses=config.http.secc_disabled == "pause",
        rules=command_rules(config),
    )


def _station_tls(config: Config) -> ssl.SSLContext | None:
    """Return what `wss://` needs; None for `ws://`."""
    cert_file = config.ocpp.tls_cert_file
    if cert_file is None:
        return None
    try:
        return tls_context(cert_file, config.ocpp.tls_key_file, config.ocpp.tls_client_ca_file)
    except OSError as error:  # ssl.SSLError is one
        keys = "ocpp.tls_cert_file / tls_key_file / tls_client_ca_file"
        raise StartError(f"{keys}: {error}") from error
