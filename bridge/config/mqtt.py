"""[mqtt]: the broker and how to reach it."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bridge.config.fields import OptionalFile, OptionalText, SectionWithPassword

_DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_WEBSOCKET_PATH: Final = "/mqtt"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerEndpoint:
    """Everything that a client needs to reach the broker."""

    host: str
    port: int
    tls: bool
    websocket_path: str | None
    """None for plain TCP."""
    username: str | None
    password: str | None = field(repr=False)


def _checked_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(
            'must be mqtt://, mqtts://, ws:// or wss:// and a host, e.g. "mqtt://localhost:1883"'
        )
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("has a port that is no number from 1 to 65535") from error
    if port == 0:
        raise ValueError("has a port that is no number from 1 to 65535")
    if parts.scheme in {"mqtt", "mqtts"} and parts.path not in {"", "/"}:
        raise ValueError(
            "has a path, which only ws:// and wss:// know; the topic root is mqtt.root"
        )
    return text


def _number_as_text(value: Any) -> Any:
    """Take `protocol = 5` for "5"."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _boolean_as_switch(value: Any) -> Any:
    """Take `discovery = true` for "on"."""
    return ("on" if value else "off") if isinstance(value, bool) else value


class MqttSection(SectionWithPassword):
    """The broker: where it is, how to log in, and under which root to publish."""

    url: Annotated[str, AfterValidator(_checked_url)] = Field(
        default="mqtt://localhost:1883",
        description="Broker: `mqtt://`, `mqtts://` (TLS), `ws://` or `wss://`, host and port."
        " User and password may stand in it (`mqtt://user:password@host`) or in the keys below.",
    )
    root: str = Field(
        default="ocpp",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="First segment of every topic.",
    )
    protocol: Annotated[Literal["5", "3.1.1"], BeforeValidator(_number_as_text)] = Field(
        default="5",
        description="MQTT version. 3.1.1 has no message expiry and cannot tell retained commands.",
    )
    client_id: OptionalText = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="MQTT client id; empty: `ocpp-mqtt-bridge-` and `bridge.id`.",
    )
    username: OptionalText = Field(default=None, description="User name at the broker.")
    ca_file: OptionalFile = Field(
        default=None,
        description="Certificates (PEM) to trust for `mqtts` and `wss`;"
        " empty: those of the system.",
    )
    cert_file: OptionalFile = Field(
        default=None, description="Client certificate (PEM), together with `key_file`."
    )
    key_file: OptionalFile = Field(default=None, description="Key (PEM) of `cert_file`.")
    raw: bool = Field(
        default=False,
        description="Also publish every OCPP frame to `{root}/v1/raw/...`, secrets redacted.",
    )

    scalars: bool = Field(
        default=False,
        description="Also publish single facts as plain values, `.../val/NAME`, for Node-RED,"
        " openHAB and displays.",
    )
    discovery: Annotated[Literal["auto", "on", "off"], BeforeValidator(_boolean_as_switch)] = (
        Field(
            default="auto",
            description="Announce stations to Home Assistant. `auto`: new ones while there are at most"
            " 50 stations. `off` also takes back what was announced before.",
        )
    )
    discovery_style: Literal["device", "entity"] = Field(
        default="device",
        description="One discovery topic for each device, or for each `entity`: for openHAB, and"
        " Home Assistant before 2024.11.",
    )
    discovery_prefix: str = Field(
        default="homeassistant",
        pattern=r"^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,3}$",
        description="Discovery prefix, as Home Assistant's MQTT options have it.",
    )
    discovery_controller: str = Field(
        default="homeassistant",
        pattern=r"^[A-Za-z0-9_-]{1,32}$",
        description="Controller in whose name Home Assistant commands: its user at the broker."
        " Where `controllers` are configured it needs a table there; it is shown the controls that"
        " it may use.",
    )

    secc_uppercase_state: bool = Field(
        default=False,
        description='Write the state in the `secc` document in capitals (`"SUSPENDED_EVSE"`), as the'
        " example of seed 000 does and its list of values does not. Outside of the schema.",
    )

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        if (self.cert_file or self.ca_file) and not self.endpoint.tls:
            raise ValueError("ca_file and cert_file need an mqtts:// or wss:// url")
        return self

    @property
    def endpoint(self) -> BrokerEndpoint:
        """What the URL and the keys beside it say together; the keys win."""
        parts = urlsplit(self.url)
        password = self.password.get_secret_value() if self.password else _decoded(parts.password)
        return BrokerEndpoint(
            host=str(parts.hostname),
            port=parts.port or _DEFAULT_PORTS[parts.scheme],
            tls=parts.scheme in {"mqtts", "wss"},
            websocket_path=_websocket_path(parts),
            username=self.username or _decoded(parts.username),
            password=password,
        )


def _decoded(text: str | None) -> str | None:
    return None if text is None else unquote(text)


def _websocket_path(parts: SplitResult) -> str | None:
    if parts.scheme in {"mqtt", "mqtts"}:
        return None
    return parts.path or _WEBSOCKET_PATH
