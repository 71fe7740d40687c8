"""The simulated charging station: pure, time injected, no sockets.

It owns the EVSEs, the profiles, the device model and the queue of what it wants to send. Its
inputs are the connection (`connected`, `disconnected`), the answers of the CSMS (`answered`,
`refused`), the commands in `handlers.py`, the driver's acts, and time (`tick`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bridge.simulator.car import Car, Circuit, Grid
from bridge.simulator.driver import Driver
from bridge.simulator.evse import CONNECTOR_ID, Evse
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.outbox import Outbox, Outgoing
from bridge.simulator.profile_store import WHOLE_STATION, Limit, ProfileStore, Subject
from bridge.simulator.profiles import ProfileRejectedError
from bridge.simulator.transaction import Authorization, StoppedReason, Trigger
from bridge.simulator.variables import Nameplate, Variables
from bridge.simulator.wire import JsonObject, format_time

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
        self.new_id = new_id
        self.outbox = Outbox()
        self.profiles = ProfileStore()
        self.variables = Variables(_nameplate(station_id, options))
        self.boot = Boot.UNKNOWN
        self.online = False
        self.reset_plan: ResetPlan | None = None
        self._index = index
        self._boot_reason = "PowerUp"
        self._boot_due: datetime | None = now
        self._heartbeat_due: datetime | None = None
        self._offline_since: datetime | None = None
        self._asked: dict[int, Authorization] = {}
        self._known_tokens: set[str] = set()
        self._drivers: list[Driver] = []
        self.evses = {
            evse_id: self._make_evse(evse_id, now) for evse_id in range(1, options.evses + 1)
        }

    def _make_evse(self, evse_id: int, now: datetime) -> Evse:
        seed = self.options.seed * 1000 + self._index
        return Evse(
            evse_id=evse_id,
            site=self,
            grid=Grid.from_seed(seed),
            circuit=Circuit(register_wh=float(10_000 * (self._index + 1) + 1000 * evse_id)),
            supply_phases=self.options.phases,
            cable_max_a=self.options.cable_max_a,
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
        outage_s = (now - (self._offline_since or now)).total_seconds()
        if self.boot is not Boot.ACCEPTED:
            self._boot_due = self._boot_due or now  # a wait that the CSMS ordered goes on
            return
        long_outage = outage_s > self.variables.number("OCPPCommCtrlr", "OfflineThreshold")
        for evse in self.evses.values():
            if long_outage or evse.last_status != evse.connector_status:
                self.send_status(evse, now)

    def disconnected(self, now: datetime) -> None:
        """Note that the WebSocket is gone."""
        self.online = False
        self._offline_since = now
        for outgoing in self.outbox.connection_lost():
            if outgoing.action == "StatusNotification":
                self.evses[outgoing.evse_id].last_status = ""  # not told: tell it again
        for evse_id in list(self._asked):
            self._decide_offline(evse_id, now)

    def reboot(self, now: datetime) -> None:
        """Start anew after a Reset: profiles, energy registers and plugged cars survive."""
        plan = self.reset_plan
        self.reset_plan = None
        self.boot = Boot.UNKNOWN
        self._boot_reason = "RemoteReset" if plan is None else plan.reason
        self._boot_due = now
        self._heartbeat_due = None

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
        for evse in self.evses.values():
            evse.tick(now, self.options.speed)
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
            phases=self.options.phases,
            battery_wh=battery_wh,
            stored_wh=battery_wh * percent / 100,
        )
        evse.plug_in(car, now)

    def unplug(self, evse: Evse, now: datetime) -> None:
        """Take the car away."""
        self._asked.pop(evse.evse_id, None)
        evse.unplug(now)

    def present_token(self, evse: Evse, now: datetime, id_token: str | None = None) -> None:
        """Hold a card to the reader: stop what it began, or ask whether it may begin (C01)."""
        text = self.options.id_token if id_token is None else id_token
        if evse.authorization is not None:
            if evse.authorization.id_token["idToken"] == text:
                evse.stop(Trigger.STOP_AUTHORIZED, StoppedReason.LOCAL, now)
        elif evse.free and not self.is_asking(evse):
            authorization = Authorization(
                id_token={"idToken": text, "type": "ISO14443"},
                trigger=Trigger.AUTHORIZED,
                expires_at=self.authorization_expiry(now),
            )
            self.ask(evse, authorization, now)

    def ask(self, evse: Evse, authorization: Authorization, now: datetime) -> None:
        """Ask the CSMS for its verdict on a token, or decide where it cannot be asked."""
        self._asked[evse.evse_id] = authorization
        if self.offline:
            self._decide_offline(evse.evse_id, now)
        else:
            payload = {"idToken": authorization.id_token}
            self.send("Authorize", payload, evse_id=evse.evse_id)

    def is_asking(self, evse: Evse) -> bool:
        """Whether the verdict on a token is awaited."""
        return evse.evse_id in self._asked

    def _decide_offline(self, evse_id: int, now: datetime) -> None:
        """Accept a token that is known, or any where the station may (C12, C15)."""
        authorization = self._asked.pop(evse_id)
        known = authorization.id_token["idToken"] in self._known_tokens
        cached = known and self.variables.flag("AuthCtrlr", "LocalAuthorizeOffline")
        if cached or self.variables.flag("AuthCtrlr", "OfflineTxForUnknownIdEnabled"):
            self._grant(self.evses[evse_id], authorization, now)

    def _grant(self, evse: Evse, authorization: Authorization, now: datetime) -> None:
        if evse.free:
            expires_at = self.authorization_expiry(now)
            evse.authorize(replace(authorization, expires_at=expires_at), now)

    def authorization_expiry(self, now: datetime) -> datetime:
        """Return when an authorization given now is over, unless a car comes."""
        timeout_s = self.variables.number("TxCtrlr", "EVConnectionTimeOut")
        return now + timedelta(seconds=timeout_s)

    def clear_cache(self) -> None:
        """Forget which tokens were accepted (C11)."""
        self._known_tokens.clear()

    # What the CSMS answered

    def answered(self, outgoing: Outgoing, payload: JsonObject, now: datetime) -> None:
        """Take in the CALLRESULT of a CALL."""
        match outgoing.action:
            case "BootNotification":
                self._boot_answered(payload, now)
            case "Authorize":
                self._authorize_answered(outgoing.evse_id, payload, now)
            case "TransactionEvent":
                self._transaction_answered(outgoing, payload, now)

    def refused(self, outgoing: Outgoing, code: str, now: datetime) -> None:
        """Take in a CALLERROR, or with code "" that no answer came in time."""
        match outgoing.action:
            case "BootNotification":
                self._boot_due = now + timedelta(seconds=BOOT_RETRY_S)
            case "Authorize" if outgoing.evse_id in self._asked:
                self._decide_offline(outgoing.evse_id, now)
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
        self.restart_heartbeat(now)
        for evse in self.evses.values():
            self.send_status(evse, now)
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

    def _authorize_answered(self, evse_id: int, payload: JsonObject, now: datetime) -> None:
        authorization = self._asked.pop(evse_id, None)
        if authorization is None:
            return
        text = authorization.id_token["idToken"]
        if payload["idTokenInfo"]["status"] == "Accepted":
            self._known_tokens.add(text)
            self._grant(self.evses[evse_id], authorization, now)
        else:
            self._known_tokens.discard(text)

    def _transaction_answered(
        self, outgoing: Outgoing, payload: JsonObject, now: datetime
    ) -> None:
        """End a transaction whose token the CSMS does not accept (E05, C15)."""
        verdict = payload.get("idTokenInfo", {}).get("status", "Accepted")
        evse = self.evses[outgoing.evse_id]
        transaction = evse.transaction
        if (
            verdict == "Accepted"
            or transaction is None
            or outgoing.payload["transactionInfo"]["transactionId"] != transaction.transaction_id
            or not self.variables.flag("TxCtrlr", "StopTxOnInvalidId")
        ):
            return
        self._known_tokens.discard(outgoing.payload.get("idToken", {}).get("idToken", ""))
        evse.stop(Trigger.DEAUTHORIZED, StoppedReason.DE_AUTHORIZED, now)

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
        payload = {
            "reason": self._boot_reason,
            "chargingStation": {
                "model": "Simulator",
                "vendorName": "ocpp-mqtt-bridge",
                "serialNumber": self.station_id[:25],
                "firmwareVersion": "1",
            },
        }
        self.send("BootNotification", payload, before_acceptance=True)

    def send_status(self, evse: Evse, now: datetime) -> None:
        """Queue the StatusNotification of one connector."""
        evse.last_status = evse.connector_status
        payload = {
            "timestamp": format_time(now),
            "connectorStatus": evse.connector_status,
            "evseId": evse.evse_id,
            "connectorId": CONNECTOR_ID,
        }
        self.send("StatusNotification", payload, evse_id=evse.evse_id)

    def restart_heartbeat(self, now: datetime) -> None:
        """Count the heartbeat interval from now."""
        self._heartbeat_due = now + self._heartbeat_interval()

    def _heartbeat_interval(self) -> timedelta:
        seconds = self.variables.number("OCPPCommCtrlr", "HeartbeatInterval")
        return timedelta(seconds=max(1.0, seconds))

    # What its EVSEs ask (Site)

    def report_connector(self, evse: Evse, now: datetime) -> None:
        """Queue a StatusNotification where the status changed and the CSMS can hear it."""
        if not self.offline and evse.last_status != evse.connector_status:
            self.send_status(evse, now)

    def report_transaction(self, evse_id: int, payload: JsonObject) -> None:
        """Queue a TransactionEvent."""
        self.send("TransactionEvent", payload, evse_id=evse_id)

    def transaction_began(self, evse: Evse) -> None:
        """Install the TxProfile that came with the remote start (F01.FR.08 ff., K05)."""
        transaction, authorization = evse.transaction, evse.authorization
        if transaction is None or authorization is None or authorization.profile is None:
            return
        profile = authorization.profile.for_transaction(transaction.transaction_id)
        try:
            self.profiles.install(evse.evse_id, profile, transaction.transaction_id)
        except ProfileRejectedError:
            # It was checked when the CSMS sent it; a conflict since then only loses its limit.
            return

    def transaction_over(self, evse: Evse, transaction_id: str) -> None:
        """Drop the transaction's profiles."""
        del evse
        self.profiles.end_transaction(transaction_id)

    def limit_for(self, evse: Evse, now: datetime) -> Limit:
        """Return what may flow at an EVSE now."""
        return self.limit_of(self.subject(evse, now), now)

    def limit_of(self, subject: Subject, moment: datetime) -> Limit:
        """Return the lowest of the limits of station, cable, EVSE profiles, station profile."""
        amps = min(self.options.station_max_a, self.options.cable_max_a)
        by_evse = self.profiles.evse_limit(subject, moment)
        by_station = self.profiles.station_limit(subject.phases, moment)
        if by_evse is not None:
            amps = min(amps, by_evse.amps)
        if by_station is not None:
            shares = 1 if subject.evse_id == WHOLE_STATION else self._sharing()
            amps = min(amps, by_station.amps / shares)
        limits = [limit for limit in (by_evse, by_station) if limit is not None]
        phases = min((limit.phases or subject.phases for limit in limits), default=None)
        return Limit(amps=amps, phases=phases)

    def subject(self, evse: Evse | None, now: datetime) -> Subject:
        """Return whose limits are asked: those of an EVSE, or None: of the whole station."""
        transaction = None if evse is None else evse.transaction
        return Subject(
            evse_id=WHOLE_STATION if evse is None else evse.evse_id,
            phases=self.options.phases,
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


def _nameplate(station_id: str, options: SimulatorOptions) -> Nameplate:
    return Nameplate(
        station_id=station_id,
        evses=options.evses,
        phases=options.phases,
        meter_interval_s=options.meter_interval_s,
        connection_timeout_s=options.connection_timeout_s,
        password=options.password,
    )
