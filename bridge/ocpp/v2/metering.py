"""MeterValueType of OCPP 2.x to readings in base units (mapping.md, 6).

What a station left out has a default, and what it gave in another unit is converted: both are
remarked (`bridge.domain.annotations`), though OCPP allows both.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any, Final, NamedTuple

from bridge.domain.annotations import Remark, warning
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


_LINES: Final = frozenset({"L1", "L2", "L3"})
_TO_NEUTRAL: Final = {f"{line}-N": line for line in _LINES}
_OF_CURRENTS: Final = _LINES
_OF_VOLTAGES: Final = _LINES | _TO_NEUTRAL.keys() | {"L1-L2", "L2-L3", "L3-L1"}
_PHASES: Final[Mapping[str, frozenset[str]]] = {
    "Current.Export": _OF_CURRENTS,
    "Current.Import": _OF_CURRENTS,
    "Voltage": _OF_VOLTAGES,
}
"""What a phase should be that is told with these; others are told of the whole as well."""

_MEASURAND: Final = warning(Remark.MEASURAND_MISSING, "sampledValue.measurand")
_CONTEXT: Final = warning(Remark.CONTEXT_MISSING, "sampledValue.context")
_NO_UNIT: Final = warning(Remark.UNIT_MISSING, "sampledValue.unitOfMeasure")
_NO_PHASE: Final = warning(Remark.PHASE_MISSING, "sampledValue.phase")
_NEUTRAL: Final = warning(Remark.PHASE_TO_NEUTRAL, "sampledValue.phase")
_UNIT: Final = "unitOfMeasure.unit"


class _Scale(NamedTuple):
    """How the samples of a measurand in a unit are read."""

    unit: str | None
    """The base unit."""
    factor: float = 1.0
    warnings: tuple[str, ...] = ()
    phases: frozenset[str] | None = None


def _scale(measurand: str, unit: str) -> _Scale:
    base, factor = _UNITS[unit]
    warnings = [warning(Remark.UNIT_SCALED, _UNIT)] if factor != 1.0 else []
    # There are stations that give power in "Wh" (charger-quirks 21).
    if measurand.startswith("Power.") and base in {"Wh", "varh"}:
        base = base.removesuffix("h")
        warnings.append(warning(Remark.UNIT_OF_ENERGY, _UNIT))
    return _Scale(base, factor, tuple(warnings), _PHASES.get(measurand))


SCALES: Final[Mapping[tuple[str, str | None], _Scale]] = {
    **{(m, u): _scale(m, u) for m, u in product(_MEASURAND_UNITS, _UNITS)},
    **{
        (m, None): _Scale(u, 1.0, (_NO_UNIT,), _PHASES.get(m)) for m, u in _MEASURAND_UNITS.items()
    },
}
"""By measurand and unit as sent: one look-up per sample."""

_SPELLINGS: Final = {unit.casefold(): unit for unit in _UNITS if unit != "mHz"}
"""Units in any spelling, except the one that would be another one (MHz)."""

_MAX_MULTIPLIER: Final = 24
"""Beyond yotta and yocto a multiplier is an attack or an error, and 10**n a heavy sum."""


MAX_VALUE: Final = 1e24
"""No meter shows more, and sums and differences of such values stay finite."""


def read_meter_values(items: list[dict[str, Any]], warnings: list[str]) -> tuple[MeterValue, ...]:
    """Return the readings of a `meterValue` list; `warnings` gets what there is to remark."""
    return tuple([_meter_value(index, item, warnings) for index, item in enumerate(items)])


def _meter_value(index: int, item: dict[str, Any], warnings: list[str]) -> MeterValue:
    try:
        timestamp = parse_timestamp(item["timestamp"])
    except ValueError as error:
        raise _invalid(f"/meterValue/{index}/timestamp: {error}") from error
    try:
        samples = tuple([_sampled_value(sample, warnings) for sample in item["sampledValue"]])
    except ValueError as error:
        raise _invalid(f"/meterValue/{index}/sampledValue: {error}") from error
    return MeterValue(timestamp=timestamp, sampled_values=samples)


def _invalid(description: str) -> PayloadError:
    return PayloadError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, description)


def _sampled_value(sample: dict[str, Any], warnings: list[str]) -> SampledValue:
    get = sample.get
    measurand = get("measurand")
    if measurand is None:
        measurand = _DEFAULT_MEASURAND
        warnings.append(_MEASURAND)
    context = get("context")
    if context is None:
        context = "Sample.Periodic"
        warnings.append(_CONTEXT)
    unit_of_measure = get("unitOfMeasure")
    sent_unit = None if unit_of_measure is None else unit_of_measure.get("unit")
    unit, factor, remarks, phases = SCALES.get((measurand, sent_unit)) or _other_scale(
        measurand, sent_unit
    )
    if remarks:
        warnings += remarks
    phase = get("phase")
    if phases is not None and phase not in phases:
        phase = _other_phase(phase, phases, warnings)
    value = float(sample["value"])
    if unit_of_measure is not None and "multiplier" in unit_of_measure:
        factor *= _power_of_ten(unit_of_measure["multiplier"])
    if factor != 1.0:
        value = _scaled(value, factor)
    if not -MAX_VALUE <= value <= MAX_VALUE:
        raise ValueError("value out of range")
    return SampledValue(  # in this order: by keyword it takes twice as long
        measurand,
        value,
        unit,
        phase,
        context,
        get("location", "Outlet"),
        get("signedMeterValue"),
    )


def _other_scale(measurand: str, sent_unit: str | None) -> _Scale:
    """Return how a measurand or a unit is read that OCPP does not have."""
    if not sent_unit:
        return SCALES.get((measurand, None), _Scale(None))
    known = sent_unit if sent_unit in _UNITS else _SPELLINGS.get(sent_unit.strip().casefold())
    if known is None:
        return _Scale(sent_unit, phases=_PHASES.get(measurand))
    scale = _scale(measurand, known)
    if known == sent_unit:
        return scale
    return scale._replace(warnings=(warning(Remark.UNIT_SPELLING, _UNIT), *scale.warnings))


def _other_phase(phase: str | None, phases: frozenset[str], warnings: list[str]) -> str | None:
    if phase is None:
        warnings.append(_NO_PHASE)
    elif phase in _TO_NEUTRAL and phases is _OF_CURRENTS:  # charger-quirks 21
        warnings.append(_NEUTRAL)
        return _TO_NEUTRAL[phase]
    return phase


def _power_of_ten(multiplier: float) -> float:
    if abs(multiplier) > _MAX_MULTIPLIER:
        raise ValueError("multiplier out of range")
    return float(10.0 ** int(multiplier))


def _scaled(value: float, factor: float) -> float:
    # Nine decimals hide the rounding of the factor and keep every digit that a meter has.
    return round(value * factor, 9)
