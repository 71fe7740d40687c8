"""The physics: mains voltage, a car with a battery, the circuit and meter between them.

Deliberately simple, and exact where a reader of meter values would notice: the register never
falls, power is current times voltage, the battery takes what the meter counted. A car starts
to draw at 6 A (IEC 61851-1, the lowest current that a control pilot can offer) and follows a
new limit along a ramp.
"""

import math
import random
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MINIMUM_CURRENT_A: Final = 6.0
"""Lowest current per phase that a control pilot can offer (IEC 61851-1, table A.8)."""

NOMINAL_VOLTAGE_V: Final = 230.0
RAMP_UP_A_PER_S: Final = 4.0
RAMP_DOWN_A_PER_S: Final = 10.0
SECONDS_PER_HOUR: Final = 3600.0

_WOBBLE_V: Final = 1.5
_WOBBLE_PERIOD_S: Final = 97.0
_SAG_V_PER_A: Final = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The mains at one station: about 230 V, wobbling slowly, sagging under load."""

    angles: tuple[float, float, float]

    @classmethod
    def from_seed(cls, seed: int) -> "Grid":
        """Return the grid of a seed: the same seed gives the same voltages for ever."""
        source = random.Random(seed)  # noqa: S311  a wobble, no secret
        first, second, third = (source.uniform(0, math.tau) for _ in range(3))
        return cls(angles=(first, second, third))

    def voltages_v(self, now: datetime, current_a: float) -> tuple[float, float, float]:
        """Return volts of L1-N, L2-N and L3-N while `current_a` flows per phase."""
        turn = math.tau * (now.timestamp() % _WOBBLE_PERIOD_S) / _WOBBLE_PERIOD_S
        sagged = NOMINAL_VOLTAGE_V - _SAG_V_PER_A * current_a
        first, second, third = (sagged + _WOBBLE_V * math.sin(turn + a) for a in self.angles)
        return first, second, third


@dataclass(slots=True, kw_only=True)
class Car:
    """A plugged-in electric vehicle; its battery fills by what is imported."""

    max_a: float
    phases: int
    battery_wh: float
    stored_wh: float

    @property
    def soc_percent(self) -> float:
        """State of charge, 0 to 100."""
        return 100.0 * self.stored_wh / self.battery_wh

    @property
    def full(self) -> bool:
        """Whether the battery takes no more energy."""
        return self.stored_wh >= self.battery_wh

    def wanted_a(self, offered_a: float) -> float:
        """Return what the car heads for, in A per phase, when `offered_a` is offered."""
        if self.full or offered_a < MINIMUM_CURRENT_A:
            return 0.0
        return min(offered_a, self.max_a)

    def room_wh(self) -> float:
        """Return the energy that still fits in."""
        return max(0.0, self.battery_wh - self.stored_wh)


@dataclass(slots=True, kw_only=True)
class Circuit:
    """Contactor and meter of one EVSE."""

    register_wh: float
    """Energy.Active.Import.Register: survives transactions and never falls."""
    current_a: float = 0.0
    """Current in each phase in use, now."""
    phases: int = 3
    """How many phases are in use, 1 to 3."""
    first_phase: int = 1
    """Number of the first of them."""

    @property
    def lines(self) -> range:
        """Numbers of the phases in use: 1 is L1."""
        return range(self.first_phase, self.first_phase + self.phases)

    def sum_v(self, voltages_v: tuple[float, ...]) -> float:
        """Return the sum of the voltages of the phases in use, in V."""
        return sum(voltages_v[line - 1] for line in self.lines)

    def power_w(self, voltages_v: tuple[float, ...]) -> float:
        """Return the active power of the phases in use, in W."""
        return self.current_a * self.sum_v(voltages_v)

    def switch_to(self, phases: int, first_phase: int) -> bool:
        """Use these phases, where nothing flows; return whether they are in use."""
        if self.current_a == 0.0:
            self.phases, self.first_phase = phases, first_phase
        return (self.phases, self.first_phase) == (phases, first_phase)

    def open(self) -> None:
        """Break the circuit at once: unplugged, stopped, or the battery is full."""
        self.current_a = 0.0

    def advance(self, *, seconds: float, car: Car, offered_a: float, grid_v: float) -> None:
        """Let `seconds` pass: ramp towards what the car wants and count the energy.

        `grid_v` is the sum of the voltages of the phases in use. The ramp is linear, so the
        energy is exact with the mean of the currents while the ramp lasts.
        """
        target = car.wanted_a(offered_a)
        rate = RAMP_UP_A_PER_S if target > self.current_a else RAMP_DOWN_A_PER_S
        ramp_s = min(seconds, abs(target - self.current_a) / rate)
        arrived = ramp_s < seconds
        step_a = math.copysign(rate * ramp_s, target - self.current_a)
        end_a = target if arrived else self.current_a + step_a
        ampere_seconds = ramp_s * (self.current_a + end_a) / 2 + (seconds - ramp_s) * end_a
        imported_wh = min(ampere_seconds * grid_v / SECONDS_PER_HOUR, car.room_wh())
        self.current_a = end_a
        self.register_wh += imported_wh
        car.stored_wh += imported_wh
        if car.full:
            self.open()
