"""A simulated station on a bench: its clock is turned by hand, its CSMS is a table of answers.

Every frame that the station sends is checked against the schemas of the `ocpp` package.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import count
from typing import Any, Final

import jsonschema_rs
import orjson

from bridge.simulator.endpoint import Endpoint
from bridge.simulator.evse import Evse
from bridge.simulator.invalid import INVALID
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.script import Script, Wait
from bridge.simulator.station import StationModel
from bridge.simulator.wire import Call, CallError, CallResult, JsonObject, decode, encode

BEGIN: Final = datetime(2026, 1, 10, 10, 0, tzinfo=UTC)
NO_DRIVER: Final = Script(steps=(Wait(seconds=0),), repeat=False)

Answers = dict[str, Callable[[JsonObject], JsonObject | CallError | None]]


SCHEMAS: Final = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}


@cache
def validator(version: str, name: str) -> jsonschema_rs.Validator:
    folder = files("ocpp").joinpath(SCHEMAS[version], "schemas")
    schema = orjson.loads(folder.joinpath(f"{name}.json").read_text("utf-8-sig"))
    return jsonschema_rs.validator_for(schema)


def check(version: str, name: str, payload: JsonObject) -> None:
    errors = [str(error) for error in validator(version, name).iter_errors(payload)]
    assert not errors, f"{name}: {errors} in {payload}"


def check_request(version: str, action: str, payload: JsonObject) -> None:
    check(version, action if version == "1.6" else f"{action}Request", payload)


def accept(payload: JsonObject) -> JsonObject:
    return {}


def boot_answer(status: str = "Accepted", interval: int = 300) -> JsonObject:
    return {"status": status, "interval": interval, "currentTime": "2026-01-10T10:00:00Z"}


def token_answer(status: str = "Accepted") -> JsonObject:
    return {"idTokenInfo": {"status": status}}


def start_answer(number: int, status: str = "Accepted") -> JsonObject:
    return {"transactionId": number, "idTagInfo": {"status": status}}


class Rig:
    """One station, its connection, and what it said."""

    def __init__(self, **options: Any) -> None:
        self.now = BEGIN
        self.options = SimulatorOptions(**{"script": NO_DRIVER, **options})
        numbers = count(1)
        self.station = StationModel(
            "SIM001",
            self.options,
            index=0,
            now=self.now,
            new_id=lambda: f"id-{next(numbers)}",
        )
        self.endpoint = Endpoint(self.station)
        self.said: list[Call] = []
        self.online = False
        self.answers: Answers = {
            "BootNotification": lambda _: boot_answer(),
            "Authorize": lambda _: self.token_answer(),
            "Heartbeat": lambda _: {"currentTime": "2026-01-10T10:00:00Z"},
        }
        transactions = count(101)
        if self.options.version == "1.6":
            self.answers["StartTransaction"] = lambda _: start_answer(next(transactions))
        self._replies: list[CallResult | CallError] = []

    def token_answer(self, status: str = "Accepted") -> JsonObject:
        name = "idTagInfo" if self.options.version == "1.6" else "idTokenInfo"
        return {name: {"status": status}}

    @property
    def evse(self) -> Evse:
        return self.station.evses[1]

    @property
    def transaction_id(self) -> str:
        assert self.evse.transaction is not None
        return self.evse.transaction.transaction_id

    def connect(self) -> None:
        self.endpoint.connected(self.now)
        self.online = True
        self.pump()

    def disconnect(self) -> None:
        self.online = False
        self.endpoint.disconnected(self.now)

    def pass_time(self, seconds: float, step: float = 0.5) -> None:
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now = min(end, self.now + timedelta(seconds=step))
            self.pump()

    def pump(self) -> None:
        """Let the station act until it has nothing more to say."""
        self.endpoint.tick(self.now)
        while self.online and (frames := list(self.endpoint.frames(self.now))):
            for frame in frames:
                self._hear(frame)

    def ask(self, action: str, payload: JsonObject) -> JsonObject:
        """Send a CALL of the CSMS and return the payload of its answer."""
        check_request(self.options.version, action, payload)
        reply = self.ask_raw(action, payload)
        assert isinstance(reply, CallResult), reply
        check(self.options.version, f"{action}Response", reply.payload)
        return reply.payload

    def ask_raw(self, action: str, payload: JsonObject) -> CallResult | CallError:
        # json, not orjson: hostile payloads hold integers that orjson refuses to write
        self.endpoint.receive(json.dumps([2, "csms", action, payload]), self.now)
        self.pump()
        return self._replies.pop()

    def plug_in(self, soc_percent: float | None = None) -> None:
        self.station.plug_in(self.evse, self.now, soc_percent)
        self.pump()

    def present_token(self, text: str | None = None) -> None:
        self.station.present_token(self.evse, self.now, text)
        self.pump()

    def unplug(self) -> None:
        self.station.unplug(self.evse, self.now)
        self.pump()

    def charge(self) -> None:
        """Reach a running transaction at the full current of the car."""
        self.connect()
        self.plug_in()
        self.present_token()
        self.pass_time(9)

    def calls(self, action: str) -> list[JsonObject]:
        return [call.payload for call in self.said if call.action == action]

    def events(self) -> list[JsonObject]:
        return self.calls("TransactionEvent")

    def story(self) -> list[tuple[str, str]]:
        """Every TransactionEvent but the periodic ones: what happened, and why."""
        return [
            (event["eventType"], event["triggerReason"])
            for event in self.events()
            if event["triggerReason"] != "MeterValuePeriodic"
        ]

    def statuses(self) -> list[str]:
        return [payload["connectorStatus"] for payload in self.calls("StatusNotification")]

    def _hear(self, frame: str) -> None:
        message = decode(frame)
        if not isinstance(message, Call):
            self._replies.append(message)
            return
        if INVALID.isdisjoint(self.options.quirks):
            check_request(self.options.version, message.action, message.payload)
        self.said.append(message)
        answer = self.answers.get(message.action, accept)(message.payload)
        if answer is None:
            return
        if isinstance(answer, CallError):
            text = encode(CallError(message_id=message.message_id, code=answer.code))
        else:
            check(self.options.version, f"{message.action}Response", answer)
            text = encode(CallResult(message_id=message.message_id, payload=answer))
        self.endpoint.receive(text, self.now)


def profile(**members: Any) -> JsonObject:
    """Return a TxDefaultProfile of 10 A from BEGIN on, changed by `members`.

    The members of the schedule and `limit` are found by their name.
    """
    schedule: JsonObject = {
        "id": 1,
        "chargingRateUnit": members.pop("chargingRateUnit", "A"),
        "chargingSchedulePeriod": members.pop(
            "periods", [{"startPeriod": 0, "limit": members.pop("limit", 10.0)}]
        ),
    }
    if "duration" in members:
        schedule["duration"] = members.pop("duration")
    start = members.pop("startSchedule", "2026-01-10T10:00:00Z")
    if start is not None:
        schedule["startSchedule"] = start
    return {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
        **members,
    }
