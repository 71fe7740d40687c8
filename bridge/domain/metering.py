"""Sampled values to what an EVSE measures now and how much a transaction has taken.

Values arrive normalised to base units (W, Wh, A, V, Hz, %). Only those measured at the outlet
(or the cable) count, except the state of charge, which only the EV knows (mapping.md, 6).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from bridge.domain.events import MeterValue
from bridge.domain.model import Meter
from bridge.domain.records import replace

Phases = tuple[float | None, float | None, float | None]

ENERGY: Final = "Energy.Active.Import.Register"
PHASE_IN_USE_A: Final = 1.0
"""A phase that carries at least this current is in use (the threshold that evcc uses too)."""

_NOT_AT_THE_OUTLET: Final = frozenset({"Inlet", "Body", "Upstream", "EV"})
_PHASE_INDEX: Final = {"L1": 0, "L2": 1, "L3": 2, "L1-N": 0, "L2-N": 1, "L3-N": 2}
_TOTALS: Final = {
    ENERGY: "energy_wh",
    "Power.Active.Import": "power_w",
    "Frequency": "frequency_hz",
    "SoC": "soc_percent",
    "Current.Offered": "offered_a",
    "Power.Offered": "power_offered_w",
}
_SAME_ON_ALL: Final = frozenset({"frequency_hz", "soc_percent", "offered_a"})
"""Totals that are no sum where a station reports them per phase."""
_PER_PHASE: Final = {"Current.Import": "current_a", "Voltage": "voltage_v"}
_PHASE_FIELDS: Final = frozenset(_PER_PHASE.values())


def _places() -> dict[tuple[str, str | None], tuple[str, int | None]]:
    """Return where a sample goes, by measurand and phase: a field of Meter, the phase's index."""
    found: dict[tuple[str, str | None], tuple[str, int | None]] = {
        (measurand, phase): (field, index)
        for measurand, field in (_TOTALS | _PER_PHASE).items()
        for phase, index in _PHASE_INDEX.items()
    }
    found |= {(measurand, None): (field, None) for measurand, field in _TOTALS.items()}
    return found | {(measurand, None): (field, None) for measurand, field in _PER_PHASE.items()}


_PLACES: Final = _places()
_SOC: Final = ("soc_percent", None)
"""Only the EV knows its state of charge: read wherever it is measured."""


class Register(Struct, frozen=True, kw_only=True):
    """One reading of the imported-energy register, in Wh."""

    at: datetime
    energy_wh: float
    context: str


class Readings(Struct, frozen=True, kw_only=True):
    """What the sampled values of one message say."""

    meters: tuple[Meter, ...] = ()
    """One per moment, in the order of the message."""
    registers: tuple[Register, ...] = ()
    """One per moment and context, in the order of the message."""
    meter: Meter | None = None
    """The moments merged into one; None where nothing was read."""


def read(meter_values: Sequence[MeterValue]) -> Readings:
    """Return what sampled values say. Where only L1 to L3 are given, their sum is the total."""
    if not meter_values:
        return _NOTHING
    registers: list[Register] = []
    meters = tuple([_read_moment(each, registers) for each in meter_values])
    return Readings(meters=meters, registers=tuple(registers), meter=latest(None, meters))


_NOTHING: Final = Readings()


def _read_moment(meter_value: MeterValue, registers: list[Register]) -> Meter:
    at = meter_value.timestamp
    fields: dict[str, Any] = {}
    by_context: dict[str, Any] = {}
    phases: dict[str, list[float | None]] = {}
    phases_by_context: dict[str, list[float | None]] = {}
    for measurand, value, _, phase, context, location, _ in meter_value.sampled_values:
        place = _PLACES.get((measurand, phase))
        if place is None or (location in _NOT_AT_THE_OUTLET and place != _SOC):
            continue
        field, index = place
        totals, parts = fields, phases
        if field == "energy_wh":
            field, totals, parts = context, by_context, phases_by_context
        if index is None:
            totals[field] = value
        else:
            if field not in parts:
                parts[field] = [None, None, None]
            parts[field][index] = value
    for field in _PHASE_FIELDS:
        # a station that names no phase has one, or reports the same on all: it is L1's
        alone = fields.pop(field, None)
        each = phases.pop(field, None)
        if each or alone is not None:
            fields[field] = tuple(each or (alone, None, None))
    if "current_a" in fields:
        fields["current_at"] = at
    for context, energy_wh in _with_sums(by_context, phases_by_context).items():
        fields["energy_wh"] = energy_wh
        registers.append(Register(at=at, energy_wh=energy_wh, context=context))
    return Meter(at=at, **_with_sums(fields, phases))


def _with_sums(totals: dict[str, Any], parts: dict[str, list[float | None]]) -> dict[str, Any]:
    """Return totals, and what the phases come to where there is no total."""
    for name, values in parts.items():
        known = [each for each in values if each is not None]
        totals.setdefault(name, max(known) if name in _SAME_ON_ALL else round(sum(known), 3))
    return totals


def lifted(readings: Readings, start_wh: float, last_wh: float) -> Readings:
    """Return readings of a register that counts from 0 in each transaction as the meter's own.

    Both kinds come from the same station (charger-quirks 22): the register that the transaction
    began with, and that of its end, are the meter's. What is below the last reading, and would
    not be if it counted from the beginning, does so; only a meter that is nearly new may have
    a session's energy taken for its own.
    """
    meters, registers = [], []
    held_wh = last_wh
    for register in readings.registers:
        wh = _lifted(register.energy_wh, start_wh, held_wh)
        held_wh = max(held_wh, wh)
        registers.append(replace(register, energy_wh=wh))
    held_wh = last_wh
    for meter in readings.meters:
        if meter.energy_wh is not None:
            wh = _lifted(meter.energy_wh, start_wh, held_wh)
            held_wh = max(held_wh, wh)
            meter = replace(meter, energy_wh=wh)  # noqa: PLW2901  # the same moment, put right
        meters.append(meter)
    return Readings(meters=tuple(meters), registers=tuple(registers), meter=latest(None, meters))


def _lifted(wh: float, start_wh: float, last_wh: float) -> float:
    return round(wh + start_wh, 3) if wh < last_wh <= wh + start_wh else wh


def latest(
    meter: Meter | None, newer: Iterable[Meter], warnings: tuple[str, ...] = ()
) -> Meter | None:
    """Return the readings after these; those older than what is known change nothing.

    `warnings` are those of the message that they came in.
    """
    held = meter
    for moment in newer:
        if meter is None:
            meter = moment
        elif moment.at >= meter.at:
            meter = _merge(meter, moment)
    if warnings and meter is not None and meter is not held:
        return replace(meter, warnings=warnings)
    return meter


def _merge(held: Meter, new: Meter) -> Meter:
    """Return the new readings, and the held ones of what was not read again."""
    missing: dict[str, Any] = {
        name: known
        for name, known, said in zip(_SCALARS, _scalars(held), _scalars(new), strict=True)
        if said is None and known is not None
    }
    for name in _PHASE_FIELDS:
        said, known = getattr(new, name), getattr(held, name)
        if None in said and said != known:
            missing[name] = tuple(b if a is None else a for a, b in zip(said, known, strict=True))
    return replace(new, **missing) if missing else new


_SCALARS: Final = (*_TOTALS.values(), "current_at")
_scalars: Final = attrgetter(*_SCALARS)


def phases_in_use(currents: Phases) -> tuple[bool, bool, bool] | None:
    """Return which phases carry current, None where no current was ever measured."""
    if currents == (None, None, None):
        return None
    first, second, third = [amps is not None and amps >= PHASE_IN_USE_A for amps in currents]
    return first, second, third


def at_rest(meter: Meter | None, at: datetime) -> Meter | None:
    """Return the readings when a transaction has ended: no power flows any more.

    Most stations say nothing of it until the next clock-aligned reading, if they send one.
    """
    if meter is None:
        return None
    first, second, third = (None if amps is None else 0.0 for amps in meter.current_a)
    return replace(
        meter,
        at=max(at, meter.at),
        current_at=None if meter.current_at is None else max(at, meter.at),
        power_w=None if meter.power_w is None else 0.0,
        current_a=(first, second, third),
    )
