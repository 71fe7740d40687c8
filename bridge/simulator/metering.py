"""Sampled values: what the meter of an EVSE says at one moment (OCPP 2.0.1 block J).

In the words that the versions share; how a request holds them is the business of each.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bridge.simulator.quirks import Quirk

ENERGY: Final = "Energy.Active.Import.Register"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All quantities of one EVSE at one moment."""

    at: datetime
    register_wh: float
    power_w: float
    current_a: float
    """In each phase in use."""
    voltages_v: tuple[float, ...]
    """One per phase of the station."""
    lines: range
    """Numbers of the phases in use: 1 is L1."""
    offered_a: float
    soc_percent: float | None
    """None: no car is plugged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One quantity."""

    measurand: str | None
    """None: not said, which means Energy.Active.Import.Register."""
    value: float
    unit: str | None
    """None: not said, which means Wh."""
    phase: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValue:
    """Several quantities of one moment, and why they were taken (ReadingContextEnumType)."""

    at: datetime
    context: str | None
    """None: not said, which means Sample.Periodic."""
    samples: tuple[Sample, ...]


def measure(
    reading: Reading, measurands: Collection[str], context: str, quirks: Collection[Quirk] = ()
) -> tuple[MeterValue, ...]:
    """Return the wanted quantities: one meter value, or none where nothing is wanted."""
    samples = tuple(
        sample
        for measurand, samples_of in _SAMPLES.items()
        if measurand in measurands
        for sample in samples_of(reading)
    )
    value = MeterValue(at=reading.at, context=context, samples=samples)
    for quirk, shape in _SHAPES.items():
        if quirk in quirks:
            value = shape(value)
    return (value,) if value.samples else ()


def _bare(value: MeterValue) -> MeterValue:
    """Return the energy alone, without all that could be left out."""
    energy = (each for each in value.samples if each.measurand == ENERGY)
    bare = (replace(each, measurand=None, unit=None) for each in energy)
    return replace(value, context=None, samples=tuple(bare))


def _in_kilo(value: MeterValue) -> MeterValue:
    """Return energy and power in the larger unit."""
    return replace(
        value,
        samples=tuple(
            replace(each, value=round(each.value / 1000, 4), unit=f"k{each.unit}")
            if each.unit in {"Wh", "W"}
            else each
            for each in value.samples
        ),
    )


_SHAPES: Final[dict[Quirk, Callable[[MeterValue], MeterValue]]] = {
    Quirk.BARE_METER_VALUES: _bare,
    Quirk.KILO_UNITS: _in_kilo,
}
"""What a quirk makes of a meter value."""


def _energy(reading: Reading) -> list[Sample]:
    return [_sample(ENERGY, round(reading.register_wh, 1), "Wh")]


def _power(reading: Reading) -> list[Sample]:
    return [_sample("Power.Active.Import", round(reading.power_w, 1), "W")]


def _current(reading: Reading) -> list[Sample]:
    amps = round(reading.current_a, 2)
    return [
        _sample(
            "Current.Import", amps if number in reading.lines else 0.0, "A", phase=f"L{number}"
        )
        for number in range(1, len(reading.voltages_v) + 1)
    ]


def _voltage(reading: Reading) -> list[Sample]:
    return [
        _sample("Voltage", round(volts, 1), "V", phase=f"L{number}-N")
        for number, volts in enumerate(reading.voltages_v, start=1)
    ]


def _soc(reading: Reading) -> list[Sample]:
    if reading.soc_percent is None:
        return []
    return [_sample("SoC", round(reading.soc_percent, 1), "Percent", location="EV")]


def _offered(reading: Reading) -> list[Sample]:
    return [_sample("Current.Offered", round(reading.offered_a, 1), "A")]


def _sample(
    measurand: str,
    value: float,
    unit: str,
    *,
    phase: str | None = None,
    location: str | None = None,
) -> Sample:
    return Sample(measurand=measurand, value=value, unit=unit, phase=phase, location=location)


_SAMPLES: Final[dict[str, Callable[[Reading], list[Sample]]]] = {
    ENERGY: _energy,
    "Power.Active.Import": _power,
    "Current.Import": _current,
    "Voltage": _voltage,
    "SoC": _soc,
    "Current.Offered": _offered,
}
