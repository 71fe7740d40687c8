"""MeterValueType of OCPP 2.x to readings in base units (mapping.md, 6)."""

from collections.abc import Mapping
from itertools import product
from typing import Any, Final

from bridge.domain.events import MeterValue, SampledValue
from bridge.ocpp.frames import ErrorCode
from bridge.ocpp.times import parse_timestamp
from bridge.ocpp.validation import PayloadError

_DEFAULT_MEASURAND: Final = "Energy.Active.Import.Register"

_UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "Wh": ("Wh", 1.0),
    "kWh": ("Wh", 1000.0),
    "varh": ("varh", 1.0),
    "kvarh": ("varh", 1000.0),
    "VAh": ("VAh", 1.0),
    "kVAh": ("VAh", 1000.0),
    "W": ("W", 1.0),
    "kW": ("W", 1000.0),
    "var": ("var", 1.0),
    "kvar": ("var", 1000.0),
    "VA": ("VA", 1.0),
    "kVA": ("VA", 1000.0),
    "A": ("A", 1.0),
    "V": ("V", 1.0),
    "Hz": ("Hz", 1.0),
    "mHz": ("Hz", 0.001),
    "%": ("%", 1.0),
    "Percent": ("%", 1.0),
}
"""Base unit and factor of the units of OCPP 2.x, appendix 2; others are kept as they are."""

_MEASURAND_UNITS: Final[Mapping[str, str]] = {
    "Current.Export": "A",
    "Current.Export.Minimum": "A",
    "Current.Export.Offered": "A",
    "Current.Import": "A",
    "Current.Import.Minimum": "A",
    "Current.Import.Offered": "A",
    "Current.Offered": "A",
    "Display.BatteryEnergyCapacity": "Wh",
    "Display.MaximumSOC": "%",
    "Display.MinimumSOC": "%",
    "Display.PresentSOC": "%",
    "Display.RemainingTimeToMaximumSOC": "s",
    "Display.RemainingTimeToMinimumSOC": "s",
    "Display.RemainingTimeToTargetSOC": "s",
    "Display.TargetSOC": "%",
    "Energy.Active.Export.Interval": "Wh",
    "Energy.Active.Export.Register": "Wh",
    "Energy.Active.Import.CableLoss": "Wh",
    "Energy.Active.Import.Interval": "Wh",
    "Energy.Active.Import.LocalGeneration.Register": "Wh",
    "Energy.Active.Import.Register": "Wh",
    "Energy.Active.Net": "Wh",
    "Energy.Active.Setpoint.Interval": "Wh",
    "Energy.Apparent.Export": "VAh",
    "Energy.Apparent.Import": "VAh",
    "Energy.Apparent.Net": "VAh",
    "Energy.Reactive.Export.Interval": "varh",
    "Energy.Reactive.Export.Register": "varh",
    "Energy.Reactive.Import.Interval": "varh",
    "Energy.Reactive.Import.Register": "varh",
    "Energy.Reactive.Net": "varh",
    "EnergyRequest.Bulk": "Wh",
    "EnergyRequest.Maximum": "Wh",
    "EnergyRequest.Maximum.V2X": "Wh",
    "EnergyRequest.Minimum": "Wh",
    "EnergyRequest.Minimum.V2X": "Wh",
    "EnergyRequest.Target": "Wh",
    "Frequency": "Hz",
    "Power.Active.Export": "W",
    "Power.Active.Import": "W",
    "Power.Active.Residual": "W",
    "Power.Active.Setpoint": "W",
    "Power.Export.Minimum": "W",
    "Power.Export.Offered": "W",
    "Power.Import.Minimum": "W",
    "Power.Import.Offered": "W",
    "Power.Offered": "W",
    "Power.Reactive.Export": "var",
    "Power.Reactive.Import": "var",
    "SoC": "%",
    "Voltage": "V",
    "Voltage.Maximum": "V",
    "Voltage.Minimum": "V",
}
"""Base unit of a measurand whose sample names none: those of OCPP 2.1, and with them of 2.0.1."""


def _scale(measurand: str, unit: str) -> tuple[str, float]:
    base, factor = _UNITS[unit]
    # There are stations that give power in "Wh" (charger-quirks 21).
    if measurand.startswith("Power.") and base in {"Wh", "varh"}:
        base = base.removesuffix("h")
    return base, factor


_SCALES: Final[Mapping[tuple[str, str | None], tuple[str, float]]] = {
    **{(m, u): _scale(m, u) for m, u in product(_MEASURAND_UNITS, _UNITS)},
    **{(m, None): (unit, 1.0) for m, unit in _MEASURAND_UNITS.items()},
}
"""Base unit and factor by measurand and unit as sent: one look-up per sample."""

_MAX_MULTIPLIER: Final = 24
"""Beyond yotta and yocto a multiplier is an attack or an error, and 10**n a heavy sum."""


_MAX_VALUE: Final = 1e24
"""No meter shows more, and sums and differences of such values stay finite."""


def read_meter_values(items: list[dict[str, Any]]) -> tuple[MeterValue, ...]:
    """Return the readings of a `meterValue` list."""
    return tuple([_meter_value(index, item) for index, item in enumerate(items)])


def _meter_value(index: int, item: dict[str, Any]) -> MeterValue:
    try:
        timestamp = parse_timestamp(item["timestamp"])
    except ValueError as error:
        raise _invalid(f"/meterValue/{index}/timestamp: {error}") from error
    try:
        samples = tuple([_sampled_value(sample) for sample in item["sampledValue"]])
    except ValueError as error:
        raise _invalid(f"/meterValue/{index}/sampledValue: {error}") from error
    return MeterValue(timestamp=timestamp, sampled_values=samples)


def _invalid(description: str) -> PayloadError:
    return PayloadError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, description)


def _sampled_value(sample: dict[str, Any]) -> SampledValue:
    get = sample.get
    measurand: str = get("measurand", _DEFAULT_MEASURAND)
    unit_of_measure = get("unitOfMeasure")
    sent_unit = None if unit_of_measure is None else unit_of_measure.get("unit")
    scale = _SCALES.get((measurand, sent_unit))
    unit, factor = scale or _unknown_scale(sent_unit)
    value = float(sample["value"])
    if unit_of_measure is not None and "multiplier" in unit_of_measure:
        factor *= _power_of_ten(unit_of_measure["multiplier"])
    if factor != 1.0:
        value = _scaled(value, factor)
    if not -_MAX_VALUE <= value <= _MAX_VALUE:
        raise ValueError("value out of range")
    return SampledValue(  # in this order: by keyword it takes twice as long
        measurand,
        value,
        unit,
        get("phase"),
        get("context", "Sample.Periodic"),
        get("location", "Outlet"),
        get("signedMeterValue"),
    )


def _unknown_scale(unit: str | None) -> tuple[str | None, float]:
    return (None, 1.0) if unit is None else _UNITS.get(unit, (unit, 1.0))


def _power_of_ten(multiplier: float) -> float:
    if abs(multiplier) > _MAX_MULTIPLIER:
        raise ValueError("multiplier out of range")
    return float(10.0 ** int(multiplier))


def _scaled(value: float, factor: float) -> float:
    # Nine decimals hide the rounding of the factor and keep every digit that a meter has.
    return round(value * factor, 9)
