"""Sampled values: what the meter of an EVSE says at one moment (OCPP 2.0.1 block J)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.simulator.wire import JsonObject, format_time


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
    phases: int
    """Phases in use: the first ones."""
    offered_a: float
    soc_percent: float | None
    """None: no car is plugged in."""


def meter_value(reading: Reading, measurands: Collection[str], context: str) -> list[JsonObject]:
    """Return the `meterValue` member of a request: one MeterValueType, or none if empty."""
    samples = [
        {**sample, "context": context}
        for measurand, samples_of in _SAMPLES.items()
        if measurand in measurands
        for sample in samples_of(reading)
    ]
    if not samples:
        return []
    return [{"timestamp": format_time(reading.at), "sampledValue": samples}]


def _energy(reading: Reading) -> list[JsonObject]:
    return [_sample("Energy.Active.Import.Register", round(reading.register_wh, 1), "Wh")]


def _power(reading: Reading) -> list[JsonObject]:
    return [_sample("Power.Active.Import", round(reading.power_w, 1), "W")]


def _current(reading: Reading) -> list[JsonObject]:
    currents = [
        reading.current_a if phase < reading.phases else 0.0
        for phase in range(len(reading.voltages_v))
    ]
    return [
        {**_sample("Current.Import", round(amps, 2), "A"), "phase": f"L{number}"}
        for number, amps in enumerate(currents, start=1)
    ]


def _voltage(reading: Reading) -> list[JsonObject]:
    return [
        {**_sample("Voltage", round(volts, 1), "V"), "phase": f"L{number}-N"}
        for number, volts in enumerate(reading.voltages_v, start=1)
    ]


def _soc(reading: Reading) -> list[JsonObject]:
    if reading.soc_percent is None:
        return []
    return [{**_sample("SoC", round(reading.soc_percent, 1), "Percent"), "location": "EV"}]


def _offered(reading: Reading) -> list[JsonObject]:
    return [_sample("Current.Offered", round(reading.offered_a, 1), "A")]


def _sample(measurand: str, value: float, unit: str) -> JsonObject:
    return {"value": value, "measurand": measurand, "unitOfMeasure": {"unit": unit}}


_SAMPLES: Final[dict[str, Callable[[Reading], list[JsonObject]]]] = {
    "Energy.Active.Import.Register": _energy,
    "Power.Active.Import": _power,
    "Current.Import": _current,
    "Voltage": _voltage,
    "SoC": _soc,
    "Current.Offered": _offered,
}
