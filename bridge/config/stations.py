"""[stations]: who may connect, and the limits and facts of each installation."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, GetJsonSchemaHandler, JsonValue, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bridge.config.fields import OptionalText, Section, SectionWithPassword
from bridge.domain.ids import StationId
from bridge.domain.passwords import Password, PlainPassword, ScryptPassword
from bridge.domain.quirks import CHANGEABLE, Quirk, clash
from bridge.domain.settings import (
    LOCAL_ZONE,
    AuthorizationSettings,
    AuthorizeMode,
    BelowMinimum,
    NumberPhases,
    ProfileKind,
    RateUnit,
    StationAuth,
    StationSettings,
    UnknownStations,
)

ActionName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{1,49}$")]
"""Of a request of OCPP."""
ActionSeconds = Annotated[float, Field(ge=1, le=600)]


class StationDefaults(Section):
    """What holds for every station that says nothing else. Currents are A per phase."""

    installation_max_a: float = Field(
        default=16.0,
        gt=0,
        le=500,
        description="What fuse and cable of the installation carry, A per phase."
        " Nothing above it is ever sent to the station.",
    )
    station_max_a: float | None = Field(
        default=None,
        gt=0,
        le=500,
        description="What all EVSEs of the station may draw together, A per phase: a"
        " ChargingStationMaxProfile (OCPP 1.6: ChargePointMaxProfile) that the station keeps by"
        " itself. Not below `installation_max_a`. Absent: none is installed.",
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
    auth: StationAuth = Field(
        default=StationAuth.NONE,
        description="How the station proves who it is: not at all; by HTTP Basic with its id as"
        " user name (`basic`, OCPP security profiles 1 and 2); or by a certificate of an authority"
        " of `ocpp.tls_client_ca_file` whose common name is its id (`mtls`, profile 3).",
    )
    require_tls: bool | None = Field(
        default=None,
        description="Whether it is refused on `ws://`. Absent: once it has logged in on `wss://`,"
        " by password or certificate, for as long as the bridge listens there. `mtls` always is.",
    )
    authorize: AuthorizeMode = Field(
        default=AuthorizeMode.ACCEPT,
        description="Whose tokens may charge: everybody's (`accept`), those that"
        " `authorization.tokens` accepts (`list`), or, of tokens that are not there, those that"
        " a controller accepts (`ask`).",
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
    quiet_seconds: float = Field(
        default=0.0,
        ge=0,
        le=600,
        description="After connecting, how long nothing is asked of a station that has not booted"
        " since, s. Commands meanwhile are answered `station_offline`.",
    )
    trigger_boot: bool = Field(
        default=True,
        description="Ask a station that has never told who it is for its BootNotification, 5 s"
        " after it has connected. Not without `automatic_calls`.",
    )
    pings: bool = Field(
        default=True,
        description="Send WebSocket pings (`ocpp.ping_interval_seconds`). `false` for a station"
        " that answers none: its connection then ends after three heartbeats that did not come.",
    )
    call_timeout_seconds: float | None = Field(
        default=None,
        ge=1,
        le=600,
        description="The station's time to answer a request of ours, s. Absent:"
        " `ocpp.call_timeout_seconds`.",
    )
    call_timeouts: dict[ActionName, ActionSeconds] = Field(
        default={},
        description="Another time to answer for some requests, s, by their action in the station's"
        " version of OCPP.",
        examples=[{"GetLog": 120, "UpdateFirmware": 120}],
    )
    max_unanswered_calls: int = Field(
        default=3,
        ge=0,
        le=100,
        description="Requests in a row without an answer after which the connection is closed, so"
        " that the station dials again; 0 = never.",
    )
    protected_variables: tuple[str, ...] = Field(
        default=(),
        description="Variables (OCPP 1.6: configuration keys) that no command may write.",
    )
    trigger_station: bool = Field(
        default=False,
        description="Ask messages of the whole station, also where the command `trigger` names"
        " an EVSE.",
    )
    station_status: bool = Field(
        default=False,
        description="Take a status of the whole station (connector 0) for that of its only EVSE.",
    )
    default_governs_running: bool | None = Field(
        default=None,
        description="Whether a TxDefaultProfile also changes the transaction that runs."
        " Absent: found out.",
    )
    limit_values_a: tuple[Annotated[float, Field(gt=0, le=500)], ...] = Field(
        default=(),
        description="The only limits that the station takes beside 0, A per phase: others are"
        " rounded down to one of them. Empty: any, in steps of 0.1 A.",
    )
    composite_schedule: bool = Field(
        default=True,
        description="Ask for the composite schedule, to see whether a limit is in force. Not"
        " without `automatic_calls`.",
    )
    number_phases: NumberPhases = Field(
        default=NumberPhases.AUTO,
        description="When limits carry numberPhases: where phases are switched (`auto`), `always`,"
        " or `never`; with `never` phases are not switched.",
    )
    session_register: bool = Field(
        default=False,
        description="The energy register of meter values counts from 0 in each transaction, that"
        " of its beginning and end does not: one below the beginning's counts from that.",
    )
    start_profile: bool = Field(
        default=True,
        description="Send `maxA` of `start` in the request to the station, as a TxProfile. A"
        " station that refuses such a start is asked once more without, and never again with.",
    )
    start_delay_seconds: float = Field(
        default=0.0,
        ge=0,
        le=600,
        description="Between the end of a transaction and a remote start on the same EVSE, s: an"
        " earlier `start` waits.",
    )
    time_zone: str = Field(
        default="",
        description="Of the station's times that have no offset: a name such as `Europe/Berlin`,"
        " or `local` for that of this machine. Empty: UTC, as OCPP wants it.",
    )

    @field_validator("time_zone")
    @classmethod
    def _zone_there_is(cls, name: str) -> str:
        if name not in {"", LOCAL_ZONE}:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError("there is no such time zone on this machine") from error
        return name


_PASSWORDS: Final = ("password", "password_hex", "password_hash")


class KnownStation(StationDefaults, SectionWithPassword):
    """A station by its id. A key that is not given has the value of `stations.defaults`."""

    name: str | None = Field(
        default=None, max_length=64, description="What people call it; for logs and lists."
    )
    password_hex: OptionalText = Field(
        default=None,
        pattern=r"^([0-9A-Fa-f]{2})+$",
        repr=False,
        description="Password in hexadecimal, where it is no text: `AuthorizationKey` of OCPP 1.6."
        " Both its bytes and these digits are taken.",
    )
    password_hash: OptionalText = Field(
        default=None,
        repr=False,
        description="What `ocpp-mqtt-bridge stations hash-password` prints, instead of the"
        " password.",
    )
    quirks: tuple[str, ...] | None = Field(
        default=None,
        description="Quirks of this station, by the names in [quirks](quirks.md), instead of those"
        " known of its vendor, model and firmware; `[]` = none. Absent: those that are known.",
    )

    @field_validator("password_hash")
    @classmethod
    def _hash_can_be_read(cls, text: str | None) -> str | None:
        if text is not None:
            ScryptPassword.parse(text)
        return text

    @model_validator(mode="after")
    def _has_one_password(self) -> Self:
        given = [key for key in _PASSWORDS if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of {' and '.join(given)}")
        return self

    @property
    def known_by(self) -> Password | None:
        """What its password is recognised by, None where none is given."""
        if self.password is not None:
            return PlainPassword.of_text(self.password.get_secret_value())
        if self.password_hex is not None:
            return PlainPassword.of_hex(self.password_hex)
        return None if self.password_hash is None else ScryptPassword.parse(self.password_hash)

    @field_validator("quirks")
    @classmethod
    def _quirks_there_are(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Refuse what is no quirk, and two that want different things of one setting."""
        known = [quirk.value for quirk in Quirk]
        for name in names or ():
            if name not in known:
                raise ValueError(f"there is no quirk {name!r}; there are: {', '.join(known)}")
        pair = clash(Quirk(name) for name in names or ())
        if pair is not None:
            raise ValueError(f"{pair[0]} and {pair[1]} contradict each other")
        return names

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
        for station_id in self.known:
            name = f'known."{station_id}"'
            effective = self.effective(station_id)
            _check_currents(name, effective)
        if self.defaults.auth is StationAuth.BASIC and self.unknown is not UnknownStations.REFUSE:
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

    def name_of(self, station_id: StationId) -> str | None:
        """Return what people call a station, None where they have no name for it."""
        known = self.known.get(station_id)
        return known.name if known else None

    def all_settings(self) -> Iterator[tuple[str, StationDefaults]]:
        """Give each table with its name and what it says over the defaults."""
        yield "stations.defaults", self.defaults
        for station_id in self.known:
            yield f'stations.known."{station_id}"', self.effective(station_id)

    @property
    def hides_ids(self) -> bool:
        """Whether any station must prove who it is: then ids are not to be found out."""
        return any(each.auth is not StationAuth.NONE for _, each in self.all_settings())

    @property
    def has_slow_passwords(self) -> bool:
        """Whether any password is kept by a slow hash."""
        return any(known.password_hash is not None for known in self.known.values())

    def password(self, station_id: StationId) -> Password | None:
        """Return what this station's password is recognised by, None where none is given."""
        known = self.known.get(station_id)
        return None if known is None else known.known_by

    def settings(
        self,
        station_id: StationId,
        *,
        authorization: AuthorizationSettings,
        default_ttl_seconds: int,
        min_increase_interval_seconds: float,
    ) -> StationSettings:
        """Return what the domain needs to know of a station."""
        effective = self.effective(station_id)
        plain = effective.model_dump(exclude={"rate_unit"}, exclude_none=True)
        unit = effective.rate_unit
        known = self.known.get(station_id)
        return StationSettings(
            **plain,
            rate_unit=None if unit == "auto" else RateUnit(unit),
            authorization=authorization,
            default_ttl_seconds=default_ttl_seconds,
            min_increase_interval_seconds=min_increase_interval_seconds,
            known=known is not None,
            unknown_stations=self.unknown,
            explicit=frozenset(effective.model_fields_set & CHANGEABLE),
            named_quirks=known.quirks if known else None,
        )


_BOUND_CURRENTS: Final = ("minimum_a", "failsafe_a", "fallback_a")
"""Keys whose current must not be above `installation_max_a`."""


def _check_currents(name: str, station: StationDefaults) -> None:
    if station.station_max_a is not None and station.installation_max_a > station.station_max_a:
        raise ValueError(
            f"{name}: installation_max_a = {station.installation_max_a:g}, of one EVSE, is above"
            f" station_max_a = {station.station_max_a:g}"
        )
    for key in _BOUND_CURRENTS:
        current = getattr(station, key)
        if current is not None and current > station.installation_max_a:
            raise ValueError(
                f"{name}: {key} = {current:g} is above"
                f" installation_max_a = {station.installation_max_a:g}"
            )
