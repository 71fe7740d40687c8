"""One simulated EVSE: cable, authorization, transaction, and the current that flows.

What happens to it (a plug, a verdict on a token, a command, time) changes its state and, by
the transaction's start and stop points, becomes TransactionEvents::

    plug_in    -> Started or Updated CablePluggedIn
    authorize  -> Started or Updated Authorized / RemoteStart
    tick       -> Updated ChargingStateChanged, ChargingRateChanged, MeterValuePeriodic
    stop       -> Ended (or Updated) StopAuthorized, RemoteStop, Deauthorized, ResetCommand
    unplug     -> Ended EVCommunicationLost

The EVSE says what happened; the station behind `Site` queues it and knows the limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from bridge.simulator.car import MINIMUM_CURRENT_A, Car, Circuit, Grid
from bridge.simulator.metering import MeterValue, Reading, measure
from bridge.simulator.profile_store import Limit
from bridge.simulator.quirks import Quirk
from bridge.simulator.transaction import (
    LIMIT_REASONS,
    Authorization,
    ChargingState,
    EventType,
    StoppedReason,
    Transaction,
    TransactionEvent,
    Trigger,
)
from bridge.simulator.variables import Variables
from bridge.simulator.wire import JsonObject

SIGNIFICANT_CHANGE_A: Final = 0.05
"""A change of the offered current below this is none."""

CONNECTOR_ID: Final = 1
"""Each simulated EVSE has one connector."""

NO_OFFER: Final = Limit(amps=0.0)


class Site(Protocol):
    """What an EVSE needs of its station."""

    variables: Variables
    quirks: frozenset[Quirk]

    @property
    def offline(self) -> bool:
        """Whether the CSMS cannot be told at once."""

    def new_id(self) -> str:
        """Return a fresh id, never used before."""

    def limit_for(self, evse: "Evse", now: datetime) -> Limit:
        """Return the lowest of the limits of hardware, cable and profiles."""

    def report_transaction(self, event: TransactionEvent) -> None:
        """Queue what tells of an event."""

    def report_connectors(self, now: datetime) -> None:
        """Queue what tells of each connector whose status changed."""

    def transaction_began(self, evse: "Evse") -> None:
        """Install what waits for the transaction."""

    def transaction_over(self, evse: "Evse", transaction_id: str) -> None:
        """Forget what belonged to the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """An EVSE is kept for a token."""

    reservation_id: int
    id_token: str
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class Evse:
    """One EVSE with its only connector."""

    evse_id: int
    site: Site
    grid: Grid
    circuit: Circuit
    supply_phases: int
    cable_max_a: float
    hardware_max_a: float
    """What contactor and cable carry, A per phase."""
    advanced_to: datetime
    car: Car | None = None
    authorization: Authorization | None = None
    transaction: Transaction | None = None
    offer: Limit = NO_OFFER
    pilot_a: float = 0.0
    """What the control pilot really tells the car: the offer, but for a quirk."""
    operative: bool = True
    inoperative_after_transaction: bool = False
    reservation: Reservation | None = None
    charged: bool = False
    """Whether a transaction of the car that is plugged in is over."""
    fault: str | None = None
    """What is broken, a ChargePointErrorCode of OCPP 1.6; None: nothing."""

    # What can be seen of it

    @property
    def free(self) -> bool:
        """Whether it can be authorized."""
        return self.operative and self.fault is None and self.authorization is None

    def is_for(self, id_token: str) -> bool:
        """Whether it is not kept for another token, nor spent by a quirk."""
        if self.charged and Quirk.REFUSES_SECOND_START in self.site.quirks:
            return False
        return self.reservation is None or self.reservation.id_token == id_token

    @property
    def shows_car(self) -> bool:
        """Whether the status of the connector shows that a car is there."""
        hidden = self.transaction is None and Quirk.AVAILABLE_WITH_CABLE in self.site.quirks
        return self.car is not None and not hidden

    @property
    def connector_status(self) -> str:
        """ConnectorStatusEnumType of OCPP 2.x."""
        if self.fault is not None:
            return "Faulted"
        if not self.operative:
            return "Unavailable"
        return "Occupied" if self.shows_car else "Available"

    def charging_state(self) -> ChargingState:
        """Return the state that the transaction is in now."""
        if self.car is None:
            return ChargingState.IDLE
        if self.transaction is not None and self.transaction.held_back:
            return ChargingState.SUSPENDED_EVSE
        if self.authorization is None:
            return ChargingState.EV_CONNECTED
        if self.offer.amps < MINIMUM_CURRENT_A:
            return ChargingState.SUSPENDED_EVSE
        return ChargingState.SUSPENDED_EV if self.car.full else ChargingState.CHARGING

    def reading(self, now: datetime, car: Car | None = None) -> Reading:
        """Return what the meter says, of `car` where it has just left."""
        car = car or self.car
        volts = self.grid.voltages_v(now, self.circuit.current_a)[: self.supply_phases]
        return Reading(
            at=now,
            register_wh=self.circuit.register_wh,
            power_w=self.circuit.power_w(volts),
            current_a=self.circuit.current_a,
            voltages_v=volts,
            lines=self.circuit.lines,
            offered_a=self.offer.amps,
            soc_percent=None if car is None else car.soc_percent,
        )

    @property
    def usable_phases(self) -> int:
        """How many phases a car can draw on; without a car those of the station."""
        return self.supply_phases if self.car is None else min(self.supply_phases, self.car.phases)

    # What happens to it

    def plug_in(self, car: Car, now: datetime) -> None:
        """Connect a car; nothing happens where one is connected already."""
        if self.car is not None:
            return
        self.car = car
        self.charged = False
        self.site.report_connectors(now)
        if self.transaction is not None:
            self.transaction.charging_state = ChargingState.EV_CONNECTED
            self._tell(self._placed(self._update(self.transaction, Trigger.CABLE_PLUGGED_IN, now)))
        elif self._start_is_due("EVConnected"):
            self._start(Trigger.CABLE_PLUGGED_IN, now)

    def authorize(self, authorization: Authorization, now: datetime) -> None:
        """Let charging begin, now or as soon as a car is plugged in."""
        self.authorization = authorization
        if self.transaction is not None:
            self.transaction.deauthorized = False
            self._tell(
                replace(
                    self._update(self.transaction, authorization.trigger, now),
                    remote_start_id=authorization.remote_start_id,
                    id_token=authorization.id_token,
                )
            )
            self.site.transaction_began(self)
        elif self._start_is_due("Authorized"):
            self._start(authorization.trigger, now)

    def stop(self, trigger: Trigger, reason: StoppedReason, now: datetime) -> None:
        """Take the authorization away; the transaction ends where TxStopPoint says so."""
        id_token = None if self.authorization is None else self.authorization.id_token
        self.authorization = None
        self._break_circuit()
        if self.transaction is None:
            return
        shown = id_token if trigger is Trigger.STOP_AUTHORIZED else None
        if self._stops_at("Authorized") or reason is StoppedReason.IMMEDIATE_RESET:
            self._end(trigger, reason, now, id_token=shown)
        else:
            self.transaction.stopped_reason = reason
            self.transaction.charging_state = self.charging_state()
            self._tell(replace(self._update(self.transaction, trigger, now), id_token=shown))

    def withhold(self, now: datetime) -> None:
        """Give no more energy to a transaction that is not accepted, and let it go on (E05)."""
        self.authorization = None
        self._break_circuit()
        if self.transaction is not None:
            self.transaction.deauthorized = True
            self.transaction.charging_state = self.charging_state()
            self._tell(self._update(self.transaction, Trigger.DEAUTHORIZED, now))

    def set_limits(self, limits: Mapping[str, float], now: datetime) -> None:
        """Take the transactionLimit of the CSMS, and tell that it holds (E16 of OCPP 2.1)."""
        if self.transaction is not None and self.transaction.limits != limits:
            self.transaction.limits = dict(limits)
            event = self._update(self.transaction, Trigger.LIMIT_SET, now)
            self._tell(replace(event, limits=self.transaction.limits))

    def report_resumed(self, now: datetime) -> None:
        """Tell of a transaction that goes on after a reboot (OCPP 2.1)."""
        if self.transaction is not None:
            self._tell(self._update(self.transaction, Trigger.TX_RESUMED, now))

    def break_down(self, error_code: str | None) -> None:
        """Give no energy until the fault is mended, with None; the transaction waits."""
        self.fault = error_code
        if error_code is not None:
            self._break_circuit()

    def unplug(self, now: datetime) -> None:
        """Take the car away."""
        if self.car is None:
            return
        leaving, self.car = self.car, None
        self.authorization = None
        self._break_circuit()
        if self.transaction is not None:
            reason = self.transaction.stopped_reason or StoppedReason.EV_DISCONNECTED
            self._end(Trigger.EV_COMMUNICATION_LOST, reason, now, car=leaving)
        self.charged = False
        self.site.report_connectors(now)

    def set_operative(self, operative: bool, now: datetime) -> bool:  # noqa: FBT001  its meaning
        """Change the availability; return False where it waits for the transaction (G03)."""
        self.inoperative_after_transaction = not operative and self.transaction is not None
        if self.inoperative_after_transaction:
            return False
        self.operative = operative
        self.site.report_connectors(now)
        return True

    def tick(self, now: datetime, speed: float) -> None:
        """Let the time since the last tick pass, `speed` times as fast for the car."""
        self._advance(now, speed)
        self._expire_authorization(now)
        if self.reservation is not None and now >= self.reservation.expires_at:
            self.reservation = None
        self._refresh_offer(now)
        if self.transaction is None:
            return
        why = self.transaction.exhausted
        if why is not None and self._ends_with_its_energy():
            self.authorization = None
            self._end(why, LIMIT_REASONS[why], now)
            return
        self._report_changes(self.transaction, now)
        if now >= self.transaction.next_sample_at:
            self._sample(self.transaction, now)

    def report_triggered(self, now: datetime) -> None:
        """Send the Updated event that TriggerMessage(TransactionEvent) asks for (F06)."""
        if self.transaction is not None:
            values = self.meter("TxUpdated", now, "Trigger")
            self._tell(
                replace(self._update(self.transaction, Trigger.TRIGGER, now), meter_values=values)
            )

    # Time

    def _advance(self, now: datetime, speed: float) -> None:
        seconds = max(0.0, (now - self.advanced_to).total_seconds()) * speed
        self.advanced_to = now
        if self.car is None:
            return
        volts = self.grid.voltages_v(now, self.circuit.current_a)
        self.circuit.advance(
            seconds=seconds,
            car=self.car,
            offered_a=self.pilot_a,
            grid_v=self.circuit.sum_v(volts),
        )

    def _expire_authorization(self, now: datetime) -> None:
        pending = self.authorization
        if pending is None or self.car is not None or now < pending.expires_at:
            return
        self.authorization = None
        if self.transaction is not None:
            self._end(Trigger.EV_CONNECT_TIMEOUT, StoppedReason.TIMEOUT, now)

    def _refresh_offer(self, now: datetime) -> None:
        if self.authorization is None or self.car is None or self.fault is not None:
            self._offer(NO_OFFER)
            return
        if self.transaction is not None:
            self.transaction.exhausted = self.transaction.limit_reached(
                now, self.circuit.register_wh, self.car.soc_percent
            )
            if self.transaction.exhausted is not None:
                self._offer(NO_OFFER)
                return
        limit = self.site.limit_for(self, now)
        phases = min(self.usable_phases, limit.phases or self.supply_phases)
        first = min(limit.phase_to_use or 1, self.supply_phases) if phases == 1 else 1
        if not self.circuit.switch_to(phases, first):
            limit = NO_OFFER  # contactors do not move under load: wait until nothing flows
        self._offer(limit)

    def _offer(self, limit: Limit) -> None:
        amps = limit.amps
        if amps < MINIMUM_CURRENT_A:
            stubborn = Quirk.ZERO_NOT_HONOURED in self.site.quirks and limit is not NO_OFFER
            amps = MINIMUM_CURRENT_A if stubborn else 0.0
        self.offer = replace(limit, amps=amps)
        deaf = Quirk.KEEPS_DRAWING in self.site.quirks and amps > 0
        self.pilot_a = self.hardware_max_a if deaf else amps

    def _report_changes(self, transaction: Transaction, now: datetime) -> None:
        state = self.charging_state()
        changed_a = abs(self.offer.amps - transaction.offered_a)
        if changed_a > SIGNIFICANT_CHANGE_A:
            transaction.offered_a = self.offer.amps
        if state is not transaction.charging_state:
            transaction.charging_state = state
            charging = state is ChargingState.CHARGING
            phases = self.circuit.phases if charging else None
            why = transaction.exhausted or Trigger.CHARGING_STATE_CHANGED
            event = self._update(transaction, why, now)
            self._tell(replace(event, phases_used=phases))
        elif state is ChargingState.CHARGING and changed_a > SIGNIFICANT_CHANGE_A:
            event = self._update(transaction, Trigger.CHARGING_RATE_CHANGED, now)
            self._tell(replace(event, phases_used=self.circuit.phases))

    def _sample(self, transaction: Transaction, now: datetime) -> None:
        interval = self._sample_interval()
        transaction.next_sample_at = max(transaction.next_sample_at + interval, now)
        samples = self.meter("TxUpdated", now, "Sample.Periodic")
        if samples:
            event = self._update(transaction, Trigger.METER_VALUE_PERIODIC, now)
            self._tell(replace(event, meter_values=samples))

    # Events

    def _start_is_due(self, point: str) -> bool:
        points = self.site.variables.items("TxCtrlr", "TxStartPoint")
        closed = self.car is not None and self.authorization is not None
        return self.operative and (point in points or ("PowerPathClosed" in points and closed))

    def _stops_at(self, point: str) -> bool:
        points = self.site.variables.items("TxCtrlr", "TxStopPoint")
        return point in points or "PowerPathClosed" in points

    def _ends_with_its_energy(self) -> bool:
        return "EnergyTransfer" in self.site.variables.items("TxCtrlr", "TxStopPoint")

    def _start(self, trigger: Trigger, now: datetime) -> None:
        authorization = self.authorization
        self.transaction = Transaction(
            transaction_id=self.site.new_id(),
            started_at=now,
            meter_start_wh=self.circuit.register_wh,
            charging_state=(
                ChargingState.IDLE if self.car is None else ChargingState.EV_CONNECTED
            ),
            next_sample_at=now + self._sample_interval(),
            began_offline=self.site.offline,
            reservation_id=self._use_reservation(),
        )
        event = self._placed(self._event(EventType.STARTED, trigger, now, self.transaction))
        if authorization is not None:
            event = replace(
                event,
                remote_start_id=authorization.remote_start_id,
                id_token=authorization.id_token,
            )
        values = self.meter("TxStarted", now, "Transaction.Begin")
        self._tell(replace(event, meter_values=values))
        self.site.transaction_began(self)

    def _use_reservation(self) -> int | None:
        used, self.reservation = self.reservation, None
        return None if used is None else used.reservation_id

    def _end(
        self,
        trigger: Trigger,
        reason: StoppedReason,
        now: datetime,
        *,
        car: Car | None = None,
        id_token: JsonObject | None = None,
    ) -> None:
        transaction = self.transaction
        if transaction is None:
            return
        transaction.charging_state = self.charging_state()
        for _ in range(1 + (Quirk.ENDS_TWICE in self.site.quirks)):
            self._tell(
                replace(
                    self._event(EventType.ENDED, trigger, now, transaction),
                    stopped_reason=reason,
                    meter_values=self.meter("TxEnded", now, "Transaction.End", car),
                    id_token=id_token,
                )
            )
        if Quirk.VALUES_AFTER_END in self.site.quirks:
            event = self._update(transaction, Trigger.METER_VALUE_PERIODIC, now)
            values = self.meter("TxUpdated", now, "Sample.Periodic", car)
            self._tell(replace(event, meter_values=values))
        self.transaction = None
        self.charged = self.car is not None
        self.site.transaction_over(self, transaction.transaction_id)
        if self.inoperative_after_transaction:
            self.set_operative(False, now)

    def _update(
        self, transaction: Transaction, trigger: Trigger, now: datetime
    ) -> TransactionEvent:
        return self._event(EventType.UPDATED, trigger, now, transaction)

    def _event(
        self, event_type: EventType, trigger: Trigger, now: datetime, transaction: Transaction
    ) -> TransactionEvent:
        return TransactionEvent(
            event_type=event_type,
            trigger=trigger,
            at=now,
            evse_id=self.evse_id,
            transaction=transaction,
            seq_no=transaction.take_seq_no(),
            charging_state=transaction.charging_state,
            register_wh=self._register_wh(transaction),
            offline=self.site.offline,
        )

    def _placed(self, event: TransactionEvent) -> TransactionEvent:
        """Return an event that also tells EVSE, connector and cable."""
        cable_max_a = None if self.car is None else self.cable_max_a
        return replace(event, place_is_news=True, cable_max_a=cable_max_a)

    def _tell(self, event: TransactionEvent) -> None:
        self.site.report_transaction(event)

    def meter(
        self, occasion: str, now: datetime, context: str, car: Car | None = None
    ) -> tuple[MeterValue, ...]:
        """Return what is measured at TxStarted, TxUpdated or TxEnded."""
        measurands = self.site.variables.items("SampledDataCtrlr", f"{occasion}Measurands")
        return measure(self._metered(now, car), measurands, context, self.site.quirks)

    def _metered(self, now: datetime, car: Car | None) -> Reading:
        """Return what the meter tells of it."""
        reading = self.reading(now, car)
        if self.transaction is None:
            return reading
        return replace(reading, register_wh=self._register_wh(self.transaction))

    def _register_wh(self, transaction: Transaction) -> float:
        by_session = Quirk.SESSION_REGISTER in self.site.quirks
        return self.circuit.register_wh - (transaction.meter_start_wh if by_session else 0.0)

    def _sample_interval(self) -> timedelta:
        seconds = self.site.variables.number("SampledDataCtrlr", "TxUpdatedInterval")
        return timedelta(seconds=seconds)

    def _break_circuit(self) -> None:
        self.circuit.open()
        self._offer(NO_OFFER)
