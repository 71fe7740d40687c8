"""The driver: carries out a script at a simulated SECC, step by step."""

from dataclasses import dataclass
from datetime import datetime

from bridge.simulator.script import (
    Authorize,
    BreakDown,
    Charge,
    ImposeLimit,
    PlugIn,
    Script,
    Step,
    Stop,
    Unplug,
    Wait,
)
from bridge.simulator.secc.model import SeccModel

_OTHERS = {"EMS": "Team", "SO": "OCPP Profile", "Other": "Transaction"}
"""How the SECC names the sources of a script's `external_limit`."""


@dataclass(slots=True, kw_only=True)
class SeccDriver:
    """Where the script stands."""

    script: Script
    model: SeccModel
    speed: float
    begins_at: datetime
    _position: int = 0
    _entered_at: datetime | None = None

    def tick(self, now: datetime) -> None:
        """Carry out all steps that are due; at most one round of the script."""
        if now < self.begins_at:
            return
        for _ in self.script.steps:
            if self._position >= len(self.script.steps):
                return
            step = self.script.steps[self._position]
            if self._entered_at is None:
                self._entered_at = now
                self._enter(step)
            elapsed_s = (now - self._entered_at).total_seconds() * self.speed
            if not self._is_done(step, elapsed_s):
                return
            self._go_on()

    def _go_on(self) -> None:
        self._entered_at = None
        self._position += 1
        if self.script.repeat:
            self._position %= len(self.script.steps)

    def _enter(self, step: Step) -> None:
        model = self.model
        match step:
            case PlugIn():
                model.plug_in(step.soc_percent)
            case Authorize():
                model.authorize()
            case Stop():
                model.stop()
            case Unplug():
                model.unplug()
            case BreakDown():
                model.break_down(step.error_code)
            case ImposeLimit(limit_a=None):
                model.limits.others.pop(_OTHERS[step.source], None)
            case ImposeLimit(limit_a=float() | int() as amps):
                model.limits.others[_OTHERS[step.source]] = float(amps)

    def _is_done(self, step: Step, elapsed_s: float) -> bool:
        match step:
            case Wait():
                return elapsed_s >= step.seconds
            case Charge():
                return self._has_charged(step, elapsed_s)
        return True

    def _has_charged(self, step: Charge, elapsed_s: float) -> bool:
        if step.seconds is not None and elapsed_s >= step.seconds:
            return True
        car, session = self.model.car, self.model.session
        if car is None or session.ended_at is not None:
            return step.seconds is None
        imported_kwh = (self.model.circuit.register_wh - session.meter_start_wh) / 1000
        return (
            (step.kwh is not None and imported_kwh >= step.kwh)
            or (step.until_soc_percent is not None and car.soc_percent >= step.until_soc_percent)
            or (step == Charge() and car.full)
        )
