"""A charging station played frame by frame, for what no well-behaved one would do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.typing import Subprotocol

PATIENCE_SECONDS: Final = 30.0
Json = dict[str, Any]
ACCEPTED: Final[Json] = {"status": "Accepted"}
REJECTED: Final[Json] = {"status": "Rejected"}
BOOT: Final = {
    "reason": "PowerUp",
    "chargingStation": {"model": "Hand", "vendorName": "Played"},
}


@dataclass(frozen=True, slots=True)
class CallError:
    """An answer that is a CALLERROR."""

    code: str = "NotImplemented"


Answer = Callable[[Json], Json | CallError]


@dataclass(slots=True)
class Memory:
    """What a station keeps while it is not connected."""

    profiles: dict[int, tuple[int, Json]] = field(default_factory=dict)
    """EVSE and charging profile by the profile's id, whoever installed it."""

    def clear(self, criteria: Json) -> None:
        """Forget the profiles that meet all criteria of a ClearChargingProfile (K10)."""
        for number, (evse_id, profile) in list(self.profiles.items()):
            facts = {**profile, "evseId": evse_id}
            if all(facts[name] == value for name, value in criteria.items()):
                del self.profiles[number]


def accept(_payload: Json) -> Json:
    """Answer Accepted."""
    return ACCEPTED


def reject(_payload: Json) -> Json:
    """Answer Rejected."""
    return REJECTED


def not_implemented(_payload: Json) -> CallError:
    """Answer by the CALLERROR of a station that does not know the action."""
    return CallError()


def _unknown_variables(payload: Json) -> Json:
    results = [
        {**each, "attributeStatus": "UnknownComponent"} for each in payload["getVariableData"]
    ]
    return {"getVariableResult": results}


_USUAL: Final[dict[str, Answer]] = {
    "GetCompositeSchedule": reject,
    "GetTransactionStatus": lambda _payload: {"messagesInQueue": False},
    "GetVariables": _unknown_variables,
}
"""Answers that are not just Accepted."""


class RawStation:
    """One connection of a station: sends what it is told to, keeps what it gets."""

    def __init__(
        self,
        socket: ClientConnection,
        answers: Mapping[str, Answer | None],
        memory: Memory | None = None,
    ) -> None:
        """Talk over `socket`; calls of the bridge are answered by `answers`, else Accepted."""
        self.socket = socket
        self.memory = memory or Memory()
        self.calls: list[tuple[str, Json]] = []
        """What the bridge has asked for: action and payload."""
        self.answers: list[list[Any]] = []
        """Answers to us, as they came: CALLRESULT and CALLERROR frames."""
        self._replies: dict[str, Answer | None] = {
            **_USUAL,
            "GetChargingProfiles": self._has_profiles,
            **answers,
        }
        self._numbers = count(1)
        self._reports: set[str] = set()
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name="raw-station")

    # --- frames -----------------------------------------------------------------------------

    async def send(self, text: str | bytes) -> None:
        """Send a frame as it is."""
        await self.socket.send(text)

    async def exchange(self, text: str | bytes) -> list[Any]:
        """Send a frame as it is and return the next answer."""
        before = len(self.answers)
        await self.send(text)
        await self.until(lambda: len(self.answers) > before)
        return self.answers[before]

    async def call(self, action: str, payload: Any) -> Json:
        """Send a CALL and return the payload of its CALLRESULT."""
        message_id = f"m{next(self._numbers)}"
        frame = orjson.dumps([2, message_id, action, payload]).decode()
        answer = await self.exchange(frame)
        assert answer[:2] == [3, message_id], answer
        result: Json = answer[2]
        return result

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is looked at whenever a frame came."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                self._changed.clear()
                if self._reader.done() and not condition():
                    raise ConnectionError(f"closed: {self.socket.close_code}")
                await self._changed.wait()

    async def asked(self, action: str, number: int = 1) -> Json:
        """Return the payload of the bridge's n-th call of an action, waiting for it."""
        await self.until(lambda: len(self.calls_of(action)) >= number)
        return self.calls_of(action)[number - 1]

    def answer_with(self, action: str, answer: Answer | None) -> None:
        """Answer calls of an action so from now on; None leaves them unanswered."""
        self._replies[action] = answer

    def calls_of(self, action: str) -> list[Json]:
        return [payload for name, payload in self.calls if name == action]

    async def closed(self) -> int | None:
        """Wait until the connection is closed and return the bridge's code."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.wait([self._reader])
        return self.socket.close_code

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                frame = orjson.loads(text)
                if frame[0] == 2:
                    await self._take_call(frame)
                elif frame[1] not in self._reports:
                    self.answers.append(frame)
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self._changed.set()

    async def _take_call(self, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        self.calls.append((action, payload))
        reply = self._replies.get(action, accept)
        if reply is None:
            return
        answer = reply(payload)
        if isinstance(answer, CallError):
            await self._write([4, message_id, answer.code, "", {}])
            return
        await self._write([3, message_id, answer])
        if answer == ACCEPTED:
            await self._carry_out(action, payload)

    async def _write(self, frame: list[Any]) -> None:
        await self.send(orjson.dumps(frame).decode())

    # --- charging profiles ------------------------------------------------------------------

    async def _carry_out(self, action: str, payload: Json) -> None:
        match action:
            case "SetChargingProfile" if "chargingProfile" in payload:  # not of OCPP 1.6
                profile = payload["chargingProfile"]
                self.memory.profiles[profile["id"]] = (payload["evseId"], profile)
            case "ClearChargingProfile" if "chargingProfileCriteria" in payload:
                self.memory.clear(payload["chargingProfileCriteria"])
            case "ClearChargingProfile":
                self.memory.profiles.pop(payload.get("chargingProfileId", 0), None)
            case "GetChargingProfiles":
                await self._report(payload["requestId"])

    def _has_profiles(self, _payload: Json) -> Json:
        return ACCEPTED if self.memory.profiles else {"status": "NoProfiles"}

    async def _report(self, request_id: int) -> None:
        """Report all profiles, one message per EVSE (K09.FR.02)."""
        evses = sorted({evse_id for evse_id, _ in self.memory.profiles.values()})
        for evse_id in evses:
            message_id = f"report-{next(self._numbers)}"
            self._reports.add(message_id)
            report = {
                "requestId": request_id,
                "chargingLimitSource": "CSO",
                "evseId": evse_id,
                "tbc": evse_id != evses[-1],
                "chargingProfile": [
                    profile for at, profile in self.memory.profiles.values() if at == evse_id
                ],
            }
            await self._write([2, message_id, "ReportChargingProfiles", report])

    # --- messages ---------------------------------------------------------------------------

    async def boot(self) -> None:
        """Boot, and report one free connector."""
        assert (await self.call("BootNotification", BOOT))["status"] == "Accepted"
        await self.status("Available")

    async def status(self, status: str, evse_id: int = 1) -> None:
        """Report the status of a connector."""
        await self.call(
            "StatusNotification",
            {
                "timestamp": iso(datetime.now(tz=UTC)),
                "connectorStatus": status,
                "evseId": evse_id,
                "connectorId": 1,
            },
        )

    async def limited_by_others(self, amps: float, source: str = "CSO", evse_id: int = 1) -> None:
        """Report a limit that somebody else has set (K12)."""
        schedule = {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amps}],
        }
        await self.call(
            "NotifyChargingLimit",
            {
                "evseId": evse_id,
                "chargingLimit": {"chargingLimitSource": source},
                "chargingSchedule": [schedule],
            },
        )

    async def freed_by_others(self, source: str = "CSO", evse_id: int = 1) -> None:
        """Report that somebody else's limit is gone (K13)."""
        payload = {"evseId": evse_id, "chargingLimitSource": source}
        await self.call("ClearedChargingLimit", payload)

    async def event(self, session: "Session", *arguments: str, **members: Any) -> Json:
        """Send the next TransactionEvent of a session, by the arguments of `Session.event`."""
        return await self.call("TransactionEvent", session.event(*arguments, **members))


class Session:
    """The numbers and times of one transaction's events."""

    def __init__(self, transaction_id: str = "tx-1", evse_id: int = 1) -> None:
        """Begin at 0, ten minutes ago, with an event a second."""
        self.transaction_id = transaction_id
        self._evse_id = evse_id
        self._seq_no = count()
        self.begin = datetime.now(tz=UTC).replace(microsecond=0) - timedelta(minutes=10)

    def event(
        self,
        event_type: str,
        trigger: str = "ChargingStateChanged",
        *,
        info: Json | None = None,
        **members: Any,
    ) -> Json:
        """Return the payload of the next event."""
        seq_no = next(self._seq_no)
        at = iso(self.begin + timedelta(seconds=seq_no))
        payload: Json = {
            "eventType": event_type,
            "timestamp": at,
            "triggerReason": trigger,
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": self.transaction_id, **(info or {})},
            **members,
        }
        if event_type == "Started":
            payload["evse"] = {"id": self._evse_id, "connectorId": 1}
        return payload

    def started(self) -> Json:
        """Return a Started by which the car charges at once."""
        return self.event("Started", "CablePluggedIn", info={"chargingState": "Charging"})


def amperes(profile: Json) -> float:
    """Return the limit of a charging profile of one period."""
    ((period,),) = [each["chargingSchedulePeriod"] for each in profile["chargingSchedule"]]
    limit: float = period["limit"]
    return limit


def currents(*amps: float) -> list[Json]:
    """Return a `meterValue` of now with the current of each phase."""
    sampled = [
        {"value": value, "measurand": "Current.Import", "phase": f"L{number}"}
        for number, value in enumerate(amps, start=1)
    ]
    return [{"timestamp": iso(datetime.now(tz=UTC)), "sampledValue": sampled}]


def energy(at: str, wh: float, context: str = "Sample.Periodic") -> list[Json]:
    """Return a `meterValue` with one reading of the register."""
    return [{"timestamp": at, "sampledValue": [{"value": wh, "context": context}]}]


def iso(moment: datetime) -> str:
    """Return a time as stations write it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@asynccontextmanager
async def played(
    url: str,
    station_id: str = "CS1",
    *,
    answers: Mapping[str, Answer | None] | None = None,
    memory: Memory | None = None,
    version: str = "2.0.1",
    **options: Any,
) -> AsyncIterator[RawStation]:
    """Connect as a station while in the context; an answer of None leaves a call unanswered."""
    options.setdefault("compression", None)
    socket = await connect(
        f"{url}/{station_id}", subprotocols=[Subprotocol(f"ocpp{version}")], **options
    )
    station = RawStation(socket, answers or {}, memory)
    try:
        yield station
    finally:
        if socket.state is not State.CLOSED:
            await socket.close()
        await station.closed()
