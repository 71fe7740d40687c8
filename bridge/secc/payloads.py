"""Reading what a charge controller says: leniently, field by field, into one flat record.

Pure. The documents are ESP32 firmware's JSON: bare NaN, numbers as strings, `IDLE` beside `Idle`,
`vehicleStatus` and `chargeControllerStatus` exchanged, two names for one field, times of 0, kWh as
floats of 32 bits (secc.md, Traps). A field that cannot be understood is left out and named in
`unread`; it never spoils the others. What is missing and what is NaN is None.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from bridge.domain.enums import (
    ConnectorStatus,
    ControllerStatus,
    Phase,
    SeccState,
    StoppedReason,
    Term,
    TriggerReason,
    VehicleStatus,
)

MAX_TEXT: Final = 64 * 1024
"""Characters of a document that are looked at; the longest real one has 700."""
LONGEST_WORD: Final = 255
HIGHEST_A: Final = 1_000.0
HIGHEST_V: Final = 2_000.0
HIGHEST_W: Final = 1_000_000.0
HIGHEST_KWH: Final = 100_000_000.0
HIGHEST_HZ: Final = 1_000.0
HIGHEST_MS: Final = 10_000_000_000.0
LAST_SECOND: Final = 4_102_444_800.0
"""The end of the year 2099: what lies beyond is no Unix time in seconds."""

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that a controller has said last; None = not said, or not understood."""

    session_id: str | None = None
    name: str | None = None
    effective_a: float | None = None
    phase_shutoff: bool | None = None
    """It has relays to charge on one phase."""
    state: SeccState | None = None
    phase: Phase | None = None
    vehicle_status: VehicleStatus | None = None
    controller_status: ControllerStatus | None = None
    connector_status: ConnectorStatus | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    meter_start_wh: float | None = None
    meter_stop_wh: float | None = None
    phases_used: int | None = None
    start_reason: TriggerReason | None = None
    stop_reason: StoppedReason | None = None
    error_cause: str | None = None
    source_name: str | None = None
    one_phase: bool | None = None
    phase_source_name: str | None = None
    phase_rotation: bool | None = None
    rotation_source_name: str | None = None
    voltage_v: tuple[float | None, ...] | None = None
    amperage_a: tuple[float | None, ...] | None = None
    available_a: float | None = None
    signaled_a: float | None = None
    frequency_hz: float | None = None
    energy_wh: float | None = None
    power_w: float | None = None
    limits_read: bool = False
    """The three that follow were told; None among them then means that nothing is set."""
    limit_a: float | None = None
    limit_enabled: bool | None = None
    limit_timeout_ms: float | None = None

    @property
    def tells_state(self) -> bool:
        """Whether it says anything from which a state follows."""
        known = (self.state, self.phase, self.vehicle_status, self.controller_status)
        return any(each is not None for each in known)


@dataclass(frozen=True, slots=True)
class Understood:
    """What of one document was understood, by field of `Reading`; and the keys that were not."""

    fields: Fields
    unread: tuple[str, ...] = ()


def parse(text: str) -> Mapping[str, Any] | None:
    """Return a JSON object, NaN and infinities in it as None; None where it is none."""
    if len(text) > MAX_TEXT:
        return None
    try:
        document = json.loads(text, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


# --- Values -----------------------------------------------------------------------------------

_TermT = TypeVar("_TermT", bound=Term)
Reader = Callable[[Any], Any]
"""Returns a value, or None where it is not one of the kind."""


def number(highest: float, *, lowest: float = 0.0, factor: float = 1.0) -> Reader:
    """Return a reader of numbers, also in strings, within bounds and times a factor."""

    def read(value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            found = float(value)
        except (ValueError, OverflowError):
            return None
        return found * factor if lowest <= found <= highest else None

    return read


_energy: Final = number(HIGHEST_KWH, factor=1000.0)


def energy_wh(value: Any) -> float | None:
    """Return whole Wh of kWh: a float of 32 bits has no more (mapping.md, 10)."""
    found = _energy(value)
    return None if found is None else float(round(found))


def moment(value: Any) -> datetime | None:
    """Return the time of Unix seconds; None for 0, which is not yet."""
    seconds = number(LAST_SECOND)(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def flag(value: Any) -> bool | None:
    """Return a truth value, also from a string or 0 and 1."""
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().casefold())
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    return None


def word(value: Any) -> str | None:
    """Return a short printable text."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if 0 < len(text) <= LONGEST_WORD and text.isprintable() else None


def per_phase(highest: float) -> Reader:
    """Return a reader of up to three numbers, L1 first; those that are none are None."""
    each = number(highest)

    def read(value: Any) -> tuple[float | None, ...] | None:
        if not isinstance(value, list) or not value:
            return None
        found = tuple(each(item) for item in value[:3])
        return found if any(item is not None for item in found) else None

    return read


def phases(value: Any) -> int | None:
    """Return how many phases `usedPhasesSession` says; None for none, which is not known yet."""
    if not isinstance(value, str) or re.fullmatch("[01]{3}", value) is None:
        return None
    return value.count("1") or None


def term(kind: type[_TermT]) -> Callable[[Any], _TermT | None]:
    """Return a reader of a vocabulary, whatever case and separators a word has."""
    by_letters = {_letters(member.value): member for member in kind}

    def read(value: Any) -> _TermT | None:
        return by_letters.get(_letters(value)) if isinstance(value, str) else None

    return read


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _inside(key: str, read: Reader) -> Reader:
    def inner(value: Any) -> Any:
        return read(value.get(key)) if isinstance(value, dict) else None

    return inner


# --- Documents ----------------------------------------------------------------------------------

Table = Mapping[str, tuple[Sequence[str], Reader]]
"""Field of `Reading`: under which names it may be, the first that is there counts; its reader."""

_amperes: Final = number(HIGHEST_A)

CONFIGURATION: Final[Table] = {
    "session_id": (("sessionId",), word),
    "name": (("ctrlrName", "controllerName"), word),
    "effective_a": (("effectiveAmperageLimit",), _amperes),
    "phase_shutoff": (("hasPhaseStShutoff", "hasPhaseShutoff", "hasPhaseSTTurnon"), flag),
}
TRANSACTION: Final[Table] = {
    "state": (("state",), term(SeccState)),
    "started_at": (("startedTime",), moment),
    "ended_at": (("endedTime",), moment),
    "meter_start_wh": (("meterStart",), energy_wh),
    "meter_stop_wh": (("meterStop",), energy_wh),
    "phases_used": (("usedPhasesSession",), phases),
    "start_reason": (("startReason",), term(TriggerReason)),
    "stop_reason": (("stopReason",), term(StoppedReason)),
    "source_name": (("allocationSourceName",), word),
    "one_phase": (("onePhaseLimitActive",), flag),
    "phase_source_name": (("phaseLimitSourceName",), word),
    "phase_rotation": (("phaseRotationActive",), flag),
    "rotation_source_name": (("phaseRotationSourceName",), word),
}
CHARGING: Final[Table] = {
    "voltage_v": (("voltage",), per_phase(HIGHEST_V)),
    "amperage_a": (("amperage",), per_phase(HIGHEST_A)),
    "available_a": (("availableAmperage",), _amperes),
    "signaled_a": (("signaledAmperage",), _amperes),
    "frequency_hz": (("frequency",), number(HIGHEST_HZ)),
    "energy_wh": (("energyImported",), energy_wh),
    "power_w": (("lastActivePower", "activePower"), number(HIGHEST_W, lowest=-HIGHEST_W)),
}
LIMITS: Final[Table] = {
    "limit_a": (("amperageLimit",), _amperes),
    "limit_enabled": (("enabled",), flag),
    "limit_timeout_ms": (("timeout",), number(HIGHEST_MS)),
}
TX_STATUS: Final[Table] = {
    **TRANSACTION,
    "phase": (("state",), term(Phase)),
    "session_id": (("id",), word),
    "effective_a": (("effectiveAmperageLimit",), _amperes),
    "energy_wh": (("lastMeterValue",), energy_wh),
    "power_w": (("lastActivePower",), number(HIGHEST_W, lowest=-HIGHEST_W)),
}
CHARGING_STATUS: Final[Table] = {
    "available_a": (("availableAmperage",), _amperes),
    "signaled_a": (("signaledAmperage",), _amperes),
    "phases_used": (("usedPhasesSession",), phases),
    "error_cause": (("recentCpErrorCause",), word),
}
POINT_STATUS: Final[Table] = {
    "connector_status": (("connectorStatus",), term(ConnectorStatus)),
}

TOPICS: Final[Mapping[str, Table]] = {
    "configuration": CONFIGURATION,
    "transaction": TRANSACTION,
    "charging": CHARGING,
    "limits": LIMITS,
}
"""The documents of REST and WebSocket."""
MQTT_TOPICS: Final[Mapping[str, Table]] = {
    "chargingPoint/status": POINT_STATUS,
    "charging/status": CHARGING_STATUS,
    "tx/status": TX_STATUS,
    "meter/fiscal": CHARGING,
}
"""Topics below prefix and client id; `meter/grid` is the whole building's and not the EVSE's."""

_VEHICLE: Final = re.compile("[A-FRS]")
_CONTROLLER: Final = re.compile("[A-FRS][12]")
_SILENT: Final = ("", None, 0, "0", "000", "nan", "NaN")
"""Values by which nothing is said: no time yet, no phase yet."""


def understand(document: Mapping[str, Any], table: Table) -> Understood:
    """Return what a document says, each field by its own."""
    found: Fields = {}
    read_keys, unread = set(), {}
    for name, (keys, read) in table.items():
        key = next((each for each in keys if each in document), None)
        if key is None:
            continue
        value = read(document[key])
        if value is not None:
            found[name] = value
            read_keys.add(key)
        elif document[key] not in _SILENT:
            unread[key] = True
    found |= _codes(document)
    if table is LIMITS:
        found["limits_read"] = True
    return Understood(found, tuple(key for key in unread if key not in read_keys))


def _codes(document: Mapping[str, Any]) -> Fields:
    """Return the codes of IEC 61851, which some firmware exchanges: told apart by their shape."""
    found: Fields = {}
    for key in ("vehicleStatus", "chargeControllerStatus"):
        text = document.get(key)
        if not isinstance(text, str):
            continue
        code = text.strip().upper()
        if _VEHICLE.fullmatch(code):
            found["vehicle_status"] = VehicleStatus(code)
        elif _CONTROLLER.fullmatch(code):
            controller = ControllerStatus.read(code)
            if controller is not None:
                found["controller_status"] = controller
    return found


_NAMES: Final = frozenset(field.name for field in fields(Reading))


def reading_of(documents: Sequence[Fields]) -> Reading:
    """Return one record of the fields of several documents; the later ones count."""
    merged: Fields = {}
    for document in documents:
        merged |= document
    assert merged.keys() <= _NAMES  # noqa: S101  # the tables name fields of Reading
    return Reading(**merged)
