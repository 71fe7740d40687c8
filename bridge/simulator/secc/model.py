"""The charge controller itself: a car at a control pilot, a meter, limits, a transaction.

Pure: `tick(now)` lets time pass, the other methods say what a person, a client or another source
does. Words are those of the public description: the eleven states of `tx/status` and the codes
of IEC 61851.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bridge.simulator.car import MINIMUM_CURRENT_A, Car, Circuit, Grid
from bridge.simulator.secc.limits import InControl, Lease, Limits
from bridge.simulator.secc.options import SeccOptions
from bridge.simulator.secc.quirks import SeccQuirk

COMPLETED_S: Final = 2.0
"""How long `COMPLETED` is shown after the car has gone."""
OVERDRAW: Final = 1.4
"""What the car draws of what is signalled, with the quirk `keeps_drawing`."""
FIRST_REGISTER_WH: Final = 12_345.0


class TxState(StrEnum):
    """States of `tx/status`."""

    IDLE = "IDLE"
    AWAITING_AUTHORIZATION = "AWAITING_AUTHORIZATION"
    STARTING = "STARTING"
    CHARGING = "CHARGING"
    SUSPENDED_EV = "SUSPENDED_EV"
    SUSPENDED_EVSE = "SUSPENDED_EVSE"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


_WITH_ENERGY: Final = frozenset({TxState.CHARGING, TxState.SUSPENDED_EV, TxState.SUSPENDED_EVSE})


@dataclass(slots=True, kw_only=True)
class Session:
    """One charging session, from plugging in; what it ended with stays visible."""

    id: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    meter_start_wh: float = 0.0
    meter_stop_wh: float = 0.0
    phases: tuple[bool, bool, bool] = (False, False, False)
    start_reason: str = "Authorized"
    stop_reason: str = "Local"
    peak_a: float = 0.0
    peak_w: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeccSnapshot:
    """What a viewer sees of a simulated SECC."""

    name: str
    state: TxState
    session_id: str
    plugged: bool
    current_a: float
    available_a: float
    source: str
    phases: int
    energy_wh: float
    api: tuple[bool, float | None]
    """Whether the API's limits are enabled, and its A per phase."""
    mqtt_a: float | None


class SeccModel:
    """One charge controller."""

    def __init__(
        self, name: str, options: SeccOptions, *, now: datetime, new_id: Callable[[], str]
    ) -> None:
        """Switch it on, without a car."""
        self.name = name
        self.options = options
        self.quirks = options.quirks
        self.grid = Grid.from_seed(options.seed)
        self.circuit = Circuit(register_wh=FIRST_REGISTER_WH, phases=options.phases)
        self.limits = self._fresh_limits()
        self.car: Car | None = None
        self.authorized = False
        self.one_phase = False
        self.fault: str | None = None
        self.state = TxState.IDLE
        self.session = Session(
            id=new_id(), meter_start_wh=FIRST_REGISTER_WH, meter_stop_wh=FIRST_REGISTER_WH
        )
        self._new_id = new_id
        self._at = now
        self._gone_at: datetime | None = None

    def _fresh_limits(self) -> Limits:
        options = self.options
        return Limits(
            effective_max_a=options.effective_max_a,
            cable_max_a=options.cable_max_a,
            deaf=SeccQuirk.IGNORE_LIMITS in options.quirks,
        )

    # --- What can be seen -----------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The moment of the last tick."""
        return self._at

    @property
    def usable_phases(self) -> int:
        """On how many phases a car charges here."""
        lines = 1 if self.one_phase else self.options.phases
        return lines if self.car is None else min(lines, self.car.phases)

    @property
    def control(self) -> InControl:
        """Which limit holds."""
        return self.limits.in_control(plugged=self.car is not None, phases=self.usable_phases)

    @property
    def signaled_a(self) -> float:
        """What the control pilot tells the car; 0 where it is to wait."""
        if self.car is None or not self.authorized or self.fault is not None:
            return 0.0
        if SeccQuirk.ENABLED_STOPS_CHARGING in self.quirks and self._switched_off:
            return 0.0
        return self.control.amps

    @property
    def _switched_off(self) -> bool:
        return not self.limits.api.enabled and self.limits.api.renewed_at is not None

    @property
    def voltages_v(self) -> tuple[float, float, float]:
        """Volts of L1 to L3."""
        return self.grid.voltages_v(self._at, self.circuit.current_a)

    @property
    def currents_a(self) -> tuple[float, float, float]:
        """Amperes of L1 to L3."""
        used = self.usable_phases
        first, second, third = (self.circuit.current_a if n < used else 0.0 for n in range(3))
        return first, second, third

    @property
    def power_w(self) -> float:
        """Active power of all phases."""
        volts = self.voltages_v
        return sum(v * a for v, a in zip(volts, self.currents_a, strict=True))

    @property
    def snapshot(self) -> SeccSnapshot:
        """What a viewer sees."""
        api, control = self.limits.api, self.control
        return SeccSnapshot(
            name=self.name,
            state=self.state,
            session_id=self.session.id,
            plugged=self.car is not None,
            current_a=round(self.circuit.current_a, 2),
            available_a=control.amps,
            source=control.source,
            phases=self.usable_phases,
            energy_wh=round(self.circuit.register_wh, 1),
            api=(api.enabled, api.amps),
            mqtt_a=self.limits.mqtt.amps,
        )

    # --- What people do --------------------------------------------------------------------

    def plug_in(self, soc_percent: float | None = None) -> None:
        """Connect a car; a session begins."""
        if self.car is not None:
            return
        options = self.options
        charged = options.soc_percent if soc_percent is None else soc_percent
        battery_wh = options.battery_kwh * 1000
        self.car = Car(
            max_a=options.car_max_a,
            phases=options.car_phases,
            battery_wh=battery_wh,
            stored_wh=battery_wh * charged / 100,
        )
        self._new_session("CablePluggedIn")
        self._settle()

    def _new_session(self, reason: str) -> None:
        register_wh = self.circuit.register_wh
        self.session = Session(
            id=self._new_id(),
            meter_start_wh=register_wh,
            meter_stop_wh=register_wh,
            start_reason=reason,
        )

    def authorize(self) -> None:
        """Let the car charge, now or when it comes; after a stop that is another session."""
        self.authorized = True
        if self.session.ended_at is not None and self.car is not None:
            self._new_session("Authorized")
        self.session.start_reason = "Authorized"
        self._settle()

    def stop(self, reason: str = "Local") -> None:
        """End the charging; the car stays."""
        self.authorized = False
        self._end(reason)
        self._settle()

    def unplug(self) -> None:
        """Take the car away."""
        if self.car is None:
            return
        self.car, self.authorized, self._gone_at = None, False, self._at
        self._end("EVDisconnected")
        self._settle()

    def break_down(self, cause: str | None) -> None:
        """Fail by a word of recentCpErrorCause, or be mended with None."""
        self.fault = cause
        self._settle()

    def restart(self) -> None:
        """Lose power and come back: leases are gone, a car that is there gets a new session."""
        self.limits = self._fresh_limits()
        self.one_phase = False
        self.circuit.open()
        if self.car is not None and self.session.ended_at is None:
            self._new_session("CablePluggedIn")
        else:
            self.session.id = self._new_id()
        self._settle()

    def _end(self, reason: str) -> None:
        self.circuit.open()
        if self.session.ended_at is None:
            self.session.ended_at = self._at
            self.session.meter_stop_wh = self.circuit.register_wh
            self.session.stop_reason = reason

    # --- What clients do ---------------------------------------------------------------------

    def lease_changed(self, lease: Lease) -> None:
        """Take note that a client has set something."""
        lease.renew(self._at)
        if SeccQuirk.FORGET_LIMITS in self.quirks:
            lease.amps = lease.watts = None
        self._settle()

    def hold_to_one_phase(self, *, active: bool) -> None:
        """Open or close the relays of S and T, where there are any."""
        if SeccQuirk.NO_PHASE_SWITCHING not in self.quirks:
            self.circuit.open()
            self.one_phase = active
            self._settle()

    # --- Time ----------------------------------------------------------------------------------

    def tick(self, now: datetime) -> None:
        """Let time pass; cars charge `speed` times as fast."""
        seconds = max(0.0, (now - self._at).total_seconds())
        self._at = now
        self.limits.expire(now)
        self._settle()
        if self.car is not None:
            self._charge(self.car, seconds * self.options.speed)
        self._settle()

    def _charge(self, car: Car, seconds: float) -> None:
        volts = self.voltages_v[: self.usable_phases]
        offered_a = self.signaled_a
        if SeccQuirk.KEEPS_DRAWING in self.quirks:
            offered_a *= OVERDRAW
        self.circuit.advance(seconds=seconds, car=car, offered_a=offered_a, grid_v=sum(volts))
        session = self.session
        session.peak_a = max(session.peak_a, self.circuit.current_a)
        session.peak_w = max(session.peak_w, self.power_w)
        used = [a or n >= 1 for a, n in zip(session.phases, self.currents_a, strict=True)]
        session.phases = (used[0], used[1], used[2])

    def _settle(self) -> None:
        self.state = self._next_state()
        if self.state in _WITH_ENERGY and self.session.started_at is None:
            self.session.started_at = self._at

    def _next_state(self) -> TxState:
        if self.fault is not None:
            return TxState.FAILED
        if self.car is None:
            gone = self._gone_at
            fresh = gone is not None and (self._at - gone).total_seconds() < COMPLETED_S
            return TxState.COMPLETED if fresh else TxState.IDLE
        if self.session.ended_at is not None:
            return TxState.STOPPED
        if not self.authorized:
            return TxState.AWAITING_AUTHORIZATION
        if self.signaled_a < MINIMUM_CURRENT_A:
            return TxState.SUSPENDED_EVSE
        return TxState.SUSPENDED_EV if self.car.full else TxState.CHARGING
