"""Charging stations made of the `ocpp` package, which knows nothing of our code: one per version.

They validate every frame that the bridge sends against the OCPP schemas, and answer as told.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from ocpp import v16, v21, v201
from ocpp.exceptions import InternalError
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.acceptance.witness import Document

PLACE: Final = "PEER/1"
PATIENCE_SECONDS: Final = 30.0
TAG: Final = "TAG"
_REGISTER: Final = "Energy.Active.Import.Register"
_ACTIONS: Final = (
    "ChangeAvailability",
    "ClearChargingProfile",
    "Reset",
    "SetChargingProfile",
    "TriggerMessage",
    "UnlockConnector",
)
"""What it is asked in every version, and answers by a status."""


class Peer:
    """Remembers what it was asked, and answers with `status`, if at all.

    To be mixed with the ChargePoint of a version. `charge`, `draw`, `suspend` and `end` are what
    a driver and a car do; each version tells it in its own messages.
    """

    version: ClassVar[str]
    package: ClassVar[Any]
    actions: ClassVar[tuple[str, ...]]
    call: Callable[..., Any]
    start: Callable[..., Any]

    def __init__(self, socket: Any) -> None:
        super().__init__("PEER", socket)  # type: ignore[call-arg]  # of the ChargePoint
        self.route_map = {
            action: {"_on_action": partial(self._answer, action)} for action in self.actions
        }
        self.asked: list[tuple[str, Document]] = []
        """What the bridge has asked for: action and payload."""
        self.status = "Accepted"
        self.refused_purposes: set[str] = set()
        self.fails = False
        self.silent = asyncio.Event()
        self.silent.set()
        self.transaction_id: Any = None
        """Of the running or the last transaction, as the station names it."""
        self.at = _present() - timedelta(minutes=1)
        """When it spoke last."""
        self.told: list[datetime] = []
        """When each event of a transaction happened, by its own clock."""
        self._busy = 0
        self._news = asyncio.Event()

    # --- answering --------------------------------------------------------------------------

    async def _answer(self, action: str, **payload: Any) -> Any:
        """Remember a CALL of the bridge, and return its answer when it is time."""
        assert not self._busy, "one CALL at a time"
        self._busy += 1
        self.asked.append((action, payload))
        self._news.set()
        result = self._result(action, payload)
        await self.silent.wait()
        self._busy -= 1
        if self.fails:
            raise InternalError("out of order")
        return result

    def _result(self, action: str, payload: Document) -> Any:
        answer = getattr(self.package.call_result, action)
        if action == "SetChargingProfile" and self.purpose_of(payload) in self.refused_purposes:
            return answer("Rejected")
        return answer(self.status, **self._reason())

    def _reason(self) -> Document:
        """Return the statusInfo of an answer that is not Accepted."""
        accepted = self.status == "Accepted"
        return {} if accepted else {"status_info": {"reason_code": "NoReason"}}

    async def until_asked(self, action: str) -> Document:
        """Wait for the first CALL of an action and return its payload."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while action not in dict(self.asked):
                self._news.clear()
                await self._news.wait()
        return next(payload for name, payload in self.asked if name == action)

    # --- what it was sent -------------------------------------------------------------------

    def profile_in(self, payload: Document) -> Document:
        """Return the charging profile of a SetChargingProfile."""
        profile: Document = payload["charging_profile"]
        return profile

    def schedule_in(self, payload: Document) -> Document:
        """Return the only schedule of a SetChargingProfile."""
        schedule: Document
        (schedule,) = self.profile_in(payload)["charging_schedule"]
        return schedule

    def purpose_of(self, payload: Document) -> str:
        """Return the purpose of the profile of a SetChargingProfile."""
        return str(self.profile_in(payload)["charging_profile_purpose"])

    def profiles(self) -> list[tuple[str, float]]:
        """Return purpose and limit of each profile that it was sent."""
        found = []
        for action, payload in self.asked:
            if action == "SetChargingProfile":
                (period,) = self.schedule_in(payload)["charging_schedule_period"]
                found.append((self.purpose_of(payload), period["limit"]))
        return found

    # --- speaking ---------------------------------------------------------------------------

    async def boot(self) -> None:
        """Boot, and report a free connector."""
        raise NotImplementedError

    async def charge(self, token: str = TAG, remote_start_id: int | None = None) -> None:
        """Plug a car in and let it charge, by a tag or by a remote start."""
        raise NotImplementedError

    async def draw(self, amps: float, energy_wh: int | None = None) -> None:
        """Report what the car draws just now, on each phase, and the meter's register."""
        raise NotImplementedError

    async def suspend(self) -> None:
        """Report that the EVSE offers no current."""
        raise NotImplementedError

    async def end(self, reason: str = "Local", energy_wh: int = 0) -> None:
        """End the transaction; the cable stays plugged."""
        raise NotImplementedError

    async def unplug(self) -> None:
        """Report the connector as free."""
        raise NotImplementedError

    def _now(self) -> str:
        self.at += timedelta(seconds=1)
        return self.at.isoformat()

    def _happens(self) -> str:
        """Return when an event of a transaction happens."""
        moment = self._now()
        self.told.append(self.at)
        return moment


def _present() -> datetime:
    """Return the time, to the millisecond."""
    now = datetime.now(tz=UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _samples(amps: float, energy_wh: int | None) -> list[Document]:
    """Return readings with the values as numbers, and with the unit of each."""
    context = {"context": "Sample.Periodic"}
    currents = [
        {"value": amps, "measurand": "Current.Import", "phase": phase, "unit": "A", **context}
        for phase in ("L1", "L2", "L3")
    ]
    register = {"value": energy_wh, "measurand": _REGISTER, "unit": "Wh", **context}
    return currents if energy_wh is None else [*currents, register]


class Peer16(Peer, v16.ChargePoint):  # type: ignore[misc]  # the package has no types
    """A Charge Point of OCPP 1.6J, which gets its transaction ids from the bridge."""

    version = "1.6"
    package = v16

    actions = (*_ACTIONS, "RemoteStartTransaction", "RemoteStopTransaction")

    def _reason(self) -> Document:
        return {}

    def profile_in(self, payload: Document) -> Document:
        profile: Document = payload["cs_charging_profiles"]
        return profile

    def schedule_in(self, payload: Document) -> Document:
        schedule: Document = self.profile_in(payload)["charging_schedule"]
        return schedule

    async def boot(self) -> None:
        booted = await self.call(v16.call.BootNotification("peer", "mobilityhouse"))
        assert (booted.status, booted.interval) == ("Accepted", 300)
        await self._status("Available")

    async def charge(self, token: str = TAG, remote_start_id: int | None = None) -> None:
        await self._status("Preparing")
        if remote_start_id is None:
            authorized = await self.call(v16.call.Authorize(token))
            assert authorized.id_tag_info == {"status": "Accepted"}
        started = await self.call(v16.call.StartTransaction(1, token, 1000, self._happens()))
        assert started.id_tag_info == {"status": "Accepted"}
        self.transaction_id = started.transaction_id
        await self._status("Charging", self._happens())

    async def draw(self, amps: float, energy_wh: int | None = None) -> None:
        self.at = _present()
        sampled = [each | {"value": str(each["value"])} for each in _samples(amps, energy_wh)]
        reading = {"timestamp": self._happens(), "sampled_value": sampled}
        await self.call(v16.call.MeterValues(1, [reading], self.transaction_id))

    async def suspend(self) -> None:
        await self._status("SuspendedEVSE", self._happens())

    async def end(self, reason: str = "Local", energy_wh: int = 0) -> None:
        stop = v16.call.StopTransaction(energy_wh, self._happens(), self.transaction_id, reason)
        await self.call(stop)
        await self._status("Finishing")

    async def unplug(self) -> None:
        await self._status("Available")

    async def _status(self, status: str, at: str | None = None) -> None:
        await self.call(v16.call.StatusNotification(1, "NoError", status, at or self._now()))


def _sample_2(sample: Document) -> Document:
    """Return a reading as OCPP 2.x writes its unit."""
    unit = sample.pop("unit")
    return sample | {"unit_of_measure": {"unit": unit}}


def _register_2(at: str, context: str, energy_wh: int) -> Document:
    """Return a meterValue with the register alone."""
    sample = {"value": energy_wh, "measurand": _REGISTER, "unit": "Wh", "context": context}
    return {"timestamp": at, "sampled_value": [_sample_2(sample)]}


class _Peer2(Peer):
    """A station of OCPP 2.x, which names and numbers its transactions itself."""

    actions = (*_ACTIONS, "RequestStartTransaction", "RequestStopTransaction")
    _count = 0
    _seq_no = 0

    async def boot(self) -> None:
        station = {"model": "peer", "vendor_name": "mobilityhouse"}
        booted = await self.call(
            self.package.call.BootNotification(charging_station=station, reason="PowerUp")
        )
        assert (booted.status, booted.interval) == ("Accepted", 300)
        await self._status("Available")

    async def charge(self, token: str = TAG, remote_start_id: int | None = None) -> None:
        self._count += 1
        self._seq_no = 0
        self.transaction_id = f"peer-tx-{self._count}"
        await self._status("Occupied")
        about: Document = {"charging_state": "EVConnected"}
        trigger, kind = "Authorized", "ISO14443"
        if remote_start_id is not None:
            trigger, kind = "RemoteStart", "Central"
            about["remote_start_id"] = remote_start_id
        id_token = {"id_token": token, "type": kind}
        answer = await self.event("Started", trigger, about, id_token=id_token)
        assert answer.id_token_info == {"status": "Accepted"}
        await self.event("Updated", "ChargingStateChanged", {"charging_state": "Charging"})

    async def draw(self, amps: float, energy_wh: int | None = None) -> None:
        self.at = _present()
        sampled = [_sample_2(each) for each in _samples(amps, energy_wh)]
        reading = {"timestamp": self.at.isoformat(), "sampled_value": sampled}
        await self.event("Updated", "MeterValuePeriodic", meter_value=[reading])

    async def suspend(self) -> None:
        await self.event("Updated", "ChargingStateChanged", {"charging_state": "SuspendedEVSE"})

    async def end(self, reason: str = "Local", energy_wh: int = 0) -> None:
        trigger = {"Local": "StopAuthorized", "Remote": "RemoteStop"}[reason]
        reading = _register_2(self._now(), "Transaction.End", energy_wh)
        info = {"charging_state": "EVConnected", "stopped_reason": reason}
        await self.event("Ended", trigger, info, meter_value=[reading])

    async def unplug(self) -> None:
        await self._status("Available")

    async def event(
        self, event_type: str, trigger: str, info: Document | None = None, **members: Any
    ) -> Any:
        """Send the next TransactionEvent and return its answer."""
        if event_type == "Started":
            members["evse"] = {"id": 1, "connector_id": 1}
            members["meter_value"] = [_register_2(self._now(), "Transaction.Begin", 1000)]
        answer = await self.call(
            self.package.call.TransactionEvent(
                event_type=event_type,
                timestamp=self._happens(),
                trigger_reason=trigger,
                seq_no=self._seq_no,
                transaction_info={"transaction_id": self.transaction_id, **(info or {})},
                **members,
            )
        )
        self._seq_no += 1
        return answer

    async def _status(self, status: str) -> None:
        raise NotImplementedError


class Peer201(_Peer2, v201.ChargePoint):  # type: ignore[misc]  # the package has no types
    """A Charging Station of OCPP 2.0.1."""

    version = "2.0.1"
    package = v201

    async def _status(self, status: str) -> None:
        await self.call(v201.call.StatusNotification(self._now(), status, 1, 1))


class Peer21(_Peer2, v21.ChargePoint):  # type: ignore[misc]  # the package has no types
    """A Charging Station of OCPP 2.1, which tells its status as the newest text wants it (G01).

    It takes on each transactionLimit that it is told, and tells so (E16.FR.03).
    """

    version = "2.1"
    package = v21

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self.limits: list[Document] = []
        """Those that it was told."""

    async def event(
        self, event_type: str, trigger: str, info: Document | None = None, **members: Any
    ) -> Any:
        answer = await super().event(event_type, trigger, info, **members)
        if answer.transaction_limit is not None:
            self.limits.append(answer.transaction_limit)
            await self.event(
                "Updated", "LimitSet", {"transaction_limit": answer.transaction_limit}
            )
        return answer

    async def reach(self, trigger: str, reason: str) -> None:
        """End the transaction at a limit."""
        info = {"charging_state": "SuspendedEVSE", "stopped_reason": reason}
        await self.event("Ended", trigger, info)

    async def _status(self, status: str) -> None:
        changed = {
            "event_id": 1,
            "timestamp": self._now(),
            "trigger": "Delta",
            "actual_value": status,
            "event_notification_type": "HardWiredNotification",
            "component": {"name": "Connector", "evse": {"id": 1, "connector_id": 1}},
            "variable": {"name": "AvailabilityState"},
        }
        await self.call(
            v21.call.NotifyEvent(generated_at=changed["timestamp"], seq_no=0, event_data=[changed])
        )


PEERS: Final[Mapping[str, type[Peer]]] = {each.version: each for each in (Peer16, Peer201, Peer21)}


@asynccontextmanager
async def connected(url: str, version: str = "2.0.1") -> AsyncIterator[Peer]:
    """Connect and boot a station while in the context."""
    protocol = Subprotocol(f"ocpp{version}")
    async with connect(f"{url}/PEER", subprotocols=[protocol], proxy=None) as socket:
        assert socket.subprotocol == protocol
        station = PEERS[version](socket)
        reader = asyncio.create_task(station.start())
        await station.boot()
        yield station
        reader.cancel()
        await asyncio.wait([reader])
