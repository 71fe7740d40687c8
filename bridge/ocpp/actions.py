"""What a version of OCPP can say, as data, and the way between its payloads and the domain."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.domain import calls
from bridge.domain.effects import NotAccepted, Reply
from bridge.domain.events import StationMessage
from bridge.ocpp import frames
from bridge.ocpp.frames import Call, ErrorCode, ErrorNames, Unreadable
from bridge.ocpp.validation import PayloadError, Schemas, Violation

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ActionRow:
    """An action that a station sends: how it is read, and how it is answered."""

    read: Callable[[dict[str, Any]], StationMessage]
    """Make a message of a valid payload; PayloadError where it has no meaning."""
    answer: Callable[[Reply, datetime], Payload]
    """Make the payload of the CALLRESULT."""
    remember: bool = True
    """Whether a repeated CALL gets the first answer again.

    Not where the answer tells the time, or where a station that counts its ids from 1 after a
    restart would say the very same again and mean it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class OcppVersion:
    """One version of OCPP as far as the bridge speaks it."""

    name: str
    subprotocol: str
    schemas: str
    """Package of its JSON schemas."""
    station_actions: Mapping[str, ActionRow]
    csms_actions: frozenset[str]
    """Known actions that only the CSMS sends: NotSupported, where others are NotImplemented."""
    error_names: ErrorNames
    compression: bool
    """Whether the version wants permessage-deflate of a CSMS."""
    write_request: Callable[[calls.StationRequest], tuple[str, Payload]]
    """Make action and payload of a request to the station."""
    read_result: Callable[[Payload], calls.CallResult]
    """Make the outcome of the payload of a valid CALLRESULT."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A message of a station, and what was tolerated in it."""

    message: StationMessage
    tolerated: Violation | None = None


class Translator:
    """Reads and writes the payloads of one version, validated."""

    def __init__(self, version: OcppVersion, *, strict: bool = False) -> None:
        self.version = version
        self._schemas = Schemas(version.schemas, strict=strict)

    def read(self, call: Call) -> Reading | Unreadable:
        """Make a message of a CALL, or say by which CALLERROR it is answered."""
        row = self.version.station_actions.get(call.action)
        if row is None:
            return self._unknown(call)
        violation = self._schemas.violation(f"{call.action}Request", call.payload)
        if violation is not None and not violation.tolerable:
            return Unreadable(call.message_id, violation.code, violation.description)
        try:
            return Reading(row.read(call.payload), violation)
        except PayloadError as error:
            return Unreadable(call.message_id, error.code, error.description)

    def knows(self, action: str) -> bool:
        """Say whether this is an action of the version, whoever sends it."""
        return action in self.version.station_actions or action in self.version.csms_actions

    def _unknown(self, call: Call) -> Unreadable:
        if call.action in self.version.csms_actions:
            return Unreadable(
                call.message_id, ErrorCode.NOT_SUPPORTED, "only a CSMS sends this action"
            )
        return Unreadable(call.message_id, ErrorCode.NOT_IMPLEMENTED, "unknown action")

    def answer(self, action: str, message_id: str, reply: Reply, now: datetime) -> bytes:
        """Return the frame that answers a CALL of which `read` has made a message."""
        if isinstance(reply, NotAccepted):
            return self.error(Unreadable(message_id, ErrorCode.SECURITY_ERROR, "not accepted yet"))
        payload = self.version.station_actions[action].answer(reply, now)
        return frames.encode_call_result(message_id, payload)

    def remembers(self, action: str, reply: Reply | None) -> bool:
        """Say whether the same CALL is to be answered alike when it is repeated."""
        return not isinstance(reply, NotAccepted) and self.version.station_actions[action].remember

    def error(self, error: Unreadable) -> bytes:
        """Return the CALLERROR frame for what could not be handled."""
        return frames.encode_call_error(
            error.message_id, error.code, error.description, self.version.error_names
        )

    def write(self, request: calls.StationRequest) -> tuple[str, Payload]:
        """Return action and payload of a request."""
        return self.version.write_request(request)

    def outcome(self, action: str, payload: Payload) -> calls.CallOutcome:
        """Make the outcome of the CALLRESULT to one of our requests."""
        violation = self._schemas.violation(f"{action}Response", payload)
        if violation is not None and not violation.tolerable:
            return calls.CallFailed(
                failure=calls.CallFailure.ERROR,
                code=violation.code,
                description=violation.description,
            )
        return self.version.read_result(payload)
