"""[stations]: who may connect, and the limits and facts of each installation."""

from typing import Final, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, JsonValue, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bridge.config.fields import Section, SectionWithPassword
from bridge.domain.ids import StationId
from bridge.domain.settings import (
    BelowMinimum,
    ProfileKind,
    RateUnit,
    StationSettings,
    UnknownStations,
)


class StationDefaults(Section):
    """What holds for every station that says nothing else. Currents are A per phase."""

    installation_max_a: float = Field(
        default=16.0,
        gt=0,
        le=500,
        description="What fuse and cable of the installation carry, A per phase."
        " Nothing above it is ever sent to the station.",
    )
    minimum_a: float = Field(
        default=6.0,
        ge=0,
        le=500,
        description="Least current at which an EV charges, A per phase (IEC 61851-1: 6 for AC;"
        " 0 for DC).",
    )
    nominal_voltage_v: float = Field(
        default=230.0, ge=100, le=1000, description="Phase to neutral, V; turns W into A."
    )
    phases: int = Field(default=3, ge=1, le=3, description="Phases of the supply.")
    below_minimum: BelowMinimum = Field(
        default=BelowMinimum.PAUSE,
        description="Where the limit is above 0 A and below `minimum_a`: `pause` charging,"
        " charge at the minimum all the same (`floor`), or `reject` the command.",
    )
    failsafe_a: float = Field(
        default=6.0,
        ge=0,
        le=500,
        description="A per phase while a lease has run out that asked for the fail-safe.",
    )
    failsafe_min_duration_seconds: int = Field(
        default=7200, ge=0, le=604_800, description="How long the fail-safe holds at least, s."
    )
    auth: Literal["none", "basic"] = Field(
        default="none",
        description="How the station proves who it is: not at all, or by HTTP Basic with its id"
        " as user name (OCPP security profiles 1 and 2).",
    )
    cable_max_a: float | None = Field(
        default=None,
        gt=0,
        le=500,
        description="What the cable carries, A per phase, where the station does not tell.",
    )
    stack_level: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="stackLevel of the charging profiles that we set. Absent: the highest that"
        " the station says it takes, 0 where it does not say.",
    )
    heartbeat_interval_seconds: int = Field(
        default=300, ge=10, le=86_400, description="Given to the station when it boots, s."
    )
    automatic_calls: bool = Field(
        default=True,
        description="Ask the station of the bridge's own accord which profiles are installed,"
        " what it can do and whether a limit is in force. `false` for certification tools and"
        " stations that cannot bear it.",
    )
    profile_kind: ProfileKind = Field(
        default=ProfileKind.ABSOLUTE,
        description="chargingProfileKind of the profiles that we set; some stations take only"
        " `Relative`.",
    )
    rate_unit: Literal["A", "W", "auto"] = Field(
        default="auto",
        description="Unit of the limits that we send; `auto`: as the station says, else A.",
    )
    mirror_leases: bool = Field(
        default=True,
        description="Let a lease end at the station too (`validTo`), in case the bridge is gone"
        " by then.",
    )
    fallback_a: float | None = Field(
        default=None,
        ge=0,
        le=500,
        description="A per phase for as long as nothing else limits: a TxDefaultProfile at"
        " stackLevel 0 that stays in the station. Absent: none is installed.",
    )
    phase_switching: bool = Field(
        default=False,
        description="Whether charging may be held to one phase. Only where the installation and"
        " every vehicle bear it; the station must be able to as well.",
    )
    increase_hold_seconds: float = Field(
        default=10.0,
        ge=0,
        le=900,
        description="After a decrease, how long no increase is sent to the station, s.",
    )
    min_decrease_interval_seconds: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="Between two decreases, s; the first one is sent at once.",
    )
    observe_seconds: float = Field(
        default=30.0,
        ge=1,
        le=3600,
        description="How long the current may stay above the limit before `limit_not_observed`"
        " is reported, s.",
    )


class KnownStation(StationDefaults, SectionWithPassword):
    """A station by its id. A key that is not given has the value of `stations.defaults`."""

    name: str | None = Field(
        default=None, max_length=64, description="What people call it; for logs and lists."
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Leave the defaults out: what is not given is inherited, not that default."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        properties: dict[str, dict[str, JsonValue]] = schema["properties"]
        for entry in properties.values():
            entry.pop("default", None)
        return schema


class StationsSection(Section):
    """Charging stations: who may connect, and what each installation allows."""

    unknown: UnknownStations = Field(
        default=UnknownStations.PENDING,
        description="A station that is not in `stations.known`: `refuse` its connection, keep it"
        " `pending` until `ocpp-mqtt-bridge stations approve ID`, or `accept` it.",
    )
    defaults: StationDefaults = Field(
        default=StationDefaults(), description="For every station that says nothing else."
    )
    known: dict[str, KnownStation] = Field(
        default_factory=dict, description="Stations by their id, as the station URL ends."
    )

    @model_validator(mode="after")
    def _each_station_is_sound(self) -> Self:
        _check_currents("defaults", self.defaults)
        for station_id, known in self.known.items():
            name = f'known."{station_id}"'
            effective = self.effective(station_id)
            _check_currents(name, effective)
            if effective.auth == "basic" and known.password is None:
                raise ValueError(f"{name}: auth is basic, so give password or password_file")
        if self.defaults.auth == "basic" and self.unknown is not UnknownStations.REFUSE:
            raise ValueError(
                "defaults.auth is basic, and a station that is not known has no password here:"
                ' set unknown = "refuse"'
            )
        return self

    def effective(self, station_id: str) -> StationDefaults:
        """Return what the station's own table says over the defaults."""
        known = self.known.get(station_id)
        if known is None:
            return self.defaults
        given = known.model_fields_set & StationDefaults.model_fields.keys()
        return self.defaults.model_copy(update={key: getattr(known, key) for key in given})

    def password(self, station_id: StationId) -> bytes | None:
        """Return the password that this station must show, None where it needs none."""
        known = self.known.get(station_id)
        if known is None or known.password is None or self.effective(station_id).auth == "none":
            return None
        return known.password.get_secret_value().encode()

    def settings(
        self,
        station_id: StationId,
        *,
        default_ttl_seconds: int,
        min_increase_interval_seconds: float,
    ) -> StationSettings:
        """Return what the domain needs to know of a station."""
        effective = self.effective(station_id)
        plain = effective.model_dump(exclude={"auth", "rate_unit"}, exclude_none=True)
        unit = effective.rate_unit
        return StationSettings(
            **plain,
            rate_unit=None if unit == "auto" else RateUnit(unit),
            default_ttl_seconds=default_ttl_seconds,
            min_increase_interval_seconds=min_increase_interval_seconds,
            known=station_id in self.known,
            unknown_stations=self.unknown,
        )


_BOUND_CURRENTS: Final = ("minimum_a", "failsafe_a", "fallback_a")
"""Keys whose current must not be above `installation_max_a`."""


def _check_currents(name: str, station: StationDefaults) -> None:
    for key in _BOUND_CURRENTS:
        current = getattr(station, key)
        if current is not None and current > station.installation_max_a:
            raise ValueError(
                f"{name}: {key} = {current:g} is above"
                f" installation_max_a = {station.installation_max_a:g}"
            )
