"""The simulated charging station: pure, time injected, no sockets.

It owns the EVSEs, the profiles, the device model and the queue of what it wants to send. Its
inputs are the connection (`connected`, `disconnected`), the answers of the CSMS (`answered`,
`refused`), the commands in `commands.py`, the driver's acts, and time (`tick`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bridge.simulator.car import Car, Circuit, Grid
from bridge.simulator.driver import Driver
from bridge.simulator.dynamic import PULL, DynamicProfiles
from bridge.simulator.equipment import bounds_of, nameplate
from bridge.simulator.evse import Evse
from bridge.simulator.external import ExternalLimit, ExternalLimits
from bridge.simulator.limits import Limits
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.outbox import Outbox, Outgoing
from bridge.simulator.profile_store import (
    WHOLE_STATION,
    Limit,
    ProfileStore,
    Subject,
)
from bridge.simulator.profiles import ProfileRejectedError
from bridge.simulator.quirks import Quirk
from bridge.simulator.reader import ACCEPTED, Reader
from bridge.simulator.speech.terms import ConnectorReport
from bridge.simulator.speech.versions import SPEECHES
from bridge.simulator.transaction import (
    Authorization,
    StoppedReason,
    Transaction,
    TransactionEvent,
    Trigger,
)
from bridge.simulator.variables import Variables
from bridge.simulator.wire import JsonObject

BOOT_RETRY_S: Final = 10.0
"""Wait before the next BootNotification where the CSMS left the choice to the station."""

STAGGER_S: Final = 0.4
"""Between the first steps of the scripts at neighbouring EVSEs and stations."""

RESET_PATIENCE_S: Final = 5.0
"""How long a Reset waits for the last events to be answered."""


class Boot(StrEnum):
    """What the CSMS said to the last BootNotification."""

    UNKNOWN = "Unknown"
    PENDING = "Pending"
    REJECTED = "Rejected"
    ACCEPTED = "Accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPlan:
    """A Reset of the whole station that was accepted (B11, B12)."""

    reason: str
    """Of the BootNotification that follows."""
    deadline: datetime | None
    """Close the connection at this time at the latest; None: transactions still run (OnIdle)."""


class StationModel:
    """One charging station."""

    def __init__(
        self,
        station_id: str,
        options: SimulatorOptions,
        *,
        index: int,
        now: datetime,
        new_id: Callable[[], str],
    ) -> None:
        """Build a station that has just got power; `index` tells it from its siblings."""
        self.station_id = station_id
        self.options = options
        self.quirks = options.quirks
        self.new_id = new_id
        self.speech = SPEECHES[options.version]
        self.outbox = Outbox()
        self.variables = Variables(nameplate(station_id, options, self.speech.abilities))
        for (component, name), value in self.speech.defaults.items():
            self.variables.write(component, name, value)
        self.profiles = ProfileStore(
            bounds_of(
                self.variables,
                dynamic=self.speech.takes_dynamic_profiles,
                replaces_twins=self.speech.replaces_profiles,
            )
        )
        for number, item in enumerate(options.installed_profiles):
            self.profiles.put(item.at(now, number))
        self.limits = Limits(options=options, profiles=self.profiles, sharing=self._sharing)
        self.external = ExternalLimits(
            profiles=self.profiles,
            variables=self.variables,
            quirks=self.quirks,
            say=self.send,
            plan=options.external_limits,
        )
        self.dynamic = DynamicProfiles(profiles=self.profiles, say=self.send)
        self.boot, self._boot_due = self._first_boot(now)
        self.online = False
        self.reset_plan: ResetPlan | None = None
        self._index = index
        self._boot_reason = "PowerUp"
        self._resuming = False
        self._heartbeat_due: datetime | None = None
        self._offline_since: datetime | None = None
        self._told_statuses: dict[int, str] = {}
        self._reports = 0
        self._drivers: list[Driver] = []
        self.evses = {
            evse_id: self._make_evse(evse_id, now) for evse_id in range(1, options.evses + 1)
        }
        self.reader = Reader(variables=self.variables, evses=self.evses, ask_csms=self._ask_csms)

    def _make_evse(self, evse_id: int, now: datetime) -> Evse:
        seed = self.options.seed * 1000 + self._index
        return Evse(
            evse_id=evse_id,
            site=self,
            grid=Grid.from_seed(seed),
            circuit=Circuit(
                register_wh=float(10_000 * (self._index + 1) + 1000 * evse_id),
                phases=self.options.phases,
            ),
            supply_phases=self.options.phases,
            cable_max_a=self.options.cable_max_a,
            hardware_max_a=self.options.hardware_max_a,
            advanced_to=now,
        )

    # The connection

    @property
    def offline(self) -> bool:
        """Whether the CSMS cannot be told at once."""
        return not self.online or self.boot is not Boot.ACCEPTED

    def connected(self, now: datetime) -> None:
        """Note that the WebSocket is open; a station already accepted does not boot again."""
        self.online = True
        self.profiles.reconnected(now)
        outage_s = (now - (self._offline_since or now)).total_seconds()
        if self.boot is not Boot.ACCEPTED:
            self._boot_due = self._boot_due or now  # a wait that the CSMS ordered goes on
            return
        long_outage = outage_s > self.variables.number("OCPPCommCtrlr", "OfflineThreshold")
        if long_outage:
            self._told_statuses.clear()
        if not self._drivers:
            self._begin(now)  # where it does not boot of its own accord
        self.report_connectors(now)

    def disconnected(self, now: datetime) -> None:
        """Note that the WebSocket is gone."""
        self.online = False
        self._offline_since = now
        self.profiles.offline_since = now
        for outgoing in self.outbox.connection_lost():
            if outgoing.tells_status:
                self._told_statuses.pop(outgoing.evse_id, None)  # not told: tell it again
            elif outgoing.action in {"NotifyChargingLimit", "ClearedChargingLimit"}:
                self.external.lost(outgoing.payload)
        self.reader.decide_all(now)

    def reboot(self, now: datetime) -> None:
        """Start anew after a Reset: profiles (K01.FR.27), registers and plugged cars survive."""
        if Quirk.FORGETS_PROFILES_ON_BOOT in self.quirks:
            self.profiles.clear()
        plan = self.reset_plan
        self.reset_plan = None
        self.boot, self._boot_due = self._first_boot(now)
        self._boot_reason = "RemoteReset" if plan is None else plan.reason
        self._heartbeat_due = None
        self._resuming = any(evse.transaction is not None for evse in self.evses.values())

    def _first_boot(self, now: datetime) -> tuple[Boot, datetime | None]:
        """Return what the CSMS is taken to have said, and when to ask it."""
        silent = Quirk.BOOTS_ONLY_WHEN_ASKED in self.quirks
        return (Boot.ACCEPTED, None) if silent else (Boot.UNKNOWN, now)

    def plan_reset(self, now: datetime, *, when_idle: bool) -> None:
        """Restart as soon as all is said, or when no transaction runs any more (B11, B12)."""
        self.reset_plan = ResetPlan(
            reason="ScheduledReset" if when_idle else "RemoteReset",
            deadline=None if when_idle else now + timedelta(seconds=RESET_PATIENCE_S),
        )

    def ready_to_restart(self, now: datetime) -> bool:
        """Tell whether a Reset is due and everything before it is said."""
        plan = self.reset_plan
        if plan is None or plan.deadline is None:
            return False
        return self.outbox.empty or now >= plan.deadline

    # Time

    def tick(self, now: datetime) -> None:
        """Let time pass: boot, heartbeat, drivers, currents, meter values."""
        if self.online and self._boot_due is not None and now >= self._boot_due:
            self.send_boot()
        if self._heartbeat_due is not None and now >= self._heartbeat_due and not self.offline:
            self.send("Heartbeat", {})
            self._heartbeat_due = now + self._heartbeat_interval()
        for driver in self._drivers:
            driver.tick(now)
        self.dynamic.tick(now, heard=not self.offline)
        heard = self.speech.tells_limits and not self.offline
        self.external.tick(now, speed=self.options.speed, heard=heard)
        for evse in self.evses.values():
            evse.tick(now, self.options.speed)
        self.report_connectors(now)
        self._advance_reset(now)

    def _advance_reset(self, now: datetime) -> None:
        plan = self.reset_plan
        busy = any(evse.transaction is not None for evse in self.evses.values())
        if plan is not None and plan.deadline is None and not busy:
            deadline = now + timedelta(seconds=RESET_PATIENCE_S)
            self.reset_plan = ResetPlan(reason=plan.reason, deadline=deadline)

    # The driver

    def plug_in(self, evse: Evse, now: datetime, soc_percent: float | None = None) -> None:
        """Connect a car with this state of charge (None: as in the options)."""
        battery_wh = self.options.battery_kwh * 1000
        percent = self.options.soc_percent if soc_percent is None else soc_percent
        car = Car(
            max_a=self.options.car_max_a,
            phases=self.options.car_phases,
            battery_wh=battery_wh,
            stored_wh=battery_wh * percent / 100,
        )
        evse.plug_in(car, now)

    def unplug(self, evse: Evse, now: datetime) -> None:
        """Take the car away."""
        self.reader.give_up(evse)
        evse.unplug(now)

    def impose_limit(self, limit: ExternalLimit) -> None:
        """Let a limit of somebody else come (K11, K12)."""
        self.external.impose(limit)

    def release_limit(self, source: str) -> None:
        """Let a limit of somebody else go (K13)."""
        self.external.release(source)

    def present_token(self, evse: Evse, now: datetime, id_token: str | None = None) -> None:
        """Hold a card to the reader (None: the usual one)."""
        self.reader.present(evse, self.options.id_token if id_token is None else id_token, now)

    def is_asking(self, evse: Evse) -> bool:
        """Whether the verdict on a token is awaited."""
        return self.reader.is_asking(evse)

    def _ask_csms(self, authorization: Authorization, evse_id: int) -> bool:
        if self.offline:
            return False
        action, payload = self.speech.authorize(authorization.id_token)
        self.send(action, payload, evse_id=evse_id)
        return True

    def measure_itself(self) -> None:
        """Write what changes by itself into the device model, before it is read."""
        entries = str(len(self.profiles))
        self.variables.write("SmartChargingCtrlr", "Entries", entries, instance="ChargingProfiles")
        for evse in self.evses.values():
            self.variables.write(
                "EVSE", "AvailabilityState", evse.connector_status, evse_id=evse.evse_id
            )

    # What the CSMS answered

    def answered(self, outgoing: Outgoing, payload: JsonObject, now: datetime) -> None:
        """Take in the CALLRESULT of a CALL."""
        match outgoing.action:
            case "BootNotification":
                self._boot_answered(payload, now)
            case "Authorize":
                status = self.speech.token_status(payload)
                self.reader.answered(outgoing.evse_id, status, now)
            case action if action == PULL:
                self.dynamic.answered(outgoing.payload, payload, now)
            case _ if outgoing.transaction is not None:
                self._transaction_answered(outgoing, outgoing.transaction, payload, now)

    def refused(self, outgoing: Outgoing, code: str, now: datetime) -> None:
        """Take in a CALLERROR, or with code "" that no answer came in time."""
        match outgoing.action:
            case "BootNotification":
                self._boot_due = now + timedelta(seconds=BOOT_RETRY_S)
            case "Authorize":
                self.reader.decide(outgoing.evse_id, now)
        if code == "SecurityError" and self.boot is Boot.ACCEPTED:
            # The CSMS no longer knows that it accepted this station (B01 to B03).
            self.boot = Boot.UNKNOWN
            self._boot_due = now

    def _boot_answered(self, payload: JsonObject, now: datetime) -> None:
        self.boot = Boot(payload["status"])
        interval_s = float(payload["interval"])
        if self.boot is not Boot.ACCEPTED:
            self._boot_due = now + timedelta(seconds=interval_s or BOOT_RETRY_S)
            return
        self._boot_due = None
        if interval_s > 0:
            self.variables.write("OCPPCommCtrlr", "HeartbeatInterval", f"{interval_s:g}")
        self._begin(now)
        self.external.booted()
        self._told_statuses.clear()
        self.report_connectors(now)
        if self._resuming:
            self._resuming = False
            for evse in self.evses.values():
                evse.report_resumed(now)

    def _begin(self, now: datetime) -> None:
        """Take up work: the CSMS accepts the station, or is taken to do so."""
        self.restart_heartbeat(now)
        self.external.begin(now)
        if not self._drivers:
            self._call_drivers(now)

    def _call_drivers(self, now: datetime) -> None:
        for evse in self.evses.values():
            stagger_s = STAGGER_S * (self._index * len(self.evses) + evse.evse_id - 1)
            delay_s = (self.options.start_delay_s + stagger_s) / self.options.speed
            self._drivers.append(
                Driver(
                    script=self.options.script,
                    evse=evse,
                    place=self,
                    speed=self.options.speed,
                    begins_at=now + timedelta(seconds=delay_s),
                )
            )

    def _transaction_answered(
        self, outgoing: Outgoing, transaction: Transaction, payload: JsonObject, now: datetime
    ) -> None:
        """Keep the id, and end a transaction whose token is not accepted (E05, C15)."""
        verdict = self.speech.verdict(payload)
        if verdict.number is not None:
            transaction.number = verdict.number
        evse = self.evses[outgoing.evse_id]
        if verdict.limits and evse.transaction is transaction:
            evse.set_limits(verdict.limits, now)
        if verdict.token == ACCEPTED or evse.transaction is not transaction:
            return
        self.reader.forget(outgoing.id_token)
        if self.variables.flag("TxCtrlr", "StopTxOnInvalidId"):
            evse.stop(Trigger.DEAUTHORIZED, StoppedReason.DE_AUTHORIZED, now)
        elif evse.authorization is not None:
            evse.withhold(now)

    # What it says

    def send(
        self,
        action: str,
        payload: JsonObject,
        *,
        evse_id: int = 0,
        before_acceptance: bool = False,
    ) -> None:
        """Queue a CALL."""
        self.outbox.put(
            Outgoing(
                action=action,
                payload=payload,
                evse_id=evse_id,
                before_acceptance=before_acceptance,
            )
        )

    def send_boot(self) -> None:
        """Queue a BootNotification and wait for its answer before the next one."""
        self._boot_due = None
        action, payload = self.speech.boot(self.station_id, self._boot_reason, self.options)
        self.send(action, payload, before_acceptance=True)

    def send_status(self, number: int, now: datetime) -> None:
        """Queue what tells the status of one connector, or of the station with number 0."""
        self._send_status(number, self._statuses()[number], now)

    def _send_status(self, number: int, status: str, now: datetime) -> None:
        self._told_statuses[number] = status
        evse = self.evses.get(number)
        report = ConnectorReport(
            number=number,
            status=status,
            at=now,
            serial=self._reports,
            fault=None if evse is None else evse.fault,
        )
        self._reports += 1
        action, payload = self.speech.status(report, self.options)
        for _ in range(1 + (Quirk.DOUBLE_STATUS in self.quirks)):
            self.outbox.put(
                Outgoing(action=action, payload=payload, evse_id=number, tells_status=True)
            )

    def _statuses(self) -> dict[int, str]:
        return self.speech.statuses(self.evses.values(), self.options)

    def restart_heartbeat(self, now: datetime) -> None:
        """Count the heartbeat interval from now."""
        self._heartbeat_due = now + self._heartbeat_interval()

    def _heartbeat_interval(self) -> timedelta:
        seconds = self.variables.number("OCPPCommCtrlr", "HeartbeatInterval")
        return timedelta(seconds=max(1.0, seconds))

    # What its EVSEs ask (Site)

    def report_connectors(self, now: datetime) -> None:
        """Queue the status of each connector where it changed and the CSMS can hear it."""
        if self.offline:
            return
        for number, status in self._statuses().items():
            if self._told_statuses.get(number) != status:
                self._send_status(number, status, now)

    def report_transaction(self, event: TransactionEvent) -> None:
        """Queue what this version of OCPP has to say of an event."""
        for action, payload in self.speech.transaction(event, self.options):
            self.outbox.put(
                Outgoing(
                    action=action,
                    payload=payload,
                    evse_id=event.evse_id,
                    transaction=event.transaction,
                    id_token="" if event.id_token is None else event.id_token["idToken"],
                    periodic=event.trigger is Trigger.METER_VALUE_PERIODIC,
                )
            )

    def transaction_began(self, evse: Evse) -> None:
        """Install the TxProfile that came with the remote start (F01.FR.08 ff., K05)."""
        transaction, authorization = evse.transaction, evse.authorization
        if transaction is None or authorization is None or authorization.profile is None:
            return
        profile = authorization.profile.for_transaction(transaction.transaction_id)
        try:
            self.profiles.install(
                evse.evse_id, profile, transaction.transaction_id, transaction.started_at
            )
        except ProfileRejectedError:
            # It was checked when the CSMS sent it; a conflict since then only loses its limit.
            return

    def transaction_over(self, evse: Evse, transaction_id: str) -> None:
        """Drop the transaction's profiles."""
        del evse
        self.profiles.end_transaction(transaction_id)

    def limit_for(self, evse: Evse, now: datetime) -> Limit:
        """Return what may flow at an EVSE now."""
        return self.limits.at(self.subject(evse, now), now)

    def subject(self, evse: Evse | None, now: datetime) -> Subject:
        """Return whose limits are asked: those of an EVSE, or None: of the whole station."""
        transaction = None if evse is None else evse.transaction
        return Subject(
            evse_id=WHOLE_STATION if evse is None else evse.evse_id,
            phases=self.options.phases if evse is None else evse.usable_phases,
            transaction_id=None if transaction is None else transaction.transaction_id,
            transaction_start=now if transaction is None else transaction.started_at,
        )

    def _sharing(self) -> int:
        """Return among how many EVSEs a limit of the station is shared, in equal parts."""
        charging = sum(
            1
            for evse in self.evses.values()
            if evse.authorization is not None and evse.car is not None and not evse.car.full
        )
        return max(1, charging)
