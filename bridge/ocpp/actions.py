"""What a version of OCPP can say, as data, and the way between its payloads and the domain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple

import orjson
from msgspec import Struct, field

from bridge.domain import calls
from bridge.domain.effects import NotAccepted, Reply
from bridge.domain.events import StationMessage, warned, warnings_of
from bridge.ocpp import frames, repairs
from bridge.ocpp.frames import Call, ErrorCode, ErrorNames, Unreadable
from bridge.ocpp.validation import Fault, PayloadError, Schemas, Violation

Payload = Mapping[str, Any]


QuickReader = Callable[[bytes], tuple[str, StationMessage] | None]
"""Checks and reads the text of a CALL at once: its id and message; None where the usual way has to."""


class ActionRow(Struct, frozen=True):
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


_HEAD_LENGTH: Final = 96
"""Bytes of a CALL in which its action is found: longer ids are rare."""

_BOTH_WAYS: Final = frozenset({"DataTransfer"})
"""Actions that stations and CSMS send alike (P01, P02)."""


class NotInThisVersionError(Exception):
    """A version of OCPP has no such request."""


class OcppVersion(Struct, frozen=True, kw_only=True):
    """One version of OCPP as far as the bridge speaks it."""

    name: str
    subprotocol: str
    schemas: str
    """Package of its JSON schemas."""
    request_suffix: str = "Request"
    """What a request's schema is called after its action."""
    station_actions: Mapping[str, ActionRow]
    csms_actions: frozenset[str]
    """Known actions that only the CSMS sends: NotSupported, where others are NotImplemented."""
    frequent: Mapping[str, Callable[[Payload], QuickReader]] = field(default_factory=dict)
    """What makes, of a request's schema, a reader for the CALLs that are frequent of an action."""
    station_sends: Mapping[str, Callable[[dict[str, Any]], StationMessage]] = field(
        default_factory=dict
    )
    """How what a station tells by a SEND is read, by its action."""
    unserved_actions: frozenset[str] = frozenset()
    """Known actions of a station that ask for a service that the bridge does not have, and whose
    answers have no refusal: NotSupported, too."""
    knows_send: bool = False
    """Whether it has the message types SEND and CALLRESULTERROR, and ignores unknown ones."""
    error_names: ErrorNames
    compression: bool
    """Whether the version wants permessage-deflate of a CSMS."""
    write_request: Callable[[calls.StationRequest], tuple[str, Payload]]
    """Make action and payload of a request to the station; NotInThisVersionError where it has
    no such request."""
    read_result: Callable[[str, Payload], calls.CallResult]
    """Make the outcome of an action's CALLRESULT, whose payload is valid; PayloadError where it
    has no meaning."""


class Reading(Struct, frozen=True):
    """A message of a station, and what was tolerated in it."""

    message: StationMessage
    tolerated: Violation | None = None
    """The gravest of what was mended or kept."""
    warnings: tuple[str, ...] = ()
    """All that was remarked, also where the message has no place for it."""


class _Mended(NamedTuple):
    """A payload that may be read, the gravest of what it was when it came, and the warnings."""

    payload: dict[str, Any]
    violation: Violation | None
    warnings: tuple[str, ...]


class Translator:
    """Reads and writes the payloads of one version, validated."""

    def __init__(
        self,
        version: OcppVersion,
        *,
        strict: bool = False,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Take `now`, which tells when a message came that does not tell its time itself."""
        self.version = version
        self._now = now
        self._schemas = Schemas(version.schemas, strict=strict)

    def quick(self, text: bytes) -> tuple[str, str, Reading] | None:
        """Make action, id and message of the text of a frequent CALL; None: `read` has to."""
        for action, mark, read in self._quick_readers:
            if text.find(mark, 0, _HEAD_LENGTH) > 0:
                found = read(text)
                if found is not None:
                    return action, found[0], Reading(found[1])
        return None

    @cached_property
    def _quick_readers(self) -> Sequence[tuple[str, bytes, QuickReader]]:
        return [
            (
                action,
                f'"{action}"'.encode(),
                make(self._schemas.document(f"{action}{self.version.request_suffix}")),
            )
            for action, make in self.version.frequent.items()
        ]

    def read(self, call: Call) -> Reading | Unreadable:
        """Make a message of a CALL, or say by which CALLERROR it is answered."""
        row = self.version.station_actions.get(call.action)
        if row is None:
            return self._unknown(call)
        return self._reading(f"{call.action}{self.version.request_suffix}", row.read, call)

    def read_send(self, call: Call) -> Reading | Unreadable:
        """Make a message of a SEND, or say why there is none in it: nothing answers it."""
        read = self.version.station_sends.get(call.action)
        if read is None:
            return Unreadable(call.message_id, ErrorCode.NOT_IMPLEMENTED, "unknown action")
        return self._reading(call.action, read, call)

    def _reading(
        self, schema: str, read: Callable[[dict[str, Any]], StationMessage], call: Call
    ) -> Reading | Unreadable:
        payload = call.payload
        faults = self._schemas.faults(schema, payload)
        if not faults and not call.warnings:  # most of them
            try:
                message = read(payload)
            except PayloadError as error:
                return Unreadable(call.message_id, error.code, error.description)
            return Reading(message, None, warnings_of(message))
        mended = self._mended(schema, payload, faults)
        if isinstance(mended, Violation):
            return Unreadable(call.message_id, mended.code, mended.description)
        warnings = call.warnings + mended.warnings
        try:
            message = warned(read(mended.payload), warnings)
        except PayloadError as error:
            return Unreadable(call.message_id, error.code, error.description)
        return Reading(message, mended.violation, warnings_of(message) or warnings)

    def _mended(
        self, schema: str, payload: dict[str, Any], faults: Sequence[Fault]
    ) -> _Mended | Violation:
        """Return a payload as it may be read, or what is still wrong with it after all."""
        if not faults:
            return _Mended(payload, None, ())
        if self._schemas.strict:
            return self._gravest(faults)
        document = self._schemas.document(schema)
        mended, warnings = repairs.repaired(schema, document, payload, faults, self._now)
        left = faults if mended is payload else self._schemas.faults(schema, mended)
        if left:
            violation = self._gravest(left)
            if not violation.tolerable:
                return violation
        return _Mended(mended, self._gravest(faults), warnings + repairs.remarks_on(left))

    def _gravest(self, faults: Sequence[Fault]) -> Violation:
        violation = self._schemas.gravest(faults)
        assert violation is not None  # noqa: S101  # there are faults
        return violation

    def knows(self, action: str) -> bool:
        """Say whether this is an action of the version, whoever sends it."""
        version = self.version
        return (
            action in version.station_actions
            or action in version.csms_actions
            or action in version.station_sends
            or action in version.unserved_actions
        )

    def _unknown(self, call: Call) -> Unreadable:
        if call.action in self.version.csms_actions:
            return Unreadable(
                call.message_id, ErrorCode.NOT_SUPPORTED, "only a CSMS sends this action"
            )
        if call.action in self.version.unserved_actions:
            return Unreadable(
                call.message_id, ErrorCode.NOT_SUPPORTED, "the bridge has no such service"
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

    def write(self, request: calls.StationRequest) -> tuple[str, Payload] | calls.CallFailed:
        """Return action and payload of a request, or why it cannot be sent.

        All of them are held to the schema, and strictly: nothing invalid is sent. What the bridge
        makes itself can only break it by a text that it was given: a token or an id that is longer
        than this version has them.
        """
        if isinstance(request, calls.RawCall) and not self._can_be_asked(request.action):
            known = f"OCPP {self.version.name} has no such request to a station"
            problem = Violation(ErrorCode.NOT_IMPLEMENTED, known)
            return _unusable(problem, calls.CallFailure.UNSUPPORTED)
        try:
            action, payload = self.version.write_request(request)
        except NotInThisVersionError as error:
            return calls.CallFailed(
                failure=calls.CallFailure.ERROR,
                code=ErrorCode.NOT_SUPPORTED,
                description=str(error),
            )
        as_sent = orjson.loads(orjson.dumps(payload))
        wrong = self._schemas.violation(f"{action}{self.version.request_suffix}", as_sent)
        if wrong is None:
            return action, payload
        given = isinstance(request, calls.RawCall)
        return _unusable(wrong, calls.CallFailure.INVALID if given else calls.CallFailure.ERROR)

    def _can_be_asked(self, action: str) -> bool:
        return action in self.version.csms_actions or action in _BOTH_WAYS

    def outcome(self, action: str, payload: Payload, *, raw: bool = False) -> calls.CallOutcome:
        """Make the outcome of the CALLRESULT to one of our requests; whole to a raw call."""
        schema = f"{action}Response"
        told = dict(payload)
        mended = self._mended(schema, told, self._schemas.faults(schema, told))
        if isinstance(mended, Violation):
            return _unusable(mended)
        try:
            result = self.version.read_result(action, mended.payload)
        except PayloadError as error:
            return _unusable(error)
        if mended.warnings:
            result = replace(result, warnings=mended.warnings)
        return replace(result, payload=payload) if raw else result


def _unusable(
    problem: Violation | PayloadError, failure: calls.CallFailure = calls.CallFailure.ERROR
) -> calls.CallFailed:
    return calls.CallFailed(failure=failure, code=problem.code, description=problem.description)
