"""Payloads that break their schema and can still mean only one thing (charger-quirks).

Theory of operation. A payload that its schema finds valid never comes here. For another one the
schema tells its faults: at which place, and which keyword was broken. A keyword has a mender here,
which changes a copy of the payload or leaves it alone; what it changed it remarks. The result is
validated once more: what is then still wrong is tolerated and remarked (`remarks_on`), or refused
as before, with the CALLERROR that names the field.

Nothing is mended into a meaning that the station may not have had. A text becomes a number where
it is the number; an optional property that says nothing is left out; a time that is missing is
the time of the message, or of its arrival. But no unit is guessed that was sent, no transaction,
no connector, no token.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from bridge.domain.annotations import Remark, warning
from bridge.domain.units import rfc3339
from bridge.ocpp.times import has_zone, parse_timestamp
from bridge.ocpp.validation import Fault, Path

MAX_FAULTS: Final = 2048
"""A payload with more of them is left as it is: it is not worth our time, which is others' too."""

Json = dict[str, Any]
Now = Callable[[], datetime]

_PHASES: Final = frozenset({"L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N"})

_DEFAULTS: Final[Mapping[tuple[str, str], str]] = {
    ("BootNotification", "chargePointModel"): "",
    ("BootNotification", "chargePointVendor"): "",
    ("BootNotificationRequest", "model"): "",
    ("BootNotificationRequest", "reason"): "Unknown",
    ("BootNotificationRequest", "vendorName"): "",
    ("StatusNotification", "errorCode"): "NoError",
}
"""What a required property means that is missing, null or empty, by schema and name."""

_TIMES: Final = frozenset({"generatedAt", "timestamp"})
"""Required properties that tell when the message, or a part of it, was made."""

_ROUNDABLE: Final = frozenset({"cableMaxCurrent", "meterStart", "meterStop", "timeSpentCharging"})
"""Whole numbers of Wh, A and s, which are measured: what they have behind the point is no secret
second meaning."""

_LIMITS: Final = frozenset({"chargingProfile", "chargingSchedule", "chargingSchedulePeriod"})
"""In these a limit or an end that says nothing is not taken for none: that would be no limit."""

_NUMBER: Final = re.compile(r"[+-]?\d{1,30}(?:[.,]\d{1,30})?(?:[eE][+-]?\d{1,2})?")
_QUOTES: Final = "'\"`"
_SEPARATORS: Final = str.maketrans("", "", " _-")


class _Dropped:
    """Stands for an item of a list until all faults are seen: it must not shift the others."""


_DROPPED: Final = _Dropped()


@dataclass(slots=True, kw_only=True)
class _Work:
    """A payload while it is being mended."""

    name: str
    """Of the schema."""
    schema: Json
    payload: Json
    now: Now | None
    warnings: dict[str, None] = field(default_factory=dict)
    """Keys only: each is said once, in the order of the payload."""

    def remark(self, remark: Remark, path: Path) -> None:
        self.warnings[warning(remark, label(path))] = None


@dataclass(slots=True, kw_only=True)
class _Place:
    """A property or an item that is wrong or missing."""

    work: _Work
    path: Path
    holder: Any
    """The object or list that it is in."""
    key: str | int
    schema: Json
    required: bool

    def swap(self, value: Any) -> None:
        self.holder[self.key] = value

    def put(self, value: Any, remark: Remark) -> None:
        self.swap(value)
        self.work.remark(remark, self.path)


def repaired(
    name: str, schema: Json, payload: Json, faults: Sequence[Fault], now: Now | None
) -> tuple[Json, tuple[str, ...]]:
    """Return a payload with what could be mended of its faults, and the warnings of that.

    `now` tells the time of arrival; without it, no missing time is filled in. Never raises.
    """
    if len(faults) > MAX_FAULTS:
        return payload, ()
    work = _Work(name=name, schema=schema, payload=deepcopy(payload), now=now)
    for fault in faults:
        mender = _MENDERS.get(fault.keyword)
        place = _place(work, (*fault.path, fault.missing) if fault.missing else fault.path)
        if mender is not None and place is not None:
            mender(place)
    return _without_dropped(work.payload), tuple(work.warnings)


def remarks_on(faults: Sequence[Fault]) -> tuple[str, ...]:
    """Return the warnings of faults that are tolerated: the station's word was kept."""
    kept = (warning(_KEPT[f.keyword], label(f.path)) for f in faults if f.keyword in _KEPT)
    return tuple(dict.fromkeys(kept))


def label(path: Path) -> str:
    """Return how a warning names a place: the property, and the one that holds it."""
    return ".".join([step for step in path if isinstance(step, str)][-2:])


# --- Places ---------------------------------------------------------------------------------


def _place(work: _Work, path: Path) -> _Place | None:
    """Return the place of a path; None for the payload itself, and for what is not there any more."""
    if not path:
        return None
    *parents, key = path
    holder: Any = work.payload
    schema = work.schema
    for step in parents:
        holder, schema = _inner(holder, step), _schema_of(work, schema, step)
    if not isinstance(holder, dict | list):
        return None
    return _Place(
        work=work,
        path=path,
        holder=holder,
        key=key,
        schema=_schema_of(work, schema, key),
        required=key in schema.get("required", ()),
    )


def _inner(holder: Any, step: str | int) -> Any:
    if isinstance(holder, dict):
        return holder.get(step)
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        return holder[step]
    return None


def _schema_of(work: _Work, schema: Json, step: str | int) -> Json:
    """Return the schema of a part; an empty one where the schema says nothing of it."""
    inner: Json = (
        schema.get("items", {})
        if isinstance(step, int)
        else schema.get("properties", {}).get(step, {})
    )
    reference = inner.get("$ref")
    if reference is None:
        return inner
    referred: Json = work.schema["definitions"][reference.rpartition("/")[2]]
    return referred


def _without_dropped(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _without_dropped(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_without_dropped(item) for item in part if item is not _DROPPED]
    return part


# --- What says nothing ------------------------------------------------------------------------


def _fill_in(place: _Place) -> None:
    """Mend what is missing, or as good as missing, and required."""
    work, name = place.work, str(place.key)
    default = _DEFAULTS.get((work.name, name))
    if default is not None:
        place.put(default, Remark.DEFAULT_ASSUMED)
    elif name in _TIMES and place.schema.get("format") == "date-time":
        at = _time_of(place)
        if at is not None:
            place.put(at, Remark.TIMESTAMP_MISSING)
    elif name == "value" and "sampledValue" in place.path:
        _drop_sample(place)


def _time_of(place: _Place) -> str | None:
    """Return the time of the message that a part without one is in, else that of its arrival."""
    told = place.work.payload.get("timestamp")
    if len(place.path) > 1 and isinstance(told, str) and _is_time(told):
        return _written(told)
    return None if place.work.now is None else rfc3339(place.work.now())


def _drop_sample(place: _Place) -> None:
    """Leave a sample out that has no number; the others of its message have theirs."""
    sample = _place(place.work, place.path[:-1])
    assert sample is not None  # noqa: S101  # its value is in it
    sample.swap(_DROPPED)
    place.work.remark(Remark.SAMPLE_DROPPED, place.path)


def _leave_out(place: _Place, remark: Remark) -> None:
    """Mend what is there and says nothing."""
    if place.required:
        _fill_in(place)
    elif isinstance(place.holder, list):
        # an item of other lists may be meant to be something: a profile, a schedule
        if label(place.path).endswith(("meterValue", "sampledValue")):
            place.put(_DROPPED, remark)
    elif _LIMITS.isdisjoint(place.path[:-1]):
        place.holder.pop(place.key, None)
        place.work.remark(remark, place.path)


def _is_empty(value: Any) -> bool:
    return isinstance(value, str) and not value.strip(f" \t{_QUOTES}")


# --- Wrong types ------------------------------------------------------------------------------


def _number_of_text(value: Any, place: _Place) -> Any:
    text = value.strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text.replace(",", "."))
    if place.schema["type"] == "number":
        return number
    whole = int(text) if text.lstrip("+-").isdigit() else int(number)
    return whole if whole == number or place.key in _ROUNDABLE else None


def _text_of_number(value: Any, place: _Place) -> Any:
    # neither a word of an enumeration nor a time is written as a number
    free = "enum" not in place.schema and "format" not in place.schema
    return orjson.dumps(value).decode() if free and abs(value) < 2**63 else None


def _boolean_of(value: Any, _place: _Place) -> Any:
    return _BOOLEANS.get(str(value).strip().casefold())


def _rounded(value: Any, place: _Place) -> Any:
    return round(value) if place.key in _ROUNDABLE else None


def _list_of(value: Any, _place: _Place) -> Any:
    return [value]


_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}

_CONVERSIONS: Final[Mapping[tuple[str, type], tuple[Remark, Callable[[Any, _Place], Any]]]] = {
    ("integer", str): (Remark.NUMBER_AS_TEXT, _number_of_text),
    ("number", str): (Remark.NUMBER_AS_TEXT, _number_of_text),
    ("integer", float): (Remark.NUMBER_ROUNDED, _rounded),
    ("string", int): (Remark.TEXT_AS_NUMBER, _text_of_number),
    ("string", float): (Remark.TEXT_AS_NUMBER, _text_of_number),
    ("boolean", str): (Remark.BOOLEAN_AS_TEXT, _boolean_of),
    ("boolean", int): (Remark.BOOLEAN_AS_TEXT, _boolean_of),
    ("array", dict): (Remark.SINGLE_FOR_LIST, _list_of),
}
"""By the type that OCPP wants and the one that was sent."""


def _mend_type(place: _Place) -> None:
    value = _inner(place.holder, place.key)
    if value is None:
        _leave_out(place, Remark.NULL_DROPPED)
        return
    remark, convert = _CONVERSIONS.get(
        (place.schema.get("type", ""), type(value)), (None, _list_of)
    )
    mended = None if remark is None else convert(value, place)
    if remark is not None and mended is not None:
        place.put(mended, remark)
    elif _is_empty(value) or (place.key == "value" and "sampledValue" in place.path):
        _leave_out(place, Remark.EMPTY_DROPPED)


# --- Wrong words ------------------------------------------------------------------------------


def _mend_enum(place: _Place) -> None:
    value = _inner(place.holder, place.key)
    if not isinstance(value, str):
        return  # it is not there any more, or of a wrong type: that is another fault
    if _is_empty(value):
        _leave_out(place, Remark.EMPTY_DROPPED)
        return
    words = {folded(word): word for word in place.schema.get("enum", ())}
    meant = words.get(folded(value))
    if meant is not None:
        place.put(meant, Remark.VALUE_SPELLING)
    elif place.key == "measurand":
        _split_measurand(place, value, words)


def folded(text: str) -> str:
    """Return a word without what stations spell differently (mapping.md, 5: per enumeration)."""
    return text.strip(f" \t{_QUOTES}").casefold().translate(_SEPARATORS)


def _split_measurand(place: _Place, value: str, words: Mapping[str, str]) -> None:
    """Read `Current.Import.L1` as measurand and phase (charger-quirks 21)."""
    name, _, phase = value.strip(f" \t{_QUOTES}").rpartition(".")
    measurand = words.get(folded(name))
    if measurand is not None and phase.upper() in _PHASES:
        place.put(measurand, Remark.PHASE_IN_MEASURAND)
        if not place.holder.get("phase"):
            place.holder["phase"] = phase.upper()


# --- Wrong times ------------------------------------------------------------------------------


def _mend_format(place: _Place) -> None:
    value = _inner(place.holder, place.key)
    if _is_empty(value):
        _leave_out(place, Remark.EMPTY_DROPPED)
    elif _is_time(value):
        remark = Remark.TIME_FORMAT if has_zone(value) else Remark.TIME_ZONE_MISSING
        place.put(_written(value), remark)
    elif place.key in _TIMES and not place.required:  # others may be the end of something
        _leave_out(place, Remark.TIME_UNREADABLE)


def _written(text: str) -> str:
    """Return a time as RFC 3339 has it."""
    return parse_timestamp(text).isoformat().replace("+00:00", "Z")


def _is_time(text: str) -> bool:
    try:
        parse_timestamp(text)
    except ValueError:
        return False
    return True


# --- Tables -----------------------------------------------------------------------------------

_MENDERS: Final[Mapping[str, Callable[[_Place], None]]] = {
    "enum": _mend_enum,
    "format": _mend_format,
    "required": _fill_in,
    "type": _mend_type,
}
"""By the keyword of JSON Schema that was broken."""

_KEPT: Final[Mapping[str, Remark]] = {
    "additionalProperties": Remark.PROPERTY_UNKNOWN,
    "enum": Remark.VALUE_UNKNOWN,
    "format": Remark.TIME_UNREADABLE,
    "maxItems": Remark.LIST_SIZE,
    "maxLength": Remark.TOO_LONG,
    "maximum": Remark.OUT_OF_RANGE,
    "minItems": Remark.LIST_SIZE,
    "minLength": Remark.TOO_SHORT,
    "minimum": Remark.OUT_OF_RANGE,
    "multipleOf": Remark.OUT_OF_RANGE,
}
"""What is remarked on a fault that stays, by the keyword."""
