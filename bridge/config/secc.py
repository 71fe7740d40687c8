"""[secc.NAME]: charge controllers without OCPP, which the bridge reaches by their own API."""

import re
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from bridge.config.fields import Section
from bridge.domain.records import replace
from bridge.domain.settings import BelowMinimum, StationSettings

SeccName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,48}$")]
_SCHEMES: Final = {
    "rest": ("http", "https"),
    "websocket": ("http", "https", "ws", "wss"),
    "mqtt": ("mqtt", "mqtts"),
}
_SEGMENT: Final = re.compile(r"[^/+#\s]{1,64}")
_PREFIX: Final = re.compile(r"/?[^/+#\s]+(/[^/+#\s]+)*")
_OF_THE_STATION: Final = (
    "installation_max_a",
    "minimum_a",
    "nominal_voltage_v",
    "phases",
    "below_minimum",
    "cable_max_a",
    "failsafe_a",
    "phase_switching",
)
_AS_DEFAULTS: Final = "Absent: as in `stations.defaults`."


class SeccSection(Section):
    """A charge controller (SECC); its name here is its station id in topics."""

    type: Literal["rest", "websocket", "mqtt"] = Field(
        description="Which of its APIs is used. Only `websocket` can switch phases, only `rest`"
        " and `websocket` show which limit was taken."
    )
    url: str = Field(
        default="",
        description="`http://host[:port]` of the controller, for `mqtt` its broker"
        " (`mqtt://[user:password@]host[:port]`; absent: the one of `[mqtt]`).",
    )
    topic_prefix: str = Field(
        default="",
        description="For `mqtt`: first part of the controller's topics. Absent: `pulsatrix/secc`,"
        " with or without a slash before it.",
    )
    client_id: str = Field(
        default="",
        description="For `mqtt`: second part of its topics, by default its serial number.",
    )
    poll_seconds: float = Field(
        default=5.0, ge=0.2, le=60, description="For `rest`: between two readings, s."
    )
    lease_seconds: int = Field(
        default=300,
        ge=30,
        le=3600,
        description="After this the controller forgets a limit by itself, should the bridge be"
        " gone, s. It is renewed at a third of it.",
    )
    meter_interval_seconds: float = Field(
        default=10.0,
        ge=0.2,
        le=3600,
        description="Between two meter readings that are told while nothing else changes, s.",
    )
    offline_after_seconds: float = Field(
        default=15.0,
        ge=1,
        le=3600,
        description="How long nothing may be heard of it before it counts as offline, s.",
    )
    installation_max_a: float | None = Field(
        default=None,
        gt=0,
        le=500,
        description=f"What fuse and cable carry, A per phase. {_AS_DEFAULTS}",
    )
    minimum_a: float | None = Field(
        default=None, ge=0, le=500, description=f"A per phase. {_AS_DEFAULTS}"
    )
    nominal_voltage_v: float | None = Field(
        default=None, ge=100, le=1000, description=f"Phase to neutral, V. {_AS_DEFAULTS}"
    )
    phases: int | None = Field(
        default=None, ge=1, le=3, description=f"Phases of the supply. {_AS_DEFAULTS}"
    )
    below_minimum: BelowMinimum | None = Field(
        default=None, description=f"`pause`, `floor` or `reject`. {_AS_DEFAULTS}"
    )
    cable_max_a: float | None = Field(
        default=None,
        gt=0,
        le=500,
        description="What the cable carries, A per phase, where the controller does not name it.",
    )
    failsafe_a: float | None = Field(
        default=None, ge=0, le=500, description=f"A per phase. {_AS_DEFAULTS}"
    )
    phase_switching: bool | None = Field(
        default=None,
        description=f"Whether charging may be held to one phase. {_AS_DEFAULTS}",
    )

    @model_validator(mode="after")
    def _the_type_has_what_it_needs(self) -> Self:
        schemes = _SCHEMES[self.type]
        url = urlsplit(self.url)
        if self.url and (url.scheme not in schemes or not url.hostname):
            raise ValueError(f"url must begin with {' or '.join(f'{s}://' for s in schemes)}")
        if self.type != "mqtt":
            if not self.url:
                raise ValueError("url is missing: the address of the controller")
            if self.topic_prefix or self.client_id:
                raise ValueError('topic_prefix and client_id are for type = "mqtt"')
            return self
        if not _SEGMENT.fullmatch(self.client_id):
            raise ValueError("client_id is missing, or no part of a topic: the serial number")
        if self.topic_prefix and not _PREFIX.fullmatch(self.topic_prefix):
            raise ValueError("topic_prefix is no topic")
        return self

    def check_broker(self, url: str) -> None:
        """Refuse the bridge's own broker where it is reached by WebSocket. Raises ValueError."""
        if urlsplit(url).scheme not in _SCHEMES[self.type]:
            raise ValueError("url is missing: mqtt.url is none of mqtt:// and mqtts://")

    def applied_to(self, settings: StationSettings) -> StationSettings:
        """Return the settings of a station with what this table says, and what no SECC has."""
        given: dict[str, Any] = {
            name: value for name in _OF_THE_STATION if (value := getattr(self, name)) is not None
        }
        return replace(
            settings,
            known=True,
            secc=True,
            trigger_boot=False,
            composite_schedule=False,
            named_quirks=(),
            **given,
        )
