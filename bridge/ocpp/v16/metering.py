"""MeterValue of OCPP 1.6 to readings in base units (mapping.md, 6).

Values are texts here, and much of what stations leave out has a default: Energy.Active.Import.
Register, Wh, Sample.Periodic, Outlet (OCPP 1.6, 7.43). A sample that holds no number (an empty
text, signed data) is no reading; the others of its frame still are.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

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

_PHASES: Final = frozenset({"L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N"})


def read_meter_values(items: list[dict[str, Any]]) -> tuple[MeterValue, ...]:
    """Return the readings of a `meterValue` or `transactionData` list."""
    return tuple([_meter_value(index, item) for index, item in enumerate(items)])


def _meter_value(index: int, item: dict[str, Any]) -> MeterValue:
    try:
        timestamp = parse_timestamp(item["timestamp"])
    except ValueError as error:
        raise PayloadError(
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"/meterValue/{index}/timestamp: {error}"
        ) from error
    read = [_sampled_value(sample) for sample in item["sampledValue"]]
    return MeterValue(timestamp=timestamp, sampled_values=tuple(s for s in read if s is not None))


def _sampled_value(sample: dict[str, Any]) -> SampledValue | None:
    get = sample.get
    value = _number(sample["value"])
    if value is None:
        return None
    measurand, suffix = _split(get("measurand") or DEFAULT_MEASURAND)
    unit, factor = _scale(measurand, get("unit"))
    return SampledValue(
        measurand,
        # nine decimals hide the rounding of the factor and keep every digit that a meter has
        round(value * factor, 9) if factor != 1.0 else value,
        unit,
        get("phase") or suffix,
        get("context") or "Sample.Periodic",
        get("location") or "Outlet",
    )


def _number(text: str) -> float | None:
    """Return the number of a text with spaces around it, too (charger-quirks 21)."""
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) <= MAX_VALUE else None


def _split(measurand: str) -> tuple[str, str | None]:
    """Return measurand and phase of `Current.Import.L1` as some stations write it (quirk 21)."""
    name, _, last = measurand.rpartition(".")
    return (name, last) if last in _PHASES and name else (measurand, None)


def _scale(measurand: str, unit: str | None) -> tuple[str | None, float]:
    if not unit:
        default = next((u for start, u in _DEFAULT_UNITS if measurand.startswith(start)), None)
        return default, 1.0
    base, factor = _UNITS.get(unit, (unit, 1.0))
    # there are stations that give power in "Wh" (charger-quirks 21)
    if measurand.startswith("Power.") and base in {"Wh", "varh"}:
        base = base.removesuffix("h")
    return base, factor
