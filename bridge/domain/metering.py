"""Sampled values to what an EVSE measures now and how much a transaction has taken.

Values arrive normalised to base units (W, Wh, A, V, Hz, %). Only those measured at the outlet
(or the cable) count, except the state of charge, which only the EV knows (mapping.md, 6).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bridge.domain.events import MeterValue, SampledValue
from bridge.domain.model import Meter

Phases = tuple[float | None, float | None, float | None]

ENERGY: Final = "Energy.Active.Import.Register"
PHASE_IN_USE_A: Final = 1.0
"""A phase that carries at least this current is in use (the threshold that evcc uses too)."""

_NOT_AT_THE_OUTLET: Final = frozenset({"Inlet", "Body", "Upstream", "EV"})
_PHASE_INDEX: Final = {"L1": 0, "L2": 1, "L3": 2, "L1-N": 0, "L2-N": 1, "L3-N": 2}
_SCALARS: Final = {
    "Power.Active.Import": "power_w",
    "Frequency": "frequency_hz",
    "SoC": "soc_percent",
    "Current.Offered": "offered_a",
    "Power.Offered": "power_offered_w",
}
_PER_PHASE: Final = {"Current.Import": "current_a", "Voltage": "voltage_v"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One reading of the energy register, in Wh."""

    at: datetime
    energy_wh: float
    context: str


def registers(meter_values: Iterable[MeterValue]) -> list[Register]:
    """Return the readings of the imported-energy register, one per moment and context.

    Where a station gives only L1 to L3, their sum is the reading.
    """
    found: list[Register] = []
    for meter_value in meter_values:
        totals: dict[str, float] = {}
        sums: dict[str, float] = {}
        for sample in meter_value.sampled_values:
            if sample.measurand != ENERGY or sample.location in _NOT_AT_THE_OUTLET:
                continue
            if sample.phase is None:
                totals[sample.context] = sample.value
            elif sample.phase in _PHASE_INDEX:
                sums[sample.context] = sums.get(sample.context, 0.0) + sample.value
        found += [
            Register(at=meter_value.timestamp, energy_wh=wh, context=context)
            for context, wh in (sums | totals).items()
        ]
    return found


def latest(meter: Meter | None, meter_values: Iterable[MeterValue]) -> Meter | None:
    """Return the readings after these; those older than what is known change nothing."""
    for meter_value in meter_values:
        if meter is None or meter_value.timestamp >= meter.at:
            meter = _merge(meter, meter_value)
    return meter


def _merge(meter: Meter | None, meter_value: MeterValue) -> Meter:
    changes: dict[str, object] = {"at": meter_value.timestamp}
    summed: dict[str, float] = {}
    phases: dict[str, list[float | None]] = {}
    for sample in meter_value.sampled_values:
        _sort_in(sample, changes, summed, phases)
    for name, total in summed.items():
        changes.setdefault(name, round(total, 3))
    for name, values in phases.items():
        known: Phases = getattr(meter, name) if meter else (None, None, None)
        changes[name] = tuple(
            new if new is not None else old for new, old in zip(values, known, strict=True)
        )
    if meter is None:
        return Meter(**changes)  # type: ignore[arg-type]  # names and types from the tables above
    return replace(meter, **changes)  # type: ignore[arg-type]  # as above


def _sort_in(
    sample: SampledValue,
    changes: dict[str, object],
    summed: dict[str, float],
    phases: dict[str, list[float | None]],
) -> None:
    if sample.location in _NOT_AT_THE_OUTLET and sample.measurand != "SoC":
        return
    scalar = "energy_wh" if sample.measurand == ENERGY else _SCALARS.get(sample.measurand)
    index = _PHASE_INDEX.get(sample.phase) if sample.phase else None
    if scalar is not None:
        if sample.phase is None:
            changes[scalar] = sample.value
        elif index is not None:
            summed[scalar] = summed.get(scalar, 0.0) + sample.value
        return
    per_phase = _PER_PHASE.get(sample.measurand)
    if per_phase is not None and (index is not None or sample.phase is None):
        # a station that names no phase has one, or reports the same on all: it is L1's
        phases.setdefault(per_phase, [None, None, None])[index or 0] = sample.value


def phases_in_use(currents: Phases) -> tuple[bool, bool, bool] | None:
    """Return which phases carry current, None where no current was ever measured."""
    if currents == (None, None, None):
        return None
    first, second, third = ((amps or 0.0) >= PHASE_IN_USE_A for amps in currents)
    return first, second, third
