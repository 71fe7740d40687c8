"""What Home Assistant is told that a station has: one row per entity (mqtt-api.md, Components).

Rules of Home Assistant that the rows obey (its pages "MQTT", "Sensor", "Number" and the like):
units and state classes belong to device classes, a sensor is never of category `config`, an enum
lists every value that its template can give, and a template that gives `None` means unknown.
Templates read the retained documents; a control shows what the documents say, never what it sent.
`tests/discovery_rules.py` holds every payload to them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from bridge.api.commands import DEFAULT_MAX_AGE_SECONDS
from bridge.domain.enums import AllocationSource, EventType, SeccState, VehicleStatus
from bridge.domain.settings import NumberPhases, StationSettings
from bridge.mqtt import topics
from bridge.mqtt.topics import TopicRow

COMMAND_EXPIRY_SECONDS: Final = DEFAULT_MAX_AGE_SECONDS
"""After which the broker drops a command of Home Assistant's (MQTT 5; older ones ignore it)."""
THREE_PHASES: Final = 3
AUTO_PHASES: Final = "auto"
"""The option of the phases that stands for no claim."""
_DIAGNOSTIC: Final[Mapping[str, Any]] = {"entity_category": "diagnostic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the components of a station depend on, beside which EVSE it is."""

    settings: StationSettings
    can_switch_phases: bool
    """As far as the station has told: None and True are worth a try."""
    firmware_known: bool
    require_ts: bool
    """Commands without a time are refused, so that `set/...` is of no use."""
    require_ttl: bool
    """Limits without a lease are refused."""


Wanted = Callable[[Facts], bool]
OptionsFor = Callable[[Facts], Mapping[str, Any]]


def _always(_facts: Facts) -> bool:
    return True


def _nothing(_facts: Facts) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One entity of Home Assistant."""

    key: str
    """In unique ids and topics: never changed, or people lose their history."""
    platform: str
    name: str
    """As Home Assistant shows it, after the name of the device."""
    row: TopicRow | None = None
    """The document or event that it reads."""
    template: str | None = None
    """Jinja2: the value out of `value_json`."""
    command: str | None = None
    """What it sends: the end of a topic below the EVSE, with `{controller}`."""
    rights: tuple[str, ...] = ()
    """Commands that the controller must be allowed to give."""
    options: Mapping[str, Any] = field(default_factory=dict)
    options_for: OptionsFor = _nothing
    """Options that depend on the station."""
    wanted: Wanted = _always
    needs_station: bool = True
    """Unavailable while the station is offline, not only while the bridge is."""


# --- Templates ------------------------------------------------------------------------------


def _value(path: str) -> str:
    return f"{{{{ value_json.{path} }}}}"


def _known(path: str, words: type[StrEnum]) -> str:
    """Return the template of an enum: what is not among its options is unknown."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return f"{{{{ value_json.{path} if value_json.{path} in [{listed}] else 'None' }}}}"


def _on(condition: str) -> str:
    return f"{{{{ 'ON' if {condition} else 'OFF' }}}}"


_SENT_AT: Final = '"ts": "{{ utcnow().isoformat() }}"'
_ID: Final = '"id": "{{ utcnow().timestamp() }}"'


def _body(*parts: str) -> str:
    """Return the template of a command's body, with the time at which it is sent."""
    return f"{{ {', '.join((*parts, _SENT_AT))} }}"


# --- Rows -----------------------------------------------------------------------------------


def _sensor(
    key: str,
    name: str,
    row: TopicRow,
    template: str,
    *,
    wanted: Wanted = _always,
    **options: Any,
) -> Component:
    return Component(
        key=key,
        platform="sensor",
        name=name,
        row=row,
        template=template,
        options=options,
        wanted=wanted,
    )


def _enum(
    key: str, name: str, row: TopicRow, path: str, words: type[StrEnum], *, icon: str
) -> Component:
    options = [word.value for word in words]
    return _sensor(
        key, name, row, _known(path, words), device_class="enum", options=options, icon=icon
    )


def _measured(
    key: str,
    name: str,
    row: TopicRow,
    template: str,
    kind: tuple[str, str],
    *,
    precision: int,
    wanted: Wanted = _always,
) -> Component:
    device_class, unit = kind
    return _sensor(
        key,
        name,
        row,
        template,
        wanted=wanted,
        device_class=device_class,
        state_class="measurement",
        unit_of_measurement=unit,
        suggested_display_precision=precision,
    )


_CURRENT: Final = ("current", "A")
_VOLTAGE: Final = ("voltage", "V")


def _on_phase(number: int) -> Wanted:
    return lambda facts: facts.settings.phases >= number


def _per_phase(key: str, name: str, path: str, kind: tuple[str, str]) -> tuple[Component, ...]:
    return tuple(
        _measured(
            f"{key}_l{number}",
            f"{name} L{number}",
            topics.METER,
            _value(f"{path}[{number - 1}]"),
            kind,
            precision=1,
            wanted=_on_phase(number),
        )
        for number in range(1, THREE_PHASES + 1)
    )


def _energy(key: str, name: str, row: TopicRow) -> Component:
    wh = "value_json.energyWh"
    return _sensor(
        key,
        name,
        row,
        f"{{{{ ({wh} / 1000) | round(3) if {wh} is not none else 'None' }}}}",
        device_class="energy",
        state_class="total_increasing",
        unit_of_measurement="kWh",
        suggested_display_precision=2,
    )


def _speaks_ocpp(facts: Facts) -> bool:
    """Say whether it can be asked to start, stop, unlock or restart: no charge controller can."""
    return not facts.settings.secc


def _button(
    key: str, name: str, body: str, icon: str, *, wanted: Wanted = _speaks_ocpp, **options: Any
) -> Component:
    return Component(
        key=key,
        platform="button",
        name=name,
        command=f"cmd/{{controller}}/{key}",
        rights=(key,),
        options={"command_template": body, "icon": icon, **options},
        wanted=wanted,
    )


def _limits(facts: Facts) -> Mapping[str, Any]:
    """Return the range of the limit, and how it is read: 0 A, a pause, is below the range."""
    highest, least = facts.settings.installation_max_a, facts.settings.minimum_a
    lowest = least if least < highest else 0.0  # Home Assistant wants a range
    return {
        "min": lowest,
        "max": highest,
        "value_template": (
            f"{{{{ value_json.offeredA if value_json.offeredA >= {lowest:g} else 'None' }}}}"
        ),
    }


def _can_switch(facts: Facts) -> bool:
    settings = facts.settings
    return (
        facts.can_switch_phases
        and settings.phase_switching
        and settings.phases == THREE_PHASES
        and settings.number_phases is not NumberPhases.NEVER
    )


_EVENT: Final = (
    "{{ {'event_type': value_json.eventType | lower, 'id': value_json.id,"
    " 'ts': value_json.ts, 'triggerReason': value_json.triggerReason,"
    " 'transactionId': value_json.transaction.transactionId,"
    " 'chargingState': value_json.transaction.chargingState,"
    " 'stoppedReason': value_json.transaction.stoppedReason,"
    " 'energyWh': value_json.meter.energyWh, 'powerW': value_json.meter.powerW,"
    " 'offline': value_json.offline} | tojson }}"
)
_EXPIRY: Final = (
    "{{ (value_json.limits | selectattr('binding') | map(attribute='expiresAt') | list"
    " + ['None']) | first }}"
)
_REQUESTED_PHASES: Final = (
    "{{ value_json.requested.phases if value_json.requested and value_json.requested.phases"
    f" else '{AUTO_PHASES}' }}}}"
)

EVSE_COMPONENTS: Final = (
    _enum("state", "State", topics.STATE, "state", SeccState, icon="mdi:ev-station"),
    _enum(
        "vehicle_status",
        "Vehicle status",
        topics.STATE,
        "vehicleStatus",
        VehicleStatus,
        icon="mdi:car-electric",
    ),
    _enum(
        "allocation_source",
        "In control",
        topics.ALLOCATION,
        "allocationSourceName",
        AllocationSource,
        icon="mdi:account-switch",
    ),
    _measured(
        "offered_current",
        "Offered current",
        topics.ALLOCATION,
        _value("offeredA"),
        _CURRENT,
        precision=1,
    ),
    _measured("power", "Power", topics.METER, _value("powerW"), ("power", "W"), precision=0),
    _energy("energy", "Energy", topics.METER),
    _energy("session_energy", "Session energy", topics.TRANSACTION),
    *_per_phase("current", "Current", "currentA", _CURRENT),
    *_per_phase("voltage", "Voltage", "voltageV", _VOLTAGE),
    _measured(
        "soc",
        "State of charge",
        topics.METER,
        _value("socPercent"),
        ("battery", "%"),
        precision=0,
    ),
    _sensor(
        "lease_expiry", "Limit valid until", topics.ALLOCATION, _EXPIRY, device_class="timestamp"
    ),
    _sensor(
        "session_start",
        "Session start",
        topics.TRANSACTION,
        _value("startedAt"),
        device_class="timestamp",
    ),
    Component(
        key="plugged",
        platform="binary_sensor",
        name="Plugged",
        row=topics.STATE,
        template=(
            "{{ 'None' if value_json.plugged is none else 'ON' if value_json.plugged else 'OFF' }}"
        ),
        options={"device_class": "plug"},
    ),
    Component(
        key="charging",
        platform="binary_sensor",
        name="Charging",
        row=topics.STATE,
        template=_on("value_json.charging"),
        options={"device_class": "battery_charging"},
    ),
    Component(
        key="problem",
        platform="binary_sensor",
        name="Problem",
        row=topics.STATE,
        template=_on("value_json.state == 'Faulted'"),
        options={"device_class": "problem", **_DIAGNOSTIC},
    ),
    Component(
        key="limit",
        platform="number",
        name="Charging limit",
        row=topics.ALLOCATION,
        command="cmd/{controller}/limit",
        rights=("limit",),
        options={
            "device_class": "current",
            "unit_of_measurement": "A",
            "step": 1,
            "command_template": _body('"limitA": {{ value }}'),
            "icon": "mdi:speedometer",
        },
        options_for=_limits,
        wanted=lambda facts: not facts.require_ttl,
    ),
    Component(
        key="allowed",
        platform="switch",
        name="Charging allowed",
        row=topics.ALLOCATION,
        template="{{ 'true' if value_json.offeredA > 0 else 'false' }}",
        command="set/{controller}/charging",
        rights=("pause", "resume"),
        options={"payload_on": "true", "payload_off": "false", "icon": "mdi:play-pause"},
        wanted=lambda facts: not (facts.require_ttl or facts.require_ts),
    ),
    Component(
        key="phases",
        platform="select",
        name="Phases",
        row=topics.ALLOCATION,
        template=_REQUESTED_PHASES,
        command="cmd/{controller}/phases",
        rights=("phases",),
        options={
            "options": [AUTO_PHASES, "1", "3"],
            "command_template": _body(
                f"\"phases\": {{{{ 'null' if value == '{AUTO_PHASES}' else value }}}}"
            ),
            "icon": "mdi:sine-wave",
        },
        wanted=_can_switch,
    ),
    _button("start", "Start", _body(), "mdi:play"),
    _button("stop", "Stop", _body(), "mdi:stop"),
    _button("release", "Release limit", _body(), "mdi:lock-open-check", wanted=_always),
    _button(
        "unlock",
        "Unlock cable",
        _body(_ID),
        "mdi:lock-open-variant",
        entity_category="config",
    ),
    Component(
        key="transaction",
        platform="event",
        name="Transaction",
        row=topics.EVENT_TRANSACTION,
        template=_EVENT,
        options={
            "event_types": [each.value.lower() for each in EventType],
            "icon": "mdi:receipt-text-clock",
        },
    ),
)
"""What each EVSE has."""

STATION_COMPONENTS: Final = (
    Component(
        key="connectivity",
        platform="binary_sensor",
        name="Connection",
        row=topics.AVAILABILITY,
        options={
            "device_class": "connectivity",
            "payload_on": "online",
            "payload_off": "offline",
            **_DIAGNOSTIC,
        },
        needs_station=False,
    ),
    Component(
        key="firmware",
        platform="update",
        name="Firmware",
        row=topics.STATION_INFO,
        template="{{ {'installed_version': value_json.boot.firmwareVersion} | tojson }}",
        options={"device_class": "firmware", **_DIAGNOSTIC},
        wanted=lambda facts: facts.firmware_known,
    ),
    _button(
        "reset",
        "Restart",
        _body(_ID, '"type": "OnIdle"'),
        "mdi:restart",
        device_class="restart",
        entity_category="config",
    ),
)
"""What the station itself has; a restart waits for the end of transactions."""
