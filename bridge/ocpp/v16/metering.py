"""MeterValue of OCPP 1.6 to readings in base units (mapping.md, 6).

Values are texts here, and much of what stations leave out has a default: Energy.Active.Import.
Register, Wh, Sample.Periodic, Outlet (OCPP 1.6, 7.43). A sample that holds no number (an empty
text, signed data) is no reading; the others of its frame still are. What was left out, converted
or dropped is remarked (`bridge.domain.annotations`).
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from bridge.domain.annotations import Remark, warning
from bridge.domain.events import MeterValue, SampledValue
from bridge.ocpp.frames import ErrorCode
from bridge.ocpp.times import parse_timestamp
from bridge.ocpp.validation import PayloadError

DEFAULT_MEASURAND: Final = "Energy.Active.Import.Register"
MAX_VALUE: Final = 1e24
"""No meter shows more, and sums and differences of such values stay finite."""

_UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "Wh": ("Wh", 1.0),
    "kWh": ("Wh", 1000.0),
    "varh": ("varh", 1.0),
    "kvarh": ("varh", 1000.0),
    "W": ("W", 1.0),
    "kW": ("W", 1000.0),
    "VA": ("VA", 1.0),
    "kVA": ("VA", 1000.0),
    "var": ("var", 1.0),
    "kvar": ("var", 1000.0),
    "A": ("A", 1.0),
    "V": ("V", 1.0),
    "Hertz": ("Hz", 1.0),  # the schema's own, which the text of the standard has not
    "Hz": ("Hz", 1.0),
    "Celcius": ("Celsius", 1.0),  # the schema's own spelling (OCPP 1.6 errata)
    "Celsius": ("Celsius", 1.0),
    "Fahrenheit": ("Fahrenheit", 1.0),
    "K": ("K", 1.0),
    "Percent": ("%", 1.0),
    "%": ("%", 1.0),
}

_DEFAULT_UNITS: Final[tuple[tuple[str, str], ...]] = (
    ("Energy.Active.", "Wh"),
    ("Energy.Reactive.", "varh"),
    ("Power.Active.", "W"),
    ("Power.Offered", "W"),
    ("Power.Reactive.", "var"),
    ("Current.", "A"),
    ("Voltage", "V"),
    ("Frequency", "Hz"),
    ("SoC", "%"),
    ("Temperature", "Celsius"),
)
"""Unit of a sample that names none, by the beginning of its measurand."""

_LINES: Final = frozenset({"L1", "L2", "L3"})
_TO_NEUTRAL: Final = {f"{line}-N": line for line in _LINES}

_MEASURAND: Final = warning(Remark.MEASURAND_MISSING, "sampledValue.measurand")
_CONTEXT: Final = warning(Remark.CONTEXT_MISSING, "sampledValue.context")
_NO_UNIT: Final = warning(Remark.UNIT_MISSING, "sampledValue.unit")
_SCALED: Final = warning(Remark.UNIT_SCALED, "sampledValue.unit")
_OF_ENERGY: Final = warning(Remark.UNIT_OF_ENERGY, "sampledValue.unit")
_NO_PHASE: Final = warning(Remark.PHASE_MISSING, "sampledValue.phase")
_NEUTRAL: Final = warning(Remark.PHASE_TO_NEUTRAL, "sampledValue.phase")
_SPELLED: Final = warning(Remark.NUMBER_SPELLING, "sampledValue.value")
_DROPPED: Final = warning(Remark.SAMPLE_DROPPED, "sampledValue.value")


def read_meter_values(items: list[dict[str, Any]], warnings: list[str]) -> tuple[MeterValue, ...]:
    """Return the readings of a `meterValue` or `transactionData` list.

    `warnings` gets what there is to remark.
    """
    return tuple([_meter_value(index, item, warnings) for index, item in enumerate(items)])


def _meter_value(index: int, item: dict[str, Any], warnings: list[str]) -> MeterValue:
    try:
        timestamp = parse_timestamp(item["timestamp"])
    except ValueError as error:
        raise PayloadError(
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"/meterValue/{index}/timestamp: {error}"
        ) from error
    read = [_sampled_value(sample, warnings) for sample in item["sampledValue"]]
    return MeterValue(timestamp=timestamp, sampled_values=tuple(s for s in read if s is not None))


def _sampled_value(sample: dict[str, Any], warnings: list[str]) -> SampledValue | None:
    get = sample.get
    value = _number(sample["value"], warnings)
    if value is None:
        warnings.append(_DROPPED)
        return None
    measurand, context = get("measurand"), get("context")
    if not measurand:
        measurand = DEFAULT_MEASURAND
        warnings.append(_MEASURAND)
    if not context:
        context = "Sample.Periodic"
        warnings.append(_CONTEXT)
    unit, factor, remarks = _scale(measurand, get("unit") or None)
    warnings += remarks
    return SampledValue(
        measurand,
        # nine decimals hide the rounding of the factor and keep every digit that a meter has
        round(value * factor, 9) if factor != 1.0 else value,
        unit,
        _phase(measurand, get("phase") or None, warnings),
        context,
        get("location") or "Outlet",
    )


def _number(text: str, warnings: list[str]) -> float | None:
    """Return the number of a text with spaces around it, too (charger-quirks 21)."""
    plain = text.strip().replace(",", ".")
    try:
        number = float(plain)
    except ValueError:
        return None
    if plain != text:
        warnings.append(_SPELLED)
    return number if math.isfinite(number) and abs(number) <= MAX_VALUE else None


@lru_cache(maxsize=1024)  # whatever stations write
def _scale(measurand: str, unit: str | None) -> tuple[str | None, float, tuple[str, ...]]:
    """Return the base unit, the factor and what there is to remark."""
    if unit is None:
        default = next((u for start, u in _DEFAULT_UNITS if measurand.startswith(start)), None)
        return default, 1.0, () if default is None else (_NO_UNIT,)
    base, factor = _UNITS.get(unit, (unit, 1.0))
    scaled = () if factor == 1.0 else (_SCALED,)
    # there are stations that give power in "Wh" (charger-quirks 21)
    if measurand.startswith("Power.") and base in {"Wh", "varh"}:
        return base.removesuffix("h"), factor, (*scaled, _OF_ENERGY)
    return base, factor, scaled


def _phase(measurand: str, phase: str | None, warnings: list[str]) -> str | None:
    """Return the phase of a sample; a current flows in a phase, not between it and N."""
    if phase in _LINES:
        return phase
    current = measurand in {"Current.Import", "Current.Export"}
    if phase is None and (current or measurand == "Voltage"):
        warnings.append(_NO_PHASE)
    elif phase in _TO_NEUTRAL and current:
        warnings.append(_NEUTRAL)
        return _TO_NEUTRAL[phase]
    return phase
