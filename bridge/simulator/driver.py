"""The driver: carries out a script at one EVSE, step by step."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.simulator.evse import Evse
from bridge.simulator.external import ExternalLimit
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


class Place(Protocol):
    """What a driver can do at a station."""

    def plug_in(self, evse: Evse, now: datetime, soc_percent: float | None = None) -> None:
        """Connect a car with this state of charge (None: the usual one)."""

    def unplug(self, evse: Evse, now: datetime) -> None:
        """Take the car away."""

    def present_token(self, evse: Evse, now: datetime, id_token: str | None = None) -> None:
        """Hold a card to the reader: begin, or end what it began."""

    def impose_limit(self, limit: ExternalLimit) -> None:
        """Let a limit of somebody else come."""

    def release_limit(self, source: str) -> None:
        """Let a limit of somebody else go."""

    def is_asking(self, evse: Evse) -> bool:
        """Whether the verdict on a token is awaited."""


@dataclass(slots=True, kw_only=True)
class Driver:
    """Where the script stands at one EVSE."""

    script: Script
    evse: Evse
    place: Place
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
                self._enter(step, now)
            elapsed_s = (now - self._entered_at).total_seconds() * self.speed
            if not self._is_done(step, elapsed_s):
                return
            self._go_on()

    def _go_on(self) -> None:
        self._entered_at = None
        self._position += 1
        if self.script.repeat:
            self._position %= len(self.script.steps)

    def _enter(self, step: Step, now: datetime) -> None:
        match step:
            case PlugIn():
                self.place.plug_in(self.evse, now, step.soc_percent)
            case Unplug():
                self.place.unplug(self.evse, now)
            case Authorize() if self.evse.authorization is None:
                self.place.present_token(self.evse, now, step.id_token)
            case Stop() if self.evse.authorization is not None:
                token = self.evse.authorization.id_token["idToken"]
                self.place.present_token(self.evse, now, token)
            case BreakDown():
                self.evse.break_down(step.error_code)
            case ImposeLimit(limit_a=None):
                self.place.release_limit(step.source)
            case ImposeLimit(limit_a=float() | int() as amps):
                self.place.impose_limit(ExternalLimit(limit=float(amps), source=step.source))

    def _is_done(self, step: Step, elapsed_s: float) -> bool:
        match step:
            case Wait():
                return elapsed_s >= step.seconds
            case Authorize():
                return not self.place.is_asking(self.evse)
            case Charge():
                return self._has_charged(step, elapsed_s)
        return True

    def _has_charged(self, step: Charge, elapsed_s: float) -> bool:
        if step.seconds is not None and elapsed_s >= step.seconds:
            return True
        car, transaction = self.evse.car, self.evse.transaction
        if car is None or transaction is None or self.evse.authorization is None:
            return step.seconds is None
        imported_kwh = (self.evse.circuit.register_wh - transaction.meter_start_wh) / 1000
        return (
            (step.kwh is not None and imported_kwh >= step.kwh)
            or (step.until_soc_percent is not None and car.soc_percent >= step.until_soc_percent)
            or (step == Charge() and car.full)
        )
