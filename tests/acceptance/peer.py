"""A charging station made of the `ocpp` package, which knows nothing of our code.

It validates every frame that the bridge sends against the OCPP schemas, and answers as told.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast

from ocpp.exceptions import InternalError
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.acceptance.witness import Document

PLACE: Final = "PEER/1"
PATIENCE_SECONDS: Final = 15.0
_Method = TypeVar("_Method", bound=Callable[..., Any])


def answers(action: str) -> Callable[[_Method], _Method]:
    """Route an action to a method; the package's own decorator has no types."""
    return cast("Callable[[_Method], _Method]", on(action))


class Peer(ChargePoint):  # type: ignore[misc]  # the package has no types
    """Remembers what it was asked, and answers with `status`, if at all."""

    def __init__(self, socket: Any) -> None:
        super().__init__("PEER", socket)
        self.asked: list[tuple[str, Document]] = []
        self.status = "Accepted"
        self.refused_purposes: set[str] = set()
        self.fails = False
        self.silent = asyncio.Event()
        self.silent.set()
        self.busy = 0
        self._news = asyncio.Event()
        self._seq_no = 0
        self._at = datetime.now(tz=UTC) - timedelta(minutes=1)

    async def _answer(self, action: str, payload: Document, result: Any) -> Any:
        assert not self.busy, "one CALL at a time"
        self.busy += 1
        self.asked.append((action, payload))
        self._news.set()
        await self.silent.wait()
        self.busy -= 1
        if self.fails:
            raise InternalError("out of order")
        return result

    def _reason(self) -> Document | None:
        return None if self.status == "Accepted" else {"reason_code": "NoReason"}

    @answers("SetChargingProfile")
    async def on_set_profile(self, **payload: Any) -> Any:
        purpose = payload["charging_profile"]["charging_profile_purpose"]
        refused = purpose in self.refused_purposes
        result = call_result.SetChargingProfile(
            "Rejected" if refused else self.status, None if refused else self._reason()
        )
        return await self._answer("SetChargingProfile", payload, result)

    @answers("ClearChargingProfile")
    async def on_clear_profile(self, **payload: Any) -> Any:
        result = call_result.ClearChargingProfile(self.status)
        return await self._answer("ClearChargingProfile", payload, result)

    @answers("RequestStopTransaction")
    async def on_stop(self, **payload: Any) -> Any:
        result = call_result.RequestStopTransaction(self.status)
        return await self._answer("RequestStopTransaction", payload, result)

    @answers("RequestStartTransaction")
    async def on_start(self, **payload: Any) -> Any:
        result = call_result.RequestStartTransaction(self.status)
        return await self._answer("RequestStartTransaction", payload, result)

    async def boot(self) -> None:
        station = {"model": "peer", "vendor_name": "mobilityhouse"}
        booted = await self.call(call.BootNotification(station, "PowerUp"))
        assert (booted.status, booted.interval) == ("Accepted", 300)
        await self.call(call.StatusNotification(self._now(), "Available", 1, 1))

    async def charge(self) -> None:
        """Begin a transaction in which the car charges."""
        token = {"id_token": "TAG", "type": "ISO14443"}
        answer = await self.event(
            "Started", "Authorized", {"charging_state": "Charging"}, id_token=token
        )
        assert answer.id_token_info == {"status": "Accepted"}

    async def draw(self, amps: float) -> None:
        """Report what the car draws just now, on each phase."""
        self._at = datetime.now(tz=UTC)
        sampled = [
            {"value": amps, "measurand": "Current.Import", "phase": phase}
            for phase in ("L1", "L2", "L3")
        ]
        reading = {"timestamp": self._at.isoformat(), "sampled_value": sampled}
        await self.event("Updated", "MeterValuePeriodic", meter_value=[reading])

    async def until_asked(self, action: str) -> Document:
        """Wait for the first CALL of an action and return its payload."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while action not in dict(self.asked):
                self._news.clear()
                await self._news.wait()
        return next(payload for name, payload in self.asked if name == action)

    def profiles(self) -> list[tuple[str, float]]:
        """Return purpose and limit of each profile that it was sent."""
        found = []
        for action, payload in self.asked:
            if action == "SetChargingProfile":
                profile = payload["charging_profile"]
                (schedule,) = profile["charging_schedule"]
                (period,) = schedule["charging_schedule_period"]
                found.append((profile["charging_profile_purpose"], period["limit"]))
        return found

    async def event(
        self, event_type: str, trigger: str, info: Document | None = None, **members: Any
    ) -> Any:
        transaction = {"transaction_id": "peer-tx", **(info or {})}
        if event_type == "Started":
            members["evse"] = {"id": 1, "connector_id": 1}
        answer = await self.call(
            call.TransactionEvent(
                event_type, self._now(), trigger, self._seq_no, transaction, **members
            )
        )
        self._seq_no += 1
        return answer

    def _now(self) -> str:
        self._at += timedelta(seconds=1)
        return self._at.isoformat()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Peer]:
    """Connect and boot a station while in the context."""
    protocol = Subprotocol("ocpp2.0.1")
    async with connect(f"{url}/PEER", subprotocols=[protocol], proxy=None) as socket:
        station = Peer(socket)
        reader = asyncio.create_task(station.start())
        await station.boot()
        yield station
        reader.cancel()
        await asyncio.wait([reader])
