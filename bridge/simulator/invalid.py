"""Frames that OCPP does not allow and real stations send: what quirks make of a sound payload.

The station itself stays sound: only what leaves it is spoiled.
"""

from collections.abc import Callable, Collection
from typing import Any, Final

from bridge.simulator.metering import ENERGY
from bridge.simulator.quirks import Quirk, in_local_time
from bridge.simulator.wire import JsonObject

_WORDS: Final = frozenset(
    {
        "chargingState",
        "connectorStatus",
        "context",
        "errorCode",
        "eventType",
        "location",
        "measurand",
        "reason",
        "status",
        "stoppedReason",
        "triggerReason",
    }
)
"""Properties whose values are words of an enumeration."""

_SERIAL_NUMBERS: Final = frozenset({"chargePointSerialNumber", "serialNumber"})
_LONG: Final = 40
"""Characters of a serial number; OCPP has 25 of them."""


def spoiled(payload: JsonObject, quirks: Collection[Quirk]) -> JsonObject:
    """Return a payload as a station with these quirks sends it."""
    for quirk, spoil in _SPOILERS.items():
        if quirk in quirks:
            payload = spoil(payload)
    return payload


def spoiled_text(text: str, quirks: Collection[Quirk]) -> str:
    """Return a frame as a station with these quirks writes it."""
    if Quirk.LEADING_COMMA in quirks:
        return text.replace('"sampledValue":[', '"sampledValue":[,')
    return text


# --- Every part of a payload ------------------------------------------------------------------


def _everywhere(change: Callable[[str, Any], Any]) -> Callable[[JsonObject], JsonObject]:
    """Return what changes each value that is no object and no list, by its name."""

    def changed(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: changed(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [changed(each, name) for each in value]
        return change(name, value)

    return changed


def _as_text(_name: str, value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def _in_lower_case(name: str, value: Any) -> Any:
    return value.lower() if name in _WORDS else value


def _too_long(name: str, value: Any) -> Any:
    return value.ljust(_LONG, "0") if name in _SERIAL_NUMBERS else value


# --- Meter values -----------------------------------------------------------------------------


def _of_meter_values(change: Callable[[JsonObject], JsonObject]) -> Callable[[Any], Any]:
    """Return what changes each meter value, wherever a payload has it."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(each) for each in value]
        if not isinstance(value, dict):
            return value
        found = {key: changed(each) for key, each in value.items()}
        return change(found) if "sampledValue" in found else found

    return changed


def _of_samples(change: Callable[[JsonObject], JsonObject]) -> Callable[[Any], Any]:
    """Return what changes each sampled value."""
    return _of_meter_values(
        lambda value: {**value, "sampledValue": [change(each) for each in value["sampledValue"]]}
    )


def _without_time(value: JsonObject) -> JsonObject:
    return {name: each for name, each in value.items() if name != "timestamp"}


def _without_words(sample: JsonObject) -> JsonObject:
    """Return a sample that leaves nothing out: what it has not, is an empty text."""
    said = {**sample, "measurand": ""} if sample.get("measurand") == ENERGY else sample
    return {"phase": "", "location": "", **said}


def _with_suffix(sample: JsonObject) -> JsonObject:
    """Return a sample whose measurand ends with its phase."""
    if "phase" not in sample or "measurand" not in sample:
        return sample
    said = {name: each for name, each in sample.items() if name != "phase"}
    return {**said, "measurand": f"{sample['measurand']}.{sample['phase']}"}


_SPOILERS: Final[dict[Quirk, Callable[[JsonObject], JsonObject]]] = {
    Quirk.PHASE_IN_MEASURAND: _of_samples(_with_suffix),
    Quirk.EMPTY_WORDS: _of_samples(_without_words),
    Quirk.NO_READING_TIMES: _of_meter_values(_without_time),
    Quirk.LOWER_CASE_WORDS: _everywhere(_in_lower_case),
    Quirk.NUMBERS_AS_TEXT: _everywhere(_as_text),
    Quirk.LONG_BOOT_FIELDS: _everywhere(_too_long),
    Quirk.LOCAL_TIMES: in_local_time,
}
"""What each does to a payload."""

INVALID: Final = frozenset({*_SPOILERS, Quirk.LEADING_COMMA})
"""Quirks after which what a station sends is no valid OCPP any more."""
