"""The whole configuration: every key with its meaning, unit, default and bounds.

What stands here works; keys of later versions are refused by name (errors.py).
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bridge.config.authorization import AuthorizationSection
from bridge.config.fields import (
    Address,
    ListenAddress,
    OptionalFile,
    OptionalListenAddress,
    Section,
    parse_address,
)
from bridge.config.http import HttpSection
from bridge.config.mqtt import MqttSection
from bridge.config.secc import SeccName, SeccSection
from bridge.config.secc_topics import ClientId, SeccTopicsSection
from bridge.config.stations import StationsSection
from bridge.config.store import StoreSection
from bridge.config.teams import Teams
from bridge.domain.ids import StationId
from bridge.domain.settings import AuthorizationSettings, StationAuth, StationSettings
from bridge.domain.team import TeamSettings

ENV_PREFIX: Final = "BRIDGE_"
ENV_DELIMITER: Final = "__"

ControllerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
VehicleName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
CommandName = Literal[
    "limit",
    "release",
    "pause",
    "resume",
    "phases",
    "start",
    "stop",
    "extend",
    "authorize",
    "availability",
    "unlock",
    "reset",
    "trigger",
    "getVariables",
    "setVariables",
    "transactionStatus",
    "getProfiles",
    "getComposite",
    "transactions",
    "get",
    "approve",
    "password",
    "call",
]
_TO_BE_NAMED: Final = frozenset({"approve", "call", "password"})
ORDINARY_COMMANDS: Final[tuple[CommandName, ...]] = tuple(
    name for name in get_args(CommandName) if name not in _TO_BE_NAMED
)
"""What a controller may do whose table does not say: everything but raw OCPP calls, and what
decides who may connect."""


class BridgeSection(Section):
    """The bridge itself."""

    id: str = Field(
        default="main",
        pattern=r"^[A-Za-z0-9_-]{1,32}$",
        description="Name of this bridge in topics (`{root}/v1/bridge/{id}/...`)."
        " Bridges on one broker need different ones.",
    )
    data_dir: Path = Field(
        default=Path("data"),
        description="Folder of the store, made where it is missing. One bridge at a time.",
    )


class OcppSection(Section):
    """The WebSocket server that charging stations connect to."""

    listen: ListenAddress = Field(
        default="0.0.0.0:9000",
        description="`host:port`; `[::]:9000` for IPv6, port 0 for any free one. Stations use"
        " `ws://host:9000/<station id>`, with any path before the id.",
    )
    versions: tuple[Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"], ...] = Field(
        default=("ocpp2.1", "ocpp2.0.1", "ocpp1.6"),
        min_length=1,
        description="OCPP versions to speak; the station's own order decides.",
    )
    ping_interval_seconds: int = Field(
        default=60, ge=0, le=3600, description="Between WebSocket pings, s; 0 = none."
    )
    duplicate_ping_seconds: float = Field(
        default=3.0,
        ge=2,
        le=5,
        description="When a station connects once more: how long its present connection has to"
        " show that it lives, s.",
    )
    call_timeout_seconds: int = Field(
        default=30, ge=1, le=600, description="A station's time to answer a request of ours, s."
    )
    default_version: Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] = Field(
        default="ocpp1.6",
        description="Taken for stations that offer no subprotocol; where it is not among"
        " `versions`, they are refused.",
    )
    tls_cert_file: OptionalFile = Field(
        default=None,
        description="Certificate chain (PEM): stations then use `wss://`."
        " Together with `tls_key_file`.",
    )
    tls_key_file: OptionalFile = Field(default=None, description="Key (PEM) of `tls_cert_file`.")
    tls_client_ca_file: OptionalFile = Field(
        default=None,
        description="Authorities (PEM) of the certificates that stations show, for those whose"
        " `auth` is `mtls`. No station may then show a certificate of anybody else.",
    )
    listen_tls: OptionalListenAddress = Field(
        default=None,
        description="`host:port` for `wss://`; `listen` then stays `ws://`, for stations that know"
        " no TLS. Absent: `listen` is `wss://` where there is a certificate.",
    )
    compression: bool = Field(
        default=True,
        description="Accept permessage-deflate where a station offers it (OCPP 2.x wants it).",
    )

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file go together")
        for key in ("tls_client_ca_file", "listen_tls"):
            if getattr(self, key) is not None and self.tls_cert_file is None:
                raise ValueError(f"{key} needs tls_cert_file and tls_key_file")
        return self

    @property
    def address(self) -> Address:
        """Host and port of `listen`."""
        return parse_address(self.listen)

    @property
    def tls_address(self) -> Address | None:
        """Host and port of `listen_tls`."""
        return None if self.listen_tls is None else parse_address(self.listen_tls)


class CommandsSection(Section):
    """What every command must obey."""

    default_ttl_seconds: int = Field(
        default=0,
        ge=0,
        le=604_800,
        description="Lease of a `limit` or `pause` that names none, s;"
        " 0 = it holds until replaced or released.",
    )
    require_ttl: bool = Field(
        default=False, description="Refuse a `limit` or `pause` without `ttlSeconds`."
    )
    require_ts: bool = Field(
        default=False, description="Refuse a command that has neither `ts` nor `expiresAt`."
    )
    min_increase_interval_seconds: float = Field(
        default=5.0,
        ge=0,
        le=900,
        description="Between two increases of the limit at a station, s; only the newest of"
        " those between is sent.",
    )
    allow_call: bool = Field(
        default=False,
        description="Allow `call`, any OCPP request as it is. It can do what all the other"
        " commands are checked for, so only for those who know what they do.",
    )


class ControllerSection(Section):
    """What one controller may do."""

    stations: tuple[str, ...] = Field(
        default=("*",),
        description='Ids of the stations that it may command, exactly; `"*"` alone = all.',
    )
    teams: tuple[str, ...] = Field(
        default=(),
        description='Teams whose total it may lower; `"*"` = all. With `"*"` in `stations` it may'
        " lower all without this.",
    )
    commands: tuple[CommandName, ...] = Field(
        default=ORDINARY_COMMANDS,
        description="Commands that it may give; absent: all but `approve`, `password` and `call`,"
        " which also needs `commands.allow_call`.",
    )
    max_priority: int = Field(
        default=100, ge=0, le=1000, description="Highest `priority` that its limits may have."
    )


class LogSection(Section):
    """What the bridge tells on its standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged."
    )
    format: Literal["human", "json"] = Field(
        default="human", description="Lines for people, or one JSON object per line."
    )


class Config(BaseSettings):
    """Configuration of ocpp-mqtt-bridge."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
    )

    bridge: BridgeSection = Field(default=BridgeSection(), description="The bridge itself.")
    mqtt: MqttSection = Field(default=MqttSection(), description="The broker.")
    ocpp: OcppSection = Field(
        default=OcppSection(), description="The server that charging stations connect to."
    )
    http: HttpSection = Field(
        default=HttpSection(), description="The HTTP service: documents, commands, health."
    )
    stations: StationsSection = Field(
        default=StationsSection(), description="Who may connect, and each one's limits."
    )
    secc: dict[SeccName, SeccSection] = Field(
        default_factory=dict,
        description="Charge controllers without OCPP by name, which is their station id.",
    )
    secc_topics: dict[ClientId, SeccTopicsSection] = Field(
        default_factory=dict,
        description="EVSEs that also have the MQTT topics of a charge controller, by the client id"
        " in those topics.",
    )
    vehicles: dict[str, VehicleName] = Field(
        default_factory=dict,
        description="Which vehicle a token belongs to, for the record of transactions: the token,"
        " or what topics show of it, and a name.",
    )
    authorization: AuthorizationSection = Field(
        default=AuthorizationSection(),
        description="Who may charge, where a station's `authorize` is `list` or `ask`.",
    )
    store: StoreSection = Field(default=StoreSection(), description="What is kept, how long.")
    commands: CommandsSection = Field(
        default=CommandsSection(), description="What every command must obey."
    )
    controllers: dict[ControllerName, ControllerSection] = Field(
        default_factory=dict,
        description="Controllers by name. With none configured any name may command everything;"
        " with some, only these may.",
    )
    teams: Teams = Field(
        default_factory=dict,
        description="Load-management groups by name: EVSEs that share a total.",
    )
    log: LogSection = Field(default=LogSection(), description="What the bridge tells.")

    @model_validator(mode="after")
    def _each_controller_is_sound(self) -> Self:
        for name, controller in self.secc.items():
            if name in self.stations.known:
                raise ValueError(f"{name} is in [secc] and in stations.known: it can be one only")
            if controller.type == "mqtt" and not controller.url:
                controller.check_broker(self.mqtt.url)
            settings = self.station_settings(StationId(name))
            for key in ("minimum_a", "failsafe_a"):
                if getattr(settings, key) > settings.installation_max_a:
                    raise ValueError(
                        f"secc.{name}: {key} = {getattr(settings, key):g} is above"
                        f" installation_max_a = {settings.installation_max_a:g}"
                    )
        return self

    @model_validator(mode="after")
    def _served_topics_are_no_own_ones(self) -> Self:
        for name, served in self.secc_topics.items():
            if served.topic_prefix.partition("/")[0] == self.mqtt.root:
                raise ValueError(
                    f"secc_topics.{name}: topic_prefix must not begin with mqtt.root"
                    f" ({self.mqtt.root})"
                )
        return self

    @model_validator(mode="after")
    def _stations_can_prove_themselves(self) -> Self:
        for name, station in self.stations.all_settings():
            if station.auth is StationAuth.MTLS and self.ocpp.tls_client_ca_file is None:
                raise ValueError(f"{name}: auth is mtls, so give ocpp.tls_client_ca_file")
            if station.require_tls and self.ocpp.tls_cert_file is None:
                raise ValueError(f"{name}: require_tls needs ocpp.tls_cert_file")
        return self

    def station_settings(
        self,
        station_id: StationId,
        authorization: AuthorizationSettings = AuthorizationSettings(),  # noqa: B008  # frozen
    ) -> StationSettings:
        """Return what the domain needs to know of a station, its own table over the defaults.

        `authorization` is what `authorization.settings` returns, made once for all stations.
        """
        settings = self.stations.settings(
            station_id,
            authorization=authorization,
            default_ttl_seconds=self.commands.default_ttl_seconds,
            min_increase_interval_seconds=self.commands.min_increase_interval_seconds,
        )
        controller = self.secc.get(station_id)
        return settings if controller is None else controller.applied_to(settings)

    @property
    def team_settings(self) -> list[TeamSettings]:
        """What the domain needs to know of each load-management group."""
        lease = self.commands.default_ttl_seconds
        return [
            team.settings(name, default_ttl_seconds=lease) for name, team in self.teams.items()
        ]

    @property
    def mqtt_client_id(self) -> str:
        """The MQTT client id: fixed per bridge, so that a restart takes over its session."""
        return self.mqtt.client_id or f"ocpp-mqtt-bridge-{self.bridge.id}"


def config_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the configuration file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
    }
