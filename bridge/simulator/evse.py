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

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from bridge.simulator.car import MINIMUM_CURRENT_A, Car, Circuit, Grid
from bridge.simulator.metering import Reading, meter_value
from bridge.simulator.profile_store import Limit
from bridge.simulator.transaction import (
    Authorization,
    ChargingState,
    StoppedReason,
    Transaction,
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

    @property
    def offline(self) -> bool:
        """Whether the CSMS cannot be told at once."""

    def new_id(self) -> str:
        """Return a fresh id, never used before."""

    def limit_for(self, evse: "Evse", now: datetime) -> Limit:
        """Return the lowest of the limits of hardware, cable and profiles."""

    def report_transaction(self, evse_id: int, payload: JsonObject) -> None:
        """Queue a TransactionEvent."""

    def report_connector(self, evse: "Evse", now: datetime) -> None:
        """Queue a StatusNotification where the status changed."""

    def transaction_began(self, evse: "Evse") -> None:
        """Install what waits for the transaction."""

    def transaction_over(self, evse: "Evse", transaction_id: str) -> None:
        """Forget what belonged to the transaction."""


@dataclass(slots=True, kw_only=True)
class Evse:
    """One EVSE with its only connector."""

    evse_id: int
    site: Site
    grid: Grid
    circuit: Circuit
    supply_phases: int
    cable_max_a: float
    advanced_to: datetime
    car: Car | None = None
    authorization: Authorization | None = None
    transaction: Transaction | None = None
    offer: Limit = NO_OFFER
    operative: bool = True
    inoperative_after_transaction: bool = False
    last_status: str = field(default="")

    # What can be seen of it

    @property
    def free(self) -> bool:
        """Whether it can be authorized."""
        return self.operative and self.authorization is None

    @property
    def connector_status(self) -> str:
        """ConnectorStatusEnumType."""
        if not self.operative:
            return "Unavailable"
        return "Available" if self.car is None else "Occupied"

    def charging_state(self) -> ChargingState:
        """Return the state that the transaction is in now."""
        if self.car is None:
            return ChargingState.IDLE
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
            phases=self.circuit.phases,
            offered_a=self.offer.amps,
            soc_percent=None if car is None else car.soc_percent,
        )

    # What happens to it

    def plug_in(self, car: Car, now: datetime) -> None:
        """Connect a car; nothing happens where one is connected already."""
        if self.car is not None:
            return
        self.car = car
        self.site.report_connector(self, now)
        if self.transaction is not None:
            self.transaction.charging_state = ChargingState.EV_CONNECTED
            self._update(Trigger.CABLE_PLUGGED_IN, now, **self._place())
        elif self._start_is_due("EVConnected"):
            self._start(Trigger.CABLE_PLUGGED_IN, now)

    def authorize(self, authorization: Authorization, now: datetime) -> None:
        """Let charging begin, now or as soon as a car is plugged in."""
        self.authorization = authorization
        if self.transaction is not None:
            self._update(
                authorization.trigger,
                now,
                info=_remote_start(authorization),
                idToken=authorization.id_token,
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
            self._end(trigger, reason, now, idToken=shown)
        else:
            self.transaction.stopped_reason = reason
            self.transaction.charging_state = self.charging_state()
            self._update(trigger, now, idToken=shown)

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
        self.site.report_connector(self, now)

    def set_operative(self, operative: bool, now: datetime) -> bool:  # noqa: FBT001  its meaning
        """Change the availability; return False where it waits for the transaction (G03)."""
        self.inoperative_after_transaction = not operative and self.transaction is not None
        if self.inoperative_after_transaction:
            return False
        self.operative = operative
        self.site.report_connector(self, now)
        return True

    def tick(self, now: datetime, speed: float) -> None:
        """Let the time since the last tick pass, `speed` times as fast for the car."""
        self._advance(now, speed)
        self._expire_authorization(now)
        self._refresh_offer(now)
        if self.transaction is None:
            return
        self._report_changes(self.transaction, now)
        if now >= self.transaction.next_sample_at:
            self._sample(self.transaction, now)

    def report_triggered(self, now: datetime) -> None:
        """Send the Updated event that TriggerMessage(TransactionEvent) asks for (F06)."""
        self._update(Trigger.TRIGGER, now, meterValue=self.meter("TxUpdated", now, "Trigger"))

    # Time

    def _advance(self, now: datetime, speed: float) -> None:
        seconds = max(0.0, (now - self.advanced_to).total_seconds()) * speed
        self.advanced_to = now
        if self.car is None:
            return
        volts = self.grid.voltages_v(now, self.circuit.current_a)[: self.circuit.phases]
        self.circuit.advance(
            seconds=seconds, car=self.car, offered_a=self.offer.amps, grid_v=sum(volts)
        )

    def _expire_authorization(self, now: datetime) -> None:
        pending = self.authorization
        if pending is None or self.car is not None or now < pending.expires_at:
            return
        self.authorization = None
        if self.transaction is not None:
            self._end(Trigger.EV_CONNECT_TIMEOUT, StoppedReason.TIMEOUT, now)

    def _refresh_offer(self, now: datetime) -> None:
        if self.authorization is None or self.car is None:
            self.offer = NO_OFFER
            return
        limit = self.site.limit_for(self, now)
        amps = limit.amps if limit.amps >= MINIMUM_CURRENT_A else 0.0
        self.offer = Limit(amps=amps, phases=limit.phases)
        phases = min(self.supply_phases, self.car.phases, limit.phases or self.supply_phases)
        self.circuit.phases = phases

    def _report_changes(self, transaction: Transaction, now: datetime) -> None:
        state = self.charging_state()
        changed_a = abs(self.offer.amps - transaction.offered_a)
        if changed_a > SIGNIFICANT_CHANGE_A:
            transaction.offered_a = self.offer.amps
        if state is not transaction.charging_state:
            transaction.charging_state = state
            charging = state is ChargingState.CHARGING
            self._update(
                Trigger.CHARGING_STATE_CHANGED,
                now,
                numberOfPhasesUsed=self.circuit.phases if charging else None,
            )
        elif state is ChargingState.CHARGING and changed_a > SIGNIFICANT_CHANGE_A:
            self._update(
                Trigger.CHARGING_RATE_CHANGED, now, numberOfPhasesUsed=self.circuit.phases
            )

    def _sample(self, transaction: Transaction, now: datetime) -> None:
        interval = self._sample_interval()
        transaction.next_sample_at = max(transaction.next_sample_at + interval, now)
        samples = self.meter("TxUpdated", now, "Sample.Periodic")
        if samples:
            self._update(Trigger.METER_VALUE_PERIODIC, now, meterValue=samples)

    # Events

    def _start_is_due(self, point: str) -> bool:
        points = self.site.variables.items("TxCtrlr", "TxStartPoint")
        closed = self.car is not None and self.authorization is not None
        return self.operative and (point in points or ("PowerPathClosed" in points and closed))

    def _stops_at(self, point: str) -> bool:
        points = self.site.variables.items("TxCtrlr", "TxStopPoint")
        return point in points or "PowerPathClosed" in points

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
        )
        self._report(
            "Started",
            trigger,
            now,
            info=_remote_start(authorization),
            meterValue=self.meter("TxStarted", now, "Transaction.Begin"),
            idToken=None if authorization is None else authorization.id_token,
            **self._place(),
        )
        self.site.transaction_began(self)

    def _update(
        self,
        trigger: Trigger,
        now: datetime,
        *,
        info: JsonObject | None = None,
        **members: object,
    ) -> None:
        self._report("Updated", trigger, now, info=info, **members)

    def _end(
        self,
        trigger: Trigger,
        reason: StoppedReason,
        now: datetime,
        *,
        car: Car | None = None,
        **members: object,
    ) -> None:
        transaction = self.transaction
        if transaction is None:
            return
        transaction.charging_state = self.charging_state()
        self._report(
            "Ended",
            trigger,
            now,
            info={"stoppedReason": reason},
            meterValue=self.meter("TxEnded", now, "Transaction.End", car),
            **members,
        )
        self.transaction = None
        self.site.transaction_over(self, transaction.transaction_id)
        if self.inoperative_after_transaction:
            self.set_operative(False, now)

    def _report(
        self,
        event_type: str,
        trigger: Trigger,
        now: datetime,
        *,
        info: JsonObject | None,
        **members: object,
    ) -> None:
        if self.transaction is not None:
            payload = self.transaction.event(
                event_type, trigger, now, offline=self.site.offline, info=info, **members
            )
            self.site.report_transaction(self.evse_id, payload)

    def _place(self) -> JsonObject:
        """Return the members of the first event after the car came (E01.FR.16, E02)."""
        place: JsonObject = {"evse": {"id": self.evse_id, "connectorId": CONNECTOR_ID}}
        if self.car is not None:
            place["cableMaxCurrent"] = int(self.cable_max_a)
        return place

    def meter(
        self, occasion: str, now: datetime, context: str, car: Car | None = None
    ) -> list[JsonObject]:
        """Return the `meterValue` member for TxStarted, TxUpdated or TxEnded."""
        measurands = self.site.variables.items("SampledDataCtrlr", f"{occasion}Measurands")
        return meter_value(self.reading(now, car), measurands, context)

    def _sample_interval(self) -> timedelta:
        seconds = self.site.variables.number("SampledDataCtrlr", "TxUpdatedInterval")
        return timedelta(seconds=seconds)

    def _break_circuit(self) -> None:
        self.circuit.open()
        self.offer = NO_OFFER


def _remote_start(authorization: Authorization | None) -> JsonObject:
    """Return the remoteStartId for the first event after a remote start (F01, F02)."""
    if authorization is None or authorization.remote_start_id is None:
        return {}
    return {"remoteStartId": authorization.remote_start_id}
