"""A charger whose frames go the whole way: translated, handled, and told in documents.

Only sockets, store and broker are left out. Time moves one second per message; what the charger
sends is stamped with the present moment.
"""

from datetime import timedelta
from typing import Any, Final

import orjson

from bridge.api.documents import Documents, TokenMask, secc
from bridge.domain import station as rules
from bridge.domain.calls import CallAnswered, CallOutcome, StationCall
from bridge.domain.effects import Outcome, RecordedEvent, StartReply
from bridge.domain.events import Connected, Disconnected
from bridge.domain.ids import StationId
from bridge.domain.model import Evse, Station
from bridge.domain.settings import StationSettings
from bridge.domain.units import rfc3339
from bridge.ocpp.actions import OcppVersion, Reading, Translator
from bridge.ocpp.frames import Call
from bridge.ocpp.v16.version import V16
from bridge.ocpp.v21.version import V21
from bridge.ocpp.v201.version import V201
from tests.schema_check import check_document
from tests.unit.domain.builders import ACCEPTED, KNOWN, T0

Step = tuple[Any, ...]
"""What a charger does: a method of `Charger` and its arguments."""
Row = tuple[str, str, str, str | None]
"""As a row of the tables has it: state, phase, vehicleStatus, chargeControllerStatus."""

VERSIONS_2: Final = ("2.0.1", "2.1")
VERSIONS: Final = ("1.6", *VERSIONS_2)
_TRANSLATORS: Final[dict[str, Translator]] = {}


def _translator(version: OcppVersion) -> Translator:
    return _TRANSLATORS.setdefault(version.name, Translator(version))


class Charger:
    """A connected charger with one EVSE of one connector."""

    def __init__(self, version: OcppVersion, settings: StationSettings = KNOWN) -> None:
        self.translator = _translator(version)
        self.settings = settings
        self.station = Station(id=StationId("CS1"))
        self.now = T0
        self.events: list[RecordedEvent] = []
        self.calls: list[StationCall] = []
        self.outcome = Outcome(station=self.station)
        self.tell(Connected(version=version.name, connection_id="c1", remote="127.0.0.1"))

    @property
    def time(self) -> str:
        """The present moment, as it is sent."""
        return rfc3339(self.now)

    def tell(self, message: rules.Input, after: float = 1.0) -> Outcome:
        """Hand a message to the domain."""
        self.now += timedelta(seconds=after)
        self.outcome = rules.handle(self.station, message, self.now, self.settings)
        self.station = self.outcome.station
        self.events += self.outcome.events
        self.calls += self.outcome.calls
        return self.outcome

    def send(self, action: str, payload: dict[str, Any]) -> Outcome:
        """Send a CALL; it must be one that the bridge can read."""
        reading = self.translator.read(Call("m", action, payload))
        assert isinstance(reading, Reading), reading
        outcome = self.tell(reading.message)
        answer = self.translator.answer(action, "m", outcome.reply, self.now)
        assert orjson.loads(answer)[0] == 3
        return outcome

    def answer(self, outcome: CallOutcome = ACCEPTED) -> None:
        """Answer the bridge's last call."""
        self.tell(CallAnswered(call_id=self.calls[-1].call_id, outcome=outcome))

    def disconnect(self) -> None:
        """Lose the connection."""
        self.tell(Disconnected(connection_id="c1"))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.tell(rules.Tick(), seconds)

    def play(self, *steps: Step) -> None:
        """Do one step after the other."""
        for name, *arguments in steps:
            getattr(self, name)(*arguments)

    # --- What is published --------------------------------------------------------------

    @property
    def evse(self) -> Evse:
        return self.station.evses[1]

    @property
    def documents(self) -> Documents:
        return Documents("main", TokenMask(None), lambda _: self.settings)

    def document(self, name: str) -> dict[str, Any]:
        """Return a retained document of the EVSE as it is published, held to its schema."""
        found = self.documents.of_evse(name, self.station, self.evse, self.now)
        document: dict[str, Any] = orjson.loads(orjson.dumps(found))
        check_document(name, document)
        return document

    @property
    def state(self) -> dict[str, Any]:
        return self.document("state")

    @property
    def transaction(self) -> dict[str, Any]:
        return self.document("transaction")

    @property
    def secc(self) -> dict[str, Any]:
        """The object of seed 000."""
        found = secc(self.station, self.evse, self.now)
        check_document("secc", orjson.loads(orjson.dumps(found)))
        return dict(found)

    @property
    def row(self) -> Row:
        state, secc_ = self.state, self.secc
        for key in ("state", "vehicleStatus", "chargeControllerStatus"):
            assert state[key] == secc_[key]
        return (
            state["state"],
            state["phase"],
            state["vehicleStatus"],
            state["chargeControllerStatus"],
        )

    @property
    def plugged(self) -> bool | None:
        plugged: bool | None = self.state["plugged"]
        return plugged

    def published(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind so far, as they are published: e.g. status, fault."""
        found = []
        for event in self.events:
            document = orjson.loads(orjson.dumps(self.documents.event(event, self.now)))
            if document["type"].partition(".")[0] == kind:
                check_document(f"event{kind.capitalize()}", document)
                found.append(document)
        return found


class Charger2(Charger):
    """A charger of OCPP 2.0.1 or 2.1."""

    def __init__(self, version: str = "2.0.1", settings: StationSettings = KNOWN) -> None:
        super().__init__({"2.0.1": V201, "2.1": V21}[version], settings)
        self.seq_no = -1

    def status(self, status: str) -> None:
        payload = {"evseId": 1, "connectorId": 1, "connectorStatus": status}
        self.send("StatusNotification", payload | {"timestamp": self.time})

    def authorize(self, value: str = "TAG1") -> None:
        self.send("Authorize", {"idToken": {"idToken": value, "type": "ISO14443"}})

    def event(
        self,
        event_type: str,
        trigger: str,
        info: dict[str, Any] | None = None,
        token: str | None = None,
        **more: Any,
    ) -> None:
        """Send a TransactionEvent of transaction T1."""
        self.seq_no += 1
        if event_type == "Started":
            more.setdefault("evse", {"id": 1, "connectorId": 1})
        if token is not None:
            more["idToken"] = {"idToken": token, "type": "ISO14443"}
        head = {
            "eventType": event_type,
            "timestamp": self.time,
            "triggerReason": trigger,
            "seqNo": self.seq_no,
            "transactionInfo": {"transactionId": "T1", **(info or {})},
        }
        self.send("TransactionEvent", head | more)

    def charge(self) -> None:
        """Plug in, show a token, and charge."""
        self.status("Available")
        self.status("Occupied")
        self.event("Started", "Authorized", {"chargingState": "Charging"}, token="TAG1")


class Charger16(Charger):
    """A charge point of OCPP 1.6."""

    def __init__(self, settings: StationSettings = KNOWN) -> None:
        super().__init__(V16, settings)
        self.transaction_id = 0

    def status(self, status: str, error_code: str = "NoError", connector_id: int = 1) -> None:
        payload = {"connectorId": connector_id, "errorCode": error_code, "status": status}
        self.send("StatusNotification", payload)

    def authorize(self, tag: str = "TAG1") -> None:
        self.send("Authorize", {"idTag": tag})

    def start(self, tag: str = "TAG1", meter_wh: int = 1000, **more: Any) -> None:
        head = {"connectorId": 1, "idTag": tag, "meterStart": meter_wh, "timestamp": self.time}
        reply = self.send("StartTransaction", head | more).reply
        assert isinstance(reply, StartReply)
        self.transaction_id = reply.transaction_id

    def stop(self, meter_wh: int = 3500, **more: Any) -> None:
        head = {"transactionId": self.transaction_id, "meterStop": meter_wh}
        self.send("StopTransaction", head | {"timestamp": self.time} | more)

    def measure(self, *samples: dict[str, Any]) -> None:
        value = {"timestamp": self.time, "sampledValue": list(samples)}
        self.send(
            "MeterValues",
            {"connectorId": 1, "transactionId": self.transaction_id, "meterValue": [value]},
        )

    def charge(self) -> None:
        """Plug in, show a tag, and charge."""
        self.status("Available")
        self.status("Preparing")
        self.authorize()
        self.start()
        self.status("Charging")


def charger(version: str) -> "Charger2 | Charger16":
    """Return a charger of a version."""
    return Charger16() if version == "1.6" else Charger2(version)
